"""Headless Chromium, driven through the DevTools protocol over a pipe: no server, no network.

    python tests/verify/browser.py verify/page/newton.png

takes the picture of the Newton page that README shows.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find() -> str | None:
    """Path of a Chromium, or None."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


class PageError(AssertionError):
    """A script on the page failed, or the browser did not answer."""


class Browser:
    """One page of one browser; `errors` collects what its console complained about."""

    def __init__(self, timeout: float = 60.0) -> None:
        program = find()
        if program is None:
            raise FileNotFoundError("no Chromium on this machine")
        self.timeout, self.errors, self.requests = timeout, [], []
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # out of the way of 3 and 4, where the browser expects its ends
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (to_browser, from_browser)]

        def place() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"],
            preexec_fn=place,
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in (to_browser, from_browser, *ends):
            os.close(fd)
        self._buffer, self._number, self._session = b"", 0, None
        targets = self.send("Target.getTargets")["targetInfos"]
        target = next(t for t in targets if t["type"] == "page")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        # as a window in front has it: without, whether focus is heard of depends on the machine
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        self.send(
            "Network.emulateNetworkConditions",
            offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1,
        )  # fmt: skip

    # -- the protocol -----------------------------------------------------------------------

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + self.timeout
        while True:
            answer = self._receive(end, method)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise PageError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _receive(self, end: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise PageError(f"{what}: no answer within {self.timeout:g} s")
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                raise PageError(f"{what}: the browser has gone")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(line)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, parameters: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.errors.append(json.dumps(parameters["args"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    # -- what a reader does -------------------------------------------------------------------

    def open(self, path: Path | str, fragment: str = "", scripts: bool = True) -> None:
        """Opens a file from disk and waits until it is loaded."""
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.send("Page.navigate", url="about:blank")
        self.errors.clear()
        self.requests.clear()
        self.send("Page.navigate", url=Path(path).resolve().as_uri() + fragment)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def js(self, expression: str) -> Any:
        """Value of a JavaScript expression on the page."""
        result = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until the expression is true."""
        end = time.monotonic() + self.timeout
        while not self.js(condition):
            if time.monotonic() > end:
                raise PageError(f"never true: {condition}")

    def size(self, width: int, height: int, scale: float = 1) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=False,
        )  # fmt: skip

    def key(self, name: str) -> None:
        """Presses one key, such as ArrowRight."""
        code = {
            "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
            "Enter": 13, "Tab": 9, "PageUp": 33, "PageDown": 34,
        }[name]  # fmt: skip
        text = {"text": "\r"} if name == "Enter" else {}  # without it no button is pressed
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name,
                windowsVirtualKeyCode=code, **(text if kind == "keyDown" else {}),
            )  # fmt: skip

    def centre(self, selector: str) -> tuple[float, float]:
        """Middle of an element, scrolled into view; what comes into sight may be laid out first."""
        quoted = json.dumps(selector)
        box = self.js(
            f"(async () => {{ const seen = () => document.querySelector({quoted}),"
            " frame = () => new Promise(requestAnimationFrame);"
            " let b, y; seen().scrollIntoView({block: 'center'});"
            " do { y = b?.y; await frame(); await frame(); b = seen().getBoundingClientRect(); }"
            " while (b.y !== y);"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return box[0], box[1]

    def mouse(self, kind: str, x: float, y: float) -> None:
        self.send(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1, buttons=1
        )

    def click(self, selector: str) -> None:
        x, y = self.centre(selector)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def drag(self, selector: str, dx: float, dy: float) -> None:
        """With the mouse, until the page has heard that it is let go: on a busy machine the browser
        tells it a moment later."""
        x, y = self.centre(selector)
        self.js(
            "window.released = false; for (const kind of ['pointerup', 'pointercancel'])"
            " addEventListener(kind, () => { window.released = true; }, {capture: true})"
        )
        self.mouse("mousePressed", x, y)
        for part in (0.5, 1.0):
            self.mouse("mouseMoved", x + part * dx, y + part * dy)
        self.mouse("mouseReleased", x + dx, y + dy)
        self.wait("window.released")

    def swipe(self, selector: str, dx: float, dy: float) -> None:
        """The same with a finger."""
        x, y = self.centre(selector)
        places = [(x, y), (x + 0.5 * dx, y + 0.5 * dy), (x + dx, y + dy)]
        for kind, at in zip(("touchStart", "touchMove", "touchMove"), places):
            points = [{"x": at[0], "y": at[1]}]
            self.send("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def type(self, selector: str, text: str) -> None:
        """Puts text into a field and commits it, as leaving the field does."""
        self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus();"
            f" e.value = {json.dumps(text)};"
            " for (const kind of ['input', 'change'])"
            " e.dispatchEvent(new Event(kind, {bubbles: true})); })()"
        )

    def choose_file(self, selector: str, path: Path | str) -> None:
        """Gives a file to an input, as its dialogue does."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def screenshot(self, path: Path | str, selector: str | None = None) -> None:
        """A PNG of the window, or of one element."""
        clip: dict[str, Any] = {}
        if selector:
            box = self.js(
                f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
                " const b = e.getBoundingClientRect();"
                " return [b.x + scrollX, b.y + scrollY, b.width, b.height]; })()"
            )
            clip = {"clip": dict(zip(("x", "y", "width", "height"), box)) | {"scale": 1}}
        made = self.send(
            "Page.captureScreenshot",
            format="png",
            captureBeyondViewport=selector is not None,
            **clip,
        )
        Path(path).write_bytes(base64.b64decode(made["data"]))

    def close(self) -> None:
        for fd in (self._write, self._read):
            os.close(fd)
        try:
            self._process.wait(10)  # the browser ends when its pipe does
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()


def picture(path: Path | str) -> None:
    """The Newton page at 1280 x 720: layer 3, the arithmetic of one cell open."""
    from verify.page import write_page

    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "newton.html"
        write_page("newton", {}, page)
        browser = Browser()
        try:
            browser.size(1280, 720)
            browser.open(page, "#layer=3&cell=t.0.3&side=0")
            browser.js("document.getElementById('stepper').scrollIntoView(), scrollBy(0, -50)")
            browser.screenshot(path)
        finally:
            browser.close()


if __name__ == "__main__":
    import sys

    picture(sys.argv[1])
