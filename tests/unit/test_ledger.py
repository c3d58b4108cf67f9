import numpy as np
import pandas as pd
import pytest

from steadily.ledger import Book, Rows, memories, positions, same_memory, write_comparison

COLUMNS = {
    "whole": pd.Series([1, 2, 3]),
    "number": pd.Series([1.0, None, 3.0]),
    "flag": pd.Series([True, False, False]),
    "text": pd.Series(["a", None, "c"], dtype="str"),
    "moment": pd.Series(pd.to_datetime(["2024-01-01", None, "2024-01-03"], utc=True)),
    "object": pd.Series([b"a", None, b"c"], dtype=object),
}


def rows(**columns):
    index = pd.Index([11, 12, 13], name="row_id", dtype="int64")
    return pd.DataFrame({name: column.to_numpy() for name, column in columns.items()}, index=index).astype(
        {name: column.dtype for name, column in columns.items()}
    )


def book_of(before, after, reasons=None):
    book = Book()
    where = positions(before.index, after.index)
    write_comparison(book, "step", "rows.step", Rows.of(before), Rows.of(after), where, reasons)
    return book


def entries(book):
    return book.table().to_pandas().astype(object).where(lambda frame: frame.notna(), None).to_dict("records")


@pytest.mark.parametrize("name", COLUMNS)
def test_a_shallow_copy_lies_in_the_same_memory_until_it_is_written_to(name):
    frame = rows(**COLUMNS)
    given = frame.copy(deep=False)
    assert same_memory(memories(frame)[name], memories(given)[name])
    given.loc[11, name] = frame.loc[13, name]
    assert not same_memory(memories(frame)[name], memories(given)[name])
    assert frame.loc[11, name] != given.loc[11, name]


def test_masked_columns_have_no_memory_that_is_known_to_be_the_same():
    frame = rows(n=pd.Series([1, None, 3], dtype="Int64"))
    assert not same_memory(memories(frame)["n"], memories(frame)["n"])


@pytest.mark.parametrize("name", ["number", "text", "moment", "object"])
def test_a_cell_that_was_lost_is_on_record_with_what_it_was(name):
    before = rows(**COLUMNS)
    after = before.copy()
    after.loc[13, name] = None
    (entry,) = entries(book_of(before, after))
    assert (entry["row_id"], entry["action"], entry["column"]) == (13, "lost", name)
    assert entry["before"]
    assert entry["after"] is None


@pytest.mark.parametrize("name", ["number", "text", "moment", "object"])
def test_a_cell_that_was_filled_is_on_record_with_what_it_is_even_where_rows_were_dropped(name):
    before = rows(**COLUMNS)
    after = before.drop(index=11)
    after.loc[12, name] = after.loc[13, name]
    dropped, filled = entries(book_of(before, after))
    assert (dropped["row_id"], dropped["action"], dropped["reason"]) == (11, "dropped", "by rows.step")
    assert (filled["row_id"], filled["action"], filled["column"]) == (12, "imputed", name)
    assert filled["after"]


def test_a_column_that_changes_its_type_is_compared_too():
    before = rows(n=pd.Series(["1", None, "x"], dtype="str"))
    after = before.assign(n=pd.to_numeric(before["n"], errors="coerce"))
    (entry,) = entries(book_of(before, after))
    assert (entry["row_id"], entry["action"], entry["before"]) == (13, "lost", "x")


def test_rows_in_another_order_are_compared_with_themselves():
    before = rows(n=pd.Series([1.0, None, 3.0]))
    assert entries(book_of(before, before.iloc[::-1])) == []


def test_reasons_are_taken_for_rows_that_went_and_counted_without_their_values():
    before = rows(**COLUMNS)
    said = pd.Series({12: "text is 'b'", 13: "text is 'c'", 99: "nobody"})
    book = book_of(before, before.drop(index=[11, 12]), pd.concat([said, said]))
    assert [(entry["row_id"], entry["reason"]) for entry in entries(book)] == [
        (11, "by rows.step"),
        (12, "text is 'b'"),
    ]
    assert book.tallies["step"].reasons["dropped"] == {"by rows.step": 1, "text is '…'": 1}


@pytest.mark.parametrize("rows_at_most", [0, 1])
def test_hardly_any_rows_are_no_trouble(rows_at_most):
    before = rows(**COLUMNS).iloc[:rows_at_most]
    book = book_of(before, before.iloc[:0])
    assert book.tallies["step"].rows_in == rows_at_most == len(entries(book))


def test_positions_are_none_where_all_stand_as_they_stood():
    index = pd.Index([5, 3, 9])
    assert positions(index, index.copy()) is None
    found = positions(index, pd.Index([9, 4]))
    assert np.array_equal(found, [2, -1])
