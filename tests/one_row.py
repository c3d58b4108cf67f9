"""One row both ways: as a frame by the step itself, and as plain values by the step's form for single rows.

The rule: where the short form answers, it gives what the frame's way gives, value and type; where the frame's way
drops the row or raises, it gives None or raises. It never changes the row that it is given.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st

from steadily.dtypes import DATETIME, DTYPES
from steadily.errors import SteadilyError
from steadily.state import load_state, save_state
from steadily.steps import definition_of

settings.register_profile("steadily", deadline=None)  # a busy machine is no failure
settings.load_profile("steadily")
Row = Mapping[str, Any]
NULLABLE = ("Int64", "float64", "boolean", "str", DATETIME)
SIGNS = [
    *" \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u180e\u2003\u2028\u2029\u202f\u205f\u3000\ufeff\u200b\0",
    *"ΣσςİıßẞſKÅǅﬁ①e\u0301\u0307Äaz.,'\"\\%",
    *["ΑΣ", "ΌΔΟΣ ", "I\u0307", "1", "2.0", "-3", "1e3", "true", "False", "nan", "None", "<NA>", "2002-08-22", "日本"],
]
TEXTS = st.one_of(st.lists(st.sampled_from(SIGNS), max_size=5).map("".join), st.text(max_size=12))
EDGES = [0, 1, -1, 2, 5, 2**31, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
WHOLE = st.one_of(st.sampled_from(EDGES), st.integers(-20, 20), st.integers(-(2**63), 2**63 - 1))
FLOATS = st.one_of(
    st.sampled_from([-0.0, 0.0, 0.1, 1.5, 5.0, 2.0**53, 1e300, 5e-324, math.inf, -math.inf]),
    st.integers(-20, 20).map(float),
    st.floats(allow_nan=False),
)
TURNS = [  # both sides of the hours that a clock shows twice or leaves out, and the calendar's ends
    "0001-01-01T00:00:00", "0001-01-01T23:59:59.999999", "9999-12-31T23:59:59.999999", "9999-12-31T00:00:00",
    "1969-12-31T23:59:59.999999", "1970-01-01T00:00:00", "1583-01-01T00:00:00", "1893-03-31T23:06:31",
    "2024-03-31T00:59:59", "2024-03-31T01:00:00", "2024-10-27T00:30:00", "2024-10-27T01:30:00", "2024-02-29T23:59:59",
    "2011-12-30T10:00:00", "2037-11-01T05:30:00", "2100-07-01T00:00:00", "2020-12-31T23:30:00", "2021-01-03T12:00:00",
]  # fmt: skip
MOMENTS = st.one_of(st.sampled_from(TURNS).map(dt.datetime.fromisoformat), st.datetimes()).map(
    lambda moment: moment.replace(tzinfo=dt.UTC)
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXTS,
    "int64": WHOLE,
    "Int64": WHOLE,
    "float64": FLOATS,
    "bool": st.booleans(),
    "boolean": st.booleans(),
    DATETIME: MOMENTS,
}


def values_of(dtype: str) -> st.SearchStrategy[Any]:
    """Give values that a column of a type may hold, None where it may be missing."""
    return st.one_of(VALUES[dtype], st.none()) if dtype in NULLABLE else VALUES[dtype]


@st.composite
def typed_rows(draw: st.DrawFn, **columns: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    """Give a row and the types of its columns, each one of those that are named for it (none: of any)."""
    dtypes = {name: draw(st.sampled_from(some or DTYPES)) for name, some in columns.items()}
    return {name: draw(values_of(dtype)) for name, dtype in dtypes.items()}, dtypes


def frame_of(rows: list[Row], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Give typed rows as a frame by row id."""
    index = pd.RangeIndex(100, 100 + len(rows)).rename("row_id")
    return pd.DataFrame({name: series([row[name] for row in rows], dtype, index) for name, dtype in dtypes.items()})


