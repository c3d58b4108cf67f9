"""What the page shows of a run, gathered from its outputs and the journal: plain values, nothing drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from steadily import layout
from steadily.errors import SteadilyError
from steadily.journal import Run, last_run, runs
from steadily.ledger import kind_of
from steadily.outputs import Outputs
from steadily.spec import PipelineSpec, read_pipeline
from steadily.stories.run import ending, local, outcome

EXAMPLES = 3
LONGEST = 160
LEDGER_ROWS = 200_000  # of a longer ledger the examples come from its beginning; the counts are the summary's
ACTIONS = ("dropped", "quarantined", "imputed", "lost")
OF_VALUES = ("imputed", "lost")
COLUMN = "column "  # begins the key that a column's examples are found by
MOST_VALUES = 12  # of a mistaken row, those that the model reads first


@dataclass(frozen=True)
class Example:
    """One row that something happened to."""

    row_id: int
    column: str | None
    before: str | None
    after: str | None
    reason: str | None


@dataclass(frozen=True)
class Reason:
    """Why a step dropped, quarantined, filled in or lost, how often, with examples."""

    stage: str
    step: str
    action: str
    reason: str
    count: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Stage:
    """One stage: its sums, why it last ran, when, how long."""

    name: str
    summary: Mapping[str, Any] | None
    why: tuple[str, ...] = ()
    ran: str | None = None
    run: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Mistake:
    """A row that the model was sure about, and wrong; ``more`` values of it are not shown."""

    row_id: int
    target: str
    predicted: str
    confidence: float | None
    values: Mapping[str, str]
    more: int = 0


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that is known of a run."""

    name: str
    began: str | None
    ended: str | None
    trigger: str | None
    outputs: Outputs
    pipeline: PipelineSpec | None
    stages: tuple[Stage, ...]
    reasons: tuple[Reason, ...]
    evaluation: Mapping[str, Any] | None
    evaluation_stage: str | None
    model: str | None
    estimator: str | None
    mistakes: tuple[Mistake, ...]
    latency: Mapping[str, Any] | None
    notes: tuple[str, ...] = field(default=())

    def figures(self, use: str) -> Mapping[str, Any] | None:
        """Give the figures of the step that uses ``use``."""
        if self.evaluation is None:
            return None
        named = [name for name, used in self.evaluation["uses"].items() if used == use]
        return self.evaluation["figures"][named[0]] if named else None


def gather(outputs: Outputs, run: Run | None, *, rows: bool = True) -> Evidence:
    """Gather what is known of a run.

    Args:
        outputs: Its outputs.
        run: Its journal; None where there is none, as for a revision of git's.
        rows: Whether single rows are looked up, as examples and mistakes.
    """
    pipeline = pipeline_of(outputs)
    names = [stage.name for stage in pipeline.stages] if pipeline else []
    stages = tuple(stage_of(outputs, name, run) for name in names)
    evaluation_stage = next((name for name in names if is_evaluation(outputs, name)), None)
    evaluation = None
    if evaluation_stage:
        evaluation = outputs.json(layout.evaluation_folder(evaluation_stage), "figures.json")
    model, estimator = model_of(outputs, pipeline)
    found = Evidence(
        name=run.name if run else outputs.name,
        began=local(run.opened.get("time", "")) if run else None,
        ended=ending(run, outcome(run, outputs.project)) if run else None,
        trigger=run.opened.get("trigger") if run else None,
        outputs=outputs,
        pipeline=pipeline,
        stages=stages,
        reasons=tuple(reason for name in names for reason in reasons_of(outputs, name)) if rows else (),
        evaluation=evaluation,
        evaluation_stage=evaluation_stage,
        model=model,
        estimator=estimator,
        mistakes=tuple(mistakes_of(outputs, pipeline, evaluation, evaluation_stage)) if rows else (),
        latency=latency_of(outputs, evaluation_stage, run),
    )
    gone = [path for path in outputs.missing if not path.endswith(("quarantine.parquet", "ledger.parquet"))]
    notes = [f"not here any more: {path}; `dvc fetch` may bring it" for path in gone] if outputs.digests else []
    return Evidence(**{**vars(found), "notes": tuple(notes)})


