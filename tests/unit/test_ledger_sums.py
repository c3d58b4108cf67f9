"""The ledger's own arithmetic and words."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.errors import DataError
from steadily.ledger import ACTIONS, SCHEMA, Book, Tally, kind_of, memory_of, merge_tallies, same_memory, text_of, texts
from steadily.stage.drafts import Drafts
from steadily.stage.report import join, summarize, widest, write_report


def tally(rows_in: int, *gone: str) -> Tally:
    made = Tally("a.b", rows_in, rows_in - len(gone))
    made.reasons["dropped"].update(gone)
    return made


@given(st.lists(st.tuples(st.integers(3, 9), st.lists(st.sampled_from("xyz"), max_size=3)), max_size=5))
def test_sums_do_not_depend_on_the_order_of_parts(parts: list[tuple[int, list[str]]]) -> None:
    tallies = [{"one": tally(rows, *gone)} for rows, gone in parts]
    merged = merge_tallies(tallies)
    if not parts:
        assert merged == {}
        return
    told = merged["one"].summary()
    assert told == merge_tallies(tallies[::-1])["one"].summary()
    assert told["in"] == told["out"] + told["dropped"] == sum(rows for rows, _ in parts)
    assert sum(told["reasons"].get("dropped", {}).values()) == told["dropped"]
    assert told["in"] == sum(rows for rows, _ in parts)  # and the parts are as they were
    summed = summarize("s", told["in"], {"d": told["out"]}, merged, ["n", "n"])
    assert (summed["in"], summed["out"], summed["notes"]) == (told["in"], told["out"], ["n"])
    assert set(ACTIONS) <= summed.keys()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1.0"),
        (True, "True"),
        ("x" * 201, "x" * 199 + "…"),
        ("x" * 200, "x" * 200),
        (pd.Timestamp("2024-01-02", tz="UTC"), "2024-01-02 00:00:00+00:00"),
        (["a", None], "['a', None]"),
        ("é\n", "é\n"),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    assert text_of(value) == text
    assert texts(pd.Series([value, None], dtype=object)) == [text, None]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("n is 'x'", "n is '…'"),
        ("n is 'it's'", "n is '…'"),
        ("it's odd", "it's odd"),
        ("'", "'"),
        ("", ""),
        ("'x'", "'…'"),
    ],
)
def test_kinds_of_reasons(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind


def test_a_book_of_nothing() -> None:
    book = Book()
    book.write("one", "a.b", "dropped", pd.Index([], dtype="int64"), "x")
    assert book.table().schema == SCHEMA
    assert len(book.table()) == 0
    assert book.tallies == {}


def test_one_text_is_not_an_iterable_of_letters() -> None:
    book = Book()
    book.write("one", "a.b", "lost", pd.Index([1, 2]), "by a.b", column="é", before=[1.5, pd.NA])
    assert book.tallies["one"].reasons["lost"] == {"by a.b": 2}
    assert [(entry["column"], entry["before"], entry["after"]) for entry in book.table().to_pylist()] == [
        ("é", "1.5", None),
        ("é", None, None),
    ]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 2]),
        pd.Series(["a", None], dtype="str"),
        pd.Series(pd.to_datetime(["2024-01-01", None], utc=True)),
        pd.Series([None, "x"], dtype=object),
    ],
)
def test_the_same_memory_says_that_nothing_changed(column: pd.Series) -> None:
    same = column.copy(deep=False)
    assert same_memory(memory_of(column), memory_of(same))
    same.iloc[0] = column.iloc[1]
    assert not same_memory(memory_of(column), memory_of(same))
    assert not same_memory(memory_of(column), memory_of(column.iloc[:1]))
    assert not same_memory(memory_of(column), memory_of(column.iloc[::-1]))


def test_masked_columns_are_looked_at() -> None:
    column = pd.Series([1, None], dtype="Int64")
    assert memory_of(column) is None
    assert not same_memory(None, None)


def test_pieces_are_joined_whatever_their_columns(tmp_path: Path) -> None:
    pieces = [tmp_path / name for name in ("a", "b", "c")]
    pq.write_table(pa.table({"row_id": [1], "dataset": ["d"], "reason": ["r"], "x": ["1"]}), pieces[0])
    pq.write_table(pa.table({"row_id": [2], "dataset": ["d"], "reason": ["r"], "y": ["2"]}), pieces[1])
    pq.write_table(pa.table({"row_id": pa.array([], pa.int64()), "z": pa.array([], pa.string())}), pieces[2])
    join(tmp_path / "all", widest(pieces), pieces)
    found = pq.read_table(tmp_path / "all").to_pylist()
    rows = [tuple(row[name] for name in ("row_id", "x", "y", "z")) for row in found]
    assert rows == [(1, "1", None, None), (2, None, "2", None)]


def test_a_report_that_can_not_be_written(tmp_path: Path) -> None:
    drafts = Drafts({name: tmp_path / "none" / name for name in ("(summary)", "(ledger)", "(quarantine)")})
    with pytest.raises(DataError, match="stage s: its report can't be written: No such file or directory"):
        write_report(drafts, summarize("s", 0, {}, {}, []))
