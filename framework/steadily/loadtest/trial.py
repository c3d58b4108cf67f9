"""One load test from a plan to an outcome: sends, measures, judges, tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from steadily.latency import Latencies
from steadily.loadtest.arrivals import Times, arrivals
from steadily.loadtest.heard import Heard
from steadily.loadtest.histogram import lines
from steadily.loadtest.measured import figures_of, latencies_of
from steadily.loadtest.rate import Rate
from steadily.loadtest.sender import Bounds, Tell, request_of, send
from steadily.loadtest.target import Target
from steadily.loadtest.verdict import Figures, Limits, Verdict, judge, milliseconds, number

PATH = "/predict"


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        target: Where to send.
        rate: How much.
        duration: For how many seconds.
        arrivals: "poisson" or "constant".
        limits: What it may come to.
        timeout: Seconds after which an answer is given up.
        seed: Of the arrivals.
        headers: Further headers of each request.
    """

    target: Target
    rate: Rate
    duration: float
    arrivals: str
    limits: Limits
    timeout: float = 10.0
    seed: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values, without the headers, which may hold a secret."""
        return {
            "url": self.target.url,
            "rate": asdict(self.rate),
            "duration": self.duration,
            "arrivals": self.arrivals,
            "seed": self.seed,
            "timeout": self.timeout,
            "limits": asdict(self.limits),
        }


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    plan: Plan
    figures: Figures
    latencies: Latencies
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {
            **self.plan.to_json(),
            "figures": self.figures.to_json(),
            "latencies": self.latencies.to_json(),
            "verdict": self.verdict.to_json(),
        }


def times_of(plan: Plan) -> Times:
    """Give the times at which requests are to be sent.

    Raises:
        ConfigError: They are too many for one test.
    """
    return arrivals(plan.arrivals, plan.rate.per_second, plan.duration, plan.seed)


def carry_out(plan: Plan, times: Times, bodies: Sequence[bytes], release: int | None, tell: Tell) -> Outcome:
    """Send what the plan says, and judge what comes of it.

    Args:
        plan: The plan.
        times: Its times.
        bodies: Bodies of requests, sent in turn.
        release: The release that said it was ready; no other may answer.
        tell: Called now and then with how many were sent, and how many are done.
    """
    requests = [request_of(plan.target, PATH, body, plan.headers) for body in bodies]
    heard = Heard()
    if release is not None:
        heard.releases[release] = 0
    sent = send(plan.target, requests, times, Bounds(plan.timeout), hear=heard.hear, tell=tell)
    figures = figures_of(sent, heard, plan.rate.per_second, plan.duration)
    return Outcome(plan, figures, latencies_of(sent), judge(figures, plan.limits))


def told_before(plan: Plan) -> str:
    """Say what is about to be sent."""
    much = f"{number(plan.rate.per_second)} requests a second for {plan.duration:g} s, {plan.arrivals} arrivals"
    return f"{plan.target.url}: {much}; {plan.rate.told}"


def told_after(outcome: Outcome) -> list[str]:
    """Say what came of it: a histogram, the figures, the verdict with its reasons."""
    figures, verdict = outcome.figures, outcome.verdict
    found = lines(outcome.latencies)
    late = "" if figures.lag_p99_ms is None else f", 99 % of them at most {milliseconds(figures.lag_p99_ms)} late"
    found.append(f"sent {figures.sent:,} of {figures.planned:,}{late}; at most {figures.connections:,} connections")
    found.append(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in figures.counts.items() if count))
    found.append(", ".join(percentiles(figures)) + " from the time at which each was to be sent")
    if figures.releases:
        found.append(f"answered by release {', '.join(map(str, sorted(figures.releases)))}")
    found += [f"note: {note}" for note in (*verdict.notes, outcome.plan.rate.note) if note]
    found.append(f"{verdict.outcome}: {'; '.join(verdict.reasons) or 'no limit is set'}")
    return found


def percentiles(figures: Figures) -> list[str]:
    """Write the percentiles, as far as there are enough values for them."""
    values = {"p50": figures.p50_ms, "p95": figures.p95_ms, "p99": figures.p99_ms, "max": figures.max_ms}
    return [f"{name} {'–' if value is None else milliseconds(value)}" for name, value in values.items()]
