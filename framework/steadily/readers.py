"""One file of rows, read by the source step that its name asks for."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from steadily.catalog import Catalog
from steadily.chain import Places, bind
from steadily.errors import DataError
from steadily.spec import StepSpec

READERS = {
    "files.csv": (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip", ".csv.zst", ".tsv"),
    "files.jsonl": (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"),
    "files.parquet": (".parquet",),
}


def read_file(
    catalog: Catalog, path: Path, rows: int, params: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Read a file in chunks, as a pipeline's source would.

    Args:
        catalog: Where the source steps are found.
        path: The file.
        rows: The rows of a chunk.
        params: Parameters of source steps, by the name of the step.

    Yields:
        The source's own name for the file, and a chunk.

    Raises:
        DataError: There is no such file, or no reader for its name.
    """
    use = next((use for use, ends in READERS.items() if path.name.lower().endswith(ends)), None)
    if use is None:
        known = ", ".join(end for ends in READERS.values() for end in ends)
        raise DataError.at(str(path), "can't be told what it is by its name", allowed=known)
    if not path.is_file():
        raise DataError.at(str(path), "there is no such file" if not path.exists() else "is no file")
    tabs = {"delimiter": "\t"} if path.name.lower().endswith(".tsv") else {}
    wanted = {**tabs, **params.get(use, {}), "path": glob.escape(str(path))}
    step = bind(catalog, "read", StepSpec("read", use, wanted), Places(Path(), Path(), {}))
    end = object()
    chunks = step.guarded(iter, step.guarded(step.learner.read, rows))
    while (chunk := step.guarded(next, chunks, end)) is not end:
        yield str(chunk[0]), chunk[1]
