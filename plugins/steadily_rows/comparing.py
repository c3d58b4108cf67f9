"""Comparing a column with a value from the configuration: conditions are data and never code.

Owns the operators and which value fits which column. What becomes of the rows
that meet a condition is left to the steps.
"""

from __future__ import annotations

import datetime as dt
import operator
from typing import TYPE_CHECKING, Any, Literal

from steadily import DataError

if TYPE_CHECKING:
    import pandas as pd

Scalar = str | int | float | bool
Order = Literal["<", "<=", ">", ">="]
Comparison = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not_in", "contains"]
Presence = Literal["is_missing", "not_missing"]
ORDERS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def met(column: pd.Series, op: str, value: Any) -> pd.Series:
    """Say for each row whether it meets a comparison; missing where its value is.

    Args:
        column: Numbers, text, truth values or moments.
        op: One of ``Comparison``.
        value: A number, a text, a truth value; a moment is written in ISO 8601
            (UTC where it says no zone). A list for ``in`` and ``not_in``.

    Returns:
        A Series of dtype ``boolean`` on the column's index.

    Raises:
        DataError: A value of this type can't be compared with the column.

    >>> import pandas as pd
    >>> met(pd.Series([1.0, None, 20.0]), ">", 15).tolist()
    [False, <NA>, True]
    """
    if op == "contains":
        found = contains(column, value)
    elif op in ("in", "not_in"):
        found = column.isin([fitting(column, item) for item in value]) == (op == "in")
    else:
        found = getattr(column, ORDERS[op])(ordered(column, op, value))
    return found.astype("boolean").mask(column.isna())


def met_by(value: Any, op: str, expected: Any) -> bool | None:
    """Say whether one value, not missing, meets a comparison; None where only ``met`` can tell.

    >>> met_by(3, ">", 2.5), met_by("ham", "in", ["ham", "spam"]), met_by("ham", ">", 1)
    (True, True, None)
    """
    if op in ("in", "not_in"):
        found = [met_by(value, "==", item) for item in expected]
        return None if None in found else any(found) == (op == "in")
    if isinstance(value, dt.datetime) and isinstance(expected, str):
        expected = instant(expected)
    elif value is None or kind_of_value(value) != kind_of_value(expected) or (is_large(value) or is_large(expected)):
        return None
    if op == "contains":
        return expected in value if isinstance(value, str) else None
    ordered_kind = not isinstance(value, str | bool)
    return bool(getattr(operator, ORDERS[op])(value, expected)) if ordered_kind or op in ("==", "!=") else None


def is_large(value: Any) -> bool:
    """Tell a whole number that a floating one may not hold, so that columns compare it in a way of their own."""
    return isinstance(value, int) and abs(value) >= 2**53


def instant(text: str) -> dt.datetime:
    """Read ISO 8601, in UTC where it says no zone."""
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def contains(column: pd.Series, value: str) -> pd.Series:
    """Say whether a text holds another one as it stands."""
    if kind_of(column) != "text":
        raise DataError.at(f"column '{column.name}'", "'contains' needs text", given=column.dtype)
    return column.str.contains(value, regex=False)


def ordered(column: pd.Series, op: str, value: Scalar) -> Any:
    """Give the value to compare with; only numbers and moments have an order that means something."""
    if op not in ("==", "!=") and kind_of(column) not in ("number", "moment"):
        raise DataError.at(
            f"column '{column.name}'",
            f"'{op}' needs numbers or moments",
            given=column.dtype,
            hint="rows.cast or dates.parse make them of text",
        )
    return fitting(column, value)


def kind_of(column: pd.Series) -> str:
    """Tell a column's kind: number, text, truth value, moment, or another one."""
    from pandas.api import types

    if types.is_bool_dtype(column.dtype):
        return "truth value"
    if types.is_numeric_dtype(column.dtype):
        return "number"
    if types.is_datetime64_any_dtype(column.dtype):
        return "moment"
    return "text" if types.is_string_dtype(column.dtype) else str(column.dtype)


def kind_of_value(value: Scalar) -> str:
    """Tell a value's kind, in the same words.

    >>> kind_of_value(True), kind_of_value(1), kind_of_value("a")
    ('truth value', 'number', 'text')
    """
    if isinstance(value, bool):
        return "truth value"
    return "text" if isinstance(value, str) else "number"


def fitting(column: pd.Series, value: Scalar) -> Any:
    """Give the value in the column's kind, or refuse it."""
    kind, given = kind_of(column), kind_of_value(value)
    if kind == "moment" and given == "text":
        return moment(column, str(value))
    if kind != given:
        raise DataError.at(
            f"column '{column.name}'",
            f"a {given} can't be compared with {column.dtype}",
            given=repr(value),
            allowed="a date in ISO 8601, such as '2002-09-25'" if kind == "moment" else f"a {kind}",
        )
    return value


def moment(column: pd.Series, text: str) -> pd.Timestamp:
    """Read ISO 8601 as a moment that the column can be compared with."""
    import pandas as pd

    try:
        found = instant(text)
    except ValueError:
        raise DataError.at(
            f"column '{column.name}'", "the value is no date", given=repr(text), allowed="ISO 8601: '2002-09-25'"
        ) from None
    stamp = pd.Timestamp(found.astimezone(dt.UTC))
    return stamp if isinstance(column.dtype, pd.DatetimeTZDtype) else stamp.tz_localize(None)
