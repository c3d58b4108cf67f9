"""The verdict on a load test: passed, failed, or invalid, each with its reasons. Pure.

A test that could not be carried out as it was meant is invalid, whatever its figures are:
it shows nothing of the service.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from steadily.latency import needed

SENT_SHARE = 0.99  # of the wanted rate that has to be sent, in time
SHOWN = 3


@dataclass(frozen=True)
class Limits:
    """What may be at most: milliseconds at a percentile, and the share of requests without a good answer.

    None sets no limit.
    """

    p95_ms: float | None = 100.0
    p99_ms: float | None = 250.0
    max_error_share: float | None = 0.001


@dataclass(frozen=True)
class Figures:
    """What was measured.

    Attributes:
        rate: Requests a second that were wanted.
        duration: Seconds.
        planned: Requests that were to be sent.
        in_time: Those that were sent, and not late.
        counts: Requests by what came of them (``sender.KINDS``).
        timed: Good answers and time-outs: the requests that have a latency.
        p50_ms: Percentiles of latency from the intended time; None where fewer than ten requests lie above it.
        p95_ms: See ``p50_ms``.
        p99_ms: See ``p50_ms``.
        max_ms: The longest; None of none.
        lag_p99_ms: How late requests were sent, at the 99th percentile of those that were sent; None of none.
        waited: Requests that found all connections waiting for answers.
        connections: The most connections at a time.
        releases: Answers by release.
        predicted: Rows that were given a prediction.
        refused: Rows that were refused, by where.
        unclear: Answers that look good and are none: without a release, or without a word on a row.
    """

    rate: float
    duration: float
    planned: int
    in_time: int
    counts: Mapping[str, int]
    timed: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    lag_p99_ms: float | None = None
    waited: int = 0
    connections: int = 0
    releases: Mapping[int, int] = field(default_factory=dict)
    predicted: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    unclear: int = 0

    @property
    def sent(self) -> int:
        """Requests that were sent, late or not."""
        return sum(self.counts.values()) - self.counts.get("unsent", 0)

    @property
    def sent_share(self) -> float:
        """The share of the wanted requests that were sent in time."""
        return self.in_time / self.planned if self.planned else 0.0

    @property
    def error_share(self) -> float | None:
        """The share of the sent requests that have no good answer; None of none."""
        return 1 - (self.counts.get("ok", 0) - self.unclear) / self.sent if self.sent else None

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        whole = dict(self.__dict__) | {"sent_share": self.sent_share, "error_share": self.error_share}
        releases = {str(release): count for release, count in self.releases.items()}
        return whole | {"counts": dict(self.counts), "refused": dict(self.refused), "releases": releases}


@dataclass(frozen=True)
class Verdict:
    """The verdict; all reasons stand in it, also those of failing where it is invalid.

    Attributes:
        invalid: Why the test shows nothing.
        failed: Which limits were missed.
        met: Which were kept.
        notes: What is worth knowing beside.
    """

    invalid: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    met: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """Tell it in a word: passed, failed or invalid."""
        return "invalid" if self.invalid else "failed" if self.failed else "passed"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is what it is."""
        return (*self.invalid, *self.failed) or self.met

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        parts = {name: list(value) for name, value in self.__dict__.items()}
        return {"outcome": self.outcome, "reasons": list(self.reasons), **parts}


def judge(figures: Figures, limits: Limits) -> Verdict:
    """Judge a load test.

    >>> calm = Figures(300, 60, 18_000, 18_000, {"ok": 18_000}, 18_000, 2.0, 5.0, 9.0, 31.0, releases={3: 18_000},
    ...                predicted=18_000)
    >>> judge(calm, Limits()).outcome
    'passed'
    >>> judge(calm, Limits(p99_ms=8)).reasons
    ('p99 9 ms, above 8 ms',)
    """
    invalid, failed, met = list(disturbances(figures)), [], []
    for name, most in (("p95", limits.p95_ms), ("p99", limits.p99_ms)):
        value = getattr(figures, f"{name}_ms")
        if most is None:
            continue
        if value is None:
            invalid.append(f"{too_few(figures, name)}: let it last longer (--duration)")
        elif value > most:
            failed.append(f"{name} {milliseconds(value)}, above {milliseconds(most)}")
        else:
            met.append(f"{name} {milliseconds(value)}, at most {milliseconds(most)}")
    share, most = figures.error_share, limits.max_error_share
    if share is not None and most is not None:
        told = f"{percent(share)} errors"
        if share > most:
            failed.append(f"{told}, above {percent(most)}: {', '.join(errors_in(figures))}")
        else:
            met.append(f"{told}, at most {percent(most)}")
    return Verdict(tuple(invalid), tuple(failed), tuple(met), tuple(notes_on(figures, limits)))


