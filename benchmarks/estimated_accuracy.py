"""Accuracy estimated without labels, beside NannyML's own estimate, chunk by chunk, on its synthetic data sets.

NannyML needs an environment of its own:

    python -m venv /tmp/nannyml && /tmp/nannyml/bin/pip install nannyml statsmodels
    python benchmarks/estimated_accuracy.py --nannyml /tmp/nannyml/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily.monitor.counting import Batch, counted
from steadily.monitor.figures import estimated
from steadily.monitor.reference import Reference, gaps
from steadily_evaluate.confidence import calibration

SIDE = Path(__file__).with_name("nannyml_side.py")


def probabilities(frame: pd.DataFrame, columns: Any) -> tuple[tuple[str, ...], np.ndarray]:
    """Give the classes and their probabilities."""
    if isinstance(columns, str):
        ones = frame[columns].to_numpy(dtype=float)
        return ("0", "1"), np.column_stack([1 - ones, ones])
    return tuple(columns), frame[list(columns.values())].to_numpy(dtype=float)


def compare(folder: Path, name: str) -> tuple[int, int, float, float]:
    """Compare the estimates of one data set; gives chunks, those within NannyML's interval, and the largest gaps."""
    told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    reference, later = (pd.read_csv(folder / f"{name}_{part}.csv") for part in ("reference", "later"))
    columns = told["columns"]
    classes, given = probabilities(reference, columns["y_pred_proba"])
    right = (reference["y_pred"].astype(str) == reference[columns["y_true"]].astype(str)).to_numpy()
    curve = gaps(calibration(given.max(axis=1), right, 10))
    known, within, widest, from_truth = Reference(classes=classes, curve=curve), 0, 0.0, 0.0
    for place, chunk in enumerate(told["chunks"]):
        rows = later.iloc[place * told["chunk"] : (place + 1) * told["chunk"]]
        _, sure = probabilities(rows, columns["y_pred_proba"])
        size = len(rows)
        said = rows["y_pred"].astype(str).tolist()
        batch = Batch(
            1, "live", np.zeros(size, np.int64), np.zeros(size), ["answered"] * size, np.arange(size), said, sure
        )
        figure = estimated(next(iter(counted(batch, known).values())), known)
        gap = abs(figure.value - chunk["estimate"])
        within += gap <= 3 * chunk["error"]
        widest = max(widest, gap / chunk["error"])
        truth = float((rows["y_pred"].astype(str) == rows[columns["y_true"]].astype(str)).mean())
        from_truth = max(from_truth, abs(figure.value - truth))
        print(f"{name} {place}: ours {figure.value:.4f}, NannyML {chunk['estimate']:.4f}, in truth {truth:.4f}")
    return len(told["chunks"]), within, widest, from_truth


def main() -> None:
    """Print a table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--nannyml", required=True, help="the Python of an environment that has NannyML")
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        quiet = os.environ | {"NML_DISABLE_USAGE_LOGGING": "1"}
        subprocess.run([chosen.nannyml, SIDE, folder], check=True, env=quiet)
        found = {name: compare(Path(folder), name) for name in ("binary", "multiclass")}
    print("| data set | chunks | within NannyML's ± 3 standard errors | largest gap, in its errors | from the truth |")
    print("|:---------|-------:|-------------------------------------:|---------------------------:|---------------:|")
    for name, (chunks, within, widest, from_truth) in found.items():
        print(f"| {name} | {chunks} | {within} | {widest:.2f} | {from_truth:.4f} |")


if __name__ == "__main__":
    main()
