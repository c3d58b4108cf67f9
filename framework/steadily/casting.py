"""Reading values as a contract's types: text by strict patterns, typed columns by lossless casts only.

Owns which text is which value, and which column may become which type. It says
which cells can't be read; the words for that, and what becomes of the rows, are
left to the contract. Row ids rest on it, so what is read, and as what, is part
of Steadily's data format: never change it without a new format number.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from steadily.dtypes import DATETIME, FAMILY, MASKED

EPOCH = dt.datetime(1970, 1, 1)
INTEGER = r"^[+-]?[0-9]+(\.0*)?$"
NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
DAY = (
    r"([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
    r"-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
)
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
ZONE = r"(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])"
MOMENT = f"^{DAY}[T ]{CLOCK}{ZONE}$"
DAY_ALONE = f"^{DAY}$"
# What databases give as Python objects, and what these can be: by way of their text, which is exact.
OF_OBJECTS = {"decimal": ("int64", "float64"), "date": (DATETIME,)}
TRUE, FALSE = ("1", "true", "True", "TRUE"), ("0", "false", "False", "FALSE")

Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True)
class Cast:
    """A column in its contract's type; ``bad`` marks the cells that can't be read (missing in ``values``)."""

    values: pd.Series
    bad: Mask | None = None


def cast(column: pd.Series, dtype: str, *, from_text: bool = True) -> Cast | None:
    """Read a column as ``dtype``.

    Args:
        column: Any column, typed or text.
        dtype: One of ``dtypes.DTYPES``.
        from_text: Whether text may be read as numbers, dates and truth values.

    Returns:
        The column in the type's form (masked where whole numbers or truth values
        are missing), or None if a column of this type can't become ``dtype``.

    >>> cast(pd.Series(["1", " 2.0 ", "abc", None]), "int64").values.tolist()
    [1, 2, <NA>, <NA>]
    """
    family = FAMILY.get(dtype, dtype)
    column = unboxed(column)
    if is_text(column):
        if family == "str":
            return Cast(as_type(column, "str"))
        return text_as(column, family) if from_text or column.isna().all() else None
    return typed_as(column, family)


def is_text(column: pd.Series) -> bool:
    """Say whether a column that was unboxed holds text (one in which all is missing counts as text)."""
    return isinstance(column.dtype, pd.StringDtype) or bool(column.dtype == object and column.isna().all())


def unboxed(column: pd.Series) -> pd.Series:
    """Give a column of Python objects, of categories or of Arrow's types in the plain type of what it holds."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    elif isinstance(column.dtype, pd.ArrowDtype):
        column = pd.Series(pa.array(column, from_pandas=True).to_pandas(), index=column.index, name=column.name)
    if column.dtype != object:
        return column
    kind = pd.api.types.infer_dtype(column, skipna=True)
    form = {"string": "str", "integer": "Int64", "boolean": "boolean", "floating": "float64"}
    if kind in ("datetime", "datetime64"):
        return of_moments(column)
    try:
        return as_type(column, form[kind]) if kind in form else column
    except (OverflowError, TypeError, ValueError):  # integers beyond 64 bits, text that is no Unicode
        return column


def of_moments(column: pd.Series) -> pd.Series:
    """Give Python datetimes their type; where some have a zone and some have none, leave them."""
    try:
        return pd.to_datetime(column, utc=all(value.tzinfo is not None for value in column.dropna()))
    except (TypeError, ValueError, OverflowError):
        return column


def text_as(column: pd.Series, family: str) -> Cast:
    """Read text as numbers, truth values or moments; blank text is missing."""
    text = pc.utf8_trim_whitespace(arrow_text(column))
    text = pc.if_else(pc.equal(text, ""), None, text)
    values = {"int64": whole_numbers, "float64": numbers, "bool": truths, DATETIME: moments}[family](text)
    bad = as_mask(pc.and_(pc.is_valid(text), pc.is_null(values)))
    return Cast(pandas_form(values, family, column), bad if bad.any() else None)


def arrow_text(column: pd.Series) -> Any:
    """Give a column of text as one Arrow array."""
    text = pa.array(column, type=pa.large_string(), from_pandas=True)
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def pandas_form(values: Any, family: str, column: pd.Series) -> pd.Series:
    """Make an Arrow array a Series over the rows of ``column``; masked where pandas has no other missing."""
    if family == DATETIME:
        micro = values.cast(pa.int64())
        stamps = micro.fill_null(np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)  # pandas' NaT
        made = pd.Series(stamps.view("M8[us]"), index=column.index, name=column.name)
        return made.dt.tz_localize("UTC")
    if family == "float64":
        return pd.Series(values.to_numpy(zero_copy_only=False), index=column.index, name=column.name, dtype="float64")
    missing = as_mask(values.is_null())
    held = values.fill_null(False if family == "bool" else 0).to_numpy(zero_copy_only=False)
    if not missing.any():
        return pd.Series(held, index=column.index, name=column.name)
    masked = pd.arrays.BooleanArray if family == "bool" else pd.arrays.IntegerArray
    return pd.Series(masked(np.array(held), missing), index=column.index, name=column.name)


def whole_numbers(text: Any) -> Any:
    """Read text such as "1", "-3" and "2.0"; null where it is no whole number of 64 bits."""
    text = where(text, pc.match_substring_regex(text, INTEGER))
    text = pc.replace_substring_regex(pc.utf8_ltrim(text, "+"), r"\.0*$", "")
    try:
        return pc.cast(text, pa.int64())
    except pa.ArrowInvalid:
        return pa.array([small(value) for value in text.to_pylist()], type=pa.int64())