def pipeline_of(outputs: Outputs) -> PipelineSpec | None:
    """Read the run's pipeline from its parameters."""
    try:
        return read_pipeline(outputs.params, lambda *_: str(layout.PARAMS))
    except SteadilyError:
        return None


def is_evaluation(outputs: Outputs, name: str) -> bool:
    """Tell whether a stage has evaluation figures."""
    before = dict(outputs.missing)
    found = outputs.file(layout.evaluation_folder(name), "figures.json") is not None
    outputs.missing.clear()
    outputs.missing.update(before)
    return found


def stage_of(outputs: Outputs, name: str, run: Run | None) -> Stage:
    """Give one stage's sums, and the last time up to this run that it was at work."""
    summary = outputs.json(layout.report_files(name)[0])
    earlier = [one for one in runs(outputs.project) if run is not None and one.name <= run.name]
    for one in reversed(earlier):
        for event in reversed(one.of_kind("stage_finished")):
            if event["stage"] == name:
                why = tuple(one.reasons.get(name, ()))
                return Stage(name, summary, why, local(event["time"]), one.name, event["seconds"])
    return Stage(name, summary)


def reasons_of(outputs: Outputs, stage: str) -> Iterator[Reason]:
    """Give the reasons of a stage's ledger, most frequent first, with examples; of values by column."""
    summary_file, ledger_file, _ = layout.report_files(stage)
    summary = outputs.json(summary_file)
    if not summary or not any(summary[action] for action in ACTIONS):
        return
    path = outputs.file(ledger_file)
    examples, columns = examples_of(path), columns_of(path)
    for step, sums in summary["steps"].items():
        for action, reasons in sums["reasons"].items():
            counted = columns.get((step, action), {}) if action in OF_VALUES and len(reasons) == 1 else {}
            for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
                for column, share in counted.items():
                    found = examples.get((step, action, f"{COLUMN}{column}"), [])
                    yield Reason(stage, step, action, f"{column}, {reason}", share, tuple(found[:EXAMPLES]))
                if not counted:
                    found = examples.get((step, action, reason)) or examples.get((step, action, None)) or []
                    yield Reason(stage, step, action, reason, count, tuple(found[:EXAMPLES]))


def columns_of(path: Path | None) -> dict[tuple[str, str], dict[str, int]]:
    """Count a ledger's entries by step, action and column, the most frequent first."""
    if path is None:
        return {}
    table = pq.read_table(path, columns=["step", "action", "column"])
    counted = table.group_by(["step", "action", "column"]).aggregate([([], "count_all")]).to_pylist()
    found: dict[tuple[str, str], dict[str, int]] = {}
    for entry in sorted(counted, key=lambda entry: (-entry["count_all"], entry["column"] or "")):
        if entry["column"] is not None:
            found.setdefault((entry["step"], entry["action"]), {})[entry["column"]] = entry["count_all"]
    return found


def examples_of(path: Path | None) -> dict[tuple[str, str, str | None], list[Example]]:
    """Give the first rows of each reason and of each column in a ledger; under None, those of a step and action."""
    found: dict[tuple[str, str, str | None], list[Example]] = {}
    if path is None:
        return found
    for batch in pq.ParquetFile(path).iter_batches(LEDGER_ROWS):
        for entry in batch.to_pylist():
            example = Example(*(entry[name] for name in ("row_id", "column", "before", "after", "reason")))
            rule, kind = without_value(entry["reason"], entry["before"]), kind_of(entry["reason"] or "")
            for key in (rule, kind, f"{COLUMN}{entry['column']}", None):
                kept = found.setdefault((entry["step"], entry["action"], key), [])
                if len(kept) < EXAMPLES and example not in kept:
                    kept.append(example)
        break
    return found


