"""What two releases made of the same requests, as sums that add up: over workers, hours and restarts.

Owns the counts and their merging. A pair is a request that both releases attempted: what either dropped, shed or was
never sent is counted beside, and compared with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from steadily.latency import Latencies
from steadily.units import MINUTE_US

NUMBERS = (
    "attempted",
    "answered",
    "agree",
    "live_errors",
    "other_errors",
    "only_live_errors",
    "only_other_errors",
    "dropped",
    "labelled",
    "only_live_right",
    "only_other_right",
    "deltas",
)


@dataclass(frozen=True)
class Answer:
    """What one release made of a request.

    Attributes:
        prediction: The class, a refusal's reason, or None of an error.
        error: Whether it was an exception, a time-out, or an answer that is NaN or breaks its schema.
        latency_us: How long it took.
        confidence: The probability of the class that live answered with, or None where there is none.
    """

    prediction: str | None
    error: bool
    latency_us: float
    confidence: float | None = None


@dataclass(frozen=True)
class PairCounts:
    """Sums over pairs; "other" is the release beside the live one: a shadow, or the previous one.

    Attributes:
        attempted: Requests that both attempted.
        answered: Those in which neither made an error.
        agree: Of those, the ones with the same answer.
        live_errors: The live release's errors among the attempted.
        other_errors: The other's.
        only_live_errors: Pairs in which the live release alone made an error.
        only_other_errors: In which the other one alone did.
        dropped: Requests that were to be compared, and were not, as the queue was full.
        labelled: Answered pairs of which the truth is known.
        only_live_right: Of those, in which the live release alone was right.
        only_other_right: In which the other one alone was.
        deltas: Answered pairs of which both probabilities are known.
        delta_sum: The sum over those of |Δp|, the difference of the probability of live's class.
        confusion: Answered pairs by live's answer and the other's.
        live_latency: The live release's latencies.
        other_latency: The other's.
        minutes: The minutes since 1970 in which there were pairs.
    """

    attempted: int = 0
    answered: int = 0
    agree: int = 0
    live_errors: int = 0
    other_errors: int = 0
    only_live_errors: int = 0
    only_other_errors: int = 0
    dropped: int = 0
    labelled: int = 0
    only_live_right: int = 0
    only_other_right: int = 0
    deltas: int = 0
    delta_sum: float = 0.0
    confusion: Mapping[tuple[str, str], int] = field(default_factory=dict)
    live_latency: Latencies = field(default_factory=Latencies)
    other_latency: Latencies = field(default_factory=Latencies)
    minutes: frozenset[int] = frozenset()

    def __add__(self, other: PairCounts) -> PairCounts:
        confusion = dict(self.confusion)
        for cell, count in other.confusion.items():
            confusion[cell] = confusion.get(cell, 0) + count
        return PairCounts(
            **{name: getattr(self, name) + getattr(other, name) for name in NUMBERS},
            delta_sum=self.delta_sum + other.delta_sum,
            confusion=confusion,
            live_latency=self.live_latency.merged(other.live_latency),
            other_latency=self.other_latency.merged(other.other_latency),
            minutes=self.minutes | other.minutes,
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return found | {
            "confusion": [[live, other, count] for (live, other), count in sorted(self.confusion.items())],
            "live_latency": self.live_latency.to_json(),
            "other_latency": self.other_latency.to_json(),
            "minutes": sorted(self.minutes),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> PairCounts:
        """Read it from plain values."""
        return cls(
            **{name: content[name] for name in NUMBERS},
            delta_sum=content["delta_sum"],
            confusion={(live, other): count for live, other, count in content["confusion"]},
            live_latency=Latencies.from_json(content["live_latency"]),
            other_latency=Latencies.from_json(content["other_latency"]),
            minutes=frozenset(content["minutes"]),
        )


def pair_of(live: Answer, other: Answer, at_us: int) -> PairCounts:
    """Count one pair.

    >>> one = pair_of(Answer("spam", False, 900, 0.9), Answer("ham", False, 800, 0.4), 0)
    >>> one.attempted, one.answered, one.agree, round(one.delta_sum, 3), one.confusion
    (1, 1, 0, 0.5, {('spam', 'ham'): 1})
    """
    answered = not live.error and not other.error
    known = answered and live.confidence is not None and other.confidence is not None
    return PairCounts(
        attempted=1,
        answered=int(answered),
        agree=int(answered and live.prediction == other.prediction),
        live_errors=int(live.error),
        other_errors=int(other.error),
        only_live_errors=int(live.error and not other.error),
        only_other_errors=int(other.error and not live.error),
        deltas=int(known),
        delta_sum=abs((live.confidence or 0.0) - (other.confidence or 0.0)) if known else 0.0,
        confusion={(str(live.prediction), str(other.prediction)): 1} if answered else {},
        live_latency=Latencies.of([live.latency_us]),
        other_latency=Latencies.of([other.latency_us]),
        minutes=frozenset([at_us // MINUTE_US]),
    )


def label_of(truth: str, live: str, other: str) -> PairCounts:
    """Count the truth of an answered pair, which became known later.

    >>> label_of("spam", "ham", "spam").only_other_right
    1
    """
    return PairCounts(
        labelled=1,
        only_live_right=int(truth == live != other),
        only_other_right=int(truth == other != live),
    )


def kappa(confusion: Mapping[tuple[str, str], int]) -> float | None:
    """Give Cohen's kappa: agreement beyond chance; None where it is undefined.

    >>> round(kappa({("a", "a"): 20, ("a", "b"): 5, ("b", "a"): 10, ("b", "b"): 15}), 3)
    0.4
    """
    total = sum(confusion.values())
    if not total:
        return None
    live: dict[str, int] = {}
    other: dict[str, int] = {}
    for (left, right), count in confusion.items():
        live[left] = live.get(left, 0) + count
        other[right] = other.get(right, 0) + count
    seen = sum(count for (left, right), count in confusion.items() if left == right) / total
    chance = sum(count * other.get(name, 0) for name, count in live.items()) / total**2
    return None if chance == 1 else (seen - chance) / (1 - chance)


@dataclass(frozen=True)
class Traffic:
    """Time with traffic.

    Attributes:
        minutes: Since the last gap that was too long, gaps within what is allowed counted in.
        gap: The last gap that was too long, in minutes, or None.
        gap_ended: In which minute since 1970 it ended, or None.
        longest: The longest gap since then.
    """

    minutes: int
    gap: int | None
    gap_ended: int | None
    longest: int


def traffic(minutes: frozenset[int], max_gap: int) -> Traffic:
    """Say how long there has been traffic without a gap that is too long, counted from the traffic itself.

    A clock that jumps leaves a gap, or minutes that were there already: neither makes hours.

    Args:
        minutes: The minutes in which there were pairs.
        max_gap: How many minutes without any may lie between.

    >>> traffic(frozenset([0, 1, 2, 100, 101, 105]), max_gap=10)
    Traffic(minutes=6, gap=97, gap_ended=100, longest=3)
    """
    found = Traffic(0, None, None, 0)
    for before, after in steps(minutes):
        gap = 0 if before is None else after - before - 1
        if gap > max_gap:
            found = Traffic(1, gap, after, 0)
        else:
            found = Traffic(found.minutes + gap + 1, found.gap, found.gap_ended, max(found.longest, gap))
    return found


def steps(minutes: frozenset[int]) -> Iterator[tuple[int | None, int]]:
    """Give each minute with the one before it."""
    before = None
    for minute in sorted(minutes):
        yield before, minute
        before = minute