def disturbances(figures: Figures) -> Iterator[str]:
    """Say why a test shows nothing, if it does."""
    if not figures.sent:
        yield "nothing was sent"
    elif figures.sent_share < SENT_SHARE:
        yield (
            f"only {math.floor(figures.sent_share * 1e4) / 100:g} % of {number(figures.rate)} requests a second were "
            f"sent in time, and {percent(SENT_SHARE)} have to be: {blame(figures)}"
        )
    if len(figures.releases) > 1:
        answered = ", ".join(f"{release} ({count:,})" for release, count in sorted(figures.releases.items()))
        yield f"several releases answered: {answered}"
    if figures.refused and not figures.predicted:
        yield f"every row was refused, so that no model was asked: {most_refused(figures)}"


def blame(figures: Figures) -> str:
    """Say what kept requests from being sent."""
    if figures.waited * 2 > figures.planned - figures.in_time:
        return f"all {figures.connections:,} connections were waiting for answers"
    return "the machine that sends could not keep up"


def notes_on(figures: Figures, limits: Limits) -> Iterator[str]:
    """Say what is worth knowing beside the verdict."""
    for name, most in (("p95", limits.p95_ms), ("p99", limits.p99_ms)):
        if most is None and getattr(figures, f"{name}_ms") is None:
            yield too_few(figures, name)
    shed = figures.counts.get("shed", 0)
    if shed:
        yield f"the service shed load: {shed:,} of {figures.sent:,} requests were answered with 503"
    if figures.refused and figures.predicted:
        yield f"rows that were refused: {sum(figures.refused.values()):,} ({most_refused(figures)})"


def too_few(figures: Figures, name: str) -> str:
    """Say that a percentile can't be told."""
    return f"too few answers for {name}: {figures.timed:,}, and it takes {needed(int(name[1:]) / 100):,}"


def errors_in(figures: Figures) -> Iterator[str]:
    """Count the errors by kind, in words."""
    words = {
        "shed": "shed (503)",
        "server_error": "other 5xx",
        "rejected": "rejected (3xx, 4xx)",
        "timed_out": "timed out",
        "disconnected": "disconnected",
    }
    for kind, word in words.items():
        if figures.counts.get(kind):
            yield f"{figures.counts[kind]:,} {word}"
    if figures.unclear:
        yield f"{figures.unclear:,} answers that are none"


def most_refused(figures: Figures) -> str:
    """Name the most frequent refusals."""
    ordered = sorted(figures.refused.items(), key=lambda item: -item[1])
    return "; ".join(f"{count:,} {place}" for place, count in ordered[:SHOWN])


def percent(share: float) -> str:
    """Write a share.

    >>> percent(0.00123), percent(0), percent(0.99)
    ('0.123 %', '0 %', '99 %')
    """
    return f"{share * 100:.3g} %"


def number(value: float) -> str:
    """Write a number of requests.

    >>> number(300), number(400_000.0), number(2.5)
    ('300', '400,000', '2.5')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def milliseconds(value: float) -> str:
    """Write milliseconds.

    >>> milliseconds(0.1234), milliseconds(9), milliseconds(8.04), milliseconds(5021.7)
    ('0.123 ms', '9 ms', '8.0 ms', '5,022 ms')
    """
    if float(value).is_integer():
        return f"{value:,.0f} ms"
    return f"{value:.3f} ms" if value < 1 else f"{value:.1f} ms" if value < 1000 else f"{value:,.0f} ms"
