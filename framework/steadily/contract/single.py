"""Holding one row of plain values against a contract, where that is plain; what is not is left to ``check``.

Owns the short way. It only ever says "this row keeps it" or "not sure": the
verdict on a row that fails, and its words, are ``check``'s.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from steadily.casting import DAY_ALONE, EPOCH, MOMENT, microseconds
from steadily.contract.check import comparable
from steadily.contract.constraints import Constraint, passing
from steadily.contract.form import Column
from steadily.dtypes import DATETIME, FAMILY

if TYPE_CHECKING:
    from steadily.contract import Contract

Row = Mapping[str, Any]
EXACT = 2**53  # whole numbers beyond can't be told apart as float64
UNSURE = object()
FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+")
ZONED, DAYS = re.compile(MOMENT), re.compile(DAY_ALONE)
ORDERS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "equal_to": ("value", operator.eq),
    "not_equal_to": ("value", operator.ne),
    "greater_than": ("min_value", operator.gt),
    "greater_than_or_equal_to": ("min_value", operator.ge),
    "less_than": ("max_value", operator.lt),
    "less_than_or_equal_to": ("max_value", operator.le),
}


def single(contract: Contract, *, from_text: bool = True) -> Callable[[Row], dict[str, Any] | None]:
    """Give a function that brings a row to a contract's columns and types; None where it fails, or may fail.

    Rows are plain values, None for missing; moments are datetimes in UTC.

    Args:
        contract: The contract.
        from_text: Whether a moment may also be text in ISO 8601, as where rows come in.
    """
    readers = READERS if from_text else READERS | {DATETIME: instant}
    columns = [
        (column.name, column.nullable, readers[FAMILY.get(column.dtype, column.dtype)], conditions(column))
        for column in contract.columns
    ]
    strict = set(contract.dtypes) if contract.strict is True else None
    needed = [column.name for column in contract.columns if column.required]

    def kept(row: Row) -> dict[str, Any] | None:
        if (strict is not None and row.keys() - strict) or not all(name in row for name in needed):
            return None
        made: dict[str, Any] = {}
        for name, nullable, read, passes in columns:
            value = row.get(name)
            if value is None:
                if not nullable:
                    return None
            else:
                value = read(value)
                if value is UNSURE or not all(one(value) for one in passes):
                    return None
            made[name] = value
        return made

    return kept


def text(value: Any) -> Any:
    """Read text."""
    return value if isinstance(value, str) else UNSURE


def whole(value: Any) -> Any:
    """Read a whole number."""
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < EXACT else UNSURE


def number(value: Any) -> Any:
    """Read a floating number."""
    if isinstance(value, float):
        return value if value == value else UNSURE
    return float(value) if type(value) is int and abs(value) < EXACT else UNSURE


def truth(value: Any) -> Any:
    """Read a truth value."""
    return value if isinstance(value, bool) else UNSURE


def instant(value: Any) -> Any:
    """Read a moment that is one already."""
    return value if isinstance(value, dt.datetime) and value.tzinfo is dt.UTC else UNSURE


def moment(value: Any) -> Any:
    """Read a moment."""
    if not isinstance(value, str):
        return instant(value)
    found = value.strip()
    found = f"{found}T00:00:00Z" if DAYS.match(found) else found
    micro = microseconds(FRACTION.sub(r"\1", found)) if ZONED.match(found) else None
    if micro is None:
        return UNSURE
    try:
        return (EPOCH + dt.timedelta(microseconds=micro)).replace(tzinfo=dt.UTC)
    except OverflowError:
        return UNSURE


READERS: dict[str, Callable[[Any], Any]] = {
    "str": text,
    "int64": whole,
    "float64": number,
    "bool": truth,
    DATETIME: moment,
}


def conditions(column: Column) -> list[Callable[[Any], bool]]:
    """Give the checks of a column, less those that only warn."""
    return [condition(column.dtype, one) for one in column.constraints if not one.warns]


def condition(dtype: str, constraint: Constraint) -> Callable[[Any], bool]:
    """Give one check as a function of a value."""
    name, arguments = constraint.check, {key: plain(dtype, value) for key, value in constraint.arguments}
    if name in ORDERS:
        argument, compares = ORDERS[name]
        bound = arguments[argument]
        return lambda value: compares(value, bound)
    if name == "in_range":
        low, high = arguments["min_value"], arguments["max_value"]
        above = operator.ge if arguments.get("include_min", True) else operator.gt
        below = operator.le if arguments.get("include_max", True) else operator.lt
        return lambda value: above(value, low) and below(value, high)
    if name == "isin":
        allowed = frozenset(arguments["allowed_values"])
        return lambda value: value in allowed
    if name == "notin":
        forbidden = frozenset(arguments["forbidden_values"])
        return lambda value: value not in forbidden
    if name == "str_length":
        exact = arguments.get("exact_value")
        least, most = arguments.get("min_value", exact), arguments.get("max_value", exact)
        return lambda value: (least is None or len(value) >= least) and (most is None or len(value) <= most)
    if name in ("str_startswith", "str_endswith"):
        part, tail = arguments["string"], name == "str_endswith"
        return lambda value: value.endswith(part) if tail else value.startswith(part)
    return by_column(dtype, constraint)  # patterns, which the engine behind text columns reads in a way of its own


def by_column(dtype: str, constraint: Constraint) -> Callable[[Any], bool]:
    """Give a check as a function of a value, by way of a column of that value alone."""
    import pandas as pd

    def passes(value: Any) -> bool:
        return bool(passing(pd.Series([value], dtype=dtype), constraint, comparable(dtype)).iloc[0])

    return passes


def plain(dtype: str, value: Any) -> Any:
    """Give a check's argument as values are compared with it: ISO text of a moment as a datetime."""
    if isinstance(value, tuple):
        return tuple(plain(dtype, one) for one in value)
    return (
        dt.datetime.fromisoformat(value).astimezone(dt.UTC) if dtype == DATETIME and isinstance(value, str) else value
    )
