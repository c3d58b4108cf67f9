"""From what was sent and heard to figures and to times in buckets. Pure."""

from __future__ import annotations

import numpy as np

from steadily.latency import Latencies, is_enough
from steadily.loadtest.heard import Heard
from steadily.loadtest.sender import KINDS, OK, TIMED_OUT, Sent
from steadily.loadtest.verdict import Figures

LATE = 0.05  # seconds: what is sent later than this was not sent in time


def figures_of(sent: Sent, heard: Heard, rate: float, duration: float) -> Figures:
    """Give the figures of a run.

    Latency is that of good answers and of time-outs, which count with the time until they were given up: a quick
    refusal does not make the service look quick.

    Args:
        sent: What became of the requests.
        heard: What the answers said.
        rate: Requests a second that were wanted.
        duration: Seconds that were wanted.
    """
    took = timed(sent)
    lags = sent.lags[np.isfinite(sent.lags)]
    counts = np.bincount(sent.kinds, minlength=len(KINDS)).tolist()
    return Figures(
        rate=rate,
        duration=duration,
        planned=len(sent.times),
        in_time=int((sent.lags <= LATE).sum()),
        counts=dict(zip(KINDS, counts, strict=True)),
        timed=len(took),
        p50_ms=percentile(took, 0.5),
        p95_ms=percentile(took, 0.95),
        p99_ms=percentile(took, 0.99),
        max_ms=round(float(took.max()) * 1e3, 3) if len(took) else None,
        lag_p99_ms=round(exact(lags, 0.99) * 1e3, 3) if len(lags) else None,
        waited=sent.waited,
        connections=sent.connections,
        releases=dict(heard.releases),
        predicted=heard.predicted,
        refused=dict(heard.refused),
        unclear=heard.unclear,
    )


def latencies_of(sent: Sent) -> Latencies:
    """Count the latencies of a run, to be kept and drawn."""
    return Latencies.of(timed(sent) * 1e6)


def timed(sent: Sent) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Give the latencies, in seconds."""
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = sent.took[np.isin(sent.kinds, (OK, TIMED_OUT))]
    return found


def percentile(took: np.ndarray[tuple[int], np.dtype[np.float64]], q: float) -> float | None:
    """Give a percentile in milliseconds, where there are enough values."""
    return round(exact(took, q) * 1e3, 3) if is_enough(len(took), q) else None


def exact(values: np.ndarray[tuple[int], np.dtype[np.float64]], q: float) -> float:
    """Give one of the values: the ⌈q·n⌉-th smallest."""
    return float(np.quantile(values, q, method="inverted_cdf"))
