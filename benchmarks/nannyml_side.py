"""NannyML's side of ``estimated_accuracy.py``: runs in an environment of its own, and writes what it estimates."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nannyml
import pandas as pd

CHUNK = 5_000


def write(folder: Path, name: str, loaded: tuple[pd.DataFrame, ...], columns: dict[str, object], problem: str) -> None:
    """Estimate the accuracy of each chunk of the later rows, and write it beside the rows."""
    reference, later, targets = loaded[0], loaded[1], loaded[2]
    estimator = nannyml.CBPE(
        metrics=["accuracy"], y_true=columns["y_true"], y_pred="y_pred", y_pred_proba=columns["y_pred_proba"],
        problem_type=problem, chunk_size=CHUNK,
    )  # fmt: skip
    estimator.fit(reference)
    found = estimator.estimate(later).filter(period="analysis").to_df()["accuracy"]
    chunks = [{"estimate": row["value"], "error": row["sampling_error"]} for row in found.to_dict(orient="records")]
    joined = (
        later.merge(targets, left_on="id", right_on="id")
        if "id" in targets
        else later.join(targets[[columns["y_true"]]])
    )
    reference.to_csv(folder / f"{name}_reference.csv", index=False)
    joined.to_csv(folder / f"{name}_later.csv", index=False)
    content = {"chunks": chunks, "chunk": CHUNK, "columns": columns, "version": nannyml.__version__}
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write(
        target, "binary", nannyml.load_synthetic_binary_classification_dataset(),
        {"y_true": "work_home_actual", "y_pred_proba": "y_pred_proba"}, "classification_binary",
    )  # fmt: skip
    classes = ("prepaid_card", "highstreet_card", "upmarket_card")
    write(
        target, "multiclass", nannyml.load_synthetic_multiclass_classification_dataset(),
        {"y_true": "y_true", "y_pred_proba": {name: f"y_pred_proba_{name}" for name in classes}},
        "classification_multiclass",
    )  # fmt: skip
