"""Steps that drop rows: missing values, duplicates, values out of range.

Owns which rows go and why. Rows that break the contract are not meant here:
those are quarantined at the stage's boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import TypedDict

from steadily import PluginError, need_columns, step
from steadily_rows.comparing import kind_of_value, met, met_by
from steadily_rows.reasons import always, saying, without

if TYPE_CHECKING:
    import pandas as pd


class Range(TypedDict, total=False):
    """The smallest and the largest value that stay, both included; one of them may be left out."""

    min: int | float | str
    max: int | float | str


def drop_missing_one(*, columns: list[str]) -> Callable[[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Give ``drop_missing`` for one row."""
    return lambda row: None if any(row[name] is None for name in columns) else row


@step("rows.drop_missing", reads=("columns",), single=drop_missing_one)
def drop_missing(frame: pd.DataFrame, *, columns: list[str]) -> tuple[pd.DataFrame, pd.Series]:
    """Drop the rows in which any of the columns is missing.

    An empty text is a value and not missing.

    Args:
        frame: The rows.
        columns: The columns that have to be there.
    """
    need_columns(frame, columns)
    found = [always(frame.index[frame[name].isna()], f"{name} is missing") for name in columns]
    return without(frame, found)


def check_duplicates(*, columns: list[str], keep: str = "first") -> None:
    """Refuse to compare rows by nothing."""
    if not columns:
        raise PluginError.at("columns", "is empty", hint="name the columns in which duplicates are equal")


@step("rows.drop_duplicates", kind="dataset", reads=("columns",))
def drop_duplicates(
    frame: pd.DataFrame, *, columns: list[str], keep: Literal["first", "last"] = "first"
) -> tuple[pd.DataFrame, pd.Series]:
    """Keep one of the rows that are equal in all of the columns; missing equals missing.

    Args:
        frame: The rows.
        columns: The columns to compare.
        keep: Which one stays, in the order of the dataset.
    """
    need_columns(frame, columns)
    again = frame.duplicated(subset=columns, keep=keep)
    other = "an earlier" if keep == "first" else "a later"
    return without(frame, [always(frame.index[again], f"duplicate of {other} row in {', '.join(columns)}")])


drop_duplicates.__dict__["check"] = check_duplicates


def check_ranges(*, ranges: Mapping[str, Range], missing: str = "keep") -> None:
    """Refuse ranges that no value or every value is in."""
    for name, bounds in ranges.items():
        where = f"ranges.{name}"
        if not bounds:
            raise PluginError.at(where, "a range needs min, max or both")
        if len(bounds) == 2:
            low, high = bounds["min"], bounds["max"]
            if kind_of_value(low) != kind_of_value(high):
                raise PluginError.at(where, "min and max have to be of one type", given=f"{low!r}, {high!r}")
            if not isinstance(low, str) and not isinstance(high, str) and low > high:
                raise PluginError.at(where, "min is above max", given=f"{low!r}, {high!r}")


def in_range_one(
    *, ranges: Mapping[str, Range], missing: Literal["keep", "drop"] = "keep"
) -> Callable[[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Give ``in_range`` for one row."""
    bounds = [
        (name, op, given[bound])  # type: ignore[literal-required]
        for name, given in ranges.items()
        for bound, op in (("min", ">="), ("max", "<="))
        if bound in given
    ]

    def single(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        for name, op, bound in bounds:
            value = row[name]
            if value is None and missing == "keep":
                continue
            if not met_by(value, op, bound):
                return None
        return row

    return single


@step("rows.in_range", reads=("ranges",), single=in_range_one)
def in_range(
    frame: pd.DataFrame, *, ranges: dict[str, Range], missing: Literal["keep", "drop"] = "keep"
) -> tuple[pd.DataFrame, pd.Series]:
    """Drop the rows in which a number or date lies outside its range; the bounds are inside.

    Args:
        frame: The rows.
        ranges: For each column its min, max or both; a date is written in ISO 8601 (UTC where it says no zone).
        missing: What becomes of rows without a value.
    """
    need_columns(frame, ranges)
    found = []
    for name, bounds in ranges.items():
        column = frame[name]
        if missing == "drop":
            found.append(always(frame.index[column.isna()], f"{name} is missing"))
        for bound, op, word in (("min", "<", "below"), ("max", ">", "above")):
            if bound in bounds:
                value = bounds[bound]  # type: ignore[literal-required]
                outside = met(column, op, value).fillna(False).to_numpy(dtype=bool)
                found.append(saying(column[outside], f"{name} is {word} {value}"))
    return without(frame, found)


in_range.__dict__["check"] = check_ranges
