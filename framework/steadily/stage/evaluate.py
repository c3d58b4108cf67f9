"""An evaluation's stage: lets the model answer the rows that were kept from it, and its steps judge the answers.

Owns what is written of it: the predictions, the figures with a verdict for each
limit, the metrics that DVC shows, the points of the plots. What the figures mean
is the steps'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily import layout
from steadily.answers import Answered, answer, classes_of, features_of
from steadily.chain import Places, bind
from steadily.datasets import Dataset, Part, dtypes_of, open_dataset, refuse_changed, write_manifest, write_part
from steadily.drift import Profile
from steadily.errors import ConfigError, DataError, RunError, listed, near
from steadily.figures import figures_in, flat, metrics_in, plots_in, verdicts_on
from steadily.files import digest_of, write_atomically
from steadily.ledger import Tally
from steadily.lineage import models_among
from steadily.predictions import Predictions
from steadily.stage.begin import Begun
from steadily.stage.drafts import Drafts
from steadily.stage.latency import measure
from steadily.stage.report import summarize, write_report

FORMAT = 1
LOW = 0.1  # the share of answers that count as unsure


def evaluate(begun: Begun, drafts: Drafts) -> dict[str, Any]:
    """Judge a model by rows that it has not seen.

    Returns:
        The stage's summary, with the latency that was measured: a time, so it stands in no output.

    Raises:
        SteadilyError: The model or a step failed or broke its word, or a limit names no figure.
    """
    stage, pipeline = begun.stage, begun.resolution.pipeline
    inputs = Inputs(begun)
    dataset, reference = inputs.rows, inputs.reference
    rows = dataset.read()
    truth = truth_of(begun, rows)
    answered = answer(inputs.step, inputs.model, dataset, truth.name, pipeline.task)
    predictions = Predictions(
        rows=rows,
        target=truth.rename("target"),
        predicted=answered.predicted,
        probabilities=answered.probabilities,
        classes=classes_of(answered, truth) if pipeline.task == "classification" else (),
        reference=None if reference is None else reference.read(),
        features=features_of(inputs.model, rows.columns, str(truth.name)),
        roles=dict(pipeline.roles),
    )
    figures = judge(begun, predictions, drafts)
    name = next(iter(stage.outputs.values()))
    write_predictions(begun, drafts.paths[name], inputs, answered, truth)
    verdicts = write_figures(begun, drafts, predictions, figures)
    latency = measure(inputs.step, inputs.model, rows.drop(columns=[str(truth.name)]))
    inputs.refuse_changed()
    tallies = {step.name: Tally(step.use, len(rows), len(rows)) for step in stage.steps}
    summary = summarize(stage.name, len(rows), {name: len(rows)}, tallies, missed(verdicts))
    write_report(drafts, summary)
    latency_file = begun.project / layout.LATENCY
    write_atomically(latency_file, json.dumps({"latency": latency}) + "\n")  # DVC names figures by their keys
    return {**summary, "latency": latency}


class Inputs:
    """What an evaluation reads: the rows, the model, and the rows that the model learned from."""

    def __init__(self, begun: Begun) -> None:
        stage, resolution = begun.stage, begun.resolution
        self.names = dict(stage.inputs)
        key = models_among(resolution.pipeline, stage, resolution.kinds)[0]
        fit = resolution.pipeline.writer(stage.inputs[key])
        assert fit is not None  # noqa: S101 (for the type checker)
        self.folder = begun.place(stage.inputs[key])
        self.digests = digests_of(self.folder)
        self.step = bind(resolution.catalog, fit.name, fit.steps[0], Places(self.folder, self.folder, tables_of(begun)))
        self.model = self.step.guarded(self.step.definition.target.load, self.folder)  # type: ignore[attr-defined]
        self.rows = open_dataset(begun.place(next(iter(stage.inputs.values()))))
        given = stage.inputs.get("reference")
        self.reference = open_dataset(begun.place(given)) if given else None

    @property
    def datasets(self) -> list[Dataset]:
        """The datasets among them."""
        return [self.rows, *([self.reference] if self.reference else [])]

    def refuse_changed(self) -> None:
        """Refuse what was edited meanwhile."""
        refuse_changed(self.datasets)
        if digests_of(self.folder) != self.digests:
            raise RunError.at(str(self.folder), "changed while the stage was reading it", hint="run dvc repro again")

    def provenance(self) -> dict[str, Any]:
        """Name them by digest."""
        found = {"rows": self.rows.digest, "model": self.digests}
        return found | ({"reference": self.reference.digest} if self.reference else {})


def tables_of(begun: Begun) -> dict[str, Path]:
    """Give the further inputs of the stage that fitted the model, for a model step that asks for some."""
    return {
        name: begun.place(dataset)
        for stage in begun.resolution.pipeline.stages
        for name, dataset in stage.tables.items()
    }


def digests_of(folder: Path) -> dict[str, str]:
    """Digest the files of a model.

    Raises:
        DataError: There is no such folder.
    """
    if not folder.is_dir():
        raise DataError.at(str(folder), "there is no such model", hint="run dvc repro")
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest_of(path) for path in found}


def truth_of(begun: Begun, rows: pd.DataFrame) -> pd.Series[Any]:
    """Give the column that the model is judged by.

    Raises:
        ConfigError: No target is named.
        DataError: There are no rows, they have no such column, or some have no target.
    """
    where, name = f"stage {begun.stage.name}", begun.resolution.pipeline.roles.get("target")
    if name is None:
        raise ConfigError.at(where, "no target is named", hint="roles: {target: COLUMN}")
    if not len(rows):
        raise DataError.at(where, "there are no rows to judge the model by", hint="where does the split cut?")
    if name not in rows.columns:
        given, hint = listed(rows.columns), near(name, rows.columns)
        raise DataError.at(where, f"the rows have no column {name!r}, which is the target", allowed=given, hint=hint)
    missing = rows.index[rows[name].isna()]
    if len(missing):
        hint = "rows.drop_missing takes them out, with the reason on record"
        raise DataError.at(
            where, f"{len(missing):,} rows have no target ({name})", given=f"row {missing[0]}", hint=hint
        )
    return rows[name]


def judge(begun: Begun, predictions: Predictions, drafts: Drafts) -> dict[str, dict[str, Any]]:
    """Let each step judge, hold what it gives to its word, and write its plots."""
    nowhere = Path()
    found = {}
    for spec in begun.stage.steps:
        step = bind(begun.resolution.catalog, begun.stage.name, spec, Places(nowhere, nowhere, {}))
        result = step.call(step.definition.target, own_view(predictions))
        figures, plots = result if isinstance(result, tuple) and len(result) == 2 else (result, {})
        found[spec.name] = figures_in(step.where, figures)
        for name, points in plots_in(step.where, plots, step.definition.plots).items():
            path = drafts.paths["(evaluation)"] / layout.plot_file("", spec.name, name).relative_to(layout.EVALUATION)
            path.parent.mkdir(parents=True, exist_ok=True)
            points.to_csv(path, index=False, lineterminator="\n")
    return found


def own_view(predictions: Predictions) -> Predictions:
    """Give a step frames of its own, so that what it changes in place reaches no other step; nothing is copied."""
    given = predictions
    return replace(
        given,
        rows=given.rows.copy(deep=False),
        target=given.target.copy(deep=False),
        predicted=given.predicted.copy(deep=False),
        probabilities=None if given.probabilities is None else given.probabilities.copy(deep=False),
        reference=None if given.reference is None else given.reference.copy(deep=False),
    )


def write_predictions(begun: Begun, folder: Path, inputs: Inputs, answered: Answered, truth: pd.Series[Any]) -> None:
    """Write what the model said as a dataset, cut as the judged rows are."""
    folder.mkdir()
    table = answered.table(truth)
    parts, start = [], 0
    for part in inputs.rows.parts:
        frame = table.iloc[start : start + part.rows]
        parts.append(Part(part.file, part.source, part.rows, write_part(frame, folder / part.file)))
        start += part.rows
    own = [{"stage": begun.stage.name, "step": name, **version} for name, version in begun.version["steps"].items()]
    provenance = {
        "stage": begun.stage.name,
        "version": begun.version["digest"],
        "inputs": inputs.provenance(),
        "transforms": [*inputs.rows.provenance["transforms"], *own],
    }
    write_manifest(folder, next(iter(begun.stage.outputs.values())), parts, dtypes_of(table), provenance)


def write_figures(
    begun: Begun, drafts: Drafts, predictions: Predictions, figures: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Write figures and metrics, and give the verdicts on the limits."""
    stage, task = begun.stage, begun.resolution.pipeline.task
    verdicts = verdicts_on(f"stages.{stage.name}", flat(figures), stage.minimums, stage.maximums)
    content = {
        "format": FORMAT,
        "task": task,
        "rows": len(predictions.rows),
        "reference_rows": None if predictions.reference is None else len(predictions.reference),
        "classes": [str(name) for name in predictions.classes],
        "uses": {step.name: step.use for step in stage.steps},
        "figures": figures,
        "verdicts": verdicts,
    }
    folder = drafts.paths["(evaluation)"]
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "figures.json", content)
    write_json(folder / "reference.json", reference_of(predictions))
    write_json(drafts.paths["(metrics)"], {name: metrics_in(found) for name, found in figures.items()})
    return verdicts