def without_value(reason: str | None, value: str | None) -> str:
    """Take a value out of a contract's reason: what is left is the rule that reasons are counted by.

    >>> without_value("n -3.0 is below 0", "-3.0")
    'n is below 0'
    """
    text = reason or ""
    for shown in (f" '{value}'", f" {value}"):
        text = text.replace(shown, "", 1) if value else text
    return text


def model_of(outputs: Outputs, pipeline: PipelineSpec | None) -> tuple[str | None, str | None]:
    """Name the model and its estimator."""
    for stage in pipeline.stages if pipeline else ():
        for name in stage.outputs.values():
            before = dict(outputs.missing)
            about = outputs.json(layout.model_folder(name), "model.json")
            outputs.missing.clear()
            outputs.missing.update(before)
            if about:
                return name, str(about.get("estimator", "")).rpartition(".")[2] or None
    return None, None


def latency_of(outputs: Outputs, stage: str | None, run: Run | None) -> Mapping[str, Any] | None:
    """Give the latency that the evaluation measured: the journal has it, times being in no output."""
    earlier = [one for one in runs(outputs.project) if run is not None and one.name <= run.name]
    for one in reversed(earlier):
        for event in reversed(one.of_kind("stage_finished")):
            if event["stage"] == stage and event.get("latency"):
                found: Mapping[str, Any] = event["latency"]
                return found
    return None


def mistakes_of(
    outputs: Outputs, pipeline: PipelineSpec | None, evaluation: Mapping[str, Any] | None, stage: str | None
) -> Iterator[Mistake]:
    """Give the most confident mistakes with the values of their rows."""
    if evaluation is None or pipeline is None or stage is None:
        return
    worst = [item for figures in evaluation["figures"].values() for item in figures.get("worst", ())][:10]
    rows = rows_by_id(outputs, next(iter(pipeline.stage(stage).inputs.values())), {item["row_id"] for item in worst})
    read = features_of(outputs, stage)
    for item in worst:
        row = rows.get(item["row_id"], {})
        names = sorted(
            (name for name in row if name != pipeline.roles.get("target")), key=lambda name: name not in read
        )
        values = {name: cut(row[name]) for name in names[:MOST_VALUES]}
        more = len(names) - len(values)
        yield Mistake(item["row_id"], item["target"], item["predicted"], item["confidence"], values, more)


def features_of(outputs: Outputs, stage: str) -> tuple[str, ...]:
    """Name the columns that the model reads, as far as the evaluation knows the rows it learned from."""
    reference = outputs.json(layout.evaluation_folder(stage), "reference.json")
    return tuple(reference["features"]["columns"]) if reference and reference["features"] else ()


def rows_by_id(outputs: Outputs, dataset: str, ids: set[int]) -> dict[int, dict[str, Any]]:
    """Read some rows of a dataset."""
    found: dict[int, dict[str, Any]] = {}
    for inner, path in outputs.files(layout.dataset_folder(dataset)).items():
        if inner.endswith(".parquet") and len(found) < len(ids):
            table = pq.read_table(path, filters=[("row_id", "in", sorted(ids))]) if ids else None
            frame = table.to_pandas() if table is not None else pd.DataFrame()
            frame = frame if frame.index.name == "row_id" or not len(frame) else frame.set_index("row_id")
            found |= dict(zip(frame.index.tolist(), frame.to_dict("records"), strict=True))
    return found


def cut(value: Any) -> str:
    """Write a value in a line, cut where it is long."""
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def run_of(project: Path, name: str | None) -> Run | None:
    """Give the journal of a run by the beginning of its name; the last one's where none is named."""
    if name is None or name == "workspace":
        return last_run(project)
    return next((run for run in reversed(runs(project)) if run.name.startswith(name)), None)
