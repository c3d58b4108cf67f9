"""The step that adds columns of another table to the rows.

Owns that no row is multiplied: each finds one row of the table, or none. The
parameter is called ``keys`` since YAML 1.1 reads a key ``on`` as true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from steadily import DataError, PluginError, Table, need_columns, step
from steadily_rows.comparing import kind_of
from steadily_rows.lookup import lookup_for, plain
from steadily_rows.reasons import cut, saying, without

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import pandas as pd

WHOLE = {"i": "Int", "u": "UInt"}


def check_join(*, table: str, keys: list[str], columns: list[str] | None = None, how: str = "left") -> None:
    """Refuse a join on nothing, and one that brings in its own keys."""
    if not keys:
        raise PluginError.at("keys", "a join needs at least one column")
    doubled = sorted(set(keys) & set(columns or []))
    if doubled:
        raise PluginError.at("columns", "the rows have these from 'keys' already", given=", ".join(doubled))


def join_one(
    *,
    table: pd.DataFrame,
    keys: list[str],
    columns: list[str] | None = None,
    how: Literal["left", "inner"] = "left",
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``join`` for one row; keys of other types than the table's are left to the frame's way."""
    lookup_for(table, keys)  # refuses a table in which a row could find two others
    added = [name for name in table.columns if name not in keys] if columns is None else list(dict.fromkeys(columns))
    places = list(zip(*(plain(table[name]) for name in keys), strict=True))
    types = [{type(key[place]) for key in places if key[place] is not None} for place in range(len(keys))]
    found = list(zip(*(plain(table[name]) for name in added), strict=True)) if added else [()] * len(places)
    rows = {key: values for key, values in zip(places, found, strict=True) if None not in key}
    nothing = (None,) * len(added)

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        key = tuple(row[name] for name in keys)
        foreign = any(value is not None and type(value) not in known for value, known in zip(key, types, strict=True))
        values = rows.get(key)
        if foreign or (values is None and how == "inner") or any(name in row for name in added):
            return None
        return {**row, **dict(zip(added, values or nothing, strict=True))}

    return single


@step("rows.join", single=join_one)
def join(
    frame: pd.DataFrame,
    *,
    table: Table,
    keys: list[str],
    columns: list[str] | None = None,
    how: Literal["left", "inner"] = "left",
) -> tuple[pd.DataFrame, pd.Series]:
    """Add columns of another table to the rows that agree with it in ``keys``; rows keep their ids and order.

    Each row of the table has to be the only one with its values in ``keys``. Missing values agree with nothing.

    Args:
        frame: The rows.
        table: The input of the stage to take them from.
        keys: The columns to agree in, of the same name on both sides.
        columns: Which of the table's columns to add; all others by default.
        how: Rows that agree with none stay, with missing values (``left``; whole numbers become Int64 and truth
            values boolean), or are dropped (``inner``).
    """
    need_columns(frame, keys)
    need_columns(table, [*keys, *(columns or [])])
    added = [name for name in table.columns if name not in keys] if columns is None else list(dict.fromkeys(columns))
    refuse_clash(frame, added)
    refuse_types(frame, table, keys)
    places = lookup_for(table, keys).places_of(frame[keys])
    if how == "inner":
        lonely = frame[places < 0]
        frame, reasons = without(frame, [lonely_reasons(lonely, keys)])
        return frame.assign(
            **taken(table, {name: table[name].dtype for name in added}, places[places >= 0], frame.index)
        ), reasons
    return without(frame.assign(**taken(table, masked(table, added), places, frame.index)), [])


join.__dict__["check"] = check_join


def refuse_clash(frame: pd.DataFrame, added: list[str]) -> None:
    """Refuse to bring in a column that the rows have already."""
    both = [name for name in added if name in frame.columns]
    if both:
        raise DataError.at(
            f"column '{both[0]}'",
            "both the rows and the table have it",
            hint="name the columns to add in 'columns', or rename one with rows.rename",
        )


def refuse_types(frame: pd.DataFrame, table: pd.DataFrame, keys: list[str]) -> None:
    """Refuse keys of two kinds: they would agree nowhere, and silently so."""
    for name in keys:
        left, right = frame[name], table[name]
        moments = kind_of(left) == kind_of(right) == "moment"
        if kind_of(left) != kind_of(right) or (moments and (left.dt.tz is None) != (right.dt.tz is None)):
            raise DataError.at(
                f"column '{name}'",
                f"the rows have it as {left.dtype} and the table as {right.dtype}",
                hint="give both the same type with rows.cast or dates.parse",
            )


def masked(table: pd.DataFrame, added: list[str]) -> dict[str, Any]:
    """Give each column's type, or the one beside it that can hold missing values; the same whatever the rows."""
    return {name: masked_type(table[name].dtype) for name in added}


def masked_type(dtype: Any) -> Any:
    """Give the type beside a type of numpy's that can't hold missing values."""
    import numpy as np

    if not isinstance(dtype, np.dtype) or dtype.kind not in "iub":
        return dtype
    return "boolean" if dtype.kind == "b" else f"{WHOLE[dtype.kind]}{8 * dtype.itemsize}"


def taken(
    table: pd.DataFrame, dtypes: dict[str, Any], places: np.ndarray[Any, Any], index: pd.Index
) -> dict[str, pd.Series]:
    """Take columns of the table at these places, in these types; missing where a place is -1."""
    hit = places >= 0
    rows = table[list(dtypes)].iloc[places[hit]].astype(dtypes).set_axis(index[hit])
    rows = rows if hit.all() else rows.reindex(index)
    return {name: rows[name] for name in dtypes}


def lonely_reasons(lonely: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Say of rows that no row of the table agrees with them."""
    values = cut(lonely[keys[0]]).fillna("missing")
    for name in keys[1:]:
        values = values + ", " + cut(lonely[name]).fillna("missing")
    return saying(values, f"no row of the table has the same {', '.join(keys)}")
