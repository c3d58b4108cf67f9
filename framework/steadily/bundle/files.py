"""Rows from a file, answers into a file: read as the training's sources read, a chunk at a time."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from steadily.bundle.replay import Answers, Bundle
from steadily.catalog import Catalog
from steadily.errors import DataError, listed, rows_of
from steadily.readers import read_file
from steadily.rowids import RowIds

WRITERS = (".csv", ".jsonl", ".parquet")
CHUNK = 20_000
SHOWN = 8
Write = Callable[[Answers, "pd.Index[Any]", int], None]


def read_rows(bundle: Bundle, path: Path) -> Iterator[tuple[pd.Index[Any], pd.DataFrame]]:
    """Read a file with the source step that its name asks for; where training used the same one, with its parameters.

    Gives:
        Chunks of rows, each with the ids that ingestion would give them.

    Raises:
        DataError: There is no such file, or no reader for its name.
    """
    source = bundle.manifest.source
    ids: RowIds | None = None
    for name, frame in read_file(Catalog(bundle.folder, cached=False), path, CHUNK, {source["use"]: source["params"]}):
        ids = ids or RowIds(name, bundle.row_types)
        yield ids.of(frame), frame


@contextmanager
def written_to(out: str | None, bundle: Bundle) -> Iterator[Write]:
    """Write answers as CSV to standard output, or into a file by its name: .csv, .jsonl or .parquet.

    A file gets its name only when all is written.

    Raises:
        DataError: The name tells no form.
    """
    if out is None:
        yield CsvWriter(sys.stdout, bundle)
        return
    path = Path(out)
    if not path.name.endswith(WRITERS):
        raise DataError.at(out, "can't be told what it is to be by its name", allowed=", ".join(WRITERS))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.suffix == ".parquet":
            with ParquetWriter(draft, bundle) as writer:
                yield writer
        else:
            with draft.open("w", encoding="utf-8", newline="") as stream:
                yield CsvWriter(stream, bundle) if path.suffix == ".csv" else JsonWriter(stream, bundle)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class CsvWriter:
    """Writes answers as CSV."""

    def __init__(self, stream: Any, bundle: Bundle) -> None:
        self.stream, self.bundle, self.begun = stream, bundle, False

    def __call__(self, answers: Answers, ids: pd.Index[Any], before: int) -> None:
        """Write the answers to one chunk."""
        table_of(answers, ids, before, self.bundle).to_csv(
            self.stream, index=False, header=not self.begun, lineterminator="\n"
        )
        self.begun = True


class JsonWriter(CsvWriter):
    """Writes answers as JSON lines."""

    def __call__(self, answers: Answers, ids: pd.Index[Any], before: int) -> None:
        """Write the answers to one chunk."""
        table = table_of(answers, ids, before, self.bundle)
        table.to_json(self.stream, orient="records", lines=True, force_ascii=False, double_precision=15)


class ParquetWriter:
    """Writes answers as Parquet, a row group for each chunk."""

    def __init__(self, path: Path, bundle: Bundle) -> None:
        self.path, self.bundle = path, bundle
        self.writer: Any = None

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()

    def __call__(self, answers: Answers, ids: pd.Index[Any], before: int) -> None:
        """Write the answers to one chunk."""
        table = table_of(answers, ids, before, self.bundle)
        schema = schema_of(table)
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.path, schema)
        self.writer.write_table(pa.Table.from_pandas(table, schema=schema, preserve_index=False))


def schema_of(table: pd.DataFrame) -> pa.Schema:
    """Give the columns' types by their names, so that a chunk without any answer has those of all others."""
    whole, text = ("row", "row_id"), ("prediction", "imputed", "refused")
    numbers = pa.float64()
    return pa.schema(
        [(name, pa.int64() if name in whole else pa.string() if name in text else numbers) for name in table.columns]
    )


def table_of(answers: Answers, ids: pd.Index[Any], before: int, bundle: Bundle) -> pd.DataFrame:
    """Give a row for each row: its number in the file from 1, its id, the answer, what was filled in, why refused.

    Args:
        answers: The answers to a chunk.
        ids: The ids of its rows.
        before: How many rows came before it.
        bundle: The bundle, whose classes name the columns.
    """
    places = range(answers.rows)
    table = pd.DataFrame({"row": [before + place + 1 for place in places], "row_id": ids.to_numpy()})
    given = answers.table.reindex(pd.RangeIndex(answers.rows)).reset_index(drop=True)
    table["prediction"] = [None if value is None or value != value else str(value) for value in given["prediction"]]
    for name in bundle.number_columns:
        table[name] = given[name] if name in given else float("nan")
    filled = (answers.imputed.get(place) for place in places)
    table["imputed"] = ["; ".join(f"{one.column}={one.value}" for one in found) if found else None for found in filled]
    refused = (answers.refused.get(place) for place in places)
    table["refused"] = [found.told(found.reason) if found else None for found in refused]
    return table


@dataclass
class Summary:
    """What became of a file's rows, in a few lines."""

    file: str
    rows: int = 0
    predicted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    imputed: Counter[str] = field(default_factory=Counter)
    notes: dict[str, None] = field(default_factory=dict)

    def add(self, answers: Answers) -> None:
        """Add a chunk."""
        self.rows += answers.rows
        self.predicted.update(str(value) for value in answers.table["prediction"].dropna())
        self.refused.update(found.told(found.kind) for found in answers.refused.values())
        self.imputed.update(one.column for found in answers.imputed.values() for one in found)
        self.notes |= dict.fromkeys(answers.notes)

    def lines(self) -> list[str]:
        """Tell it."""
        answered, refused = self.predicted.total(), self.refused.total()
        found = [f"{self.file}: {rows_of(self.rows)}, {answered:,} answered, {refused:,} refused"]
        if self.predicted and len(self.predicted) <= SHOWN:
            said = (f"{name} {count:,}" for name, count in self.predicted.most_common())
            found.append(f"  answered: {', '.join(said)}")
        found += [f"  refused {count:,}: {reason}" for reason, count in self.refused.most_common(SHOWN)]
        if len(self.refused) > SHOWN:
            found.append(f"  … and {len(self.refused) - SHOWN} further reasons")
        if self.imputed:
            found.append("  filled in: " + listed(f"{name} {count:,}" for name, count in self.imputed.items()))
        return found + [f"  note: {text}" for text in self.notes]
