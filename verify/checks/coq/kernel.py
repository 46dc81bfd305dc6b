"""Coq's kernel: the theories of `proofs/coq`, with weights written from the running witnesses.

Each run copies the theories into a temporary directory, writes the weights there from the assembled
witnesses (see `weights`), compiles what is asked for, and has the kernel print the assumptions
of every theorem. A theorem counts as proved only if it compiled and the answer is "Closed under the
global context"; one that fails is left out, and the others are judged (`broken`). Theories that
were compiled before are taken as they were kept (`kept`). Without Coq nothing is run, and every
result says so.

The comment before a theorem says what it bears on: [supports newton, fu2023.eq40], [refutes
fu2023.eq38] (the printed statement is wrong) or [repairs fu2023.eq38] (the repaired one holds).
That a transformer predicts a formula of proofs.references is read in the formal statement itself:
both are written down for Coq. For which claims a theorem is evidence, `bearing` says.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Literal

from . import kept
from .broken import up_to, without_failed
from .sources import Builder
from .weights import weights_files

Status = Literal["proved", "failed", "not run"]

_CLOSED = "Closed under the global context"
_FLAGS = ("-q", "-w", "-notation-overridden,-ambiguous-paths")
_THEOREM = re.compile(
    r"\(\*(?P<comment>(?:(?!\*\)).)*)\*\)\s*(?:Theorem)\s+(?P<name>\w+)|^Theorem\s+(?P<bare>\w+)",
    re.DOTALL | re.MULTILINE,
)
_TAG = re.compile(r"\[(supports|refutes|repairs)\s+([^\]]+)\]")
TAGS = ("supports", "refutes", "repairs")
# with k steps a written transformer predicts what its formula, as it was written, says with k steps
_PREDICTS = re.compile(
    r"(?:\w+ )*: predict relu \S+ \((?P<source>\w+)(?: \w+)* (?P<k>\w+)\) X y Q"
    r" = (?P=source)_formula(?: \w+)* X y Q (?P=k)(?: /\\ .*)?\."
)
_REQUIRE = re.compile(r"^Require Import ([\w\s]+)\.", re.MULTILINE)
_AXIOM = re.compile(r"^([\w.']+)\s*:", re.MULTILINE)  # as Print Assumptions names them
_SENTENCE = re.compile(r"^Chars (\d+) - \d+ .* ([\d.]+) secs", re.MULTILINE)


@dataclass(frozen=True)
class Theorem:
    """One theorem of a theory, `file.name`: the claims and witnesses that it bears on, and how.

    predicts: the source (`sources.SOURCES`) whose transformer, it says, predicts its formula.
    """

    id: str
    file: str
    statement: str
    supports: tuple[str, ...] = ()
    refutes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    predicts: str | None = None

    @property
    def name(self) -> str:
        return self.id.partition(".")[2]

    @property
    def subjects(self) -> frozenset[str]:
        """Every name by which `select` finds this theorem."""
        return frozenset((self.id, *self.supports, *self.refutes, *self.repairs))


@dataclass(frozen=True)
class Result:
    """What the kernel said of one theorem. `log` ends with the reason where it is not proved."""

    theorem: Theorem
    status: Status
    compiled: bool = False
    closed: bool = False
    seconds: float = 0.0
    log: str = ""

    @property
    def name(self) -> str:
        return self.theorem.id


def theories() -> dict[str, str]:
    """The theories as installed: {"Newton": text of Newton.v}."""
    folder = files("proofs") / "coq"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".v")]
    return {
        entry.name.removesuffix(".v"): entry.read_text(encoding="utf-8")
        for entry in sorted(found, key=lambda entry: entry.name)
    }


@cache
def theorems() -> tuple[Theorem, ...]:
    """Every theorem of every theory, in the order of the files."""
    found = []
    for file, text in theories().items():
        for match in _THEOREM.finditer(text):
            name = match["name"] or match["bare"]
            comment = match["comment"] or ""
            tags: dict[str, tuple[str, ...]] = dict.fromkeys(TAGS, ())
            for kind, listed in _TAG.findall(comment):
                tags[kind] += tuple(part.strip() for part in listed.split(",") if part.strip())
            statement = " ".join(_TAG.sub("", comment).split())
            formal = text[match.end() : text.find("Proof.", match.end())]
            predicts = _PREDICTS.fullmatch(" ".join(formal.split()))
            source = None if predicts is None else predicts["source"]
            found.append(Theorem(f"{file}.{name}", f"{file}.v", statement, **tags, predicts=source))
    return tuple(found)


@cache
def version() -> str | None:
    """Coq's version, if coqc is here."""
    if shutil.which("coqc") is None:
        return None
    said = subprocess.run(["coqc", "--print-version"], capture_output=True, text=True)
    return said.stdout.split()[0] if said.stdout else None


