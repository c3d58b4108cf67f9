"""Compares a cleaning stage, with contracts and ledger, with a script in pandas that cleans and checks the same.

Both are whole processes, Parquet in and Parquet out, run in turn. Only the stage
``clean`` is measured; what it reads was prepared before.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import astuple
from pathlib import Path

from flights_project import prepare
from measuring import BIN, Measured, measure, middle, table

HERE = Path(__file__).parent


def by_hand(folder: Path) -> Measured:
    """Measure the script."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    command = [sys.executable, HERE / "by_hand.py", folder / "by-hand", out / "clean.parquet", out / "refused.parquet"]
    return measure(command, folder)


def steadily(folder: Path) -> Measured:
    """Measure the stage, composed anew in case that a plugin was edited since."""
    measure([BIN / "steadily", "compose"], folder)
    return measure([BIN / "steadily", "run", "clean"], folder)


def shown(found: Measured) -> tuple[str, str, str]:
    """Write what was measured."""
    return f"{found.seconds:.1f} s", f"{found.cpu:.1f} s", f"{found.mebibytes:,.0f} MiB"


def main() -> None:
    """Prepare, measure in turn, print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rows", type=int, default=5_000_000, help="how many rows (5,000,000)")
    words.add_argument("--times", type=int, default=3, help="how often each is run; medians count (3)")
    words.add_argument("--folder", type=Path, help="where the project is made, and kept (a temporary one)")
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="steadily-benchmark-") as temporary:
        folder = (chosen.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        print(f"preparing {chosen.rows:,} rows …", file=sys.stderr)
        prepare(folder, chosen.rows)
        runs = [(by_hand(folder), steadily(folder)) for _ in range(chosen.times)]
    hand, ours = (middle(run[place] for run in runs) for place in (0, 1))
    print(
        table(
            [
                ("cleaning", "wall time", "CPU time", "peak memory"),
                ("by hand, in pandas", *shown(hand)),
                ("steadily run clean", *shown(ours)),
                ("ratio", *(f"{our / other:.2f}" for our, other in zip(astuple(ours), astuple(hand), strict=True))),
                ("to be at most", "1.60", "", "0.20"),
            ]
        )
    )


if __name__ == "__main__":
    main()
