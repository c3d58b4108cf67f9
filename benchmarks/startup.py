"""Measures what has to be quick because it is typed all day: help, composing, a ``dvc repro`` with nothing to do.

In the root project and in ``examples/flights``. Nothing of a project is changed
but its journal and its caches.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from measuring import BIN, Measured, measure, middle, table

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = (ROOT, ROOT / "examples" / "flights")
COMMANDS = (("steadily --help", "0.40 s"), ("steadily compose", "0.50 s"), ("steadily plan", ""), ("dvc repro", ""))


def warm(command: str, project: Path, times: int) -> Measured:
    """Measure a command, the first run aside: it fills the caches."""
    words = command.split()
    runs = [measure([BIN / words[0], *words[1:]], project) for _ in range(times + 1)]
    return middle(runs[1:])


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--times", type=int, default=10, help="how often each is run; medians count (10)")
    words.add_argument("projects", nargs="*", type=Path, default=PROJECTS, help="other projects to measure in")
    chosen = words.parse_args()
    rows = [("start-up", "project", "wall time", "CPU time", "to be at most")]
    for project in chosen.projects:
        print(f"measuring in {project.name} …", file=sys.stderr)
        for command, most in COMMANDS:
            found = warm(command, project, chosen.times)
            rows.append((command, project.name, f"{found.seconds:.2f} s", f"{found.cpu:.2f} s", most))
    print(table(rows))


if __name__ == "__main__":
    main()
