"""The rule by which a release is rolled back: twice the baseline's errors, with evidence for it.

Owns the arithmetic and the small state that it goes on from. Where the counts come from, where the state is
kept and what a rollback does are others' matters. ``docs/explanation/rollback-rule.md`` says why it is so;
``benchmarks/rollback_rule.py`` drives these very functions with arrays of many runs in place of single numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log
from typing import Any, Literal

import numpy as np

from steadily.rollout.windows import (
    BUCKET_US,
    NOTHING,
    RECENT_US,
    Bucket,
    Counts,
    Number,
    every,
    newest_first,
    recent,
    thinned,
    whole,
)
from steadily.statistics import wilson
from steadily.units import MINUTE_US

Mode = Literal["concurrent", "historical"]
State = Literal["healthy", "insufficient", "inconclusive", "rollback"]

RATIO = 2.0
LEAST_ERRORS = 10
ALPHA = 0.001
THRESHOLDS: dict[Mode, float] = {"concurrent": log(1 / ALPHA), "historical": 10.0}
LEAST_RATE = 0.001  # a baseline is never taken to be better than this
WINDOW_ERRORS = 70  # the ratio's window goes back until it holds so many, of both sides together
PAIRED_SHARE = 0.1  # of a bucket's requests: with fewer pairs it says nothing of both releases
LEAST_CREDIT = 2.0
CREDIT_US = 10 * MINUTE_US


@dataclass(frozen=True)
class Baseline:
    """What is known of the errors before this release went live: requests, and how many of them failed.

    >>> round(Baseline(100_000, 1_000).upper, 5)
    0.01064
    """

    requests: Number = 0
    errors: Number = 0

    @property
    def upper(self) -> Number:
        """The upper end of the 95 % Wilson interval of the rate, at least 0.1 %; 1 where nothing is known."""
        if isinstance(self.requests, int) and isinstance(self.errors, int):
            interval = wilson(self.errors, self.requests)
            return max(interval[1], LEAST_RATE) if interval else 1.0
        ends = [(wilson(float(e), float(n)) or [0.0, 1.0])[1] for e, n in np.broadcast(self.errors, self.requests)]
        return np.maximum(ends, LEAST_RATE)

    @property
    def rate(self) -> Number:
        """The rate itself, at least 0.1 %; 1 where nothing is known."""
        if every(self.requests == 0):
            return 1.0
        return np.maximum(self.errors / self.requests, LEAST_RATE)


@dataclass(frozen=True)
class RuleState:
    """All that the rule goes on from; whoever keeps it can go on after a restart as if there had been none.

    Attributes:
        started_us: When the release went live, or the kind of baseline changed.
        mode: What the errors are compared with.
        paired_us: When both releases last attempted the same requests.
        bucket_us: The beginning of the bucket that is still being filled.
        filling: What is in it.
        evidence: The likelihood ratio's logarithm, for twice the baseline against the baseline.
        span: The counts since the evidence last lay at its least.
        total: The counts since ``started_us``.
        buckets: What is known of the last twelve hours, the oldest first.
    """

    started_us: int
    mode: Mode
    paired_us: int | None
    bucket_us: int
    filling: Counts = NOTHING
    evidence: Number = 0.0
    span: Counts = NOTHING
    total: Counts = NOTHING
    buckets: tuple[Bucket, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {
            "started_us": self.started_us,
            "mode": self.mode,
            "paired_us": self.paired_us,
            "bucket_us": self.bucket_us,
            "filling": [int(value) for value in self.filling.values()],
            "evidence": float(self.evidence),
            "span": [int(value) for value in self.span.values()],
            "total": [int(value) for value in self.total.values()],
            "buckets": [bucket.to_json() for bucket in self.buckets],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> RuleState:
        """Read it from plain values."""
        return cls(
            started_us=content["started_us"],
            mode=content["mode"],
            paired_us=content["paired_us"],
            bucket_us=content["bucket_us"],
            filling=Counts(*content["filling"]),
            evidence=content["evidence"],
            span=Counts(*content["span"]),
            total=Counts(*content["total"]),
            buckets=tuple(Bucket.from_json(bucket) for bucket in content["buckets"]),
        )


@dataclass(frozen=True)
class Verdict:
    """What the rule says now, with what it saw.

    Attributes:
        state: "healthy", "insufficient", "inconclusive" (a person decides) or "rollback".
        mode: What the errors are compared with.
        why: In words.
        evidence: The logarithm of the likelihood ratio.
        threshold: From where on it counts.
        errors: Of the live release since the evidence last lay at its least.
        ratio: Of the live release's errors in the window to those that the baseline has; None without errors.
        requests: In the last five minutes.
    """

    state: State
    mode: Mode
    why: str
    evidence: float
    threshold: float
    errors: int
    ratio: float | None
    requests: int


def begin(at_us: int, *, paired: bool) -> RuleState:
    """Give the state of a release that goes live now.

    Args:
        at_us: The time.
        paired: Whether an earlier release attempts the same requests. The first five minutes then wait for it.
    """
    start = at_us // BUCKET_US * BUCKET_US
    return RuleState(at_us, "concurrent" if paired else "historical", at_us if paired else None, start)


def updated(state: RuleState, counts: Counts, at_us: int, baseline: Baseline) -> RuleState:
    """Give the state after some more counts.

    Counts of one bucket of ten seconds are added before anything is concluded, so how often this is called, and in
    which order, makes no difference within a bucket. A clock that went back adds to the bucket being filled.

    Args:
        state: The state before.
        counts: What came since.
        at_us: The time now; with no counts this closes the bucket that is over.
        baseline: What the live release is compared with where nothing runs beside it.

    >>> state = updated(begin(0, paired=True), Counts(100, 3, 100, 3, 1), 1, Baseline())
    >>> state == updated(updated(begin(0, paired=True), Counts(60, 1, 60, 1, 1), 1, Baseline()),
    ...                  Counts(40, 2, 40, 2, 0), 1, Baseline())
    True
    """
    start = at_us // BUCKET_US * BUCKET_US
    if start <= state.bucket_us:
        return replace(state, filling=state.filling + counts)
    return replace(closed(state, start, baseline), bucket_us=start, filling=counts)


def closed(state: RuleState, now_us: int, baseline: Baseline) -> RuleState:
    """Conclude from the bucket that was being filled."""
    counts = state.filling
    if every(counts.requests == 0) and every(counts.paired == 0):
        return remoded(replace(state, buckets=thinned(state.buckets, now_us)), now_us)
    if every(counts.paired >= PAIRED_SHARE * counts.requests):
        state = replace(state, paired_us=state.bucket_us)
    state = remoded(state, state.bucket_us)
    evidence = state.evidence + log_ratio(state.mode, counts, baseline)
    total = state.total + counts
    least = -credit(state.mode, total, state.started_us, now_us)
    above = evidence > least
    return replace(
        state,
        evidence=np.where(above, evidence, least) if np.ndim(evidence) else max(float(evidence), least),
        span=(state.span + counts).only(above),
        total=total,
        buckets=thinned((*state.buckets, Bucket(state.bucket_us, counts)), now_us),
    )


def remoded(state: RuleState, at_us: int) -> RuleState:
    """Begin anew where what the release is compared with changed: pairs came, or none have for five minutes."""
    paired = state.paired_us is not None and at_us - state.paired_us <= RECENT_US
    mode: Mode = "concurrent" if paired else "historical"
    if mode == state.mode:
        return state
    return replace(state, mode=mode, started_us=at_us, evidence=0.0, span=NOTHING, total=NOTHING)


def log_ratio(mode: Mode, counts: Counts, baseline: Baseline) -> Number:
    """Give what counts add to the evidence.

    Concurrent, with a and b errors of the new and the old release, both having attempted the same requests:
    L = a ln(θ₁/θ₀) + b ln((1 − θ₁)/(1 − θ₀)), θ₀ = 1/2, θ₁ = 2/3 (arXiv 2011.03567, 2205.14762). Historical, with e
    errors of n: e ln(p₁/p₀) + (n − e) ln((1 − p₁)/(1 − p₀)), p₀ the baseline's upper bound, p₁ = 2 p₀.

    >>> round(log_ratio("concurrent", Counts(paired=100, new_errors=6, old_errors=2), Baseline()), 3)
    0.915
    """
    if mode == "concurrent":
        theta0, theta1 = 1 / 2, RATIO / (RATIO + 1)
        return counts.new_errors * log(theta1 / theta0) + counts.old_errors * log((1 - theta1) / (1 - theta0))
    p0 = baseline.upper
    if every(p0 >= 1 / RATIO):
        return 0.0 * counts.requests  # there is no twice as many
    p0 = np.minimum(p0, 0.49)
    return counts.errors * np.log(RATIO) + (counts.requests - counts.errors) * np.log((1 - RATIO * p0) / (1 - p0))


def credit(mode: Mode, total: Counts, started_us: int, now_us: int) -> Number:
    """Give how far below 0 the evidence may fall: what a release that did well for long has to lose first.

    Historically nothing. Beside another release, the logarithm of the errors that both make in ten minutes, at
    least 2: the more errors, the more chances there are for a false alarm, and the sooner a real one gathers evidence.

    >>> credit("historical", Counts(old_errors=10_000), 0, 1), credit("concurrent", NOTHING, 0, 1)
    (0.0, 2.0)
    """
    if mode == "historical":
        return 0.0
    made = 2 * total.old_errors * CREDIT_US / max(now_us - started_us, CREDIT_US)
    if np.ndim(made):
        return np.maximum(np.log(np.maximum(made, 1.0)), LEAST_CREDIT)
    return max(log(max(made, 1.0)), LEAST_CREDIT)


def window(state: RuleState, now_us: int, baseline: Baseline) -> tuple[Number, Number]:
    """Give the errors of the live release and those that the baseline has, over the ratio's window.

    It is the last five minutes, and goes back further, twelve hours at the most, until both sides together have 70.
    """
    ours: Number = 0
    theirs: Number = 0
    for bucket in newest_first(state.buckets):
        wanted = np.logical_or(ours + theirs < WINDOW_ERRORS, now_us - bucket.start_us <= RECENT_US)
        if not np.any(wanted):
            break
        new, old = compared(state.mode, bucket.counts, baseline)
        ours, theirs = ours + wanted * new, theirs + wanted * old
    return ours, theirs


def compared(mode: Mode, counts: Counts, baseline: Baseline) -> tuple[Number, Number]:
    """Give the live release's errors and those that the baseline had, or would have had."""
    if mode == "concurrent":
        return counts.new_errors, counts.old_errors
    return counts.errors, counts.requests * baseline.rate


