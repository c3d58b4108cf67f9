"""What a 7-day window costs, over few predictions and over many: it reads hourly rows, and never the predictions.

Counts a week of answers with 20 columns with the real code into a fresh SQLite database, then times reading the week,
all figures of it, and drift of all columns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from steadily.database import Database, open_database
from steadily.drift import Profile
from steadily.drift.compare import Rule
from steadily.monitor.counting import Batch
from steadily.monitor.figures import figures_of
from steadily.monitor.moved import compared
from steadily.monitor.record import Recorder
from steadily.monitor.reference import Reference
from steadily.monitor.windows import read_window
from steadily.units import HOUR_US

HOURS, BEGIN, COLUMNS = 168, 480_000, 20
PIECE = 50_000
CLASSES = np.array(["ham", "spam"])


def frame_of(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Make rows of 20 columns."""
    return pd.DataFrame(rng.normal(size=(rows, COLUMNS)), columns=[f"x{number}" for number in range(COLUMNS)])


def fill(database: Database, reference: Reference, rows: int) -> None:
    """Count a week of answers."""
    rng = np.random.default_rng(0)
    recorder = Recorder(database, lambda _: reference)
    for hour in range(HOURS):
        left = rows // HOURS
        while left:
            size = min(left, PIECE)
            sure = rng.beta(8, 1, size)
            given = np.column_stack([sure, 1 - sure])
            at = np.full(size, (BEGIN + hour) * HOUR_US)
            said = CLASSES[given.argmax(axis=1)]
            took = rng.lognormal(9, 1, size)
            outcomes = ["answered"] * size
            recorder.count(Batch(1, "live", at, took, outcomes, np.arange(size), said, given, frame_of(size, rng)))
            left -= size
        recorder.flush(0)


def timed(database: Database, reference: Reference, times: int) -> list[tuple[float, float]]:
    """Read the week and all figures of it, again and again; milliseconds, by the clock and of the CPU."""
    found = []
    for _ in range(times):
        begin, work = time.perf_counter(), time.process_time()
        window = read_window(database, 1, "live", BEGIN, BEGIN + HOURS)
        figures_of(window, window, reference)
        compared(window.sum, reference, Rule())
        found.append(((time.perf_counter() - begin) * 1000, (time.process_time() - work) * 1000))
    return found


def main() -> None:
    """Print a table."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rows", type=int, nargs="+", default=[100_000, 10_000_000])
    words.add_argument("--times", type=int, default=30)
    chosen = words.parse_args()
    reference = Reference(tuple(CLASSES), Profile.learn(frame_of(5_000, np.random.default_rng(1))), low=0.7)
    medians = []
    print("| predictions in 7 days | to count them | window, by the clock | window, CPU |")
    print("|----------------------:|--------------:|---------------------:|------------:|")
    for rows in chosen.rows:
        with tempfile.TemporaryDirectory() as folder, open_database(f"sqlite:///{Path(folder) / 'a.db'}") as database:
            begin = time.perf_counter()
            fill(database, reference, rows)
            counting = time.perf_counter() - begin
            took = timed(database, reference, chosen.times)
        clock, work = np.median(took, axis=0)
        medians.append(float(work))
        print(f"| {rows:,} | {counting:.0f} s | {clock:.0f} ms | {work:.0f} ms |")
    print(f"ratio of CPU time, largest to smallest: {max(medians) / min(medians):.2f}")


if __name__ == "__main__":
    main()
