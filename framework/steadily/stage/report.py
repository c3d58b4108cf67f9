"""The report of a stage: ``summary.json``, ``ledger.parquet`` and ``quarantine.parquet``, without times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from steadily.errors import DataError
from steadily.ledger import ACTIONS, SCHEMA, Tally
from steadily.stage.drafts import Drafts

QUARANTINE = pa.schema([("row_id", pa.int64()), ("dataset", pa.string()), ("reason", pa.string())])


def summarize(
    stage: str, rows_in: int, outputs: Mapping[str, int], tallies: Mapping[str, Tally], notes: Iterable[str]
) -> dict[str, Any]:
    """Sum up a stage.

    Args:
        stage: Its name.
        rows_in: How many rows came in.
        outputs: How many rows went out, by dataset.
        tallies: What each step did, in order.
        notes: What is worth saying.
    """
    counts: dict[str, int] = {action: sum(tally.count(action) for tally in tallies.values()) for action in ACTIONS}
    steps = {name: tally.summary() for name, tally in tallies.items()}
    told = list(dict.fromkeys(notes))
    return {
        "stage": stage,
        "in": rows_in,
        "out": sum(outputs.values()),
        **counts,
        "steps": steps,
        "outputs": dict(outputs),
        "notes": told,
    }


def write_report(
    drafts: Drafts, summary: Mapping[str, Any], ledger: Iterable[Path] = (), quarantine: Iterable[Path] = ()
) -> None:
    """Write a stage's report into its drafts.

    Args:
        drafts: The stage's drafts.
        summary: What ``summarize`` gave.
        ledger: The ledger's pieces in order.
        quarantine: The quarantine's pieces in order.

    Raises:
        DataError: It can't be written.
    """
    try:
        text = json.dumps(summary, indent=1, ensure_ascii=False) + "\n"
        drafts.paths["(summary)"].write_text(text, encoding="utf-8")
        join(drafts.paths["(ledger)"], SCHEMA, ledger)
        pieces = list(quarantine)
        join(drafts.paths["(quarantine)"], widest(pieces), pieces)
    except OSError as error:
        raise DataError.at(
            f"stage {summary['stage']}", f"its report can't be written: {error.strerror or error}"
        ) from error


def join(path: Path, schema: pa.Schema, pieces: Iterable[Path]) -> None:
    """Write pieces of a table into one file, a piece at a time."""
    with pq.ParquetWriter(path, schema) as writer:
        for table in batches(schema, pieces):
            writer.write_table(table)


def batches(schema: pa.Schema, pieces: Iterable[Path]) -> Iterator[pa.Table]:
    """Read the pieces, each in the whole table's columns."""
    for piece in pieces:
        table = pq.read_table(piece)
        if len(table):
            missing = pa.nulls(len(table), pa.string())
            columns = [table[name] if name in table.column_names else missing for name in schema.names]
            yield pa.table(
                [column.cast(field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
            )


def widest(pieces: Iterable[Path]) -> pa.Schema:
    """Give the columns of all pieces, in the order in which they are met."""
    fields = {field.name: field for field in QUARANTINE}
    for piece in pieces:
        for field in pq.read_schema(piece):
            fields.setdefault(field.name, pa.field(field.name, pa.string()))
    return pa.schema(list(fields.values()))
