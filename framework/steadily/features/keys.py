"""Keys and moments as they are compared: of one kind on both sides, written in one way.

Owns the text of a key in a store, and which types go together.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from steadily.errors import DataError
from steadily.lookups import FeatureSet

Moments = np.ndarray[Any, np.dtype[np.int64]]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
NEVER = np.int64(np.iinfo("int64").min)  # a row without a time


def kind_of(dtype: Any) -> str:
    """Tell the kind of a key's type: text, whole number, truth value, or another one by its name."""
    if types.is_bool_dtype(dtype):
        return "truth value"
    if types.is_integer_dtype(dtype):
        return "whole number"
    return "text" if types.is_string_dtype(dtype) else str(dtype)


def refuse_other_keys(found: FeatureSet, keys: pd.DataFrame) -> None:
    """Refuse keys of another kind than the set's: they would agree nowhere, and silently so.

    Raises:
        DataError: Naming the column.
    """
    for name, dtype in found.keys.items():
        if kind_of(keys[name].dtype) != kind_of(pd.api.types.pandas_dtype(dtype)):
            what = f"the rows have it as {keys[name].dtype}, and feature set {found.name} as {dtype}"
            raise DataError.at(f"column '{name}'", what, hint="rows.cast gives both the same type")


def plain_keys(keys: pd.DataFrame) -> list[tuple[Any, ...] | None]:
    """Give each row's key as plain values; None where a part is missing."""
    columns = [
        [None if gone else value for value, gone in zip(column.tolist(), column.isna().tolist(), strict=True)]
        for _, column in keys.items()
    ]
    return [None if None in row else row for row in zip(*columns, strict=True)]


def key_text(key: tuple[Any, ...]) -> str:
    """Write a key as a store has it.

    >>> key_text(("EWR", 7)), key_text(("7",))
    ('["EWR",7]', '["7"]')
    """
    return json.dumps(key, ensure_ascii=False, separators=(",", ":"))


def microseconds(moments: pd.Series[Any]) -> Moments:
    """Give moments as microseconds since 1970 in UTC; ``NEVER`` for a missing one.

    Raises:
        DataError: The column holds no moments.
    """
    if not isinstance(moments.dtype, pd.DatetimeTZDtype):
        hint = "dates.parse makes them of text"
        raise DataError.at(f"column '{moments.name}'", "has to hold moments", given=moments.dtype, hint=hint)
    plain = moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("M8[us]")
    return np.asarray(plain.astype("int64"))


def typed(values: list[Any], dtype: str, index: pd.Index[Any]) -> pd.Series[Any]:
    """Make a column of plain values; None is missing, moments are microseconds since 1970.

    Args:
        values: Numbers, texts, truth values, moments, None.
        dtype: The column's type.
        index: The rows.
    """
    if dtype == "float64":
        return pd.Series(np.array([np.nan if value is None else value for value in values], dtype="float64"), index)
    if dtype.startswith("datetime64"):
        numbers = [int(NEVER) if value is None else value for value in values]  # which NumPy takes for NaT
        return pd.Series(np.array(numbers, dtype="int64").astype("M8[us]"), index).dt.tz_localize("UTC")
    return pd.Series(pd.array(values, dtype=dtype), index)  # type: ignore[call-overload]


def plain(column: pd.Series[Any]) -> list[Any]:
    """Give a column's values as JSON has them; the other way round of ``typed``."""
    missing = column.isna().tolist()
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        values: list[Any] = microseconds(column).tolist()
    else:
        values = column.tolist()
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def by_name(columns: Mapping[str, str], values: Iterable[Any]) -> dict[str, Any]:
    """Give one row's plain values by their columns' names; moments with their zone."""
    return {
        name: EPOCH + value * MICROSECOND if value is not None and dtype.startswith("datetime64") else value
        for (name, dtype), value in zip(columns.items(), values, strict=True)
    }


def microsecond(moment: dt.datetime) -> int:
    """Give a moment as microseconds since 1970 in UTC.

    >>> microsecond(dt.datetime(1970, 1, 1, 1, tzinfo=dt.UTC))
    3600000000
    """
    return (moment - EPOCH) // MICROSECOND