@cache
def available() -> str | None:
    """Coq's version, if coqc and the MathComp libraries that the theories need are here."""
    if version() is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.v")
        probe.write_text(
            "From mathcomp Require Import all_ssreflect all_algebra.\n"
            "From mathcomp.algebra_tactics Require Import ring.\n"
        )
        tried = _coqc(probe, 60)
    return version() if tried.returncode == 0 else None


def why_not() -> str:
    """Why the kernel check cannot be run; empty if it can."""
    if available():
        return ""
    missing = "coqc" if version() is None else "MathComp (algebra, algebra-tactics)"
    return f"not run: {missing} not found"


def select(names: Iterable[str] | None) -> tuple[Theorem, ...]:
    """Theorems with these ids or bearing on these claims and witnesses; all of them for None.

    Raises KeyError for a name that is neither.
    """
    if names is None:
        return theorems()
    wanted = set(names)
    chosen = tuple(t for t in theorems() if wanted & t.subjects)
    known = {name for t in chosen for name in t.subjects}
    if wanted - known:
        raise KeyError(f"no theorem named or bearing on {', '.join(sorted(wanted - known))}")
    return chosen


def run(
    names: Iterable[str] | None = None,
    builders: Mapping[str, Builder] | None = None,
    *,
    timeout: float = 900,
    jobs: int = 2,
) -> tuple[Result, ...]:
    """Compile the chosen theorems and ask for their assumptions.

    `builders` replaces how named witnesses are assembled, as constructions.get(name) does it.
    `timeout` is in seconds, for all together: what has not ended by then is failed.
    """
    chosen = select(names)
    if version() is None:
        return tuple(Result(t, "not run", log=why_not()) for t in chosen)
    weights, problems = weights_files(builders)
    texts = theories() | weights
    with tempfile.TemporaryDirectory(prefix="witness-coq-") as folder:
        try:
            compiled = _compile(Path(folder), texts, chosen, time.monotonic() + timeout, jobs)
        except _NothingToCompileWithError as missing:
            return tuple(Result(t, "not run", log=str(missing)) for t in chosen)
    unwritten = "\n".join(problems.values())
    return tuple(_result(theorem, compiled, unwritten) for theorem in chosen)


def _result(theorem: Theorem, compiled: Mapping[str, _File], unwritten: str) -> Result:
    """What was said of one theorem; `unwritten`: which weights are missing, and why."""
    file = compiled[Path(theorem.file).stem]
    if not file.ok or theorem.name in file.lost:
        log = file.log if not file.ok else file.lost[theorem.name]
        return Result(theorem, "failed", log="\n".join(filter(None, (unwritten, log))))
    rests_on = file.assumptions.get(theorem.name, "")
    spent = file.seconds.get(theorem.name, 0.0)
    if rests_on == _CLOSED:
        return Result(theorem, "proved", True, True, spent)
    # axioms that stand for what failed, in this theory or in one that it requires
    lost = {f"{of}.{name}": why for of, one in compiled.items() for name, why in one.lost.items()}
    axioms = [name for name in _AXIOM.findall(rests_on) if name in lost]
    said = [f"{lost[name]}\nrests on {name}, which is not proved" for name in axioms]
    return Result(theorem, "failed", True, False, spent, "\n".join(said) or rests_on)


class _NothingToCompileWithError(Exception):
    """A library that the theories need is not here."""


@dataclass(frozen=True)
class _File:
    ok: bool
    log: str
    assumptions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)  # theorem or lemma: why it failed
    key: str = ""  # the name under which it is kept
    digest: str = ""  # of the compiled theory
    kept: bool = False  # from an earlier run


