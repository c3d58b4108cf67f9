"""The checklist that a shadow has to pass before it may go live. Pure: sums in, lines with their evidence out.

Owns the judgement. A line that was not passed can be overridden by a person with a reason, which is kept; nothing can
be skipped in silence: what is not known is ``insufficient`` and not passed, and what can't be known yet and holds
nothing up, correctness without labels, is ``not judged``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import comb, floor, lgamma, log
from typing import Any, Literal

from steadily.latency import needed
from steadily.rollout.pairs import PairCounts, kappa, traffic
from steadily.statistics import wilson
from steadily.units import MINUTE_US

LineState = Literal["passed", "failed", "insufficient", "not judged", "overridden"]
WELL = ("passed", "not judged", "overridden")  # the states in which a line holds nothing up
EXACT_UP_TO = 1_000


@dataclass(frozen=True)
class Limits:
    """What a shadow has to keep.

    Attributes:
        min_hours: Hours of shadow with traffic.
        max_gap: The longest gap in the traffic, in minutes.
        min_pairs: Requests that both releases attempted.
        max_dropped: The share of requests that the queue may have dropped; has to stay below it.
        min_agreement: Of the same answers; the lower bound of its interval has to reach it.
        significance: Below which p-value a difference of errors counts.
        max_latency_ratio: Of the shadow's p95 and p99 to the live release's.
        load_times: How many times the peak a load test has to have sent.
    """

    min_hours: float = 48.0
    max_gap: int = 60
    min_pairs: int = 1_000
    max_dropped: float = 0.01
    min_agreement: float = 0.95
    significance: float = 0.01
    max_latency_ratio: float = 1.5
    load_times: float = 3.0


@dataclass(frozen=True)
class LoadTest:
    """A load test of the release: its verdict, the rate that it sent, requests a second, and why."""

    outcome: str
    rate: float
    reasons: Sequence[str] = ()


@dataclass(frozen=True)
class Known:
    """What is known of the release beside its pairs.

    Attributes:
        load_test: The last load test of this very release, or None.
        peak: The expected peak, requests a second, or None where it is not known.
        feature_set: The feature-set version that it names, or None.
        published: Whether that is published; None where nobody could say.
        told: What the online store said of it, in words; empty where it was not asked.
        verdicts: Those of its evaluation, as the bundle has them.
    """

    load_test: LoadTest | None = None
    peak: float | None = None
    feature_set: str | None = None
    published: bool | None = None
    told: str = ""
    verdicts: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Line:
    """A line of the checklist: its name, how it stands, what was seen, and what is needed."""

    name: str
    state: LineState
    evidence: str
    needed: str

    def to_json(self) -> dict[str, str]:
        """Give it as plain values."""
        return {"name": self.name, "state": self.state, "evidence": self.evidence, "needed": self.needed}


def checklist(counts: PairCounts, known: Known, limits: Limits, now_us: int) -> tuple[Line, ...]:
    """Judge a shadow.

    Args:
        counts: The pairs of it and the live release, since it came into the slot.
        known: What else is known of it.
        limits: What it has to keep.
        now_us: The time now.

    >>> [line.state for line in checklist(PairCounts(), Known(), Limits(), 0)][:3]
    ['insufficient', 'insufficient', 'insufficient']
    """
    return (
        hours(counts, limits, now_us),
        pairs(counts, limits),
        dropped(counts, limits),
        agreement(counts, limits),
        errors(counts, limits),
        correctness(counts, limits),
        latency(counts, limits),
        load_test(known, limits),
        features(known),
        metrics(known),
    )


def passes(lines: Sequence[Line]) -> bool:
    """Tell whether a release with this checklist may go live."""
    return all(line.state in WELL for line in lines)


def overridden(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Give the checklist as a person went over it: what was not passed is marked, with its evidence as it was."""
    return tuple(
        line if line.state in WELL else replace(line, state="overridden", evidence=f"{line.state}: {line.evidence}")
        for line in lines
    )


def hours(counts: PairCounts, limits: Limits, now_us: int) -> Line:
    """Judge the time with traffic."""
    wanted = f"{limits.min_hours:g} hours with traffic, no gap above {limits.max_gap} minutes"
    if not counts.minutes:
        return Line("hours", "insufficient", "no traffic yet", wanted)
    found = traffic(counts.minutes, limits.max_gap)
    seen = f"{found.minutes / 60:.1f} hours, longest gap {found.longest} minutes"
    since = now_us // MINUTE_US - max(counts.minutes) - 1
    if since > limits.max_gap:
        return Line("hours", "failed", f"{seen}; no traffic for {since} minutes now", wanted)
    if found.gap_ended is not None:
        seen += f", since a gap of {found.gap} minutes that ended {moment(found.gap_ended * MINUTE_US)}"
    if found.minutes >= limits.min_hours * 60:
        return Line("hours", "passed", seen, wanted)
    return Line("hours", "insufficient" if found.gap is None else "failed", seen, wanted)


