"""Compiled theories are kept, and never used where anything that they come from is another."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import constructions
from verify.checks.coq import kept, kernel

pytestmark = pytest.mark.skipif(
    kernel.available() is None, reason=kernel.why_not() or "Coq is here"
)

BASE = "Definition one := 1.\n"
TOP = "Require Import Base.\nTheorem top : one = 1.\nProof. reflexivity. Qed.\n"
SIDE = "Theorem side : 2 = 2.\nProof. reflexivity. Qed.\n"
TRUSTS = "Axiom given : 1 = 2.\nTheorem trusts : 1 = 2.\nProof. exact given. Qed.\n"


@pytest.fixture
def theories(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the theories those of the texts."""

    def use(**texts: str) -> None:
        monkeypatch.setattr(kernel, "theories", lambda: texts)
        kernel.theorems.cache_clear()

    monkeypatch.setattr(kernel, "weights_files", lambda builders: ({}, {}))
    yield use
    monkeypatch.undo()
    kernel.theorems.cache_clear()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The theories that coqc is given from here on; what was kept before is not there."""
    monkeypatch.setenv("WITNESS_CACHE", str(tmp_path / "cache"))
    given: list[str] = []
    real = kernel._coqc

    def counting(path: Path, *rest: Any) -> Any:
        given.append(path.stem)
        return real(path, *rest)

    monkeypatch.setattr(kernel, "_coqc", counting)
    return given


def said(name: str) -> tuple[str, str]:
    """The status and log of a theorem."""
    (result,) = kernel.run([name])
    return result.status, result.log


def test_what_was_compiled_is_not_compiled_again(theories: Any, compiled: list[str]) -> None:
    theories(Base=BASE, Top=TOP)
    first = kernel.run(["Top.top"])
    assert compiled == ["Base", "Top", "Assumptions0"]
    assert kernel.run(["Top.top"]) == first and first[0].status == "proved"
    assert compiled == ["Base", "Top", "Assumptions0"]


def test_another_text_compiles_what_requires_it_and_nothing_else(
    theories: Any, compiled: list[str]
) -> None:
    theories(Base=BASE, Top=TOP, Side=SIDE)
    assert said("Top.top")[0] == said("Side.side")[0] == "proved"
    compiled.clear()
    theories(Base=BASE.replace("1", "2"), Top=TOP, Side=SIDE)
    assert said("Top.top")[0] == "failed" and said("Side.side")[0] == "proved"
    assert compiled == ["Base", "Top", "Top"]  # the second time without what failed
    theories(Base=BASE, Top=TOP, Side=SIDE)  # as it was: found again
    assert said("Top.top")[0] == "proved" and compiled == ["Base", "Top", "Top"]


def test_what_did_not_compile_is_not_kept(theories: Any, compiled: list[str]) -> None:
    theories(Side=SIDE.replace("2 = 2", "2 = 3"))
    assert said("Side.side") == said("Side.side") and said("Side.side")[0] == "failed"
    assert compiled == ["Side"] * 6  # each time once more without what failed


def test_an_axiom_is_seen_in_what_was_kept(theories: Any, compiled: list[str]) -> None:
    theories(Trusts=TRUSTS)
    first = said("Trusts.trusts")
    assert first == said("Trusts.trusts") and first[0] == "failed" and "given" in first[1]
    assert compiled == ["Trusts", "Assumptions0"]


@pytest.mark.parametrize(
    "other",
    [
        lambda patch: patch.setattr(kernel, "version", lambda: "another version"),
        lambda patch: patch.setattr(kept, "installed", lambda: "another MathComp"),
        lambda patch: patch.setattr(kernel, "_FLAGS", (*kernel._FLAGS, "-w", "none")),
    ],
    ids=["version of Coq", "libraries", "flags"],
)
def test_another_coq_compiles_anew(
    other: Callable[[Any], None], theories: Any, compiled: list[str], monkeypatch: Any
) -> None:
    theories(Side=SIDE)
    assert said("Side.side")[0] == "proved"
    other(monkeypatch)
    assert said("Side.side")[0] == "proved"
    assert compiled == ["Side", "Assumptions0"] * 2


@pytest.mark.parametrize("file", ["Side.vo", kept.SAID])
@pytest.mark.parametrize("damage", [lambda at: at.write_bytes(at.read_bytes()[:-9]), Path.unlink])
def test_what_was_damaged_is_compiled_anew(
    damage: Callable[[Path], Any], file: str, theories: Any, compiled: list[str]
) -> None:
    theories(Side=SIDE)
    said("Side.side")
    (entry,) = kept.folder().iterdir()
    damage(entry / file)
    assert said("Side.side")[0] == said("Side.side")[0] == "proved"
    assert compiled == ["Side", "Assumptions0"] * 2  # and kept again
    assert [one.name for one in kept.folder().iterdir()] == [entry.name]


def of_a_time(folder: Path, seconds: float) -> None:
    """All that is in the folder, as if written then."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (seconds, seconds))


