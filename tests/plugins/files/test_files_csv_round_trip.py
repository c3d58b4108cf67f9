"""Whatever Python's csv module writes is read back, cell for cell, in pieces of any size."""

from __future__ import annotations

import contextlib
import csv
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily import DataError
from steadily_files.steps import CsvFiles

SIGNS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(st.one_of(st.sampled_from(list('",;\n\r\\\t \0aé"')), SIGNS), max_size=8)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters='\r\n,"\\\0'), max_size=8)


@st.composite
def tables(draw, text=TEXT):
    names = draw(st.lists(text.filter(lambda name: not name.startswith("\ufeff")), min_size=1, max_size=5, unique=True))
    row = st.lists(text, min_size=len(names), max_size=len(names))
    return names, draw(st.lists(row, max_size=60))


def write(path: Path, names: list[str], rows: list[list[str]], **dialect) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, **dialect).writerows([names, *rows])


def read_back(path: Path, rows: int, **params) -> tuple[list[str], list[list[str]]]:
    frames = [frame for _, frame in CsvFiles(path=str(path), missing=[], **params).read(rows)]
    assert all(len(frame) == rows for frame in frames[:-1])
    whole = pd.concat(frames, ignore_index=True)
    return list(whole.columns), whole.to_numpy(dtype=object).tolist()


@settings(max_examples=150, deadline=None)
@given(
    table=tables(),
    rows=st.integers(1, 50),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    delimiter=st.sampled_from(",;\t|"),
)
def test_any_table_comes_back(table, rows, quoting, delimiter):
    names, cells = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        write(path, names, cells, quoting=quoting, delimiter=delimiter)
        assert read_back(path, rows, separator=delimiter) == (names, cells)


@settings(max_examples=60, deadline=None)
@given(table=tables(), rows=st.integers(1, 50), quoting=st.sampled_from([csv.QUOTE_NONE, csv.QUOTE_ALL]))
def test_any_table_with_escapes_comes_back(table, rows, quoting):
    names, cells = table
    if quoting == csv.QUOTE_NONE and len(names) == 1 and "" in [*names, *(row[0] for row in cells)]:
        return  # the csv module itself refuses to write these
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        write(path, names, cells, quoting=quoting, escapechar="\\", doublequote=False)
        assert read_back(path, rows, escape="\\") == (names, cells)


@settings(max_examples=60, deadline=None)
@given(table=tables(PLAIN.filter(bool)), rows=st.integers(1, 50))
def test_plain_text_without_quotes_comes_back(table, rows):
    names, cells = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        write(path, names, cells, quoting=csv.QUOTE_NONE)
        assert read_back(path, rows, quote=None) == (names, cells)


@settings(max_examples=100, deadline=None)
@given(table=tables(), rows=st.integers(1, 50), cut=st.integers(1, 400))
def test_a_cut_file_is_refused_or_gives_its_first_rows(table, rows, cut):
    """Only the last value of the last row may differ: that it was longer can't be known."""
    names, cells = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        write(path, names, cells, quoting=csv.QUOTE_ALL)
        content = path.read_bytes()
        path.write_bytes(content[: max(len(content) - cut, 0)])
        with contextlib.suppress(DataError):
            _, got = read_back(path, rows)
            assert got[:-1] == cells[: len(got) - 1 if got else 0]
            assert not got or got[-1][:-1] == cells[len(got) - 1][:-1]


def test_quotes_are_the_same_for_both_readers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"x"y,2\nz"z,"3"4\n"5"",6"\n1,2\n')
    with pytest.raises(DataError, match=":4: the row has 1 field,"):
        read_back(path, 1)