def fires(state: RuleState, baseline: Baseline) -> Number:
    """Tell whether evidence, number of errors and ratio all speak for a rollback.

    The ratio has to be above 2 over its window and also since the evidence last lay at its least.
    """
    strong = state.evidence >= THRESHOLDS[state.mode]
    if not np.any(strong):
        return strong
    span_new, span_old = compared(state.mode, state.span, baseline)
    new, old = window(state, state.bucket_us, baseline)
    return strong & (span_new >= LEAST_ERRORS) & (span_new > RATIO * span_old) & (new > RATIO * old)


def judged(state: RuleState, baseline: Baseline, at_us: int) -> Verdict:
    """Say what the state amounts to.

    Args:
        state: The state, updated up to now.
        baseline: What the live release is compared with where nothing runs beside it.
        at_us: The time now.

    >>> judged(begin(0, paired=True), Baseline(), 1).state
    'insufficient'
    """
    errors = int(compared(state.mode, state.span, baseline)[0])
    new, old = window(state, state.bucket_us, baseline)
    ratio = None if not new else inf if not old else float(new / old)
    requests = int((recent(state.buckets, at_us) + state.filling).requests)
    threshold = THRESHOLDS[state.mode]
    verdict, why = concluded(state, baseline, requests)
    return Verdict(verdict, state.mode, why, float(state.evidence), threshold, errors, ratio, requests)


