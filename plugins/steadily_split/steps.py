"""The steps of the plugin ``split``: which part of the rows is for training, and which for testing.

Owns the choice. A row's part is stable: by chance and by group it never depends
on the other rows, so that new rows leave the old ones where they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steadily import PluginError, need_columns, step
from steadily_split.bytime import cuts_at, gap_of, moments_of, need_moments, parts_between
from steadily_split.hashing import check_shares, digests, parts_of, seeded

if TYPE_CHECKING:
    import pandas as pd


def check_time(
    *,
    column: str,
    cut: str | list[str] | None = None,
    fraction: float | list[float] | None = None,
    parts: list[str] | None = None,
    gap: str | None = None,
) -> None:
    """Refuse a split without a cut or with two kinds of it, and names that do not fit the cuts."""
    if (cut is None) == (fraction is None):
        raise PluginError.at("cut", "either 'cut' or 'fraction' has to say where to split")
    shares = listing(fraction)
    if any(not 0 < share < 1 for share in shares) or shares != sorted(set(shares)):
        raise PluginError.at("fraction", "has to lie between 0 and 1, and to rise", given=fraction)
    gap_of(gap)
    names = ["train", "test"] if parts is None else parts
    cuts = moments_of(cut) if cut is not None else shares
    if len(names) != len(cuts) + 1 or len(set(names)) != len(names):
        what = f"{len(cuts)} cut points make {len(cuts) + 1} parts, each with a name of its own"
        raise PluginError.at("parts", what, given=", ".join(names))


@step("split.time", kind="split", reads=("column",))
def by_time(
    frame: pd.DataFrame,
    *,
    column: str,
    cut: str | list[str] | None = None,
    fraction: float | list[float] | None = None,
    parts: list[str] | None = None,
    gap: str | None = None,
) -> pd.Series:
    """Split by time: rows before the cut are in the first part, at or after it in the second.

    Rows without a time are in no part.

    Args:
        frame: The rows.
        column: The column of moments.
        cut: Where to cut, in ISO 8601 (UTC where it says no zone); a list makes more parts.
        fraction: Cut where this share of the rows lies before; rows of one moment stay together. New rows move it.
        parts: The parts' names, in order of time; train and test by default.
        gap: Leave out the rows that lie this close before a cut (1d, 12h, 30min), so that nothing leaks over it.
    """
    need_columns(frame, [column])
    need_moments(frame[column])
    cuts: list[Any] = moments_of(cut) if cut is not None else cuts_at(frame[column], listing(fraction))
    return parts_between(frame[column], cuts, ["train", "test"] if parts is None else parts, gap_of(gap))


by_time.__dict__["check"] = check_time


def listing(value: float | list[float] | None) -> list[float]:
    """Give one share or several as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def check_random(*, parts: Mapping[str, float], seed: int = 0) -> None:
    """Refuse shares that do not add up."""
    check_shares(parts)


@step("split.random", kind="split", reads=())
def by_chance(frame: pd.DataFrame, *, parts: dict[str, float], seed: int = 0) -> pd.Series:
    """Split by chance: a row's part follows from its row id and the seed alone.

    It never depends on other rows, so new rows leave the old ones where they are; therefore the
    shares are met closely and not exactly, and there is no stratifying.

    Args:
        frame: The rows.
        parts: Each part's share of the rows; together 1.
        seed: Another seed gives another split.
    """
    import numpy as np

    ids = frame.index.to_numpy(dtype="int64", na_value=0).view(np.uint64)
    return parts_of(seeded(ids, seed), parts, frame.index)


by_chance.__dict__["check"] = check_random


def check_group(*, column: str, parts: Mapping[str, float], seed: int = 0) -> None:
    """Refuse shares that do not add up."""
    check_shares(parts)


@step("split.group", kind="split", reads=("column",))
def by_group(frame: pd.DataFrame, *, column: str, parts: dict[str, float], seed: int = 0) -> pd.Series:
    """Split by group: all rows with the same value are in the same part, by its value and the seed alone.

    Rows without a value are in no part. The shares count groups, not rows.

    Args:
        frame: The rows.
        column: The column that says which group a row belongs to (a customer, a sender).
        parts: Each part's share of the groups; together 1.
        seed: Another seed gives another split.
    """
    need_columns(frame, [column])
    values = frame[column]
    return parts_of(seeded(digests(values), seed), parts, frame.index).mask(values.isna())


by_group.__dict__["check"] = check_group

__all__ = ["by_chance", "by_group", "by_time"]
