"""A model's stage: gives the rows that it may learn from to the model step, and keeps what it saves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from steadily import layout
from steadily.chain import BoundStep, Places, bind
from steadily.datasets import Dataset, open_dataset, refuse_changed
from steadily.errors import ConfigError, DataError, StepError, listed, near
from steadily.ledger import Tally
from steadily.stage.begin import Begun
from steadily.stage.drafts import Drafts
from steadily.stage.report import summarize, write_report


def fit(begun: Begun, drafts: Drafts) -> dict[str, Any]:
    """Fit a model to the rows of the stage's first input.

    Raises:
        SteadilyError: There is nothing to learn from, or the model step failed.
    """
    stage = begun.stage
    dataset = open_dataset(begun.project / layout.dataset_folder(next(iter(stage.inputs.values()))))
    tables = {name: begun.project / layout.dataset_folder(found) for name, found in stage.tables.items()}
    step = bind(
        begun.resolution.catalog,
        stage.name,
        stage.steps[0],
        Places(drafts.finals["(summary)"], drafts.finals["(summary)"], tables),
    )
    rows = dataset.read()
    target = target_of(begun, step, rows)
    model = step.guarded(step.learner.fit, rows.drop(columns=[target.name]), target)
    name = next(iter(stage.outputs.values()))
    if not callable(getattr(model, "save", None)):
        raise StepError.at(step.where, "fit has to give back a model that can be saved", given=type(model).__name__)
    drafts.paths[name].mkdir()
    step.guarded(model.save, drafts.paths[name])
    write_provenance(begun, drafts.paths[name], dataset)
    refuse_changed([dataset])
    tally = Tally(step.spec.use, len(rows), len(rows))
    notes = [str(note) for note in getattr(model, "notes", ())]
    summary = summarize(stage.name, len(rows), {name: len(rows)}, {step.spec.name: tally}, notes)
    write_report(drafts, summary)
    return summary


def write_provenance(begun: Begun, folder: Path, dataset: Dataset) -> None:
    """Write down what the model comes from, so that a changed step is seen where its bytes come out equal."""
    own = [{"stage": begun.stage.name, "step": name, **version} for name, version in begun.version["steps"].items()]
    content = {
        "stage": begun.stage.name,
        "version": begun.version["digest"],
        "inputs": {"rows": {"dataset": next(iter(begun.stage.inputs.values())), "digest": dataset.digest}},
        "transforms": [*dataset.provenance["transforms"], *own],
    }
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / layout.PROVENANCE).write_text(text + "\n", encoding="utf-8", newline="\n")


def target_of(begun: Begun, step: BoundStep, rows: pd.DataFrame) -> pd.Series:
    """Give the target's column.

    Raises:
        ConfigError: No target is named.
        DataError: The rows have no such column, some have no target, or there is one class only.
    """
    name = begun.resolution.pipeline.roles.get("target")
    if name is None:
        raise ConfigError.at(step.where, "no target is named", hint="roles: {target: COLUMN}")
    if name not in rows.columns:
        raise DataError.at(
            step.where,
            f"the rows have no column {name!r}, which is the target",
            allowed=listed(rows.columns),
            hint=near(name, rows.columns),
        )
    if not len(rows):
        raise DataError.at(step.where, "there are no rows to learn from")
    target = rows[name]
    if target.isna().any():
        raise DataError.at(
            step.where,
            f"{int(target.isna().sum()):,} rows have no target ({name})",
            hint="rows.drop_missing takes them out, with the reason on record",
        )
    if begun.resolution.pipeline.task == "classification" and target.nunique() < 2:
        raise DataError.at(
            step.where, "there is one class only to learn", given=f"{name} is {target.iloc[0]!r} in all rows"
        )
    return target