def _compile(
    folder: Path, texts: Mapping[str, str], chosen: Iterable[Theorem], deadline: float, jobs: int
) -> dict[str, _File]:
    """Every file that the chosen theorems need, each after those that it requires."""
    needs = {
        file: [n for part in _REQUIRE.findall(text) for n in part.split() if n in texts]
        for file, text in texts.items()
    }
    for file, text in texts.items():
        (folder / f"{file}.v").write_text(text, encoding="utf-8")
    started: dict[str, Future[_File]] = {}
    wanted = {Path(theorem.file).stem for theorem in chosen}
    required = _required(wanted, needs)

    def build(file: str) -> _File:
        digests = {}
        for other in needs[file]:
            if not (before := started[other].result()).ok:
                return _File(False, f"{other}.v did not compile: {before.log}")
            digests[other] = before.digest
        key = kept.key(version() or "", _FLAGS, texts[file], digests)
        of_it = [t.name for t in chosen if Path(t.file).stem == file]
        asked = [] if file in required else of_it
        with at_once:
            return _compile_one(folder, file, texts[file], key, deadline, asked)

    # a thread for each, since those that wait for what they require are not at work
    at_once = threading.Semaphore(jobs)
    with ThreadPoolExecutor(max_workers=len(texts)) as pool, ended_by_an_interrupt():

        def start(file: str) -> None:
            if file not in started:
                for other in needs[file]:
                    start(other)
                started[file] = pool.submit(build, file)

        for file in sorted(wanted):
            start(file)
        compiled = {file: future.result() for file, future in started.items()}
    return _questioned(folder, compiled, {theorem.id for theorem in chosen}, deadline, jobs)


def _required(wanted: Iterable[str], needs: Mapping[str, list[str]]) -> set[str]:
    """The files that are required by those that are wanted."""
    ahead, found = list(wanted), set[str]()
    while ahead:
        more = set(needs[ahead.pop()]) - found
        found |= more
        ahead += more
    return found


def _questioned(
    folder: Path, compiled: dict[str, _File], chosen: Collection[str], deadline: float, jobs: int
) -> dict[str, _File]:
    """What was compiled, with what each theorem of it rests on; it is kept if nothing failed."""
    asked: dict[str, list[str]] = {
        file: [] for file, one in compiled.items() if one.ok and not one.kept
    }
    for theorem in theorems():  # all of a file, so that what is kept of it is whole
        file = Path(theorem.file).stem
        lost = compiled[file].lost if file in asked else {}
        if file in asked and (not lost or theorem.id in chosen and theorem.name not in lost):
            asked[file].append(theorem.name)
    said = dict.fromkeys(asked, (True, dict[str, str]()))
    groups = _evenly({file: of for file, of in asked.items() if of}, jobs)
    with ThreadPoolExecutor(max_workers=jobs) as pool, ended_by_an_interrupt():
        queries = [folder / f"Assumptions{number}.v" for number in range(len(groups))]
        for answers in pool.map(partial(_assumptions, deadline=deadline), queries, groups):
            said |= answers
    found = dict(compiled)
    for file, (answered, assumptions) in said.items():
        one = found[file] = replace(compiled[file], assumptions=assumptions)
        if answered and not one.lost:
            about = {"assumptions": one.assumptions, "seconds": one.seconds}
            kept.keep(one.key, folder / f"{file}.vo", about)
    return found


def _compile_one(
    folder: Path, file: str, text: str, key: str, deadline: float, asked: Collection[str]
) -> _File:
    """The theory as it was kept, or compiled now, without those of its theorems that fail.

    asked: where one fails, only those up to the last of these matter; all do if there are none.
    """
    made = folder / f"{file}.vo"
    if (said := kept.take(key, made)) is not None:
        found = said["assumptions"], said["seconds"]
        return _File(True, "", *found, key=key, digest=said["digest"], kept=True)
    if reason := why_not():  # asked only now: what is kept was compiled with what is here
        raise _NothingToCompileWithError(reason)
    lost: dict[str, str] = {}
    while True:
        tried = _coqc(folder / f"{file}.v", deadline - time.monotonic(), "-time")
        if tried.returncode == 0:
            break
        rest = without_failed(file, text, tried.stderr)
        if rest is None:
            return _File(False, _tail(tried.stderr))
        text = up_to(asked, rest.text)
        lost |= dict.fromkeys(rest.lost, rest.why)
        (folder / f"{file}.v").write_text(text, encoding="utf-8")
    spent = _seconds(text, tried.stdout)
    return _File(True, "", seconds=spent, lost=lost, key=key, digest=kept.digest(made))


