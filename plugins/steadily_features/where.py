"""Which rows a value is made of: conditions as data, never as code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import TypedDict

from steadily import DataError, PluginError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Scalar = str | int | float | bool
Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not_in"]
ORDERS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


class Condition(TypedDict):
    """A column, an operator, and what to compare with."""

    column: str
    op: Operator
    value: Scalar | list[Scalar]


def check_condition(where: str, condition: Condition) -> None:
    """Refuse an operator with a value that it can't have."""
    many = condition["op"] in ("in", "not_in")
    if many != isinstance(condition["value"], list):
        allowed = "a list" if many else "a number, a text, true or false"
        what = f"the value does not fit '{condition['op']}'"
        raise PluginError.at(where, what, given=repr(condition["value"]), allowed=allowed)


def met(frame: pd.DataFrame, conditions: list[Condition]) -> np.ndarray[Any, Any]:
    """Say which rows meet all conditions; a missing value meets none.

    Raises:
        DataError: A value can't be compared with its column.
    """
    import numpy as np

    found = np.ones(len(frame), dtype=bool)
    for condition in conditions:
        column, op, value = frame[condition["column"]], condition["op"], condition["value"]
        for one in value if isinstance(value, list) else [value]:
            refuse_other_kind(column, one)
        among = op in ("in", "not_in")
        answer = column.isin(value) == (op == "in") if among else getattr(column, ORDERS[op])(value)  # type: ignore[arg-type]
        found &= answer.astype("boolean").mask(column.isna()).fillna(False).to_numpy(dtype=bool)
    return found


def refuse_other_kind(column: pd.Series, value: Scalar) -> None:
    """Refuse to compare text with numbers, or truth values with either."""
    from pandas.api import types

    kinds = {"truth value": types.is_bool_dtype, "number": types.is_numeric_dtype, "text": types.is_string_dtype}
    kind = next((name for name, test in kinds.items() if test(column.dtype)), str(column.dtype))
    given = "truth value" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    if kind != given:
        what = f"a {given} can't be compared with {column.dtype}"
        raise DataError.at(f"column '{column.name}'", what, given=repr(value), allowed=f"a {kind}")
