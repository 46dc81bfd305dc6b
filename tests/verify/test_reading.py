"""`witness run` reads the tables that people have, or says in one line what would make it do so."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

from verify.command import cli
from verify.inputs import tables

ROWS = ((1.5, 2.0, 3.25), (4.0, 5.5, 6.0), (7.0, 8.25, 1.0), (2.0, 1.0, 0.5))
PLAIN = "a,b,t\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS)
FRAME = pandas.DataFrame(ROWS, columns=["a", "b", "t"])
GERMAN = PLAIN.replace(",", ";").replace(".", ",")


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Any:
    def give(data: bytes) -> None:
        tables._stdin.cache_clear()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    yield give
    tables._stdin.cache_clear()


@pytest.fixture
def called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls `run` on a file of these bytes: its predictions as JSON, or (2, the line)."""

    def call(data: str | bytes, *more: str, name: str = "data.csv", target: str = "t") -> Any:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return predicted(str(path), *more, target=target)

    def predicted(path: str, *more: str, target: str = "t") -> Any:
        capsys.readouterr()
        status = cli.main(
            ["run", "newton", "--data", path, "--target", target, "--json", "-", *more]
        )
        out, err = capsys.readouterr()
        if status == 0:
            return json.loads(out)["predictions"]
        assert status == 2 and err.count("\n") == 1, err
        return err

    call.path = predicted  # type: ignore[attr-defined]
    return call


def excel(frame: pandas.DataFrame, **how: Any) -> bytes:
    made = io.BytesIO()
    frame.to_excel(made, **how)
    return made.getvalue()


def parquet(frame: pandas.DataFrame) -> bytes:
    made = io.BytesIO()
    frame.to_parquet(made)
    return made.getvalue()


@pytest.mark.parametrize("numbers", ["float64", "rational"])
def test_the_same_table_is_read_from_every_kind_of_file(called: Any, numbers: str) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("openpyxl")
    in_numbers = ("--numbers", numbers, "--set", "iterations=2")
    wanted = called(PLAIN, *in_numbers)
    tabs = PLAIN.replace(",", "\t")
    for data, more, name in (
        (GERMAN, ("--separator", ";", "--decimal", ","), "g.csv"),
        (GERMAN, ("--decimal", ","), "g.csv"),
        (tabs, (), "t.tsv"),
        (tabs, ("--separator", "tab"), "t.txt"),
        (PLAIN.replace(",", " "), ("--separator", "space"), "s.csv"),
        (PLAIN.encode("utf-16"), ("--encoding", "utf-16"), "u.csv"),
        (b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode(), (), "bom.csv"),
        (FRAME.to_csv(), ("--index",), "index.csv"),
        (parquet(FRAME), (), "p.parquet"),
        (parquet(FRAME.set_index("a", drop=False)), (), "q.parquet"),
        (excel(FRAME, index=False), (), "x.xlsx"),
        (excel(FRAME), ("--index",), "y.xlsx"),
    ):
        assert called(data, *in_numbers, *more, name=name) == wanted, (name, more)


def test_names_in_another_encoding_are_read(called: Any) -> None:
    text = PLAIN.replace("t\n", "größe\n", 1)
    for encoding in ("latin-1", "cp1252", "utf-16-le"):
        data = text.encode(encoding)
        assert called(data, "--encoding", encoding, target="größe") == called(PLAIN)


def test_standard_input_is_a_file(called: Any, stdin: Any) -> None:
    stdin(PLAIN.encode())
    assert called.path("-") == called(PLAIN)
    stdin(b"a,b,t\n1,x,3\n")
    assert "standard input, row 1, column 'b' has 'x'" in called.path("-")
    stdin(b"")
    assert "standard input is empty" in called.path("-")
    assert "only one of --data and --query" in called.path("-", "--query", "-")


def test_a_query_may_come_from_standard_input(called: Any, stdin: Any) -> None:
    stdin(b"b;a\n2,5;1\n")
    found = called(GERMAN, "--decimal", ",", "--query", "-")
    assert found == called(PLAIN, "--query", _file(called, "b,a\n2.5,1\n"))


def _file(called: Any, text: str) -> str:
    import tempfile

    path = Path(tempfile.mkdtemp()) / "query.csv"
    path.write_text(text)
    return str(path)


def test_columns_are_told_by_name_or_by_position(called: Any) -> None:
    assert called(PLAIN, target="3") == called(PLAIN)
    assert called(PLAIN, "--features", "2,1") == called(PLAIN, "--features", "b,a")
    named = PLAIN.replace("a,b,t", "3,b,t", 1)
    assert called(named, target="3") == called(PLAIN, target="a")  # a name comes first
    assert "no column '4'" in called(PLAIN, target="4")
    assert "no column '0'" in called(PLAIN, target="0")