def moment(at_us: int) -> str:
    """Write a time.

    >>> moment(0)
    '1970-01-01 00:00Z'
    """
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%MZ")


def pairs(counts: PairCounts, limits: Limits) -> Line:
    """Judge the number of pairs."""
    state: LineState = "passed" if counts.attempted >= limits.min_pairs else "insufficient"
    return Line("pairs", state, f"{counts.attempted:,} requests compared", f"{limits.min_pairs:,}")


def dropped(counts: PairCounts, limits: Limits) -> Line:
    """Judge the share that was never compared."""
    wanted = f"below {percent(limits.max_dropped)}"
    total = counts.attempted + counts.dropped
    if not total:
        return Line("dropped", "insufficient", "no requests yet", wanted)
    share = counts.dropped / total
    state: LineState = "passed" if share < limits.max_dropped else "failed"
    return Line("dropped", state, f"{counts.dropped:,} of {total:,} ({percent(share)})", wanted)


def agreement(counts: PairCounts, limits: Limits) -> Line:
    """Judge the share of same answers by the lower end of its 95 % Wilson interval."""
    wanted = f"lower bound at least {percent(limits.min_agreement)}"
    interval = wilson(counts.agree, counts.answered)
    if interval is None:
        if counts.attempted >= limits.min_pairs:
            return Line("agreement", "failed", f"not one of {counts.attempted:,} pairs was answered by both", wanted)
        return Line("agreement", "insufficient", "no request answered by both yet", wanted)
    beyond = kappa(counts.confusion)
    mean = counts.delta_sum / counts.deltas if counts.deltas else None
    seen = (
        f"{percent(counts.agree / counts.answered)} of {counts.answered:,}, lower bound {percent(interval[0])}; "
        f"κ {'undefined' if beyond is None else f'{beyond:.3f}'}, "
        f"mean |Δp| {'unknown' if mean is None else f'{mean:.4f}'}"
    )
    if interval[0] >= limits.min_agreement:
        return Line("agreement", "passed", seen, wanted)
    return Line("agreement", "failed" if interval[1] < limits.min_agreement else "insufficient", seen, wanted)


def errors(counts: PairCounts, limits: Limits) -> Line:
    """Judge the difference of errors."""
    wanted = f"not more errors than live (exact McNemar, p at least {limits.significance:g})"
    if counts.attempted < limits.min_pairs:
        seen = f"shadow {counts.other_errors:,}, live {counts.live_errors:,} of {counts.attempted:,}"
        worse = significantly_more(counts.only_other_errors, counts.only_live_errors, limits.significance)
        return Line("errors", "failed" if worse else "insufficient", seen, wanted)
    p = mcnemar(counts.only_other_errors, counts.only_live_errors)
    seen = (
        f"shadow {counts.other_errors:,}, live {counts.live_errors:,} of {counts.attempted:,}; "
        f"alone in it {counts.only_other_errors:,} and {counts.only_live_errors:,}, p {p:.3g}"
    )
    worse = significantly_more(counts.only_other_errors, counts.only_live_errors, limits.significance)
    return Line("errors", "failed" if worse else "passed", seen, wanted)


def correctness(counts: PairCounts, limits: Limits) -> Line:
    """Judge the difference of wrong answers, where labels have come; without any there is nothing to fail."""
    wanted = f"with labels: not more wrong answers than live (exact McNemar, p at least {limits.significance:g})"
    if not counts.labelled:
        return Line("correctness", "not judged", "no labels have come", wanted)
    p = mcnemar(counts.only_live_right, counts.only_other_right)
    seen = (
        f"{counts.labelled:,} labelled ({percent(counts.labelled / max(counts.answered, 1))} of the answered): "
        f"the shadow alone right in {counts.only_other_right:,}, live alone in {counts.only_live_right:,}, p {p:.3g}"
    )
    worse = significantly_more(counts.only_live_right, counts.only_other_right, limits.significance)
    return Line("correctness", "failed" if worse else "passed", seen, wanted)


