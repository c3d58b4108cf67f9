"""Names likely renames of missing columns, from sketches of the columns that the last good run read.

The sketches lie under ``.steadily`` and only ever make an error kinder: where
there are none, names and types have to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from steadily import layout
from steadily.datasets import Dataset, read_part
from steadily.files import write_atomically
from steadily.sketch import Sketches, likely_renames, merge, sketch

FOLDER = layout.STATE / "sketches"
PARTS = 5  # the first parts tell enough
Hints = Callable[[list[str], list[str]], Mapping[str, str]]


def keep_sketches(project: Path, dataset: str, rows: Dataset, dtypes: Mapping[str, str]) -> None:
    """Keep sketches of the columns that a run read and found in order."""
    write_atomically(project / FOLDER / f"{dataset}.json", json.dumps(sketches_of(rows, dtypes)))


def hints_for(project: Path, dataset: str, rows: Dataset, dtypes: Mapping[str, str]) -> Hints:
    """Give the function that names likely renames from what the last run read."""

    def hints(missing: list[str], new: list[str]) -> Mapping[str, str]:
        found = sketches_of(rows, {}, new)
        return likely_renames(missing, new, read_sketches(project / FOLDER / f"{dataset}.json"), found, dtypes)

    return hints


def sketches_of(rows: Dataset, dtypes: Mapping[str, str], columns: Iterable[str] | None = None) -> Sketches:
    """Sketch a dataset's columns from its first parts."""
    wanted = None if columns is None else set(columns)
    frames = (read_part(path) for path, _ in zip(rows.paths(), range(PARTS), strict=False))
    picked = (
        frame if wanted is None else frame[[name for name in frame.columns if name in wanted]] for frame in frames
    )
    return merge(sketch(frame, dtypes) for frame in picked)


def read_sketches(path: Path) -> Sketches | None:
    """Read what was kept, if anything readable was."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
