"""What is replayed: rows as they were recorded, each with the time at which it came in.

The time is the role ``time`` of the pipeline, a column of the rows as they come, read as the pipeline's own steps read
it. A row of which it can't be read comes in at the time of the row before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily import layout
from steadily.bundle.replay import Answers, Bundle, keep_contract
from steadily.catalog import Catalog
from steadily.datasets import open_dataset, read_part
from steadily.errors import ConfigError, DataError, SteadilyError
from steadily.loadtest.rows import CHUNK, Wanted, bodies, need_columns, plain, plain_rows
from steadily.readers import read_file
from steadily.releases.judged import names

MOST = 100_000  # rows of one recording
UNREAD = np.iinfo(np.int64).min
Moments = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Recording:
    """Rows in the order of their times.

    Attributes:
        bodies: A request's body for each row.
        labels: What turned out to be true of each row; None where that is not known.
        times: When each came in, microseconds since 1970, rising; empty where nobody asked for them.
        unread: How many came in at the time of the row before, as their own can't be read.
    """

    bodies: Sequence[bytes]
    labels: Sequence[str | None]
    times: Moments
    unread: int = 0


def frames_of_file(bundle: Path, wanted: Wanted, path: Path) -> Iterator[pd.DataFrame]:
    """Read a file's rows, as ``steadily predict`` would."""
    source = wanted.manifest.source
    for _, frame in read_file(Catalog(bundle, cached=False), path, CHUNK, {source["use"]: source["params"]}):
        yield frame


def frames_of_project(project: Path) -> Iterator[pd.DataFrame]:
    """Read the rows that the project's last run took in.

    Raises:
        DataError: There was none.
    """
    for path in (layout.PARAMS, layout.LOCK, layout.BUNDLE):
        if not (project / path).exists():
            raise DataError.at(str(path), "is not there, so that no rows were taken in here", hint="`dvc repro` does")
    yield from map(read_part, open_dataset(project / layout.dataset_folder(names(project)[0])).paths())


def recording_of(
    wanted: Wanted,
    frames: Iterable[pd.DataFrame],
    where: str,
    bundle: Bundle | None,
    since_us: int | None = None,
    *,
    timed: bool = True,
) -> Recording:
    """Make a recording of rows.

    Args:
        wanted: What a request holds.
        frames: The rows.
        where: Where they are from, for messages.
        bundle: Reads their times; None leaves them as they stand.
        since_us: Leave out what came in earlier.
        timed: Whether their times are needed; else rows without any are left as they stand.

    Raises:
        ConfigError: The pipeline names no time.
        DataError: There are no rows, or too many; a column is missing; or none has a time that can be read.
    """
    made: list[bytes] = []
    labels: list[str | None] = []
    times: list[Moments] = []
    for frame in frames:
        rows = list(plain_rows(wanted, frame))
        if rows and not made:
            need_columns(wanted, where, rows[0])
        made += bodies(rows)
        labels += labels_of(frame, wanted.manifest.roles.get("target"))
        if bundle is not None:
            times.append(times_of(bundle, frame))
        if len(made) > MOST:
            raise DataError.at(where, "has too many rows for one replay", allowed=f"at most {MOST:,}")
    if not made:
        raise DataError.at(where, "holds no row")
    read = np.concatenate(times) if times else np.array([], dtype=np.int64)
    if not timed and since_us is None and not (read != UNREAD).any():
        return Recording(made, labels, np.array([], dtype=np.int64))
    return ordered(made, labels, read, where, since_us)


def ordered(
    made: Sequence[bytes], labels: Sequence[str | None], read: Moments, where: str, since_us: int | None
) -> Recording:
    """Put rows into the order of their times; rows of one moment stay as they were."""
    if not (read != UNREAD).any():
        raise DataError.at(where, "has no row whose time can be read", hint="--rate needs none")
    times = carried(read)
    order = np.argsort(times, kind="stable")
    if since_us is not None:
        order = order[times[order] >= since_us]
        if not len(order):
            raise DataError.at("--from", "no row came in after that", given=str(since_us))
    unread = int((read[order] == UNREAD).sum())
    return Recording([made[place] for place in order], [labels[place] for place in order], times[order], unread)


def carried(read: Moments) -> Moments:
    """Give each row without a time that of the row before; those before the first get the first's.

    >>> carried(np.array([UNREAD, 5, UNREAD, 3])).tolist()
    [5, 5, 5, 3]
    """
    there = read != UNREAD
    last = np.maximum.accumulate(np.where(there, np.arange(len(read)), -1))
    return read[np.where(last < 0, np.argmax(there), last)]


def labels_of(frame: pd.DataFrame, target: str | None) -> list[str | None]:
    """Give what turned out to be true of each row."""
    if target is None or target not in frame.columns:
        return [None] * len(frame)
    return [None if (value := plain(one)) is None else str(value) for one in frame[target].tolist()]


def times_of(bundle: Bundle, frame: pd.DataFrame) -> Moments:
    """Read when rows came in, in microseconds since 1970; UNREAD where that can't be told.

    Raises:
        ConfigError: The pipeline names no time.
    """
    column = bundle.manifest.roles.get("time")
    if column is None:
        hint = "roles: {time: COLUMN}, or --rate, which needs none"
        raise ConfigError.at("conf/config.yaml", "names no column with the time of a row", hint=hint)
    rows = frame.set_axis(pd.RangeIndex(len(frame)).astype("int64").rename("row_id"), axis=0)
    rows = rows.drop(columns=[name for name in bundle.manifest.training_only if name in rows.columns])
    found = np.full(len(frame), UNREAD, dtype=np.int64)
    read_into(found, bundle, rows, column)
    return found


def read_into(found: Moments, bundle: Bundle, rows: pd.DataFrame, column: str) -> None:
    """Read the times of rows together; where that fails, of each half by itself, down to the row that has none."""
    try:
        read = moments_of(bundle, rows, column)
    except SteadilyError:
        if len(rows) > 1:
            half = len(rows) // 2
            read_into(found, bundle, rows.iloc[:half], column)
            read_into(found, bundle, rows.iloc[half:], column)
        return
    if read is not None:
        found[read.index.to_numpy()] = read.to_numpy(dtype="datetime64[us]").astype(np.int64)


def moments_of(bundle: Bundle, rows: pd.DataFrame, column: str) -> pd.Series[Any] | None:
    """Take rows through the stages until their time is a moment, and within its contract; None where it never is."""
    told = Answers(len(rows), pd.DataFrame())
    for number, leg in enumerate(bundle.legs):
        rows = leg.chain.apply(rows, "rows", "rows")
        if leg.boundary is not None:
            rows = keep_contract(told, leg, rows, first=number == 0)
        if column in rows.columns and pd.api.types.is_datetime64_any_dtype(rows[column].dtype):
            return rows[column].dropna()
    return None
