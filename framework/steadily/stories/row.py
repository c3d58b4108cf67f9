"""Tells one row's story through every stage: where it came from, what was done to it, where it ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from steadily import layout
from steadily.datasets import MANIFEST
from steadily.errors import DataError
from steadily.lastgood import read_yaml
from steadily.ledger import text_of
from steadily.spec import PipelineSpec, StageSpec, read_pipeline

SHOWN = 70


def story_of_row(project: Path, row_id: int) -> list[str]:
    """Tell a row's story.

    Raises:
        DataError: No dataset and no ledger has this row.
    """
    pipeline = read_pipeline(read_yaml(project / layout.PARAMS), lambda *_: str(layout.PARAMS))
    lines: list[str] = []
    for stage in pipeline.stages:
        lines += stage_lines(project, pipeline, stage, row_id)
    if not lines:
        raise DataError.at(
            "steadily why",
            "no dataset and no ledger of this project has such a row",
            given=row_id,
            hint="`dvc checkout` brings datasets back that are not there",
        )
    return [f"row {row_id}", *lines]


def stage_lines(project: Path, pipeline: PipelineSpec, stage: StageSpec, row_id: int) -> list[str]:
    """Tell what one stage did to the row."""
    told = [f"    {line}" for line in ledger_lines(project / layout.report_files(stage.name)[1], row_id)]
    before = next(
        (row for row in (find_row(project, name, row_id) for name in stage.streams.values()) if row is not None), None
    )
    for dataset in stage.outputs.values():
        row = find_row(project, dataset, row_id)
        if row is not None:
            values = changes(before, row)
            told += [
                f"    → {dataset}" + (f" ({row.attrs['part']})" if not stage.inputs else ""),
                *(f"      {line}" for line in values),
            ]
    return [f"  {stage.name}", *told] if told else []


def ledger_lines(path: Path, row_id: int) -> Iterator[str]:
    """Give the ledger's entries on the row."""
    if not path.is_file():
        return
    for entry in pq.read_table(path, filters=[("row_id", "=", row_id)]).to_pylist():
        column = f" {entry['column']}" if entry["column"] else ""
        before, after = (entry[key] if entry[key] is not None else "(missing)" for key in ("before", "after"))
        values = ""
        if entry["action"] == "quarantined":
            values = f" (was {before})"
        elif entry["action"] != "dropped":
            values = f" {before} → {after}"
        yield f"{entry['step']}: {entry['action']}{column}{values}: {entry['reason']}"


def find_row(project: Path, dataset: str, row_id: int) -> pd.Series | None:
    """Find the row in a dataset; None where it is not there."""
    folder = project / layout.dataset_folder(dataset)
    if not (folder / MANIFEST).is_file():
        return None
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path, filters=[("row_id", "=", row_id)])
        if len(table):
            row: pd.Series = table.to_pandas().iloc[0]
            row.attrs["part"] = path.stem
            return row
    return None


def changes(before: pd.Series | None, after: pd.Series) -> Iterator[str]:
    """Give the values that are new or other than they were."""
    for name, value in after.items():
        if before is None or name not in before.index or differ(before[str(name)], value):
            yield f"{name}: {shown(value)}"


def differ(one: object, other: object) -> bool:
    """Tell whether two values differ, missing ones being equal."""
    return str(one) != str(other) and not (is_missing(one) and is_missing(other))


def is_missing(value: object) -> bool:
    """Tell whether a value is missing; a list never is."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))  # type: ignore[call-overload]


def shown(value: object) -> str:
    """Write a value in a line."""
    text = "(missing)" if is_missing(value) else " ".join(text_of(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