def test_a_name_may_hold_a_comma(called: Any) -> None:
    text = PLAIN.replace("a,b,t", '"a, old",b,t', 1)
    wanted = called(PLAIN, "--features", "a")
    assert called(text, "--features", "a, old") == wanted
    assert called(text, "--features", '"a, old"') == wanted
    assert called(text, "--features", 'b,"a, old"') == called(PLAIN, "--features", "b,a")
    assert "is put in quotes" in called(text, "--features", "b,a, old")


TWICE = PLAIN.replace("a,b,t", "a,a,t", 1)
REFUSED = {
    "an index without a name": (FRAME.to_csv(), (), "column 1 has no name; --index leaves it out"),
    "an index that was read and written again": ("Unnamed: 0" + FRAME.to_csv(), (), "--index"),
    "names twice": (TWICE, (), "two columns named 'a'; names must be unique, and --features"),
    "names twice, chosen": (TWICE, ("--features", "2"), "two columns named 'a'"),
    "UTF-16": (PLAIN.encode("utf-16"), (), "looks like UTF-16: --encoding utf-16"),
    "UTF-16 without a mark": (
        PLAIN.replace("b", "ö").encode("utf-16-le"), (), "looks like UTF-16: --encoding utf-16"),
    "Latin-1": (PLAIN.replace("b", "ö").encode("latin-1"), (), "--encoding latin-1"),
    "cp1252": (PLAIN.replace("b", "€").encode("cp1252"), (), "--encoding cp1252"),
    "not that encoding": (b"a,t\n\xff\xff,1\n", ("--encoding", "ascii"), "is not ascii text"),
    "no encoding": (PLAIN, ("--encoding", "klingon"), "not 'klingon'"),
    "no text encoding": (PLAIN, ("--encoding", "rot13"), "not 'rot13'"),
    "semicolons": (GERMAN, (), "commas; or --separator ';'"),
    "tabs": (PLAIN.replace(",", "\t"), (), "commas; or --separator tab"),
    "commas": (PLAIN, ("--separator", ";"), "are separated by commas: leave --separator out"),
    "two signs": (PLAIN, ("--separator", ";;"), "--separator takes one sign"),
    "a letter": (PLAIN, ("--separator", "x"), "--separator takes one sign"),
    "no decimal sign": (PLAIN, ("--decimal", "x"), "--decimal takes . or ,"),
    "both a comma": (PLAIN, ("--decimal", ",", "--separator", ","), "both a comma"),
    "thousands": (GERMAN.replace("4,0", "4.000,0"), ("--decimal", ","), "row 2, column 'a'"),
    "a point": (GERMAN.replace("4,0", "4.0"), ("--decimal", ","), "row 2, column 'a'"),
    "one column": ("t\n1\n2\n", ("--index",), "has one column alone"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_read_is_told_how_it_could_be(called: Any, kind: str) -> None:
    data, more, words = REFUSED[kind]
    assert words in called(data, *more)


def test_a_column_that_is_not_used_needs_no_name_of_its_own(called: Any) -> None:
    wanted = called(PLAIN, "--features", "b")
    assert called(FRAME.to_csv(), "--features", "b") == wanted
    assert called(PLAIN.replace("a,b,t", "x,b,t", 1), "--features", "b") == wanted


def test_a_blank_line_of_one_column_is_no_row_that_is_left_out(called: Any) -> None:
    line = "a,t\n1,2\n2,3\n3,5\n"
    query = _file(called, "a\n1\n2\n\n\n")  # at the end there may be some
    assert [one["row"] for one in called(line, "--query", query)] == [1, 2]
    query = _file(called, "a\n1\n\n2\n")
    assert "row 2, column 'a' is empty" in called(line, "--query", query)


def test_a_reader_that_is_not_installed_is_named(
    called: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openpyxl")
    book = excel(FRAME)
    for package in ("pyarrow", "fastparquet", "openpyxl"):
        monkeypatch.setitem(sys.modules, package, None)
    for package, name in (("pyarrow", "p.parquet"), ("openpyxl", "x.xlsx")):
        assert f"needs the package {package}: pip install" in called(book, name=name)


def test_what_is_no_such_file_is_one_line(called: Any) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("openpyxl")
    for name in ("p.parquet", "x.xlsx"):
        assert f"{name}: cannot be read" in called(b"no such thing", name=name)
        assert "--separator is for text files" in called(
            b"no such thing", "--separator", ";", name=name
        )


def test_a_state_is_told_nothing_of_tables(called: Any, capsys: Any) -> None:
    assert cli.main(["run", "newton", "--data", "#data=3,1,1", "--index"]) == 2
    assert "holds a whole prompt, and no table" in capsys.readouterr().err