def _evenly(asked: Mapping[str, list[str]], groups: int) -> list[dict[str, list[str]]]:
    """The files in so many groups, or fewer, of about as many theorems each."""
    made: list[dict[str, list[str]]] = [{} for _ in range(min(groups, len(asked)))]
    for file in sorted(asked, key=lambda file: -len(asked[file])):
        min(made, key=lambda group: sum(map(len, group.values())))[file] = asked[file]
    return made


def _assumptions(
    query: Path, asked: Mapping[str, list[str]], deadline: float
) -> dict[str, tuple[bool, dict[str, str]]]:
    """{file: (whether all were answered, {theorem: what the kernel says that it rests on})}, of
    theories in the folder of the query, which is written there."""
    folder = query.parent
    lines = [f"Require {file}." for file in asked]
    for file, names in asked.items():
        lines += [
            f'Redirect "{folder}/{file}.{name}" Print Assumptions {file}.{name}.' for name in names
        ]
    query.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # what has compiled in time is asked all the same
    tried = _coqc(query, max(deadline - time.monotonic(), 60))
    said: dict[str, tuple[bool, dict[str, str]]] = {}
    for file, names in asked.items():
        answers = {name: folder / f"{file}.{name}.out" for name in names}
        answered = tried.returncode == 0 and all(map(Path.is_file, answers.values()))
        said[file] = (
            answered,
            {
                name: at.read_text().strip() if at.is_file() else _tail(tried.stderr)
                for name, at in answers.items()
            },
        )
    return said


_at_work: set[subprocess.Popen[str]] = set()
_interrupted = threading.Event()


@contextmanager
def ended_by_an_interrupt() -> Iterator[None]:
    """After Ctrl-C in the block Coq's processes end, and threads that run it start no more."""
    if threading.current_thread() is threading.main_thread():  # the one that Ctrl-C reaches
        _interrupted.clear()
    try:
        yield
    except KeyboardInterrupt:
        _interrupted.set()
        for process in tuple(_at_work):
            process.kill()
        raise


def _coqc(path: Path, seconds: float, *flags: str) -> subprocess.CompletedProcess[str]:
    """What coqc said of the file. Raises InterruptedError after `ended_by_an_interrupt`."""
    command = ["coqc", *_FLAGS, *flags, "-R", ".", "", path.name]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=path.parent, stdout=pipe, stderr=pipe, text=True) as process:
        _at_work.add(process)
        try:
            if _interrupted.is_set():
                raise InterruptedError("Coq was interrupted")
            said = process.communicate(timeout=max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 1, "", f"{path.name}: out of time")
        finally:
            process.kill()
            _at_work.discard(process)
    if _interrupted.is_set():
        raise InterruptedError("Coq was interrupted")
    return subprocess.CompletedProcess(command, process.returncode, *said)


def _seconds(text: str, timings: str) -> dict[str, float]:
    """Time spent on each theorem: its statement and all sentences up to the next one."""
    raw = text.encode()
    starts = sorted(
        (m.start(2), m[2].decode())
        for m in re.finditer(rb"^(Theorem|Lemma|Definition|Section|End)\s+(\w+)", raw, re.MULTILINE)
    )
    spent: dict[str, float] = {}
    for offset, secs in _SENTENCE.findall(timings):
        owner = None
        for start, name in starts:
            if start <= int(offset) + len("Definition "):
                owner = name
        if owner:
            spent[owner] = spent.get(owner, 0.0) + float(secs)
    return spent


def _tail(log: str, lines: int = 12) -> str:
    """The end of Coq's message, without the directory it ran in."""
    kept = [line for line in log.strip().splitlines() if line.strip()]
    return "\n".join(kept[-lines:])