def latency(counts: PairCounts, limits: Limits) -> Line:
    """Judge the shadow's p95 and p99 beside the live release's on the same requests."""
    wanted = f"p95 and p99 at most {limits.max_latency_ratio:g} times live's"
    parts, above, unknown = [], False, False
    for q in (0.95, 0.99):
        live, shadow = counts.live_latency.shown(q), counts.other_latency.shown(q)
        if live is None or shadow is None or live <= 0:
            unknown = True
            parts.append(f"p{q * 100:.0f} needs {needed(q):,} requests")
            continue
        above |= shadow / live > limits.max_latency_ratio
        parts.append(f"p{q * 100:.0f} {shadow / 1000:.2f} ms, live {live / 1000:.2f} ms ({shadow / live:.2f}×)")
    state: LineState = "failed" if above else "insufficient" if unknown else "passed"
    return Line("latency", state, "; ".join(parts), wanted)


def load_test(known: Known, limits: Limits) -> Line:
    """Judge the last load test of this release."""
    times = f"{limits.load_times:g} times the peak"
    wanted = f"passed at {times}" + (f" ({limits.load_times * known.peak:,.1f}/s)" if known.peak is not None else "")
    last = known.load_test
    if last is None:
        return Line("load test", "insufficient", "none of this release", wanted)
    seen = f"{last.outcome} at {last.rate:,.1f}/s" + (f": {'; '.join(last.reasons)}" if last.reasons else "")
    if last.outcome == "failed":
        return Line("load test", "failed", seen, wanted)
    if last.outcome != "passed":
        return Line("load test", "insufficient", seen, wanted)
    if known.peak is None:
        return Line("load test", "insufficient", f"{seen}; the peak is not known", wanted)
    enough = last.rate >= limits.load_times * known.peak * (1 - 1e-9)
    return Line("load test", "passed" if enough else "failed", seen, wanted)


def features(known: Known) -> Line:
    """Judge whether the feature-set version that the release reads is there to be read."""
    needed = "its feature-set version published: `steadily features publish`"
    if known.feature_set is None:
        return Line("features", "passed", "it reads no feature set", needed)
    state: LineState = "insufficient" if known.published is None else "passed" if known.published else "failed"
    word = {None: "nobody could say", True: "published", False: "not published"}[known.published]
    seen = f"{known.feature_set}: {word}" + (f" ({known.told})" if known.told else "")
    return Line("features", state, seen, needed)


def metrics(known: Known) -> Line:
    """Judge the figures of the evaluation by the verdicts in the bundle."""
    missed = [verdict for verdict in known.verdicts if not verdict["met"]]
    if missed:
        return Line("metrics", "failed", "; ".join(told(verdict) for verdict in missed), "every limit kept")
    seen = "; ".join(told(verdict) for verdict in known.verdicts) or "the evaluation has no limits"
    return Line("metrics", "passed", seen, "every limit kept")


def told(verdict: Mapping[str, Any]) -> str:
    """Write a verdict.

    >>> told({"figure": "accuracy", "limit": "minimum", "wanted": 0.9, "given": 0.95, "met": True})
    'accuracy 0.95, minimum 0.9'
    """
    given = "undefined" if verdict["given"] is None else f"{verdict['given']:.4g}"
    return f"{verdict['figure']} {given}, {verdict['limit']} {verdict['wanted']:g}"


def significantly_more(ours: int, theirs: int, significance: float) -> bool:
    """Tell whether one side of the discordant pairs is larger, and not by chance.

    >>> significantly_more(12, 1, 0.01), significantly_more(1, 12, 0.01)
    (True, False)
    """
    return ours > theirs and mcnemar(ours, theirs) < significance


def mcnemar(one: int, other: int) -> float:
    """Give the exact two-sided p-value that discordant pairs fall on either side alike (McNemar 1947; binomial, 1/2).

    >>> round(mcnemar(1, 9), 4), mcnemar(3, 3), mcnemar(0, 0)
    (0.0215, 1.0, 1.0)
    """
    number, least = one + other, min(one, other)
    if number <= EXACT_UP_TO:
        tail = sum(comb(number, k) for k in range(least + 1)) / 2**number
    else:
        tail = sum(sorted(terms(number, least)))
    return min(1.0, 2 * float(tail))


def terms(number: int, least: int) -> Iterator[float]:
    """Give the binomial probabilities up to ``least``, by logarithms, as far as they count."""
    for k in range(least, -1, -1):
        term = 2.0 ** ((lgamma(number + 1) - lgamma(k + 1) - lgamma(number - k + 1)) / log(2) - number)
        yield term
        if term < 1e-30:
            return


def percent(share: float) -> str:
    """Write a share with two decimals, never rounded up to what it is not.

    >>> percent(0.95), percent(0.99996), percent(0), percent(0.00002)
    ('95 %', '99.99 %', '0 %', 'below 0.01 %')
    """
    hundredths = floor(share * 10_000 + 1e-6)
    return "below 0.01 %" if not hundredths and share else f"{hundredths / 100:g} %"
