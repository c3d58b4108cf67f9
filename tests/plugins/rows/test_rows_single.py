"""The steps' forms for single rows give what the steps give."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_row import BothWays, Row, frame_of, typed_rows
from steadily.dtypes import DATETIME, DTYPES
from steadily.errors import SteadilyError
from steadily_rows.steps import (
    Impute,
    cast,
    compare,
    drop_columns,
    drop_missing,
    in_range,
    join,
    keep,
    map_values,
    rename,
    select,
)

Typed = tuple[Row, dict[str, str]]
ROWS = typed_rows(x=(), y=(), n=("int64", "Int64", "float64"))
NAMES = st.sampled_from(["x", "y", "n"])
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [0, 1, -3, 5, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, -0.0, 1.5, 5.0, 2.0**53, 1e300, True, False, "", "1",
         "true", "Σ", "ß", "\0", " ", "2024-03-31", "2024-10-27T02:30:00+02:00", "9999-12-31T23:59:59.999999Z",
         "0001-01-01"]
    ),
    st.integers(-20, 20),
    st.floats(-20, 20),
)  # fmt: skip
ORDERS = ["==", "!=", "<", "<=", ">", ">="]
PLAIN = st.fixed_dictionaries({"op": st.sampled_from(ORDERS), "value": SCALARS})
LISTS = st.fixed_dictionaries({"op": st.sampled_from(["in", "not_in"]), "value": st.lists(SCALARS, max_size=3)})
TEXTUAL = st.fixed_dictionaries({"op": st.just("contains"), "value": st.sampled_from(["", "Σ", "\0", "a", " ", "."])})
PRESENCE = st.fixed_dictionaries({"op": st.sampled_from(["is_missing", "not_missing"])})


@settings(max_examples=50)
@given(ROWS, st.lists(NAMES, max_size=2))
def test_drop_missing(rows: Typed, columns: list[str]) -> None:
    BothWays(drop_missing, {"columns": columns}).agree(*rows)


@settings(max_examples=200)
@given(
    ROWS,
    st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["min", "max"]), SCALARS, min_size=1), max_size=2),
    st.sampled_from(["keep", "drop"]),
)
def test_in_range(rows: Typed, ranges: Any, missing: str) -> None:
    BothWays(in_range, {"ranges": ranges, "missing": missing}).agree(*rows)


@settings(max_examples=120)
@given(
    ROWS,
    st.dictionaries(NAMES, st.sampled_from(DTYPES), max_size=2),
    st.sampled_from(["raise", "missing", "drop"]),
)
def test_cast(rows: Typed, types: Any, errors: str) -> None:
    BothWays(cast, {"types": types, "errors": errors}).agree(*rows)


@settings(max_examples=40)
@given(ROWS, st.sampled_from([{"x": "y", "y": "x"}, {"x": "n"}, {"x": "a", "n": "x"}, {"z": "a"}, {"x": "x"}, {}]))
def test_rename(rows: Typed, columns: dict[str, str]) -> None:
    BothWays(rename, {"columns": columns}).agree(*rows)


@settings(max_examples=40)
@given(ROWS, st.sampled_from([["x"], ["n", "x"], ["x", "x"], ["z"], ["x", "y", "n"]]))
def test_select_and_drop_columns(rows: Typed, columns: list[str]) -> None:
    BothWays(select, {"columns": columns}).agree(*rows)
    BothWays(drop_columns, {"columns": columns}).agree(*rows)


@settings(max_examples=120)
@given(
    ROWS,
    st.lists(
        st.tuples(NAMES, st.one_of(PLAIN, LISTS, TEXTUAL, PRESENCE)).map(lambda two: {"column": two[0], **two[1]}),
        max_size=2,
    ),
)
def test_filter(rows: Typed, conditions: list[Any]) -> None:
    BothWays(keep, {"conditions": conditions}).agree(*rows)


@settings(max_examples=120)
@given(
    ROWS,
    st.one_of(PLAIN, LISTS, TEXTUAL),
    st.sampled_from(["made", "y"]),
    st.sampled_from([None, {"true": "yes", "false": "no"}, {True: "ham", False: ""}]),
)
def test_compare(rows: Typed, condition: dict[str, Any], into: str, labels: Any) -> None:
    BothWays(compare, {"column": "x", "into": into, "labels": labels, **condition}).agree(*rows)


NEW = st.one_of(
    st.lists(st.one_of(st.none(), st.sampled_from(["a", "", "Σ"])), min_size=4, max_size=4),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=4, max_size=4),
    st.lists(st.one_of(st.none(), st.sampled_from([0, 5, 2**53 + 1, 2**63, -(2**70)])), min_size=4, max_size=4),
    st.lists(st.one_of(st.none(), st.sampled_from([0, 1.5, 5.0, -0.0])), min_size=4, max_size=4),
)
OLD = st.sampled_from(
    [["ham", "", "1", "Σ"], ["true", "false"], [True, False], ["True", "FALSE", "x"], [1, 2, "1"], ["\0", " ", "nan"]]
)


@settings(max_examples=120)
@given(
    typed_rows(x=("str", "bool", "boolean", "int64", "Int64", "float64")),
    st.one_of(st.none(), st.sampled_from(["ham", "", "1", "Σ", "true", "False", "\0", "nan"])),
    OLD,
    NEW,
    st.sampled_from(["keep", "missing", "raise"]),
)
def test_map_values(rows: Typed, text: str | None, old: list[Any], new: list[Any], other: str) -> None:
    row, dtypes = rows
    row = {"x": str(old[len(str(new)) % len(old)]) if text == "1" else text} if dtypes["x"] == "str" else row
    BothWays(map_values, {"column": "x", "values": dict(zip(old, new, strict=False)), "other": other}).agree(
        row, dtypes
    )


TABLE, TYPES = (
    [
        {"x": "a", "y": 1, "k": 1.0, "b": True, "wind": 3, "calm": True, "gust": "g", "at": None, "m": 1.5},
        {"x": "Σ\0", "y": 2, "k": -0.0, "b": False, "wind": 4, "calm": False, "gust": None, "at": None, "m": None},
        {"x": "", "y": 2**62, "k": 2.5, "b": None, "wind": -5, "calm": True, "gust": "", "at": None, "m": -0.0},
        {"x": None, "y": 5, "k": None, "b": None, "wind": 2**62, "calm": True, "gust": "h", "at": None, "m": 2.0},
    ],
    {"x": "str", "y": "int64", "k": "float64", "b": "boolean", "wind": "int64", "calm": "bool", "gust": "str",
     "at": DATETIME, "m": "float64"},
)  # fmt: skip
MOMENT = dt.datetime(2024, 3, 31, 1, tzinfo=dt.UTC)
KNOWN = frame_of([{**row, "at": MOMENT + dt.timedelta(hours=place)} for place, row in enumerate(TABLE)], TYPES)


@st.composite
def joined(draw: st.DrawFn) -> Typed:
    """A row some of whose values are those of the table."""
    keys = {"x": ("str", "int64"), "y": ("int64", "Int64", "float64"), "k": ("float64", "Int64"), "b": ("boolean",)}
    row, dtypes = draw(typed_rows(**keys, at=(DATETIME,), other=()))
    found = dict(row)
    for name in keys:
        value = TABLE[draw(st.integers(0, 3))][name]
        if draw(st.booleans()) and dtypes[name] == TYPES[name] and (value is not None or dtypes[name] != "int64"):
            found[name] = value
    return found, dtypes


@settings(max_examples=120)
@given(
    joined(),
    st.sampled_from([["x"], ["y"], ["k"], ["at"], ["x", "y"], ["y", "at"], ["b", "x"]]),
    st.sampled_from([["wind"], ["calm", "gust"], ["m", "wind", "m"], [], ["wind", "other"]]),
    st.sampled_from(["left", "inner"]),
)
def test_join(rows: Typed, keys: list[str], columns: list[str], how: str) -> None:
    params = {"table": KNOWN, "keys": keys, "columns": columns, "how": how}
    try:
        both = BothWays(join, params)
    except (SteadilyError, KeyError):
        return  # the table lacks a column: nothing was trained with it
    both.agree(*rows)


@st.composite
def imputing(draw: st.DrawFn) -> tuple[Typed, pd.DataFrame, dict[str, Any]]:
    """A row, the rows to learn from, and parameters."""
    dtype, by = draw(st.sampled_from(DTYPES)), draw(st.sampled_from(("str", "int64", "Int64", "float64", "boolean")))
    made = typed_rows(x=(dtype,), g=(by,), h=("str",))
    rows = draw(st.lists(made, min_size=1, max_size=4))
    row, dtypes = draw(made)
    row = {**row, "x": None} if dtype not in ("int64", "bool") and draw(st.sampled_from([1, 1, 1, 0])) else row
    row = {**row, "g": rows[0][0]["g"], "h": rows[0][0]["h"]} if draw(st.booleans()) else row
    strategy = draw(st.sampled_from(["median", "mean", "most_frequent", "constant"]))
    own = [rows[0][0]["x"], 0, 5, 5.0, -0.0] if dtype in ("Int64", "float64") else [rows[0][0]["x"], "a", True]
    value = draw(st.sampled_from([one for one in own if one is not None])) if strategy == "constant" else None
    groups = draw(st.sampled_from([None, ["g"], ["g", "h"]])) if strategy != "constant" else None
    params = {"columns": ["x"], "strategy": strategy, "value": value, "by": groups}
    return (row, dtypes), frame_of([one for one, _ in rows], dtypes), params


@settings(max_examples=120)
@given(imputing())
def test_impute(made: tuple[Typed, pd.DataFrame, dict[str, Any]]) -> None:
    rows, learned, params = made
    try:
        both = BothWays(Impute, params, learned)
    except SteadilyError:
        return  # nothing was learned
    both.agree(*rows)


GOOD: list[tuple[Any, dict[str, Any], Row]] = [
    (drop_missing, {"columns": ["x"]}, {"x": "a"}),
    (in_range, {"ranges": {"x": {"min": 0, "max": 9}}}, {"x": 5}),
    (in_range, {"ranges": {"x": {"min": "1995-01-01"}}}, {"x": MOMENT}),
    (cast, {"types": {"x": "float64"}}, {"x": "2.5"}),
    (cast, {"types": {"x": "str"}}, {"x": True}),
    (rename, {"columns": {"x": "y"}}, {"x": 1}),
    (select, {"columns": ["x"]}, {"x": 1, "y": 2}),
    (drop_columns, {"columns": ["x"]}, {"x": 1, "y": 2}),
    (keep, {"conditions": [{"column": "x", "op": "in", "value": ["a", "b"]}]}, {"x": "a"}),
    (keep, {"conditions": [{"column": "x", "op": ">", "value": 15}]}, {"x": 20.5}),
    (compare, {"column": "x", "op": ">", "value": 15, "into": "y", "labels": {"true": "t", "false": "f"}}, {"x": 16.0}),
    (compare, {"column": "x", "op": "contains", "value": "a", "into": "y"}, {"x": "bab"}),
    (map_values, {"column": "x", "values": {"a": 1, "b": 2}}, {"x": "a"}),
    (map_values, {"column": "x", "values": {"true": "yes", "false": "no"}}, {"x": True}),
    (join, {"table": KNOWN, "keys": ["x"], "columns": ["wind", "calm"]}, {"x": "a"}),
    (join, {"table": KNOWN, "keys": ["y", "at"], "columns": ["gust"]}, {"y": 1, "at": MOMENT}),
    (join, {"table": KNOWN, "keys": ["x"], "columns": ["wind"]}, {"x": "nowhere"}),
]
OF = {str: "str", int: "int64", float: "float64", bool: "bool", dt.datetime: DATETIME}


@pytest.mark.parametrize(("step", "params", "row"), GOOD)
def test_ordinary_rows_are_answered(step: Any, params: dict[str, Any], row: Row) -> None:
    BothWays(step, params).agree(row, {name: OF[type(value)] for name, value in row.items()}, sure=True)


@pytest.mark.parametrize(
    ("params", "row"),
    [
        ({"strategy": "median"}, {"x": None, "g": "a"}),
        ({"strategy": "mean", "by": ["g"]}, {"x": None, "g": "a"}),
        ({"strategy": "most_frequent", "by": ["g"]}, {"x": None, "g": "new"}),
        ({"strategy": "constant", "value": 1.5}, {"x": None, "g": "b"}),
        ({"strategy": "constant", "value": 3}, {"x": 2.0, "g": "b"}),
    ],
)
def test_ordinary_rows_are_filled(params: dict[str, Any], row: Row) -> None:
    dtypes = {"x": "float64", "g": "str"}
    learned = frame_of([{"x": 1.0, "g": "a"}, {"x": 3.0, "g": "a"}, {"x": 8.0, "g": "b"}], dtypes)
    BothWays(Impute, {"columns": ["x"], **params}, learned).agree(row, dtypes, sure=True)


@pytest.mark.parametrize("dtype", ["float64", "Int64"])
@pytest.mark.parametrize("value", [5, 5.0])
def test_a_whole_constant_is_left_to_the_frame_since_its_column_tells_its_type(dtype: str, value: float) -> None:
    params = {"columns": ["x"], "strategy": "constant", "value": value}
    both = BothWays(Impute, params, frame_of([{"x": 1}], {"x": dtype}))
    both.agree({"x": None}, {"x": dtype})
    both.agree({"x": 2.0 if dtype == "float64" else 2}, {"x": dtype}, sure=True)
