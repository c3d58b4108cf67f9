"""Small sketches of columns, kept from run to run so that a renamed column can be named.

Owns what a sketch holds (the kind of the values, how many are missing, the 256
smallest hashes of distinct values) and who is likely to be whose new name. Where
sketches are kept is left to the caller; they are JSON, and never part of an output.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from steadily.casting import cast, is_text, unboxed
from steadily.dtypes import DATETIME, FAMILY
from steadily.rowids import hashed

ROWS = 20_000  # of each partition, so that a sketch costs a few milliseconds
KEPT = 256
LOOKED_AT = 1_000
SURE, NEAR_NAME, WEIGHT_OF_NAME = 0.5, 0.6, 0.2
NOTHING = "missing"

Sketch = dict[str, Any]
Sketches = dict[str, Sketch]


def sketch(frame: pd.DataFrame, dtypes: Mapping[str, str] | None = None) -> Sketches:
    """Sketch the columns of a partition, from its first rows.

    Args:
        frame: Rows as they came in.
        dtypes: The contract's types, for columns whose values do not tell (all missing).

    Returns:
        For each column ``kind``, ``rows``, ``missing`` and ``hashes``; JSON-able.
        The hashes are the smallest 256 of the distinct values', which makes them a
        sample of values, not of rows: equal values are in both of two sketches or in none
        (k minimum values; Beyer et al., SIGMOD 2007).

    >>> sketch(pd.DataFrame({"n": ["1", "2", None]}))["n"]["kind"]
    'int64'
    """
    sample = frame.iloc[:ROWS]
    declared = dtypes or {}
    return {str(name): of_column(sample.iloc[:, at], declared.get(str(name))) for at, name in enumerate(sample.columns)}


def of_column(column: pd.Series, dtype: str | None) -> Sketch:
    """Sketch one column."""
    missing = column.isna().to_numpy(dtype=bool)
    values = unboxed(column[~missing])
    kind = kind_of(values.iloc[:LOOKED_AT]) if len(values) else FAMILY.get(dtype or NOTHING, dtype or NOTHING)
    hashes = np.unique(hashed(values, None))[:KEPT]
    return {"kind": kind, "rows": len(column), "missing": int(missing.sum()), "hashes": hashes.tolist()}


def kind_of(values: pd.Series) -> str:
    """Say what most of some values are, be they text or typed."""
    for kind in ("int64", "float64", DATETIME, "bool"):
        made = cast(values, kind)
        if made is not None and (made.bad is None or made.bad.mean() < 0.1) and made.values.notna().any():
            return kind
    return "str" if is_text(values) else str(values.dtype)


def merge(sketches: Iterable[Sketches]) -> Sketches:
    """Make one of the sketches of several partitions; their order does not matter."""
    merged: Sketches = {}
    for one in sketches:
        for name, new in one.items():
            merged[name] = merge_columns(merged[name], new) if name in merged else new
    return dict(sorted(merged.items()))


def merge_columns(one: Sketch, other: Sketch) -> Sketch:
    """Make one of two sketches of a column."""
    return {
        "kind": kind_of_both(one["kind"], other["kind"]),
        "rows": one["rows"] + other["rows"],
        "missing": one["missing"] + other["missing"],
        "hashes": sorted({*one["hashes"], *other["hashes"]})[:KEPT],
    }


def kind_of_both(one: str, other: str) -> str:
    """Give the kind that holds values of two kinds.

    >>> kind_of_both("int64", "float64"), kind_of_both("missing", "bool"), kind_of_both("bool", "int64")
    ('float64', 'bool', 'str')
    """
    if one == other or other == NOTHING:
        return one
    if one == NOTHING:
        return other
    return "float64" if {one, other} == {"int64", "float64"} else "str"


def shared(new: Sketch, old: Sketch) -> float | None:
    """Estimate which share of the new column's distinct values the old one had; None where nothing is known."""
    new_hashes, old_hashes = (np.array(one["hashes"], dtype="uint64") for one in (new, old))
    for full in (one for one in (new_hashes, old_hashes) if len(one) == KEPT):
        new_hashes = new_hashes[new_hashes <= full[-1]]  # beyond its largest hash a full sketch knows nothing
    if not len(new_hashes) or not len(old_hashes):
        return None
    return float(np.isin(new_hashes, old_hashes).mean())