def reference_of(predictions: Predictions) -> dict[str, Any]:
    """Give what later rows are compared with: the learned rows' features, and the confidence on rows kept from them.

    Confidence is that of the judged rows: of its own, a model is surer than of any others.
    """
    found: dict[str, Any] = {"features": None, "confidence": None, "predicted": None}
    if predictions.reference is not None:
        found["features"] = Profile.learn(predictions.reference, predictions.features).to_json()
    if predictions.probabilities is not None:
        sure = predictions.probabilities.max(axis=1)
        low = float(np.quantile(sure, LOW, method="inverted_cdf"))
        found["confidence"] = Profile.learn(pd.DataFrame({"confidence": sure})).to_json() | {"low": low}
    if predictions.classes:
        found["predicted"] = Profile.learn(pd.DataFrame({"predicted": predictions.predicted.astype("str")})).to_json()
    return found


def write_json(path: Path, content: Any) -> None:
    """Write a file of figures; what is undefined is null in it, and nothing is NaN."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def missed(verdicts: list[dict[str, Any]]) -> list[str]:
    """Say which limits were missed.

    >>> missed([{"figure": "quality.accuracy", "limit": "minimum", "wanted": 0.9, "given": 0.8, "met": False}])
    ['quality.accuracy is 0.8, and its minimum is 0.9: no release may be made of this']
    """
    return [
        f"{found['figure']} is {'undefined' if found['given'] is None else format(found['given'], '.4g')}, "
        f"and its {found['limit']} is {found['wanted']:.4g}: no release may be made of this"
        for found in verdicts
        if not found["met"]
    ]
