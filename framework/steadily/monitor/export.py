"""Hourly statistics as a table: a row for each hour, release, slot, slice, tally and key, as Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select

from steadily.database import Database
from steadily.database.monitoring import hourly as rows
from steadily.errors import DataError
from steadily.monitor.hourly import Hourly

SCHEMA = pa.schema(
    [
        ("hour", pa.timestamp("us", "UTC")),
        ("release", pa.int64()),
        ("slot", pa.string()),
        ("slice", pa.string()),
        ("tally", pa.string()),
        ("key", pa.string()),
        ("count", pa.int64()),
    ]
)
PIECE = 1_000


def export(database: Database, path: Path) -> int:
    """Write all hourly statistics into a Parquet file, which gets its name when it is whole.

    Returns:
        How many rows it has.

    Raises:
        DataError: The name does not end in .parquet.
    """
    if path.suffix != ".parquet":
        raise DataError.at(str(path), "is written as Parquet", allowed="a name that ends in .parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    written = 0
    try:
        with pq.ParquetWriter(draft, SCHEMA) as writer:
            for table in tables(database):
                writer.write_table(table)
                written += table.num_rows
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return written


def tables(database: Database) -> Iterator[pa.Table]:
    """Read the hourly rows in pieces, in order."""
    asked = select(rows).order_by(rows.c.begin_us, rows.c.release, rows.c.slot, rows.c.slice)
    with database.read() as connection:
        for part in connection.execute(asked).partitions(PIECE):
            entries = [entry for row in part for entry in entries_of(row)]
            if entries:
                yield pa.table([list(column) for column in zip(*entries, strict=True)], schema=SCHEMA)


def entries_of(row: Any) -> Iterator[tuple[Any, ...]]:
    """Give the entries of one row; features are tallies called ``feature COLUMN PART``, by number of the bin."""
    amount = Hourly.from_json({"tallies": row.tallies, "features": row.features})
    own = (datetime.fromtimestamp(row.begin_us / 1e6, UTC), row.release, row.slot, row.slice)
    for name, tally in amount.tallies.items():
        for key, count in tally.items():
            yield (*own, name, key, count)
    for column, parts in amount.features.items():
        for part, bins in parts.items():
            for place, count in enumerate(bins.tolist()):
                yield (*own, f"feature {column} {part}".rstrip(), str(place), count)
