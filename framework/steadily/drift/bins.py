"""Bins: how one column's values are told apart, learned from the reference, and counted into.

Each kind of column has a class with ``learn``, ``count``, ``labels`` and a form
in JSON. The last bin always holds what is missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[np.int64]]
    Numbers = np.ndarray[Any, np.dtype[np.float64]]

DECILES = np.arange(1, 10) / 10
FREQUENT = 30  # categories with a bin of their own
KNOWN = 1_000  # further categories that are told from unseen ones
MISSING, OTHER, UNSEEN = "(missing)", "(other)", "(unseen)"


@dataclass(frozen=True)
class NumericBins:
    """Bins between the reference's deciles.

    A value that makes up a tenth or more of the reference, so that deciles
    coincide, has a bin of its own: what lies below it is told from it.
    Infinities fall into the outermost bins.

    >>> NumericBins.learn(pd.Series([1.0, 2.0, 3.0, 4.0, float("nan")])).count(pd.Series([0.5, 9.0, float("nan")]))
    array([1, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    """

    edges: tuple[float, ...]
    kind: str = "numeric"

    @classmethod
    def learn(cls, values: pd.Series[Any]) -> NumericBins:
        """Take the deciles of the finite values; a column without any has one bin, and that for missing."""
        numbers = numbers_of(values)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            return cls(())
        deciles = np.quantile(numbers, DECILES, method="inverted_cdf")
        unique, times = np.unique(deciles, return_counts=True)
        below = np.nextafter(unique[(times > 1) | (unique == numbers.max())], -np.inf)
        edges = np.unique(np.concatenate([unique, below]))
        return cls(tuple(float(edge) for edge in edges))

    def count(self, values: pd.Series[Any]) -> Array:
        """Count values: bin i holds those above edge i-1, up to edge i; the last one what is missing."""
        numbers = numbers_of(values)
        places = np.searchsorted(np.asarray(self.edges), numbers, side="left")  # NaN sorts behind all
        missing = np.isnan(numbers)
        if missing.any():
            places[missing] = len(self.edges) + 1
        return np.bincount(places, minlength=len(self.edges) + 2).astype(np.int64)

    def labels(self) -> list[str]:
        """Name the bins."""
        if not self.edges:
            return ["(any number)", MISSING]
        text = [f"{edge:.4g}" for edge in self.edges]
        inner = [
            f"{high}" if np.nextafter(self.edges[at], np.inf) == self.edges[at + 1] else f"{low} to {high}"
            for at, (low, high) in enumerate(itertools.pairwise(text))
        ]
        begin = len(text) > 1 and np.nextafter(self.edges[0], np.inf) == self.edges[1]
        return [f"below {text[1]}" if begin else f"up to {text[0]}", *inner, f"above {text[-1]}", MISSING]

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {"edges": list(self.edges)}


@dataclass(frozen=True)
class CategoryBins:
    """A bin for each of the most frequent categories; then other known ones, unseen ones, missing.

    Of a reference with more categories than are kept, ``open`` says that one which
    is not known need not be new: it counts as other.
    """

    frequent: tuple[str, ...]
    others: tuple[str, ...]
    open: bool = False
    kind: str = "categorical"

    @classmethod
    def learn(cls, values: pd.Series[Any]) -> CategoryBins:
        """Take the categories by how often they occur, then by name."""
        counts = text_of(values).value_counts(dropna=True)
        names = [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))]
        others = names[FREQUENT : FREQUENT + KNOWN]
        return cls(tuple(map(str, names[:FREQUENT])), tuple(map(str, others)), len(names) > FREQUENT + KNOWN)

    def count(self, values: pd.Series[Any]) -> Array:
        """Count values by category."""
        codes, names = pd.factorize(text_of(values))
        known = {name: place for place, name in enumerate(self.frequent)}
        other, unseen = len(self.frequent), len(self.frequent) + (0 if self.open else 1)
        known |= dict.fromkeys(self.others, other)
        bins = np.array([*(known.get(str(name), unseen) for name in names), len(self.frequent) + 2])
        return np.bincount(bins[codes], minlength=len(self.frequent) + 3).astype(np.int64)

    def labels(self) -> list[str]:
        """Name the bins."""
        return [*self.frequent, OTHER, UNSEEN, MISSING]

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {"frequent": list(self.frequent), "others": list(self.others), "open": self.open}


@dataclass(frozen=True)
class NoBins:
    """A column that is not judged, such as one of moments: time always moves."""

    kind: str = "not judged"

    def count(self, values: pd.Series[Any]) -> Array:
        """Count the values that are there, and those that are missing."""
        missing = int(values.isna().sum())
        return np.array([len(values) - missing, missing], dtype=np.int64)

    def labels(self) -> list[str]:
        """Name the bins."""
        return ["(there)", MISSING]

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {}


Bins = NumericBins | CategoryBins | NoBins


def bins_from(kind: str, content: Mapping[str, Any]) -> Bins:
    """Read bins from their form in JSON."""
    if kind == "numeric":
        return NumericBins(tuple(content["edges"]))
    if kind == "categorical":
        return CategoryBins(tuple(content["frequent"]), tuple(content["others"]), content["open"])
    return NoBins()


def numbers_of(values: pd.Series[Any]) -> Numbers:
    """Give numbers as float64, missing as NaN; what is no number counts as missing."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype="float64", na_value=np.nan)
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)


def text_of(values: pd.Series[Any]) -> pd.Series[Any]:
    """Give categories as text; missing stays missing."""
    return values if isinstance(values.dtype, pd.StringDtype) else values.astype("str").where(values.notna())
