"""Counts of requests and errors by time, finely for what is recent and coarsely for what is older.

Owns the buckets and how they are merged and summed. A count may be a whole number, or an
array with a number for each of many simulated runs: the arithmetic is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from steadily.units import HOUR_US, MINUTE_US, SECOND_US

Number = Any  # a number, or an array of one number a run
BUCKET_US = 10 * SECOND_US
RECENT_US = 5 * MINUTE_US
KEPT_US = 12 * HOUR_US
# Up to which age a bucket is how long; each length divides the next.
LEVELS = ((RECENT_US, BUCKET_US), (2 * HOUR_US, RECENT_US), (KEPT_US, HOUR_US))


@dataclass(frozen=True)
class Counts:
    """What happened in some time.

    Attributes:
        requests: That the live release attempted.
        errors: Of those.
        paired: Requests that both the live and the earlier release attempted.
        new_errors: The live release's errors among the paired.
        old_errors: The earlier release's.

    >>> Counts(10, 1) + Counts(5, 0, 5, 0, 1)
    Counts(requests=15, errors=1, paired=5, new_errors=0, old_errors=1)
    """

    requests: Number = 0
    errors: Number = 0
    paired: Number = 0
    new_errors: Number = 0
    old_errors: Number = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.requests + other.requests,
            self.errors + other.errors,
            self.paired + other.paired,
            self.new_errors + other.new_errors,
            self.old_errors + other.old_errors,
        )

    def only(self, wanted: Number) -> Counts:
        """Give the counts where ``wanted`` is true, and 0 elsewhere."""
        return Counts(*(wanted * value for value in self.values()))

    def values(self) -> tuple[Number, ...]:
        """Give the five counts."""
        return self.requests, self.errors, self.paired, self.new_errors, self.old_errors


NOTHING = Counts()


@dataclass(frozen=True)
class Bucket:
    """The counts of some time that began at ``start_us``."""

    start_us: int
    counts: Counts

    def to_json(self) -> list[int]:
        """Give it as plain values."""
        return [int(value) for value in (self.start_us, *astuple(self.counts))]

    @classmethod
    def from_json(cls, values: list[int]) -> Bucket:
        """Read it from plain values."""
        return cls(values[0], Counts(*values[1:]))


def thinned(buckets: tuple[Bucket, ...], now_us: int) -> tuple[Bucket, ...]:
    """Merge buckets that have grown old into longer ones, and forget those from before ``KEPT_US``.

    Args:
        buckets: By their beginning, the oldest first.
        now_us: The time now.

    >>> old = (Bucket(0, Counts(1)), Bucket(10 * SECOND_US, Counts(2)), Bucket(10 * MINUTE_US, Counts(4)))
    >>> [(one.start_us // SECOND_US, one.counts.requests) for one in thinned(old, 10 * MINUTE_US)]
    [(0, 3), (600, 4)]
    """
    kept: list[Bucket] = []
    for bucket in buckets:
        start = aligned(bucket.start_us, now_us - bucket.start_us)
        if start is None:
            continue
        if kept and kept[-1].start_us >= start:
            kept[-1] = Bucket(kept[-1].start_us, kept[-1].counts + bucket.counts)
        else:
            kept.append(Bucket(start, bucket.counts))
    return tuple(kept)


def aligned(start_us: int, age_us: int) -> int | None:
    """Give the beginning of the bucket that a moment of this age belongs to; None where it is too old."""
    for most, length in LEVELS:
        if age_us <= most:
            return start_us // length * length
    return None


def recent(buckets: tuple[Bucket, ...], now_us: int) -> Counts:
    """Sum what the last five minutes have."""
    found = NOTHING
    for bucket in newest_first(buckets):
        if now_us - bucket.start_us > RECENT_US:
            break
        found = found + bucket.counts
    return found


def whole(buckets: tuple[Bucket, ...]) -> Counts:
    """Sum all that is kept."""
    return sum((bucket.counts for bucket in buckets), NOTHING)


def newest_first(buckets: tuple[Bucket, ...]) -> Iterator[Bucket]:
    """Go back in time."""
    return reversed(buckets)


def every(condition: Number) -> bool:
    """Tell whether a condition holds, in all runs where there are many."""
    return bool(np.all(condition))