@pytest.mark.parametrize("file", ["Side.vo", kept.SAID])
def test_a_forged_file_of_the_same_size_and_time_is_noticed(
    file: str, theories: Any, compiled: list[str]
) -> None:
    theories(Side=SIDE)
    assert said("Side.side")[0] == "proved"
    (entry,) = kept.folder().iterdir()
    was, data = (entry / file).stat(), bytearray((entry / file).read_bytes())
    data[len(data) // 2] ^= 1
    (entry / file).write_bytes(data)
    os.utime(entry / file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (entry / file).stat().st_size == was.st_size
    assert said("Side.side")[0] == "proved" and compiled == ["Side", "Assumptions0"] * 2


@pytest.mark.parametrize("seconds", [0.0, 4e9], ids=["the clock set back", "and forward"])
def test_no_clock_says_what_is_stale(seconds: float, theories: Any, compiled: list[str]) -> None:
    theories(Base=BASE, Top=TOP)
    assert said("Top.top")[0] == "proved"
    of_a_time(kept.folder(), seconds)
    assert said("Top.top")[0] == "proved" and compiled == ["Base", "Top", "Assumptions0"]
    theories(Base=BASE.replace("1", "2"), Top=TOP)  # is compiled anew, whatever is newer
    assert said("Top.top")[0] == "failed"


def test_where_nothing_can_be_kept_theorems_are_proved_all_the_same(
    theories: Any, compiled: list[str], monkeypatch: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WITNESS_CACHE", str(tmp_path / "file"))
    theories(Side=SIDE)
    assert said("Side.side")[0] == "proved"


def test_a_changed_weight_compiles_what_depends_on_it(compiled: list[str]) -> None:
    def doubled(**parameters: Any) -> Any:
        built = constructions.build("newton", **parameters)
        readout = built.readout
        return replace(built, readout=replace(readout, coefficient=2 * readout.coefficient))

    names = ["Ahn.lemma1", "Newton.newton_layer", "Newton.newton_predicts"]
    assert {one.status for one in kernel.run(names)} == {"proved"}
    compiled.clear()
    results = kernel.run(names, {"newton": doubled})
    assert [one.status for one in results] == ["proved", "proved", "failed"]
    assert compiled == ["Weights_newton", "Newton", "Newton", "Assumptions0"]
    compiled.clear()
    assert said("Newton.newton_predicts")[0] == "proved" and compiled == []


def test_what_the_kernel_said_is_not_believed_where_a_word_of_it_was_changed(
    theories: Any, compiled: list[str]
) -> None:
    theories(Trusts=TRUSTS)
    assert said("Trusts.trusts")[0] == "failed"
    (entry,) = kept.folder().iterdir()
    kept_words = json.loads((entry / kept.SAID).read_text())
    kept_words["assumptions"]["trusts"] = "Closed under the global context"
    (entry / kept.SAID).write_text(json.dumps(kept_words))
    assert said("Trusts.trusts")[0] == "failed"
    assert compiled == ["Trusts", "Assumptions0"] * 2


def test_what_was_kept_of_another_theory_is_not_taken_up_under_its_name(
    theories: Any, compiled: list[str], tmp_path: Path
) -> None:
    theories(Side=SIDE)
    assert said("Side.side")[0] == "proved"
    (right,) = kept.folder().iterdir()
    right = right.rename(tmp_path / "right")
    # Coq's own file of the right theory, under the name of the one with the gap
    gap = SIDE.replace("Proof. reflexivity. Qed.", "Admitted.")
    theories(Side=gap)
    assert said("Side.side")[0] == "failed"
    (entry,) = kept.folder().iterdir()
    shutil.rmtree(entry)
    shutil.copytree(right, entry)
    assert said("Side.side")[0] == "failed"


# -- one theorem that fails ---------------------------------------------------------------------

FIRST = """\
Section Here.
Variable n : nat.
Lemma used : n = n + 0.
Proof. exact (plus_n_O n). Qed.

(* Beside it. *)
Theorem alone : 2 = 2.
Proof. reflexivity. Qed.

Theorem uses : n + 0 = n.
Proof.
symmetry; exact used.
Qed.
End Here.

Theorem above : 3 + 0 = 3.
Proof. exact (uses 3). Qed.
"""
NEXT = """\
Require Import First.
Theorem far : 4 + 0 = 4.
Proof. exact (above_or_used 4). Qed.
Theorem other : 5 = 5.
Proof. reflexivity. Qed.
"""
EVERY = {"First.alone", "First.uses", "First.above", "Next.far", "Next.other"}


@pytest.mark.parametrize(
    "right, wrong, failed",
    [
        ("", "", set()),
        ("exact (plus_n_O n)", "exact wrong", EVERY - {"First.alone", "Next.other"}),
        ("used : n = n + 0", "used : n = wrong", EVERY - {"First.alone", "Next.other"}),
        ("alone : 2 = 2", "alone : 2 = 3", {"First.alone"}),
        ("exact used", "exact alone", {"First.uses", "First.above", "Next.far"}),
        ("above : 3 + 0 = 3", "above : 3 + 1 = 3", {"First.above"}),
        ("5 = 5", "5 = 6", {"Next.other"}),
        ("2 = 2.\nProof.", "2 = 2.\n(* comment *)\nProof. simpl. exact nothing. ", {"First.alone"}),
        ("Variable n : nat", "Variable n : nowhere", EVERY - {"Next.other"}),
    ],
)  # fmt: skip
def test_a_theorem_that_fails_is_marked_with_those_that_use_it_and_no_other(
    right: str, wrong: str, failed: set[str], theories: Any, compiled: list[str]
) -> None:
    assert right in FIRST + NEXT
    texts = (text.replace(right, wrong, 1) for text in (FIRST, NEXT))
    first, after = (text.replace("above_or_used", "uses") for text in texts)
    theories(First=first, Next=after)
    results = kernel.run()
    assert {one.name for one in results} == EVERY
    assert {one.name for one in results if one.status == "failed"} == failed
    assert all(one.closed == (one.status == "proved") for one in results)
    assert all("Error" in one.log for one in results if one.status == "failed")
    theories(First=FIRST, Next=NEXT.replace("above_or_used", "uses"))  # put right again
    assert {one.status for one in kernel.run()} == {"proved"}


def test_what_is_said_of_a_theorem_that_uses_a_failed_one_is_where_that_one_failed(
    theories: Any, compiled: list[str]
) -> None:
    theories(First=FIRST.replace("exact (plus_n_O n)", "exact wrong"))
    logs = {one.name: one.log.splitlines() for one in kernel.run()}
    place, error, *_, rests = logs["First.uses"]
    assert place == 'File "./First.v", line 4, characters 13-18:'
    assert "wrong was not found" in error
    assert rests == "rests on First.used, which is not proved"
