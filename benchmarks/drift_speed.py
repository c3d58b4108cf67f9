"""Compares the drift of many rows with what Evidently takes for it, in one run, each in its own environment.

Both are given the same rows in memory, three in four columns of numbers, the others of
categories, and give a verdict on each column. Imports and the making of rows are not measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from measuring import environment, table

EVIDENTLY = ("evidently==0.7.23", "pandas<3")  # it does not import with pandas 3.1
WANTED = 20
SIDES = {
    "steadily": "steadily.drift: profile, count, compare",
    "evidently": "Evidently, as it comes",
    "evidently-psi": "Evidently, PSI in all columns",
}


def rows_of(rows: int, columns: int, seed: int, shift: float) -> pd.DataFrame:
    """Make rows, the same ones in both environments; the first column of each kind is shifted."""
    rng = np.random.default_rng(seed)
    names = np.array([f"category {number}" for number in range(40)])
    weights = 1 / np.arange(1, 41)
    found: dict[str, Any] = {}
    for number in range(columns):
        moved = shift if number < 2 else 0.0
        if number % 4 == 1:
            skewed = weights ** (1 + moved)
            found[f"c{number}"] = rng.choice(names, rows, p=skewed / skewed.sum()).astype(object)
        else:
            found[f"x{number}"] = rng.standard_normal(rows) + moved
    return pd.DataFrame(found)


def by_steadily(reference: pd.DataFrame, current: pd.DataFrame) -> list[str]:
    """Name the columns that drifted, as Steadily sees it."""
    from steadily.drift import Profile, compare

    profile = Profile.learn(reference)
    return list(compare(profile, profile.count(current))["drifted"])


def by_evidently(reference: pd.DataFrame, current: pd.DataFrame, method: str | None) -> list[str]:
    """Name the columns that drifted, as Evidently sees it."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers = [name for name in reference if name.startswith("x")]
    kinds = DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in reference if name not in numbers]
    )
    sides = [Dataset.from_pandas(frame, data_definition=kinds) for frame in (current, reference)]
    found = Report([DataDriftPreset(method=method)]).run(*sides).dict()
    scores = [metric for metric in found["metrics"] if metric["config"].get("column")]
    return [score["config"]["column"] for score in scores if score["value"] >= score["config"]["threshold"]]


def judge(side: str, rows: int, reference: int, columns: int) -> dict[str, Any]:
    """Make the rows, and time one side's verdict."""
    then, now = rows_of(reference, columns, 1, 0.0), rows_of(rows, columns, 2, 0.5)
    few = then.head(2_000), now.head(2_000)
    run = by_steadily if side == "steadily" else evidently_with("psi" if side == "evidently-psi" else None)
    run(*few)  # imports, and whatever is made at the first call
    begun = time.perf_counter()
    drifted = run(then, now)
    return {"seconds": time.perf_counter() - begun, "drifted": sorted(drifted)}


def evidently_with(method: str | None) -> Any:
    """Give Evidently's judge with a method."""
    return lambda reference, current: by_evidently(reference, current, method)


def evidently_python(folder: Path) -> Path:
    """Give the Python of an environment that has Evidently; it is made if it is not there yet."""
    python = folder / "evidently" / "bin" / "python"
    if not python.is_file():
        print(f"installing {' '.join(EVIDENTLY)} in {folder / 'evidently'} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder / "evidently"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *EVIDENTLY], check=True, stdout=subprocess.DEVNULL)
    return python


def asked(python: Path | str, side: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Let one side judge, in a process of its own."""
    words = ["--side", side, "--rows", chosen.rows, "--reference", chosen.reference, "--columns", chosen.columns]
    done = subprocess.run(
        [python, __file__, *map(str, words)], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{side} failed:\n{done.stderr[-4_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure in turn, print; end with 1 where it is not at least so many times as fast."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rows", type=int, default=1_000_000, help="rows of now (1,000,000)")
    words.add_argument("--reference", type=int, default=100_000, help="rows of the reference (100,000)")
    words.add_argument("--columns", type=int, default=20, help="columns (20)")
    words.add_argument("--times", type=int, default=3, help="how often each is run; medians count (3)")
    words.add_argument("--folder", type=Path, help="where Evidently's environment is made, and kept (a temporary one)")
    words.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    chosen = words.parse_args()
    if chosen.side:
        print(json.dumps(judge(chosen.side, chosen.rows, chosen.reference, chosen.columns)))
        return
    with tempfile.TemporaryDirectory(prefix="steadily-benchmark-") as temporary:
        python = evidently_python((chosen.folder or Path(temporary)).resolve())
        runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        for number in range(chosen.times):
            for side, found in runs.items():
                print(f"run {number + 1}: {side} …", file=sys.stderr)
                found.append(asked(sys.executable if side == "steadily" else python, side, chosen))
    taken = {side: median(run["seconds"] for run in found) for side, found in runs.items()}
    ours = taken["steadily"]
    size = f"{chosen.rows:,} × {chosen.columns} against {chosen.reference:,}"
    lines = [(size, "seconds", "times ours", "columns found to drift")]
    for side, name in SIDES.items():
        lines.append((name, f"{taken[side]:.2f}", f"{taken[side] / ours:.0f}", ", ".join(runs[side][0]["drifted"])))
    print(table([*lines, ("Evidently, as it comes, to be at least", "", f"{WANTED}", "")]))
    if taken["evidently"] < WANTED * ours:
        raise SystemExit(f"not {WANTED} times as fast")


if __name__ == "__main__":
    main()
