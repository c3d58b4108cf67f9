"""The rows that judged a bundle, as they came in: a release is tried on them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from steadily import layout
from steadily.datasets import open_dataset, read_part
from steadily.dvcfile import read_lock
from steadily.errors import DataError
from steadily.lastgood import read_yaml


def judged_rows(project: Path, training_only: list[str]) -> pd.DataFrame:
    """Take the rows of the evaluated dataset as they came in, less what only training needs.

    Args:
        project: A project with a complete run.
        training_only: Columns that are left out.

    Raises:
        DataError: There are none.
    """
    raw_name, predictions_name = names(project)
    judged = open_dataset(project / layout.dataset_folder(predictions_name)).read(["target"]).index
    raw = open_dataset(project / layout.dataset_folder(raw_name))
    pieces = [part.loc[part.index.isin(judged)] for part in map(read_part, raw.paths())]
    found = pd.concat(pieces) if pieces else pd.DataFrame()
    if not len(found):
        raise DataError.at(str(raw.folder), "has none of the evaluated rows to try the bundle on")
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
