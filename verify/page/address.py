"""The address of a teaching page as the state that the page would save; see address.js."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..inputs.errors import WrongCall
from ..inputs.files import reason
from ..inputs.settings import exact_number
from .drawn_prompt import drawn_prompt
from .export import said
from .shared import held_in

MOST_EXAMPLES = 32  # that the controls of a page offer
SEEDS = 2**32
PLACES = (
    "layer",
    "cell",
    "side",
    "view",
    "across",
    "numbers",
    "scores",
    "suited",
)  # where the reader looks, and who chose
PROMPTS = ("data", "set", "X", "y", "q")
_PLACE = re.compile(r"([xyq])(\d+)(?:\.(\d+))?")


def is_address(text: str) -> bool:
    """Whether this is "FILE.html#state", or "#state" alone, and not the name of a file."""
    return "=" in text.partition("#")[2] and not Path(text).exists()


def state_of(text: str, name: str) -> dict[str, Any]:
    """The state that an address says, of a page in a file or, alone, of the page of `name`.

    Raises WrongCall on an address that the page would not take whole.
    """
    page, _, fragment = text.partition("#")
    data = _data(page, name)
    given: dict[str, str] = {}
    for part in fragment.split("&"):
        key, found, value = part.partition("=")
        if not found:
            raise WrongCall(f"{part!r} of the address is no name=value")
        given[unquote(key)] = unquote(value)
    _refuse_unknown(given, data)
    side = _number("side", given.get("side", "0"), 0, len(data["sides"]) - 1)
    chosen = data["sides"][side]
    _refuse_other_prompts(data["name"], chosen["family"])
    origin = given.get("data", "example")
    start, prompt = _start(data, origin)
    exact = {key: text for key, text in chosen["family"]["exact"].items() if key in start}
    unchanged = {key: exact[key] for key in exact if start[key] == data["start"][key]}
    parameters = {**start, **unchanged, **{key: given[key] for key in start if key in given}}
    for name, offered in chosen["family"]["axes"].items():
        if name in given and given[name] not in map(said, offered):
            on_offer = ", ".join(map(said, offered))
            raise WrongCall(f"{name}={given[name]} of the address is not on offer: {on_offer}")
    if prompt is None:
        prompt = _drawn(data, chosen["family"], parameters, origin)
    state: dict[str, Any] = {
        "witness": data["name"],
        "parameters": {**chosen["family"]["fixed"], **parameters},
        **_changed(prompt, given),
    }
    if len(data["sides"]) > 1:
        state["variant"] = chosen["variant"]
    if edits := given.get(f"w{side or ''}"):
        pairs = (edit.partition(":") for edit in edits.split(","))
        state["edits"] = {path: weight for path, _, weight in pairs}
    return state


def _refuse_unknown(given: Mapping[str, str], data: Mapping[str, Any]) -> None:
    """Raises WrongCall on a word that no address of this page has."""
    weights = [f"w{side or ''}" for side in range(len(data["sides"]))]
    known = [*data["start"], *PLACES, *PROMPTS, *weights]
    for key in given:
        if key not in known:
            close = get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(known)}"
            raise WrongCall(f"the address of this page has no {key!r}: {hint}")


def _refuse_other_prompts(name: str, family: Mapping[str, Any]) -> None:
    """Raises WrongCall where prompts of the page are no examples (x, y) with a number y."""
    prompt = next(iter(family["members"].values()))["prompt"]
    (part, *more), targets = prompt["parts"], prompt["targets"]
    if more or part[0] != "x" or prompt["query_parts"] != ["x"] or targets != 1:
        raise WrongCall(
            f"the prompts of the page of {name} are no rows x with a number y: open its states in "
            "the page"
        )


def _data(page: str, name: str) -> dict[str, Any]:
    """What a page knows: of a file, or as it is made for a name that is built in."""
    if re.match(r"https?:", page):
        raise WrongCall(
            f"{page}: nothing is fetched; give the page's file, or of its address what begins "
            "with #"
        )
    if not page:
        from .pages import html_of

        try:
            html = html_of(name, {})
        except ValueError:
            raise WrongCall(f"of {name} give the page's file before the #") from None
    else:
        path = Path(unquote(page.removeprefix("file://")) if page.startswith("file:") else page)
        if not path.exists():
            path = Path(str(path).partition("?")[0])
        try:
            html = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise WrongCall(f"{path}: cannot be read: {reason(error)}") from None
    try:
        made: dict[str, Any] = held_in(html)
    except (ValueError, LookupError):
        made = {}
    if "sides" not in made:  # the story runs some, too
        raise WrongCall(f"{page or name} is no page that runs a witness, or of another version")
    return made


def _start(data: Mapping[str, Any], origin: str) -> tuple[dict[str, Any], Any]:
    """Parameters and prompt that changes are made to; None for a prompt that is drawn."""
    if origin == "example":
        return data["start"], data["example"]
    examples = data.get("counterexamples") or []
    found = re.fullmatch(r"counterexample(\d+)", origin)
    if found and int(found[1]) < len(examples):
        one = examples[int(found[1])]
        return {**data["start"], **one["parameters"]}, one["data"]
    return data["start"], None


def _drawn(
    data: Mapping[str, Any], family: Mapping[str, Any], parameters: Mapping[str, Any], text: str
) -> dict[str, Any]:
    parts = text.split(",")
    if len(parts) != 3:
        raise WrongCall(f"data={text} of the address is no prompt: it is n,condition,seed")
    n = _number("n", parts[0], 1, MOST_EXAMPLES)
    seed = _number("seed", parts[2], 0, SEEDS - 1)
    try:
        condition = float(exact_number(parts[1]))
    except ValueError as error:
        raise WrongCall(f"data={text} of the address: {error}") from None
    if not 1 <= condition <= 1e12:
        raise WrongCall(f"data={text} of the address: a condition number is from 1 to 1e12")
    member = _member(family, parameters)
    d = parameters["d"] if member["prompt"]["d"] == "d" else member["prompt"]["d"]
    n = member["examples"] or n
    lesson = data["lesson"]
    X, y, queries = drawn_prompt(int(d), n, condition, seed, lesson["unit"], lesson["classes"])
    return {"X": X, "y": y, "queries": queries}


def _member(family: Mapping[str, Any], parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    own = [said(parameters[name]) for name in family["axes"] if name not in family["letters"]]
    zero = [str(int(exact_number(parameters[name]) == 0)) for name in family["zero"]]
    found = family["members"].get(",".join(own + zero))
    if found is None:
        raise WrongCall(f"the page has no witness with {', '.join(own)}")
    made: Mapping[str, Any] = found
    return made


def _changed(prompt: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The prompt with the numbers that were changed, or another one as a whole; numbers as text."""
    X, queries = (
        [row.split(",") for row in given[name].split(";")] if name in given else rows
        for name, rows in (("X", prompt["X"]), ("q", prompt["queries"]))
    )
    y = given["y"].split(",") if "y" in given else prompt["y"]
    made = {"X": [list(x) for x in X], "y": list(y), "queries": [list(x) for x in queries]}
    for change in given["set"].split(",") if given.get("set") else ():
        place, _, text = change.partition(":")
        found = _PLACE.fullmatch(place)
        try:
            if found is None or (found[1] == "y") != (found[3] is None):
                raise IndexError
            row = made[{"x": "X", "y": "y", "q": "queries"}[found[1]]]
            at = int(found[2]) - 1
            if found[3] is not None:
                row, at = row[at], int(found[3]) - 1
            if at < 0 or int(found[2]) < 1:
                raise IndexError
            row[at] = text
        except IndexError:
            raise WrongCall(f"set={change} of the address: there is no such number") from None
    return made


def _number(name: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,12}", text) or not least <= int(text) <= most:
        raise WrongCall(f"{name}={text} of the address must be a whole number, {least} to {most}")
    return int(text)
