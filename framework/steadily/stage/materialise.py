"""A feature set's stage: gathers rows part by part, makes the values of all keys at all moments, keeps them.

Rows without a key or a time are dropped, with the reason. What the values are is left
to the step.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from steadily import layout
from steadily.chain import BoundStep, bind
from steadily.columns import need_columns, unfit_columns
from steadily.datasets import (
    PART_ROWS,
    Part,
    dtypes_of,
    open_dataset,
    part_file,
    read_part,
    refuse_changed,
    write_manifest,
    write_part,
)
from steadily.errors import StepError, listed, rows_of
from steadily.features.offline import AS_OF, DESCRIBED
from steadily.ledger import Book, Tally, merge_tallies
from steadily.lookups import FeatureSet
from steadily.rowids import RowIds
from steadily.stage.begin import Begun
from steadily.stage.drafts import Drafts
from steadily.stage.partition import Task, chain_of, write_table
from steadily.stage.report import summarize, write_report
from steadily.stage.transform import Stream, scratch_folder
from steadily.versions import definition_of


@dataclass
class Collected:
    """What came of a partition: what the step gathered, and the tally of its rows."""

    gathered: Any
    tallies: dict[str, Tally]


def materialise(begun: Begun, drafts: Drafts) -> dict[str, Any]:
    """Make a feature set of the rows of the stage's input.

    Raises:
        SteadilyError: The step failed, or gave what is no feature set.
    """
    scratch = Path(tempfile.mkdtemp(prefix=f"{begun.stage.name}-", dir=scratch_folder(begun.project)))
    try:
        return made(begun, drafts, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def made(begun: Begun, drafts: Drafts, scratch: Path) -> dict[str, Any]:
    """Gather, make, write; see ``materialise``."""
    stage, resolution = begun.stage, begun.resolution
    name, given = next(iter(stage.inputs.items()))
    dataset = open_dataset(begun.project / layout.dataset_folder(given))
    stream = Stream(begun, drafts, {name: dataset}, scratch)
    step = bind(resolution.catalog, stage.name, stage.steps[0], stream.places)
    tasks = stream.tasks(name)
    collected = list(stream.engine.run(collect, tasks, told=stage.name))
    said = step.guarded(step.learner.describe)
    table = step.guarded(step.learner.combine, [one.gathered for one in collected])
    refuse_other_form(step, table, list(said["keys"]))
    output = next(iter(stage.outputs.values()))
    version = definition_of(resolution.pipeline, stage, resolution.specifications, resolution.steps)
    described = described_as(output, version, said, table)
    provenance = {**stream.provenance(), DESCRIBED: described.to_json()}
    write_values(drafts.paths[output], described, table, provenance)
    refuse_changed([dataset])
    tallies = merge_tallies([one.tallies for one in collected]) or {step.spec.name: Tally(step.spec.use)}
    kept = sum(tally.rows_out for tally in tallies.values())
    summary = summarize(stage.name, dataset.rows, {output: kept}, tallies, [told(described, table)])
    write_report(drafts, summary, (scratch / "ledger" / name / task.path.name for task in tasks))
    return summary


def collect(task: Task) -> Collected:
    """Let the step gather the rows of one partition that have their keys and their time."""
    _, chain = chain_of(task.job)
    step = chain.steps[0]
    said = step.guarded(step.learner.describe)
    frame = read_part(task.path)
    step.guarded(need_columns, frame, list(step.learner.columns))
    book = Book()
    usable = usable_rows(book, step, frame[list(step.learner.columns)], [*said["keys"], said["time"]])
    write_table(book.table(), task.job.scratch / "ledger" / task.stream / task.path.name)
    return Collected(step.guarded(step.learner.collect, usable), book.tallies)


def usable_rows(book: Book, step: BoundStep, frame: pd.DataFrame, needed: list[str]) -> pd.DataFrame:
    """Drop the rows that lack a key or the time, and write it down."""
    tally = book.tally(step.spec.name, step.spec.use)
    tally.rows_in += len(frame)
    for name in needed:
        gone = frame[name].isna()
        book.write(step.spec.name, step.spec.use, "dropped", frame.index[gone], f"{name} is missing", column=name)
        frame = frame[~gone]
    tally.rows_out += len(frame)
    return frame


def refuse_other_form(step: BoundStep, table: Any, keys: list[str]) -> None:
    """Hold a step to the form of a feature set.

    Raises:
        StepError: It gave no table, other columns first, or two rows for one key and moment.
    """
    if not isinstance(table, pd.DataFrame):
        raise StepError.at(step.where, "combine has to give back a DataFrame", given=type(table).__name__)
    if why := unfit_columns(table):
        raise StepError.at(step.where, f"gave a frame that {why}")
    first = list(table.columns[: len(keys) + 1])
    if first != [*keys, AS_OF] or len(table.columns) == len(first):
        allowed = f"{', '.join([*keys, AS_OF])}, then the values"
        raise StepError.at(step.where, "gave other columns", given=listed(table.columns), allowed=allowed)
    if not isinstance(table[AS_OF].dtype, pd.DatetimeTZDtype):
        raise StepError.at(step.where, f"{AS_OF} has to hold moments", given=table[AS_OF].dtype)
    if table[first].isna().any(axis=None) or table.duplicated(first).any():
        raise StepError.at(step.where, "has to give one row for each key and moment, none of them missing")


def described_as(name: str, version: str, said: dict[str, Any], table: pd.DataFrame) -> FeatureSet:
    """Say what the feature set is."""
    types = dtypes_of(table)
    keys = {key: types[key] for key in said["keys"]}
    columns = {column: types[column] for column in table.columns[len(keys) + 1 :]}
    rest = {key: value for key, value in said.items() if key != "keys"}
    return FeatureSet(name=name, version=version, keys=keys, columns=columns, **rest)


def write_values(folder: Path, described: FeatureSet, table: pd.DataFrame, provenance: dict[str, Any]) -> None:
    """Write the values as a dataset, in parts."""
    folder.mkdir()
    ids = RowIds(described.name, dict.fromkeys(table.columns[: len(described.keys) + 1])).of(table)  # type: ignore[arg-type]
    table = table.set_axis(ids, axis="index")
    parts = []
    for number, start in enumerate(range(0, len(table), PART_ROWS)):
        rows, file = table.iloc[start : start + PART_ROWS], part_file(described.name, number)
        parts.append(Part(file, described.name, len(rows), write_part(rows, folder / file)))
    write_manifest(folder, described.name, parts, dtypes_of(table), provenance)


def told(described: FeatureSet, table: pd.DataFrame) -> str:
    """Say in a line what was made."""
    keys = len(table[list(described.keys)].drop_duplicates())
    if not len(table):
        return f"{described.name}: no values, for no row counts at any moment"
    last = table[AS_OF].max().isoformat()
    return f"{described.name} {described.version}: {rows_of(len(table))} of values for {keys:,} keys, as of {last}"
