"""The source of Parquet files.

Owns the step, and what pandas types a file's columns get; a file is never read whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from steadily import DataError, step
from steadily_files.columns import chosen, refuse_repeated
from steadily_files.found import Found
from steadily_files.frames import to_frame
from steadily_files.opening import opened
from steadily_files.places import find, refuse_passwords
from steadily_files.versions import local_paths, version_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq


@step("files.parquet")
class ParquetFiles:
    """Read Parquet files, with the types that they are stored with.

    Text becomes pandas' ``str``; whole numbers and truth values are nullable
    (``Int64``, ``boolean``) in files that miss some of them, so that no piece of a
    file turns them into floats; categories become their values.

    Args:
        path: A path, a glob or an address, or a list of them, as for ``files.csv``.
        columns: The columns to read, in this order; all of them if none are named.
    """

    def __init__(self, *, path: str | list[str], columns: list[str] | None = None) -> None:
        self.path = path
        self.columns = columns

    @classmethod
    def check(cls, *, path: str | list[str], columns: list[str] | None = None) -> None:
        """Refuse parameters that can't work, before anything is read."""
        refuse_repeated(columns)
        refuse_passwords(path)

    def read(self, rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """Give the rows of each file, at most ``rows`` at a time, with the name of the file's part."""
        for file in find(self.path):
            for frame in frames(file, self.columns, rows):
                yield file.name, frame

    def version(self) -> dict[str, str]:
        """Tell what is there now: the digest (or a remote file's checksum) of each file."""
        return version_of(self.path)

    def files(self) -> list[str]:
        """Give the paths of the files on this machine, for whoever asks whether git or DVC tracks them."""
        return local_paths(self.path)


def frames(file: Found, columns: list[str] | None, rows: int) -> Iterator[pd.DataFrame]:
    """Give the rows of one file as frames; one without rows if there are none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(file) as stream, whole(file):
        source = pq.ParquetFile(stream)
        wanted = chosen(file, names_of(file, source), columns)
        may_miss = with_gaps(source)
        given = 0
        for batch in source.iter_batches(batch_size=rows, columns=wanted):
            given += batch.num_rows
            yield to_frame(without_codes(pa.Table.from_batches([batch]).select(wanted)), may_miss)
        if not given:
            yield to_frame(without_codes(source.schema_arrow.empty_table().select(wanted)), may_miss)


@contextmanager
def whole(file: Found) -> Iterator[None]:
    """Turn Arrow's complaints about a damaged file into an error that names it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and (error.errno is not None or file.filesystem is not None):
            raise  # the disk's or the network's complaint, not Arrow's
        raise DataError.at(
            file.shown,
            f"is no whole Parquet file: {error}",
            hint="was it copied whole? Fetch it again, or take it out of the folder",
        ) from error


def names_of(file: Found, source: pq.ParquetFile) -> list[str]:
    """Give the names of the columns, and refuse one that is there twice."""
    names = list(source.schema_arrow.names)
    twice = [repr(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError.at(file.shown, f"has columns of the same name: {', '.join(twice)}")
    return names


def with_gaps(source: pq.ParquetFile) -> frozenset[str]:
    """Give the columns in which a value is missing, or may be since the file's statistics don't say."""
    metadata = source.metadata
    paths = [metadata.schema.column(at).path for at in range(metadata.num_columns)]
    return frozenset(path for at, path in enumerate(paths) if has_gaps(metadata, at))


def has_gaps(metadata: pq.FileMetaData, at: int) -> bool:
    """Tell whether any row group may miss a value in column ``at``."""
    if metadata.schema.column(at).max_definition_level == 0:
        return False
    counts = (metadata.row_group(group).column(at).statistics for group in range(metadata.num_row_groups))
    return any(found is None or not found.has_null_count or found.null_count > 0 for found in counts)


def without_codes(table: pa.Table) -> pa.Table:
    """Give categories as their values (their codes differ between row groups), and columns of nothing as text."""
    import pyarrow as pa

    for at, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(field.type.value_type))
        elif pa.types.is_null(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.large_string()))
    return table