def series(values: list[Any], dtype: str, index: pd.Index) -> pd.Series:
    """Make a column; moments by way of their microseconds, so that all years are taken."""
    if dtype != DATETIME:
        return pd.Series(values, index=index, dtype=dtype)
    start, missing = dt.datetime(1970, 1, 1, tzinfo=dt.UTC), -(2**63)
    micro = [missing if one is None else (one - start) // dt.timedelta(microseconds=1) for one in values]
    return pd.Series(micro, index=index, dtype="int64").astype("datetime64[us]").dt.tz_localize("UTC")


def plain(frame: pd.DataFrame, place: int = 0) -> dict[str, Any]:
    """Give a row of a frame as plain values."""
    return {str(name): plain_value(frame[name].iloc[[place]]) for name in frame}


def plain_value(cell: pd.Series) -> Any:
    """Give the one value of a column as Python has it."""
    if cell.isna().iloc[0]:
        return None
    value = cell.tolist()[0]
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def differing(one: Row, other: Row) -> list[str]:
    """Name the columns in which two rows of plain values are not the same, value and type."""
    names = {**one, **other}
    return [name for name in names if name not in one or name not in other or not same(one[name], other[name])]


def same(one: Any, other: Any) -> bool:
    """Tell equal values of one type; 0.0 and -0.0 are two, and a moment is one in UTC."""
    if isinstance(one, float) and type(one) is type(other):
        return repr(one) == repr(other)
    if isinstance(one, dt.datetime) and one.tzinfo is not dt.UTC:
        return False
    return type(one) is type(other) and bool(one == other)


class BothWays:
    """A step with its parameters, ready for both ways.

    Args:
        step: The step's function or class.
        params: Its parameters.
        learned: The rows that a learned step learns from.
    """

    def __init__(self, step: Any, params: Mapping[str, Any], learned: pd.DataFrame | None = None) -> None:
        made = definition_of(step)
        assert made is not None
        assert made.single is not None
        if learned is None:
            self.apply: Callable[[pd.DataFrame], Any] = lambda frame: step(frame, **copy.deepcopy(dict(params)))
            self.single = made.single(**params)
            return
        learner = step(**params)
        state = stored(learner.merge([learner.learn(learned)]))
        self.apply = lambda frame: learner.apply(frame, state)
        self.single = made.single(state, **params)

    def fits(self, dtypes: Mapping[str, str]) -> bool:
        """Tell whether the step takes columns of these types at all; others have stopped the training."""
        try:
            self.apply(frame_of([], dtypes))
        except SteadilyError:
            return False
        return True

    def by_frame(self, row: Row, dtypes: Mapping[str, str]) -> dict[str, Any] | None:
        """Take the row through the step itself; None where it is dropped or refused."""
        try:
            found = self.apply(frame_of([row], dtypes))
        except Exception:
            return None
        frame = found[0] if isinstance(found, tuple) else found
        return plain(frame) if len(frame) else None

    def by_row(self, row: Row) -> dict[str, Any] | None:
        """Take the row through the form for single rows; None where it has no answer."""
        before = copy.deepcopy(row)
        try:
            found = self.single(row)
        except Exception:
            found = None
        assert list(row) == list(before)
        assert not differing(row, before), "the row that it was given has been changed"
        return None if found is None else dict(found)

    def agree(self, row: Row, dtypes: Mapping[str, str], *, sure: bool = False) -> None:
        """Hold both ways against each other; ``sure`` asks the short one to have an answer."""
        if not self.fits(dtypes):
            return
        quick = self.by_row(row)
        if quick is None:
            assert not sure, "no answer where there should be one"
            return
        slow = self.by_frame(row, dtypes)
        assert slow is not None, f"the frame's way drops or refuses what becomes {quick}"
        assert not differing(quick, slow), f"{quick} and {slow}"
        assert list(quick) == list(slow), "the columns stand in another order"


def stored(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give a learned state as it comes back from its files."""
    with tempfile.TemporaryDirectory() as folder:
        save_state(Path(folder), state)
        return load_state(Path(folder))
