"""Rows gathered by key and by the steps at which they count: what can be done part by part, and adds up.

Owns the arithmetic of time: a row enters at one step of the grid and counts for the
last time at another. Rows of a key that enter and leave together are one from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steadily import DataError, need_columns
from steadily_features.exact import sums
from steadily_features.values import Value
from steadily_features.where import met

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ENTER, LEAVE = "enter", "leave"
ADDED = ("mean", "sum", "count")


@dataclass(frozen=True)
class Times:
    """The column of the time, the grid, the delay (both in microseconds) or the column of what was known when."""

    time: str
    every: int
    delay: int
    available: str | None
    over: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Gathered:
    """What rows come to, by key, ``enter`` and ``leave`` (steps counted from 1970).

    Attributes:
        present: How many rows there are, over the longest window.
        values: By value, ``rows`` and ``total`` (of floats ``units``) of what is added up, else ``value`` and, of
            the last, its moment ``at``.
        last: The first step at which all rows are known; None without any.
    """

    present: pd.DataFrame
    values: Mapping[str, pd.DataFrame]
    last: int | None


def gather(frame: pd.DataFrame, keys: list[str], times: Times, values: Mapping[str, Value]) -> Gathered:
    """Gather the rows of one part."""
    need_columns(frame, [*keys, times.time, *([times.available] if times.available else [])])
    for name in keys:
        refuse_key(frame[name])
    named = {f"key {place}": frame[name].reset_index(drop=True) for place, name in enumerate(keys)}
    entered, happened = known(frame, times)
    found = {}
    for name, over in {**times.over, "": max(times.over.values())}.items():
        leave = (happened + times.delay + over) // times.every
        if name:
            found[name] = of_value(named, entered, leave, frame.reset_index(drop=True), times, name, values[name])
        else:
            present = counted(named, entered, leave)
    return Gathered(present, found, int(entered.max()) if len(entered) else None)


def known(frame: pd.DataFrame, times: Times) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Give the first step at which each row is known, and its time in microseconds since 1970."""
    import numpy as np

    happened = moments(frame[times.time])
    seen = happened + times.delay
    if times.available:
        gone = int(frame[times.available].isna().sum())
        if gone:
            raise DataError.at(f"column '{times.available}'", f"{gone:,} rows do not say when they were known")
        seen = np.maximum(happened, moments(frame[times.available]))
    return seen // times.every + 1, happened


def moments(column: pd.Series) -> np.ndarray[Any, Any]:
    """Give moments as microseconds since 1970."""
    import numpy as np
    import pandas as pd

    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        hint = "dates.parse makes them of text"
        raise DataError.at(f"column '{column.name}'", "has to hold moments", given=column.dtype, hint=hint)
    return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("M8[us]").astype("int64"))


def refuse_key(column: pd.Series) -> None:
    """Refuse keys that are not equal for certain when they are written down and read again."""
    from pandas.api import types

    dtype = column.dtype
    if not (types.is_bool_dtype(dtype) or types.is_integer_dtype(dtype) or types.is_string_dtype(dtype)):
        allowed = "text, whole numbers, true and false"
        raise DataError.at(f"column '{column.name}'", "can't be a key", given=dtype, allowed=allowed)


def counted(named: dict[str, Any], entered: Any, leave: Any) -> pd.DataFrame:
    """Count the rows of each key that enter and leave together; those that never count are left out."""
    import numpy as np
    import pandas as pd

    at = entered <= leave
    table = pd.DataFrame({**named, ENTER: entered, LEAVE: leave})[at]
    groups, distinct = grouped(table)
    return distinct.assign(rows=np.bincount(groups, minlength=len(distinct)).astype("int64"))


def grouped(table: pd.DataFrame) -> tuple[np.ndarray[Any, Any], pd.DataFrame]:
    """Number the distinct rows of a table in their order, and give them."""
    import numpy as np

    groups = table.groupby(list(table.columns), sort=True).ngroup().to_numpy()
    _, first = np.unique(groups, return_index=True)
    return groups, table.iloc[first].reset_index(drop=True)