def small(text: str | None) -> int | None:
    """Read a whole number, or give None if 64 bits can't hold it."""
    if text is None or len(text) > 4000:  # Python itself refuses to read longer ones
        return None
    value = int(text)
    return value if -(2**63) <= value < 2**63 else None


def numbers(text: Any) -> Any:
    """Read text such as "1", ".5" and "-1e6"; null where it is no finite number."""
    values = pc.cast(where(text, pc.match_substring_regex(text, NUMBER)), pa.float64())
    return where(values, pc.is_finite(values))


def truths(text: Any) -> Any:
    """Read text such as "true", "False" and "1"; null where it is neither true nor false."""
    true = pc.is_in(text, value_set=pa.array(TRUE, pa.large_string()))
    false = pc.is_in(text, value_set=pa.array(FALSE, pa.large_string()))
    return where(true, pc.or_(true, false))


def moments(text: Any) -> Any:
    """Read ISO 8601 with a zone, or a day alone (its midnight in UTC), to the microsecond; null where it is neither."""
    text = pc.replace_substring_regex(text, DAY_ALONE, r"\0T00:00:00Z")
    text = where(text, pc.match_substring_regex(text, MOMENT))
    text = pc.replace_substring_regex(text, r"(\.[0-9]{6})[0-9]+", r"\1")
    try:
        return pc.cast(text, pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:  # the 30th of February
        micro = pa.array([microseconds(value) for value in text.to_pylist()], type=pa.int64())
        return micro.cast(pa.timestamp("us", "UTC"))


def microseconds(text: str | None) -> int | None:
    """Count the microseconds since 1970, or give None if the calendar has no such day."""
    try:
        moment = dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    since = moment.replace(tzinfo=None) - EPOCH - (moment.utcoffset() or dt.timedelta())
    return since // dt.timedelta(microseconds=1)


def typed_as(column: pd.Series, family: str) -> Cast | None:
    """Cast a typed column where nothing is lost by it; None where the type is another one."""
    if str(column.dtype) == family:
        return Cast(column)
    kind = "M" if isinstance(column.dtype, pd.DatetimeTZDtype) else getattr(column.dtype, "kind", "O")
    if kind == "M":
        aware = isinstance(column.dtype, pd.DatetimeTZDtype)
        return Cast(column.dt.tz_convert("UTC").astype(DATETIME)) if family == DATETIME and aware else None
    if family in OF_OBJECTS.get(pd.api.types.infer_dtype(column, skipna=True) if kind == "O" else "", ()):
        return text_as(as_type(column.map(str, na_action="ignore"), "str"), family)
    if kind == "b":
        return Cast(complete(column, "bool")) if family == "bool" else None
    if kind not in "iuf" or family not in ("int64", "float64", "bool"):
        return None
    return {"int64": to_whole, "float64": to_float, "bool": to_truth}[family](column)


def complete(column: pd.Series, dtype: str) -> pd.Series:
    """Give a column numpy's type if nothing in it is missing, the masked one otherwise."""
    return as_type(column, MASKED[dtype] if column.isna().any() else dtype)


def as_type(column: pd.Series, dtype: str) -> pd.Series:
    """Make a column one of pandas' type ``dtype``."""
    if column.dtype == dtype:
        return column  # most columns are what they should be, and astype is not free
    made: pd.Series = column.astype(dtype)  # type: ignore[call-overload]  # the stubs know literals only
    return made


def to_whole(column: pd.Series) -> Cast:
    """Make numbers whole ones; bad where they are not whole or 64 bits can't hold them."""
    if column.dtype.kind in "iu" and column.dtype.name.lower() != "uint64":
        return Cast(complete(column, "int64"))
    missing = as_mask(column.isna())
    if column.dtype.kind == "u":
        held = column.to_numpy(dtype="uint64", na_value=0)
        good = held < 2**63
    else:
        held = column.to_numpy(dtype="float64", na_value=np.nan)
        good = (held == np.floor(held)) & (held >= -(2.0**63)) & (held < 2.0**63)
    whole = np.where(good, held, 0).astype("int64")
    return masked(column, pd.arrays.IntegerArray, whole, good, missing)


def to_truth(column: pd.Series) -> Cast:
    """Make 0 and 1 false and true, as databases without truth values keep them; bad where they are neither."""
    held = column.to_numpy(dtype="float64", na_value=np.nan)
    good = (held == 0) | (held == 1)
    return masked(column, pd.arrays.BooleanArray, held == 1, good, as_mask(column.isna()))


def masked(column: pd.Series, array: Any, held: Any, good: Mask, missing: Mask) -> Cast:
    """Put values into a Series; those which are not good are bad, unless they were missing."""
    bad = ~good & ~missing
    if good.all():
        return Cast(pd.Series(held, index=column.index, name=column.name))
    return Cast(pd.Series(array(held, ~good), index=column.index, name=column.name), bad if bad.any() else None)


def to_float(column: pd.Series) -> Cast:
    """Make numbers floating ones; bad where a whole number is too large to stay exact."""
    values = column.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    made = pd.Series(values, index=column.index, name=column.name)
    if column.dtype.kind == "f" or not (np.abs(values) >= 2.0**53).any():
        return Cast(made)
    exact = [pd.isna(old) or int(old) == int(new) for old, new in zip(column, values, strict=True)]
    bad = ~np.array(exact, dtype=bool)
    return Cast(made.mask(bad), bad) if bad.any() else Cast(made)


def where(values: Any, kept: Any) -> Any:
    """Keep the values for which ``kept`` is true; the others become null."""
    return pc.if_else(pc.fill_null(kept, False), values, None)


def as_mask(values: Any) -> Mask:
    """Make an Arrow array or a Series of truth values a numpy mask."""
    if isinstance(values, pd.Series):
        return values.to_numpy(dtype=bool)
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=bool)
