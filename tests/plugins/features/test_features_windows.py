"""Feature sets against a brute-force oracle: rows in any order, ties, gaps, backfills, windows and filters."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily.errors import DataError, PluginError
from steadily.testing import check_step
from steadily_features.exact import as_float, sums
from steadily_features.windows import Windows

START = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
VALUES = {
    "mean": {"take": "mean", "of": "x", "over": "9h"},
    "sum": {"take": "sum", "of": "x", "over": "4h"},
    "whole": {"take": "sum", "of": "n", "over": "12h"},
    "share": {"take": "mean", "of": "late", "over": "9h"},
    "rows": {"take": "count", "over": "5h"},
    "known": {"take": "count", "of": "x", "over": "12h"},
    "low": {"take": "min", "of": "x", "over": "7h"},
    "high": {"take": "max", "of": "n", "over": "4h"},
    "last": {"take": "last", "of": "word", "over": "9h"},
    "some": {"take": "mean", "of": "x", "over": "9h", "where": [{"column": "n", "op": ">", "value": 0}]},
    "words": {"take": "count", "over": "9h", "where": [{"column": "word", "op": "in", "value": ["a", "b"]}]},
}
LENGTH = {name: dt.timedelta(hours=int(value["over"][:-1])) for name, value in VALUES.items()}  # type: ignore[index]
floats = st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda x: abs(x) < 1e300)
events = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.sampled_from(["a", "b", "é"]),
            "where": st.integers(-1, 1),
            "minutes": st.one_of(st.integers(0, 20).map(lambda hours: hours * 60), st.integers(0, 40 * 60)),
            "later": st.integers(0, 15 * 60),
            "x": st.one_of(st.none(), floats, st.sampled_from([0.1, 0.2, -0.0, 1e16, 1.0, -1e16])),
            "n": st.integers(-5, 5),
            "late": st.booleans(),
            "word": st.one_of(st.none(), st.sampled_from(["a", "b", "c"])),
        }
    ),
    max_size=25,
)
delays = st.sampled_from(["0s", "90m", "4h"])


def frame_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make typed rows."""
    when = [START + dt.timedelta(minutes=row["minutes"]) for row in rows]
    seen = [moment + dt.timedelta(minutes=row["later"]) for moment, row in zip(when, rows, strict=True)]
    return pd.DataFrame(
        {
            "who": pd.Series([row["who"] for row in rows], dtype="str"),
            "where": pd.Series([row["where"] for row in rows], dtype="int64"),
            "t": pd.Series(when, dtype="datetime64[us, UTC]"),
            "seen": pd.Series(seen, dtype="datetime64[us, UTC]"),
            "x": pd.Series([row["x"] for row in rows], dtype="float64"),
            "n": pd.Series([row["n"] for row in rows], dtype="int64"),
            "late": pd.Series([row["late"] for row in rows], dtype="bool"),
            "word": pd.Series([row["word"] for row in rows], dtype="str"),
        }
    ).rename_axis(index="row_id")


