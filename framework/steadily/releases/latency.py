"""How long one row takes on the serving path: measured when a release is made, and kept with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily import layout
from steadily.bundle import open_bundle
from steadily.datasets import open_dataset, read_part
from steadily.dvcfile import read_lock
from steadily.errors import DataError
from steadily.lastgood import read_yaml
from steadily.stage.latency import ROWS, SECONDS, WARM_UP, percentiles


def measure(folder: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Time a bundle on single rows, from the row as it comes to its answer, for at most ten seconds.

    Args:
        folder: The bundle.
        rows: Rows as a client gives them.

    Returns:
        ``rows`` that were timed, and percentiles in milliseconds: ``p50_ms``, ``p95_ms``, ``p99_ms``; a
        percentile with fewer than ten rows above it is None.
    """
    bundle = open_bundle(folder)
    singles = [rows.iloc[[place]] for place in range(len(rows))]
    for row in singles[:WARM_UP]:
        bundle.predict(row)
    taken: list[float] = []
    end = time.monotonic() + SECONDS
    for row in singles:
        start = time.perf_counter_ns()
        bundle.predict(row)
        taken.append((time.perf_counter_ns() - start) / 1e6)
        if time.monotonic() > end:
            break
    return {"rows": len(taken), **percentiles(taken)}


def judged_rows(project: Path, training_only: list[str]) -> pd.DataFrame:
    """Take rows of the evaluated dataset as they came in, evenly from all, less what only training needs.

    Args:
        project: A project with a complete run.
        training_only: Columns that are left out.

    Raises:
        DataError: There are none.
    """
    raw_name, predictions_name = names(project)
    judged = open_dataset(project / layout.dataset_folder(predictions_name)).read(["target"]).index
    chosen = judged[np.unique(np.linspace(0, len(judged) - 1, min(len(judged), ROWS)).astype(int))]
    raw = open_dataset(project / layout.dataset_folder(raw_name))
    pieces = [part.loc[part.index.isin(chosen)] for part in map(read_part, raw.paths())]
    found = pd.concat(pieces) if pieces else pd.DataFrame()
    if not len(found):
        raise DataError.at(str(raw.folder), "has none of the evaluated rows to measure the latency with")
    return found.drop(columns=training_only, errors="ignore")


def names(project: Path) -> tuple[str, str]:
    """Name the dataset as it came in, and that of the predictions which judge the bundle's model."""
    stages = read_yaml(project / layout.PARAMS)["stages"]
    lock = read_lock(project / layout.LOCK)
    pack = next(name for name, stage in lock.items() if str(layout.BUNDLE) in stage.outs)
    inputs = stages[pack]["inputs"].values()
    predictions = next(name for name in inputs if (project / layout.dataset_folder(name)).is_dir())
    written = {out: (name, stage) for stage in stages.values() for name, out in stage["outputs"].items()}
    way = predictions
    while inputs := written[way][1].get("inputs"):
        way = inputs.get(written[way][0]) or next(iter(inputs.values()))
    return way, predictions
