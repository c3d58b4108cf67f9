"""How long a model takes for one row: measured, so it stands in no output, which has to repeat."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from steadily.chain import BoundStep

ROWS = 1_000  # the least at which a 99th percentile has ten rows above it
WARM_UP = 10
SECONDS = 10.0
DIGITS = 4


def measure(step: BoundStep, model: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """Time the model on single rows, taken evenly from all, for at most ten seconds.

    Returns:
        ``rows`` that were timed, and percentiles in milliseconds: ``p50_ms``, ``p95_ms``, ``p99_ms``; a
        percentile with fewer than ten rows above it is None.
    """
    call = model.predict_proba if callable(getattr(model, "predict_proba", None)) else model.predict
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int))
    for place in places[:WARM_UP]:
        step.guarded(call, rows.iloc[[place]])
    taken: list[float] = []
    end = time.monotonic() + SECONDS
    for place in places:
        row = rows.iloc[[place]]
        start = time.perf_counter_ns()
        step.guarded(call, row)
        taken.append((time.perf_counter_ns() - start) / 1e6)
        if time.monotonic() > end:
            break
    return {"rows": len(taken), **percentiles(taken)}


def percentiles(taken: list[float]) -> dict[str, float | None]:
    """Give the percentiles of times in milliseconds.

    >>> percentiles([1.0] * 999)
    {'p50_ms': 1.0, 'p95_ms': 1.0, 'p99_ms': None}
    """
    return {
        f"p{percent}_ms": round(float(np.percentile(taken, percent)), DIGITS)
        if len(taken) * (100 - percent) >= 1_000
        else None
        for percent in (50, 95, 99)
    }
