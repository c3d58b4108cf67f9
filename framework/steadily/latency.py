"""How long things took, counted in buckets whose widths grow with the values: what adds up, percentiles included.

Owns the counting, the sum of two countings, the form in JSON and the rule for when a
percentile may be shown. Percentiles are never averaged: countings are merged, exactly,
and asked. The buckets are those of DDSketch (Masson, Rim and Lee 2019, arXiv 1908.10693):
i = ⌈log_γ x⌉ with γ = (1 + α)/(1 − α), so that the middle of a bucket, 2γ^i/(γ + 1), is
within α of every value in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ALPHA = 0.01
GAMMA = (1 + ALPHA) / (1 - ALPHA)
PER_LOG = 1 / math.log(GAMMA)
SMALLEST, LARGEST = 1e-3, 1e11  # microseconds: below a nanosecond is nothing, above a day is as good as for ever
ZERO = math.ceil(math.log(SMALLEST) * PER_LOG) - 1  # the bucket of what is nothing
NANO = 1_000
ENOUGH = 10  # values that have to lie above a percentile for it to be shown
HALF = 32
LOW = (1 << HALF) - 1

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Latencies:
    """Times in microseconds, counted.

    Two that were counted apart and merged are equal to one that counted all.

    Attributes:
        counts: How many values, by bucket.
        sum_ns: Their sum, in whole nanoseconds, so that sums do not depend on an order.
        largest: The largest of them, in microseconds.

    >>> times = Latencies.of([800.0, 1200.0, 90_000.0])
    >>> round(times.quantile(0.5)), times.count, times.sum_us
    (1200, 3, 92000.0)
    """

    counts: dict[int, int] = field(default_factory=dict)
    sum_ns: int = 0
    largest: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float] | Numbers) -> Latencies:
        """Count values, in microseconds."""
        found = cls()
        found.add_many(values)
        return found

    def add(self, value: float) -> None:
        """Count one value, in microseconds: quick, for the path of an answer.

        Raises:
            ValueError: It is no number.
        """
        if value != value:
            raise ValueError("a time that is no number can't be counted")
        value = min(value, LARGEST)
        if value < SMALLEST:
            bucket, value = ZERO, 0.0
        else:
            bucket = math.ceil(math.log(value) * PER_LOG)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.sum_ns += round(value * NANO)
        self.largest = max(self.largest, value)

    def add_many(self, values: Iterable[float] | Numbers) -> None:
        """Count many values at once, in microseconds: a hundred times as quick as one by one.

        Raises:
            ValueError: One of them is no number.
        """
        given = values if isinstance(values, np.ndarray) else np.fromiter(values, dtype=np.float64)
        if not given.size:
            return
        largest = float(given.max())
        if largest != largest:
            raise ValueError("a time that is no number can't be counted")
        held = np.minimum(given, LARGEST, dtype=np.float64)
        held[held < SMALLEST] = 0.0
        with np.errstate(divide="ignore"):
            buckets = np.ceil(np.log(held) * PER_LOG)
        counted = np.bincount(np.maximum(buckets, ZERO).astype(np.int64) - ZERO)
        for place in np.flatnonzero(counted).tolist():
            self.counts[place + ZERO] = self.counts.get(place + ZERO, 0) + int(counted[place])
        self.sum_ns += whole_sum(np.rint(held * NANO).astype(np.int64))
        self.largest = max(self.largest, min(largest, LARGEST))

    def merged(self, *others: Latencies) -> Latencies:
        """Give the counting of all that was counted here or there."""
        found = Latencies(dict(self.counts), self.sum_ns, self.largest)
        for other in others:
            for bucket, count in other.counts.items():
                found.counts[bucket] = found.counts.get(bucket, 0) + count
            found.sum_ns += other.sum_ns
            found.largest = max(found.largest, other.largest)
        return found

    @property
    def count(self) -> int:
        """How many values were counted."""
        return sum(self.counts.values())

    @property
    def sum_us(self) -> float:
        """The sum of the values in microseconds."""
        return self.sum_ns / NANO

    def quantile(self, q: float) -> float | None:
        """Give the value below or at which a share ``q`` of all lies, within 1 %; None of no values.

        Args:
            q: From 0 to 1.

        Returns:
            Microseconds: the ⌈q·n⌉-th smallest value, as its bucket's middle.
        """
        wanted = rank(q, self.count)
        passed = 0
        for bucket in sorted(self.counts):
            passed += self.counts[bucket]
            if passed >= wanted:
                return min(middle(bucket), self.largest)
        return None

    def shown(self, q: float) -> float | None:
        """Give a percentile, or None where too few values lie above it for it to mean anything."""
        return self.quantile(q) if is_enough(self.count, q) else None

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Give the middle of each bucket in microseconds and how many values it holds, in order."""
        for bucket in sorted(self.counts):
            yield middle(bucket), self.counts[bucket]

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values; buckets that hold nothing are left out."""
        counts = {str(bucket): count for bucket, count in sorted(self.counts.items())}
        return {"alpha": ALPHA, "counts": counts, "sum_ns": self.sum_ns, "largest_us": self.largest}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Latencies:
        """Read it from plain values.

        Raises:
            ValueError: It was counted in other buckets.
        """
        if content["alpha"] != ALPHA:
            raise ValueError(f"counted in buckets of {content['alpha']}, which do not add up with those of {ALPHA}")
        counts = {int(bucket): int(count) for bucket, count in content["counts"].items()}
        return cls(counts, int(content["sum_ns"]), float(content["largest_us"]))


def is_enough(count: int, q: float) -> bool:
    """Tell whether a percentile of so many values may be shown: ten have to lie above it.

    >>> is_enough(999, 0.99), is_enough(1000, 0.99), is_enough(20, 0.5)
    (False, True, True)
    """
    return round(count * (1 - q), 9) >= ENOUGH


def needed(q: float) -> int:
    """Say how many values a percentile takes to be shown.

    >>> needed(0.99), needed(0.95)
    (1000, 200)
    """
    return math.ceil(round(ENOUGH / (1 - q), 6))


def rank(q: float, count: int) -> int:
    """Say the how-manieth of the sorted values a quantile is, from 1.

    >>> rank(0.99, 1000), rank(0, 5), rank(1, 5)
    (990, 1, 5)
    """
    return max(1, math.ceil(round(q * count, 9)))


def middle(bucket: int) -> float:
    """Give the value that stands for a bucket, in microseconds."""
    return 0.0 if bucket <= ZERO else 2 * GAMMA**bucket / (GAMMA + 1)


def whole_sum(values: np.ndarray[Any, np.dtype[np.int64]]) -> int:
    """Add up whole numbers, of which 64 bits need not hold the sum."""
    return (int((values >> HALF).sum()) << HALF) + int((values & LOW).sum())