def oracle(frame: pd.DataFrame, every: dt.timedelta, delay: dt.timedelta, available: bool) -> list[dict[str, Any]]:
    """Make the values slowly, straight from what the step says of itself."""
    rows = [
        {
            **row,
            "x": None if np.isnan(row["x"]) else row["x"],
            "word": row["word"] if row["word"] == row["word"] else None,
        }
        for row in frame.to_dict("records")
    ]
    for row in rows:
        row["t"], row["seen"] = row["t"].to_pydatetime(), row["seen"].to_pydatetime()
        row["known"] = max(row["seen"], row["t"]) if available else row["t"] + delay
    if not rows:
        return []
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    step = epoch + ((min(row["t"] for row in rows) - epoch) // every) * every
    until = max(row["known"] for row in rows)
    found, there = [], set()

    def counts(row: dict[str, Any], at: dt.datetime, over: dt.timedelta) -> bool:
        shift = dt.timedelta() if available else delay
        return bool(row["known"] < at and at - over <= row["t"] + shift)

    while step <= until + every:
        now = set()
        for key in sorted({(row["who"], row["where"]) for row in rows}):
            own = [row for row in rows if (row["who"], row["where"]) == key]
            if any(counts(row, step, max(LENGTH.values())) for row in own):
                now.add(key)
            if key in now | there:
                values = {
                    name: taken(spec, [row for row in own if counts(row, step, LENGTH[name])])
                    for name, spec in VALUES.items()
                }
                found.append({"who": key[0], "where": key[1], "as_of": step, **values})
        if step > until:
            break
        there, step = now, step + every
    return found


def taken(spec: Any, rows: list[dict[str, Any]]) -> Any:
    """Take one value of the rows that count."""
    for one in spec.get("where", ()):
        test = {">": lambda a, b: a > b, "in": lambda a, b: a in b}[one["op"]]
        rows = [row for row in rows if row[one["column"]] is not None and test(row[one["column"]], one["value"])]
    if spec["take"] == "count":
        return sum(1 for row in rows if "of" not in spec or row[spec["of"]] is not None)
    rows = [row for row in rows if row[spec["of"]] is not None]
    values = [row[spec["of"]] for row in rows]
    if not values:
        return None
    if spec["take"] == "last":
        return max((row["t"], row[spec["of"]]) for row in rows)[1]
    if spec["take"] in ("min", "max"):
        return {"min": min, "max": max}[spec["take"]](values) + (0.0 if spec["of"] == "x" else 0)
    total = sum(map(Fraction, values))
    if spec["of"] == "n":
        return int(total)
    return float(total / len(values)) if spec["take"] == "mean" else float(total)


def made(frame: pd.DataFrame, cuts: int = 1, **more: Any) -> pd.DataFrame:
    """Make the values with the step, of rows in some parts."""
    maker = Windows(keys=["who", "where"], time="t", every="3h", values=VALUES, **more)  # type: ignore[arg-type]
    edges = np.linspace(0, len(frame), cuts + 1).astype(int)
    return maker.combine([maker.collect(frame.iloc[a:b]) for a, b in pairwise(edges)])


def plain(table: pd.DataFrame | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give rows as plain values, missing ones as None, floats as their bits."""
    rows = table if isinstance(table, list) else table.astype(object).to_dict("records")
    told = lambda value: None if value is None or value is pd.NA or value != value else value  # noqa: E731
    return [{key: v.hex() if isinstance(v := told(value), float) else v for key, value in row.items()} for row in rows]


@settings(max_examples=40, deadline=None)
@given(rows=events, delay=delays, cuts=st.integers(1, 4))
def test_the_values_are_those_of_the_oracle_to_the_last_bit(rows: Any, delay: str, cuts: int) -> None:
    frame = frame_of(rows)
    lengths = {"0s": dt.timedelta(), "90m": 1.5 * HOUR, "4h": 4 * HOUR}
    assert plain(made(frame, cuts, delay=delay)) == plain(oracle(frame, 3 * HOUR, lengths[delay], available=False))


@settings(max_examples=25, deadline=None)
@given(rows=events, cuts=st.integers(1, 4))
def test_what_became_known_late_counts_from_then_on(rows: Any, cuts: int) -> None:
    frame = frame_of(rows)
    assert plain(made(frame, cuts, available="seen")) == plain(oracle(frame, 3 * HOUR, dt.timedelta(), available=True))


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30), seed=st.randoms())
def test_sums_are_exact_in_any_order(values: list[float], seed: Any) -> None:
    exact = sum(map(Fraction, values), Fraction(0))
    seed.shuffle(values)
    total = sums(np.array(values, dtype="float64"), np.zeros(len(values), dtype="int64"), 1)[0]
    if abs(exact) < Fraction(1.7e308):
        assert as_float(total, 1) == float(exact)


def test_it_keeps_what_its_kind_promises() -> None:
    chance = np.random.default_rng(3)
    rows = [
        {
            "who": "ab"[int(chance.integers(2))],
            "where": 0,
            "minutes": int(chance.integers(0, 3000)),
            "later": 0,
            "x": float(chance.normal()),
            "n": 1,
            "late": True,
            "word": "a",
        }
        for _ in range(200)
    ]
    check_step(Windows, {"keys": ["who", "where"], "time": "t", "every": "3h", "values": VALUES}, frame_of(rows))


def test_bounded_memory_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"who": "a", "where": 0, "minutes": m, "later": 0, "x": m % 7, "n": m % 5, "late": True, "word": "a"}
        for m in range(0, 3000, 13)
    ]
    whole = made(frame_of(rows))
    monkeypatch.setattr("steadily_features.grid.AT_ONCE", 5)
    assert plain(made(frame_of(rows))) == plain(whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"every": "1 day"}, "every: is no length of time; given: '1 day'"),
        ({"ttl": "0d"}, "ttl: is no length of time"),
        ({"keys": []}, "keys: has to name one or more columns"),
        ({"keys": ["as_of"]}, "keys: no key is called as_of"),
        ({"values": {}}, "values: a feature set needs at least one value"),
        ({"values": {"t": {"take": "count", "over": "1d"}}}, "values.t: is the name of a column already"),
        ({"values": {"m": {"take": "mean", "over": "1d"}}}, "values.m.of: is missing: the mean of which column?"),
        ({"available": "seen", "delay": "1d"}, "available: says when a row was known"),
        ({"missing": "default"}, "defaults: has none for m"),
        ({"missing": "default", "defaults": {"m": "x"}}, "defaults.m: has to be a number, as a mean is"),
        ({"defaults": {"m": 0}}, "defaults: are looked at only with"),
        (
            {"values": {"m": {"take": "count", "over": "1d", "where": [{"column": "n", "op": "in", "value": 1}]}}},
            "values.m.where: the value does not fit 'in'",
        ),
    ],
)
def test_what_can_t_be_is_refused_before_any_row_is_read(change: dict[str, Any], said: str) -> None:
    params = {"keys": ["who"], "time": "t", "every": "1d", "values": {"m": {"take": "mean", "of": "x", "over": "30d"}}}
    with pytest.raises(PluginError) as error:
        Windows.check(**{**params, **change})
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"time": "who"}, "column 'who': has to hold moments; given: str; dates.parse makes them of text"),
        ({"keys": ["x"]}, "column 'x': can't be a key; given: float64"),
        ({"values": {"m": {"take": "mean", "of": "word", "over": "1d"}}}, "column 'word': has no mean; given: str"),
        ({"values": {"m": {"take": "max", "of": "late", "over": "1d"}}}, "column 'late': has no max; given: bool"),
        (
            {"values": {"m": {"take": "count", "over": "1d", "where": [{"column": "n", "op": "==", "value": "a"}]}}},
            "column 'n': a text can't be compared with int64",
        ),
    ],
)
def test_columns_of_other_types_are_refused(change: dict[str, Any], said: str) -> None:
    params = {"keys": ["who"], "time": "t", "every": "1d", "values": {"m": {"take": "mean", "of": "x", "over": "30d"}}}
    rows = [{"who": "a", "where": 0, "minutes": 5, "later": 0, "x": 1.0, "n": 1, "late": True, "word": "a"}]
    with pytest.raises(DataError) as error:
        Windows(**{**params, **change}).collect(frame_of(rows))
    assert said in str(error.value)


def test_what_is_infinite_or_too_large_is_refused() -> None:
    base = {"who": "a", "where": 0, "minutes": 5, "later": 0, "n": 1, "late": True, "word": "a"}
    with pytest.raises(DataError, match="infinite"):
        made(frame_of([{**base, "x": float("inf")}]))
    with pytest.raises(DataError, match="too large"):
        made(frame_of([{**base, "x": 1.7e308}] * 3))
    made(frame_of([{**base, "x": 1.0, "n": 2**62}]))
    with pytest.raises(DataError, match="too large"):
        made(frame_of([{**base, "x": 1.0, "n": 2**62}] * 3))