def likely_rename(
    missing: str,
    candidates: Sequence[str],
    old: Mapping[str, Sketch] | None,
    new: Mapping[str, Sketch],
    dtypes: Mapping[str, str] | None = None,
) -> str | None:
    """Say which new column a missing one is likely to be; see ``likely_renames``."""
    return likely_renames([missing], candidates, old, new, dtypes).get(missing)


def likely_renames(
    missing: Sequence[str],
    candidates: Sequence[str],
    old: Mapping[str, Sketch] | None,
    new: Mapping[str, Sketch],
    dtypes: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Say which new columns some missing ones are likely to be, each at most once.

    Args:
        missing: Columns that are missing.
        candidates: Columns that are there and were not asked for.
        old: The last run's sketches, if there are any.
        new: The sketches of what is there now.
        dtypes: The contract's types, where ``old`` does not know a column.

    Returns:
        A hint for each missing column that has a likely new name:
        "body is new, and 98 % of its values are those that text had in the last run".
    """
    from scipy.optimize import linear_sum_assignment  # only when something is wrong: it is slow to import

    if not missing or not candidates:
        return {}
    before = {name: known(name, old, dtypes) for name in missing}
    score = np.array([[likeness(name, before[name], one, new.get(one)) for one in candidates] for name in missing])
    found = {}
    for at, to in zip(*linear_sum_assignment(score, maximize=True), strict=True):
        name, one = missing[at], candidates[to]
        alone = len(missing) == len(candidates) == 1
        hint = words(name, before[name], one, new.get(one), alone=alone)
        if hint:
            found[name] = hint
    return found


def known(name: str, old: Mapping[str, Sketch] | None, dtypes: Mapping[str, str] | None) -> Sketch | None:
    """Give what is known of a column that is missing now."""
    if old and name in old:
        return old[name]
    dtype = (dtypes or {}).get(name)
    return {"kind": FAMILY.get(dtype, dtype), "rows": 0, "missing": 0, "hashes": []} if dtype else None


def likeness(name: str, old: Sketch | None, candidate: str, new: Sketch | None) -> float:
    """Weigh how likely a new column is a missing one: by values, then by name, then by kind."""
    overlap = (shared(new, old) or 0.0) if old and new else 0.0
    return overlap + WEIGHT_OF_NAME * name_likeness(name, candidate) + 0.05 * same_kind(old, new)


def name_likeness(one: str, other: str) -> float:
    """Say how near two names are, from 0 to 1; case and separators do not count.

    >>> name_likeness("created_at", "CreatedAt")
    1.0
    """
    left, right = ("".join(letter for letter in name.casefold() if letter.isalnum()) for name in (one, other))
    return difflib.SequenceMatcher(None, left, right).ratio()


def same_kind(old: Sketch | None, new: Sketch | None) -> bool:
    """Say whether the new values could be of the old kind: any is text, and whole numbers are numbers."""
    if not old or not new or NOTHING in (old["kind"], new["kind"]):
        return False
    return kind_of_both(old["kind"], new["kind"]) == str(old["kind"])


def words(name: str, old: Sketch | None, candidate: str, new: Sketch | None, *, alone: bool) -> str | None:
    """Say why a new column is likely to be a missing one, if it is."""
    overlap = shared(new, old) if old and new else None
    if overlap is not None and overlap >= SURE:
        return f"{candidate} is new, and {overlap * 100:.0f} % of its values are those that {name} had in the last run"
    near = name_likeness(name, candidate) >= NEAR_NAME
    if near and (old is None or same_kind(old, new)):
        kind = f", and its values are of the same type ({old['kind']})" if old else ""
        return f"{candidate} is new, its name is near{kind}"
    if alone and old and same_kind(old, new):
        return f"{candidate} is new, and its values are of the same type ({old['kind']})"
    return None