def of_value(
    named: dict[str, Any], entered: Any, leave: Any, frame: pd.DataFrame, times: Times, name: str, value: Value
) -> pd.DataFrame:
    """Gather what one value is made of: rows that meet its conditions and have a value."""
    import pandas as pd

    wanted = [condition["column"] for condition in value.get("where", ())]
    need_columns(frame, [*wanted, *([value["of"]] if "of" in value else [])])
    at = (entered <= leave) & met(frame, value.get("where", []))
    column = plain(frame[value["of"]], value["take"], at) if "of" in value else None
    if column is not None:
        at &= column.notna().to_numpy()
    table = pd.DataFrame({**named, ENTER: entered, LEAVE: leave})[at]
    if value["take"] in ADDED:
        return added_up(table, None if column is None or value["take"] == "count" else column[at])
    assert column is not None  # noqa: S101 (checked with the parameters)
    return chosen(table.assign(value=column[at], at=moments(frame[times.time])[at]), value["take"])


def added_up(table: pd.DataFrame, column: pd.Series | None) -> pd.DataFrame:
    """Count rows, and add up their values without rounding."""
    import numpy as np

    groups, distinct = grouped(table)
    found = distinct.assign(rows=np.bincount(groups, minlength=len(distinct)).astype("int64"))
    if column is None:
        return found
    floats = column.dtype.kind == "f"
    values = column.to_numpy(dtype="float64" if floats else "int64")
    return found.assign(**{"units" if floats else "total": sums(values, groups, len(distinct))})


def chosen(table: pd.DataFrame, take: str) -> pd.DataFrame:
    """Keep of the rows of a key that enter and leave together the smallest, the largest or the last."""
    by = [name for name in table.columns if name not in ("value", "at")]
    order = ["at", "value"] if take == "last" else ["value", "at"]
    table = table.sort_values([*by, *order], ascending=[True] * len(by) + [take != "min", True], kind="stable")
    return table.drop_duplicates(by, keep="last").reset_index(drop=True)


def plain(column: pd.Series, take: str, at: Any) -> pd.Series:
    """Give a column as what is taken of it needs it; -0.0 is 0.0.

    Raises:
        DataError: It is of a type that has none, or holds what is infinite.
    """
    import numpy as np
    from pandas.api import types

    dtype = column.dtype
    if take == "count":
        return column
    number = types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)
    fits = {
        "mean": number or types.is_bool_dtype(dtype),
        "sum": number or types.is_bool_dtype(dtype),
        "last": number or types.is_bool_dtype(dtype) or types.is_string_dtype(dtype) or is_moment(dtype),
    }.get(take, number or is_moment(dtype))
    if not fits:
        raise DataError.at(f"column '{column.name}'", f"has no {take}", given=dtype)
    if types.is_float_dtype(dtype):
        column = column.astype("float64") + 0.0
        if np.isinf(column.to_numpy()[at]).any():
            raise DataError.at(
                f"column '{column.name}'", "holds what is infinite", hint="give it a range in a contract"
            )
        return column
    form = {"b": "boolean", "i": "Int64", "u": "Int64"}.get(getattr(dtype, "kind", ""))
    return column.astype(form) if form else column  # type: ignore[call-overload]


def is_moment(dtype: Any) -> bool:
    """Tell whether a type is that of moments with a zone."""
    import pandas as pd

    return isinstance(dtype, pd.DatetimeTZDtype)


def merged(parts: list[Gathered]) -> Gathered:
    """Put parts together; rows that enter and leave together are added up when the values are made."""
    import pandas as pd

    some = [part for part in parts if len(part.present)] or parts[:1]
    return Gathered(
        pd.concat([part.present for part in some], ignore_index=True),
        {
            name: pd.concat([part.values[name] for part in some], ignore_index=True)
            for name in (some[0].values if some else ())
        },
        max((part.last for part in parts if part.last is not None), default=None),
    )
