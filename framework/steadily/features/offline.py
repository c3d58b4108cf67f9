"""Looking up values in a feature set's files: all rows at once, as of each row's moment.

Owns the search. The files are those of a dataset whose ``dataset.json`` describes the
feature set; a bundle carries them along.
"""

from __future__ import annotations

import datetime as dt
import json
from bisect import bisect_right
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily.datasets import MANIFEST, Dataset, open_dataset
from steadily.errors import DataError
from steadily.features.keys import NEVER, by_name, kind_of, microsecond, microseconds, plain, refuse_other_keys
from steadily.lookups import Features, FeatureSet, Found
from steadily.units import SECOND_US

AS_OF = "as_of"
DESCRIBED = "feature_set"


def described(folder: Path) -> FeatureSet | None:
    """Read what a dataset says of itself as a feature set; None where it is none, or not there."""
    try:
        content = json.loads((folder / MANIFEST).read_bytes())["provenance"].get(DESCRIBED)
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return None if content is None else FeatureSet.from_json(content)


def open_offline(folder: Path) -> Offline:
    """Open a feature set's files for lookups.

    Raises:
        DataError: There is no such dataset, it is not whole, or it is no feature set.
    """
    dataset = open_dataset(folder)
    found = dataset.provenance.get(DESCRIBED)
    if found is None:
        raise DataError.at(str(folder), "is no feature set", hint="a step such as features.windows makes one")
    return Offline(FeatureSet.from_json(found), dataset)


class Offline(Features):
    """Lookups in files, which are read when the first comes."""

    def __init__(self, described: FeatureSet, dataset: Dataset) -> None:
        self.set, self.dataset = described, dataset

    @cached_property
    def history(self) -> History:
        """The values, made ready to be searched."""
        return History(self.set, self.dataset.read())

    def lookup(self, keys: pd.DataFrame, moments: pd.Series[Any]) -> Found:
        """Look up rows; see ``Features``."""
        return self.history.lookup(keys, moments)

    def one(self, key: tuple[Any, ...], moment: dt.datetime) -> dict[str, Any] | None:
        """Look up one row without a frame around it; see ``Features``."""
        return self.history.one(key, microsecond(moment))


class History:
    """The values of a feature set by key and moment.

    Where two rows have one key and moment, the later one in the table counts; a
    stage that makes a feature set writes no such rows.
    """

    def __init__(self, described: FeatureSet, table: pd.DataFrame) -> None:
        """Sort a table of values.

        Args:
            described: The feature set.
            table: Its keys, ``as_of``, its values.
        """
        self.set = described
        names = list(described.keys)
        self.index = index_of(table[names].drop_duplicates())
        codes = self.index.get_indexer(index_of(table[names]))
        as_of = microseconds(table[AS_OF])
        order = np.lexsort((as_of, codes))
        self.as_of = as_of[order]
        self.moments = np.unique(as_of)
        self.pairs = codes[order] * len(self.moments) + np.searchsorted(self.moments, self.as_of)
        self.values = table[list(described.columns)].iloc[order].reset_index(drop=True)

    def lookup(self, keys: pd.DataFrame, moments: pd.Series[Any]) -> Found:
        """Look up rows; see ``Features``."""
        refuse_other_keys(self.set, keys)
        asked = microseconds(moments)
        places = self.places(keys[list(self.set.keys)], asked)
        outcome = np.where(places >= 0, "found", "unknown")
        if self.set.ttl is not None and len(self.as_of):
            old = (places >= 0) & (asked - self.as_of[places] > int(self.set.ttl * SECOND_US))
            outcome[old], places[old] = "stale", -1
        values = self.values.reindex(places).set_axis(keys.index, axis="index")
        as_of = pd.Series(np.append(self.as_of, NEVER)[places].astype("M8[us]"), keys.index).dt.tz_localize("UTC")
        return Found(values, as_of, pd.Series(outcome, keys.index, dtype="str"))

    @cached_property
    def ranges(self) -> dict[tuple[Any, ...], tuple[int, int]]:
        """The first place of each key, and the one after its last, by plain values."""
        ends = np.searchsorted(self.pairs, np.arange(1, len(self.index) + 1) * max(len(self.moments), 1)).tolist()
        keys = [key if isinstance(key, tuple) else (key,) for key in self.index.tolist()]
        return dict(zip(keys, zip([0, *ends], ends, strict=False), strict=True))

    @cached_property
    def plain(self) -> tuple[list[int], list[list[Any]]]:
        """The moments and the values as plain values, by column."""
        return self.as_of.tolist(), [plain(self.values[name]) for name in self.set.columns]

    def one(self, key: tuple[Any, ...], moment: int) -> dict[str, Any] | None:
        """Look up one row, its time in microseconds since 1970; see ``Features``."""
        start, end = self.ranges.get(key, (0, 0))
        as_of, columns = self.plain
        place = bisect_right(as_of, moment, start, end) - 1
        if place < start:
            return None
        if self.set.ttl is not None and moment - as_of[place] > int(self.set.ttl * SECOND_US):
            return None
        return by_name(self.set.columns, (column[place] for column in columns))

    def places(self, keys: pd.DataFrame, asked: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Find for each row the place of its key's newest values as of a moment or before, or -1."""
        rank = np.searchsorted(self.moments, asked, side="right") - 1
        missing = keys.isna().any(axis="columns").to_numpy(dtype=bool)
        codes = self.index.get_indexer(index_of(keys, missing))
        wanted = (codes >= 0) & (rank >= 0) & ~missing
        place = np.searchsorted(self.pairs, codes * len(self.moments) + rank, side="right") - 1
        same = wanted & (place >= 0)
        same[same] = self.pairs[place[same]] // max(len(self.moments), 1) == codes[same]
        return np.where(same, place, -1)


def index_of(keys: pd.DataFrame, missing: np.ndarray[Any, Any] | None = None) -> pd.Index[Any]:
    """Make an index of keys, in types of one form whatever the rows'; what is missing finds nothing anyway."""
    forms = {"whole number": "int64", "truth value": "bool", "text": "str"}
    fillings: dict[str, Any] = {"whole number": 0, "truth value": False, "text": ""}
    columns = {}
    for name, column in keys.items():
        kind = kind_of(column.dtype)
        filled = column if missing is None or not missing.any() else column.fillna(fillings[kind])
        columns[name] = filled.astype(forms[kind])  # type: ignore[call-overload]
    frame = pd.DataFrame(columns, index=keys.index)
    return pd.Index(frame.iloc[:, 0]) if frame.shape[1] == 1 else pd.MultiIndex.from_frame(frame)
