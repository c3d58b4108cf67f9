"""Hourly statistics: what is kept of an hour's answers, as counts that add up in any order and any split.

Everything is a whole number, sums of shares too (in billionths), so that adding
is exact: labels that come late, twice or out of order leave the very same
statistics as labels that came at once. How answers are counted is the matter of
``steadily.monitor.counting``; where the statistics are kept, of ``steadily.monitor.record``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from steadily.units import HOUR_US

HOUR_MINUTES = 60
DAY = 24  # hours; days are UTC's, which all have as many
UNIT = 1_000_000_000  # sums of shares are kept in billionths
WHOLE = ""  # the slice that all rows are in

REQUESTS = "requests"  # by outcome
MINUTES = "minutes"  # requests by the minute of the hour
ROWS = "rows"  # answered, refused, counted (into the features' bins)
REFUSED = "refused"  # refused rows by kind of reason
LATENCY = "latency"  # requests by logarithmic bucket of microseconds
CONFIDENCE = "confidence"  # rows by cell of the largest probability
SUMS = "sums"
PREDICTED = "predicted"  # rows by class
CONFUSION = "confusion"  # labelled rows by true and predicted class
CELLS, HITS, SURE = "cells", "hits", "sure"  # labelled rows by cell of confidence: rows, right ones, sum of confidence
AGES = "ages"  # labelled rows by logarithmic bucket of the seconds until their label
ABSENT = "absent"  # rows that lacked a column, by column
IMPUTED = "imputed"  # rows in which a value was filled in, by column
TALLIES = (
    *(REQUESTS, MINUTES, ROWS, REFUSED, LATENCY, CONFIDENCE, SUMS, PREDICTED),
    *(CONFUSION, CELLS, HITS, SURE, AGES, ABSENT, IMPUTED),
)

ANSWERED = "answered"
ERRORS = ("exception", "timeout", "invalid")  # invalid: an answer that is NaN or breaks its schema
SHED, CLIENT = "shed", "client"  # neither is the model's error: 503 of a full server, 4xx
OUTCOMES = (ANSWERED, *ERRORS, SHED, CLIENT)

Bins = np.ndarray[Any, np.dtype[np.int64]]
Features = Mapping[str, Mapping[str, Bins]]


class Key(NamedTuple):
    """Which answers statistics are of: release, slot, hour (since 1970, UTC), and slice, ``""`` for all rows."""

    release: int
    slot: str
    hour: int
    slice: str = WHOLE


def hour_of(at_us: int) -> int:
    """Give the hour that a moment lies in: whole hours since 1970, so that no time zone has a say.

    >>> hour_of(7_200_000_000), hour_of(7_199_999_999)
    (2, 1)
    """
    return at_us // HOUR_US


@dataclass(frozen=True, eq=False)
class Hourly:
    """Statistics of some answers. They add up; an amount that is taken back is one of negative counts.

    Attributes:
        tallies: Counts by name of the tally and by key; nothing is kept of what is 0.
        features: Rows in each bin of the reference's profile, by column and part; the last bin is what is missing,
            and rows that lack the column are in it.

    >>> one = Hourly({"requests": {"answered": 2}})
    >>> (one + one - one) == one, one - one == Hourly()
    (True, True)
    """

    tallies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    features: Features = field(default_factory=dict)

    def __add__(self, other: Hourly) -> Hourly:
        return total((self, other))

    def __sub__(self, other: Hourly) -> Hourly:
        return total((self, other.negative()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hourly) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return any(self.tallies.values()) or bool(self.features)

    def negative(self) -> Hourly:
        """Give the amount that takes this one back."""
        tallies = {name: {key: -count for key, count in tally.items()} for name, tally in self.tallies.items()}
        features = {name: {part: -bins for part, bins in parts.items()} for name, parts in self.features.items()}
        return Hourly(tallies, features)

    def tally(self, name: str) -> Mapping[str, int]:
        """Give one tally by its name; an empty one where nothing was counted."""
        return self.tallies.get(name, {})

    def count(self, name: str, key: str) -> int:
        """Give one count."""
        return self.tally(name).get(key, 0)

    def numbers(self, name: str) -> dict[int, int]:
        """Give a tally whose keys are numbers of buckets or cells."""
        return {int(key): count for key, count in self.tally(name).items()}

    def to_json(self) -> dict[str, Any]:
        """Give them as plain values, in one order: equal statistics are equal text."""
        tallies = {
            name: {key: tally[key] for key in sorted(tally) if tally[key]}
            for name, tally in sorted(self.tallies.items())
            if any(tally.values())
        }
        features = {
            name: {part: bins.tolist() for part, bins in sorted(parts.items())}
            for name, parts in sorted(self.features.items())
            if any(bins.any() for bins in parts.values())
        }
        return {"tallies": tallies, "features": features}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Hourly:
        """Read them from plain values."""
        features = {
            name: {part: np.array(bins, dtype=np.int64) for part, bins in parts.items()}
            for name, parts in content.get("features", {}).items()
        }
        return cls(content["tallies"], features)


def total(amounts: Iterable[Hourly]) -> Hourly:
    """Add amounts up, in whatever order they come.

    Bins of one column that two releases' profiles told apart differently can't be added: keep amounts of
    different releases apart.
    """
    tallies: dict[str, dict[str, int]] = {}
    features: dict[str, dict[str, Bins]] = {}
    for amount in amounts:
        for name, tally in amount.tallies.items():
            into = tallies.get(name)
            if into is None:
                tallies[name] = dict(tally)
                continue
            known = into.get
            for key, count in tally.items():
                into[key] = known(key, 0) + count
        for name, parts in amount.features.items():
            column = features.setdefault(name, {})
            for part, bins in parts.items():
                column[part] = column[part] + bins if part in column else bins
    return Hourly(tallies, features)


def merged(*groups: Mapping[Key, Hourly]) -> dict[Key, Hourly]:
    """Add amounts up by what they are of."""
    found: dict[Key, list[Hourly]] = {}
    for group in groups:
        for key, amount in group.items():
            found.setdefault(key, []).append(amount)
    return {key: total(amounts) for key, amounts in found.items()}


def pair(truth: str, predicted: str) -> str:
    """Write a true and a predicted class as one key.

    >>> pair("ham", "spam")
    '["ham", "spam"]'
    """
    return json.dumps([truth, predicted], ensure_ascii=False)


def parted(key: str) -> tuple[str, str]:
    """Read a true and a predicted class from a key."""
    truth, predicted = json.loads(key)
    return truth, predicted
