"""Steps that choose and name columns.

Owns nothing of the values: those stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steadily import DataError, PluginError, need_columns, step

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


def check_rename(*, columns: Mapping[str, str]) -> None:
    """Refuse two columns with one new name."""
    doubled = [name for name, times in Counter(columns.values()).items() if times > 1]
    if doubled:
        raise PluginError.at("columns", "two columns get the same name", given=", ".join(doubled))


def rename_one(*, columns: Mapping[str, str]) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``rename`` for one row."""

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        taken = any(name in row and name not in columns for name in columns.values())
        if taken or not columns.keys() <= row.keys():
            return None
        return {columns.get(name, name): value for name, value in row.items()}

    return single


@step("rows.rename", single=rename_one)
def rename(frame: pd.DataFrame, *, columns: dict[str, str]) -> pd.DataFrame:
    """Give columns new names; their order stays.

    Args:
        frame: The rows.
        columns: The new name for each old one. Two may change places.
    """
    need_columns(frame, columns)
    stay = [name for name in frame.columns if name not in columns]
    taken = sorted(set(stay) & set(columns.values()))
    if taken:
        raise DataError.at(f"column '{taken[0]}'", "is there already; no other column can get its name")
    return frame.rename(columns=columns)


rename.__dict__["check"] = check_rename


def select_one(*, columns: list[str]) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``select`` for one row."""
    return lambda row: {name: row[name] for name in columns}


@step("rows.select", single=select_one)
def select(frame: pd.DataFrame, *, columns: list[str]) -> pd.DataFrame:
    """Keep these columns, in this order, and no others.

    Args:
        frame: The rows.
        columns: The columns that stay.
    """
    need_columns(frame, columns)
    return frame[list(dict.fromkeys(columns))]


def drop_columns_one(*, columns: list[str]) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``drop_columns`` for one row."""
    gone = set(columns)
    return lambda row: {name: value for name, value in row.items() if name not in gone} if gone <= row.keys() else None


@step("rows.drop_columns", single=drop_columns_one)
def drop_columns(frame: pd.DataFrame, *, columns: list[str]) -> pd.DataFrame:
    """Leave these columns out.

    Args:
        frame: The rows.
        columns: The columns that go; each has to be there.
    """
    need_columns(frame, columns)
    return frame.drop(columns=columns)