def concluded(state: RuleState, baseline: Baseline, requests: int) -> tuple[State, str]:
    """Give the state's name and the reason in words."""
    threshold = THRESHOLDS[state.mode]
    if bool(fires(state, baseline)):
        return "rollback", "more than twice the baseline's errors, with evidence"
    if not requests:
        return "insufficient", "no requests in the last five minutes"
    if state.mode == "historical" and not baseline.requests:
        return "insufficient", "no earlier release runs beside it, and none has left a baseline"
    if state.evidence >= threshold:
        return (
            "inconclusive",
            "more errors than the baseline, and not clearly more than twice as many: a person decides",
        )
    if state.evidence >= threshold / 2:
        return "inconclusive", "signs of more errors, and not enough evidence: a person decides"
    if visible(state, baseline) < threshold:
        return "insufficient", "too few requests for a doubling to show yet"
    return "healthy", "a doubling of the errors would have shown"


def visible(state: RuleState, baseline: Baseline) -> float:
    """Give the evidence that what is kept would have brought on the average, had there been twice the errors."""
    kept = whole(state.buckets)
    if state.mode == "concurrent":
        return float(kept.paired * growth("concurrent", Baseline(int(kept.paired), int(kept.old_errors)).upper))
    return float(kept.requests * growth("historical", baseline.upper))


def growth(mode: Mode, rate: float, times: float = RATIO) -> float:
    """Give how much evidence a request brings on the average, if errors are ``times`` a baseline of ``rate``.

    >>> round(THRESHOLDS["concurrent"] / growth("concurrent", 0.01) / 100)  # minutes, at 100 requests a minute
    41
    """
    if rate >= 1 / RATIO:
        return 0.0
    expected = Counts(1, times * rate, 1, times * rate, rate)
    if mode == "concurrent":
        return float(log_ratio(mode, expected, Baseline()))
    gain = log(RATIO) * times * rate
    return float(gain + (1 - times * rate) * log((1 - RATIO * rate) / (1 - rate)))


def hours_to_see(mode: Mode, per_minute: float, rate: float, times: float = RATIO) -> float:
    """Say after how many hours an error rate ``times`` the baseline's shows, on the average.

    Args:
        mode: What the errors are compared with.
        per_minute: Requests.
        rate: The baseline's error rate.
        times: How many times as many errors there are.

    >>> round(hours_to_see("concurrent", 20, 0.001), 1)
    33.9
    """
    gained = growth(mode, max(rate, LEAST_RATE), times) * per_minute * 60
    return max(THRESHOLDS[mode] / gained, LEAST_ERRORS / (times * rate * per_minute * 60)) if gained > 0 else inf
