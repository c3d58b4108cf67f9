"""How long the dashboard takes to be there with a year of hourly history: in Chromium, until all charts are drawn.

Makes a year up (``tests/seeded.py``), shows it with ``steadily dashboard``, and loads the page of the figures for each
range: the first time, and again and again. Needs Chromium and its driver.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [
    str(ROOT / "docs"),
    str(ROOT / "tests"),
    str(ROOT / "tests/integration"),
]  # before this folder, which has a serving.py too
RANGES = {7: "7 days", 28: "4 weeks", 90: "3 months", 365: "a year"}


def load(driver: Any, address: str, days: int) -> tuple[float, float]:
    """Load the page; milliseconds until its first byte, and until all charts are drawn."""
    driver.get(f"{address}/dashboard?days={days}")
    while not driver.execute_script("return performance.getEntriesByName('drawn').length"):
        time.sleep(0.01)
    script = (
        "return [performance.getEntriesByType('navigation')[0].responseStart,"
        "performance.getEntriesByName('drawn')[0].startTime]"
    )
    first, drawn = driver.execute_script(script)
    return float(first), float(drawn)


def main() -> None:
    """Print a table."""
    from screenshots import browser
    from showing import showing

    from seeded import seed

    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--days", type=int, default=372)
    words.add_argument("--times", type=int, default=10)
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "mails"
        seed(project, days=chosen.days).close()
        print("| what is shown | just started | later, first byte | later, charts drawn | slowest |")
        print("|---|---:|---:|---:|---:|")
        for days, name in RANGES.items():
            with showing(project) as address, browser(1400, 1000) as driver:
                began = load(driver, address, days)[1]
                took = [load(driver, address, days) for _ in range(chosen.times)]
            first, drawn = (median(column) for column in zip(*took, strict=True))
            slowest = max(one for _, one in took)
            print(f"| {name} | {began:.0f} ms | {first:.0f} ms | {drawn:.0f} ms | {slowest:.0f} ms |", flush=True)


if __name__ == "__main__":
    main()
