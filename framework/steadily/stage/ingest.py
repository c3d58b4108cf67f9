"""A source's stage: keeps what came in as it came, cut into parts, each row with its id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from steadily.chain import Places, bind
from steadily.columns import unfit_columns
from steadily.datasets import PART_ROWS, Part, dtypes_of, part_file, write_manifest, write_part
from steadily.errors import DataError, StepError
from steadily.ledger import Tally
from steadily.operate import engine_settings
from steadily.rowids import RowIds
from steadily.stage.begin import Begun
from steadily.stage.drafts import Drafts
from steadily.stage.report import summarize, write_report
from steadily.versions import types_of

READ_ROWS = 50_000
END = object()


def ingest(begun: Begun, drafts: Drafts) -> dict[str, Any]:
    """Read a source whole and keep it as a dataset.

    Raises:
        SteadilyError: The source can't be read, or gave what no source may.
    """
    stage = begun.stage
    name = next(iter(stage.outputs.values()))
    step = bind(begun.resolution.catalog, stage.name, stage.steps[0], Places(Path(), Path(), {}))
    rows = int(engine_settings(begun.project).get("read_rows", READ_ROWS))
    folder = drafts.paths[name]
    folder.mkdir()
    parts: list[Part] = []
    columns: dict[str, str] = {}
    chunks = checked(step, step.guarded(step.learner.read, rows))
    for source, frame in in_parts(chunks, dict(types_of(begun.resolution.pipeline, name)) or None):
        number = sum(part.source == source for part in parts)
        file = part_file(source, number)
        if any(part.file == file for part in parts):
            raise DataError.at(step.where, "two parts of the source have nearly the same name", given=source)
        parts.append(Part(file, source, len(frame), write_part(frame, folder / file)))
        columns |= {key: value for key, value in dtypes_of(frame).items() if key not in columns}
    total = sum(part.rows for part in parts)
    if not total:
        raise DataError.at(step.where, "the source has no rows", hint="are its files headers only?")
    write_manifest(folder, name, parts, columns, provenance_of(begun))
    tally = Tally(step.spec.use, total, total)
    summary = summarize(stage.name, total, {name: total}, {step.spec.name: tally}, [])
    write_report(drafts, summary)
    return summary


def provenance_of(begun: Begun) -> dict[str, Any]:
    """Say where a source's rows come from: the stage, its version, and the step's own version with the source's."""
    steps = begun.version["steps"]
    return {
        "stage": begun.stage.name,
        "version": begun.version["digest"],
        "inputs": {},
        "transforms": [{"stage": begun.stage.name, "step": name, **dict(version)} for name, version in steps.items()],
    }


def checked(step: Any, chunks: Any) -> Iterator[tuple[str, pd.DataFrame]]:
    """Pass on what a source gives, and tell with its name what it raises."""
    iterator = step.guarded(iter, chunks)
    while (chunk := step.guarded(next, iterator, END)) is not END:
        if not (isinstance(chunk, tuple) and len(chunk) == 2 and isinstance(chunk[1], pd.DataFrame)):
            raise StepError.at(step.where, "a source gives pairs of a name and a DataFrame", given=type(chunk).__name__)
        name, frame = str(chunk[0]), chunk[1]
        if why := unfit_columns(frame):
            raise DataError.at(
                f"{step.where}: {name}", why, hint="give the columns other names where the data comes from"
            )
        yield name, frame


def in_parts(
    chunks: Iterator[tuple[str, pd.DataFrame]], dtypes: dict[str, str] | None, size: int = PART_ROWS
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Give rows their ids and cut them into parts of ``size`` rows, however large the chunks that come in are.

    Raises:
        DataError: A source file came up again after another one.
    """
    seen: set[str] = set()
    held: list[pd.DataFrame] = []
    source: str | None = None
    ids: RowIds | None = None
    for name, chunk in chunks:
        if name != source:
            if source is not None:
                yield from ((source, part) for part in cut(held, size))
            if name in seen:
                raise DataError.at("source", "gave the rows of one file in two places", given=name)
            source, ids, held = name, RowIds(name, dtypes), []
            seen.add(name)
        assert ids is not None  # noqa: S101 (for the type checker)
        held.append(chunk.set_axis(ids.of(chunk), axis=0))
        if sum(map(len, held)) > size:
            *full, rest = cut(held, size)
            yield from ((name, part) for part in full)
            held = [rest]  # it may be as long as a part, but is never empty: that would be one part more
    if source is not None:
        yield from ((source, part) for part in cut(held, size))


def cut(held: list[pd.DataFrame], size: int) -> list[pd.DataFrame]:
    """Cut rows into parts of ``size`` rows, of which the last may be shorter; no rows are one empty part."""
    rows = pd.concat(held) if len(held) > 1 else held[0]
    return [rows.iloc[start : start + size] for start in range(0, max(len(rows), 1), size)]
