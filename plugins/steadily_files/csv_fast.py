"""Reading CSV through Arrow, quickly, for as long as nothing is in doubt.

Owns when it is: ``InDoubt`` makes the caller go on with ``csv_exact``, which
either reads the rest or says what is wrong, and at which line.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from steadily_files.csv_form import CsvForm
from steadily_files.found import Found
from steadily_files.frames import in_pieces, to_frame
from steadily_files.opening import opened

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BLOCK = 1 << 20
TAIL = 1 << 16


class InDoubt(Exception):  # noqa: N818 - not an error: the exact reader takes over
    """Arrow can't read on, or has read what may not be well-formed."""


class Watched(io.RawIOBase):
    """A byte stream as UTF-8 that keeps its last bytes for ``may_be_open``."""

    def __init__(self, stream: IO[bytes], codec: str) -> None:
        """Take the stream; a codec other than UTF-8's is recoded."""
        self.stream = stream
        self.tail = b""
        self.ended = False
        self.decoder = None if codec == "utf-8-sig" else codecs.getincrementaldecoder(codec)()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read about ``size`` bytes; none only at the end, or where no more are wanted."""
        if self.ended:
            return b""
        block = self.stream.read(size)
        while self.decoder and block:
            recoded = self.decoder.decode(block).encode()
            if recoded:
                return self.keep(recoded)
            block = self.stream.read(size)
        return self.keep(self.decoder.decode(b"", final=True).encode() if self.decoder and not block else block)

    def keep(self, block: bytes) -> bytes:
        """Remember the end of what was read."""
        self.tail = (self.tail + block)[-TAIL:]
        return block


def fast_frames(file: Found, form: CsvForm, names: list[str], columns: list[str], rows: int) -> Iterator[pd.DataFrame]:
    """Give the rows as frames of ``rows`` rows.

    Raises:
        InDoubt: The exact reader has to go on after the rows given so far.
    """
    import pyarrow as pa

    try:
        with opened(file) as stream:
            watched = Watched(stream, form.codec)
            yield from frames_from(watched, form, names, columns, rows)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise InDoubt from error


def frames_from(
    watched: Watched, form: CsvForm, names: list[str], columns: list[str], rows: int
) -> Iterator[pd.DataFrame]:
    """Give the frames of an open stream, the last one only if its end is beyond doubt."""
    with arrow_reader(watched, form, names, columns) as reader:
        waiting: pa.Table | None = None
        try:
            for piece in in_pieces(iter(reader), rows):
                if waiting is not None:
                    yield to_frame(waiting.select(columns))
                waiting = piece
        except GeneratorExit:
            drain(watched, reader)
            raise
    if waiting is None or not waiting.num_rows or may_be_open(watched.tail, waiting[names[-1]][-1].as_py(), form):
        raise InDoubt
    yield to_frame(waiting.select(columns))


def drain(watched: Watched, reader: Any) -> None:
    """Let Arrow come to its end: its threads read ahead, and would crash a Python that ends meanwhile."""
    import pyarrow as pa

    watched.ended = True
    with suppress(pa.ArrowInvalid):
        for _ in reader:
            pass


def arrow_reader(watched: Watched, form: CsvForm, names: list[str], columns: list[str]) -> Any:
    """Open Arrow's reader: text only, nothing guessed, and the last column for ``may_be_open``."""
    import pyarrow as pa
    from pyarrow import csv

    read = list(dict.fromkeys([*columns, names[-1]]))
    reader = csv.open_csv(
        watched,
        read_options=csv.ReadOptions(block_size=BLOCK),
        parse_options=csv.ParseOptions(
            delimiter=form.separator, quote_char=form.quote or False, newlines_in_values=bool(form.quote)
        ),
        convert_options=csv.ConvertOptions(
            column_types={name: pa.large_string() for name in read},
            include_columns=read,
            null_values=sorted(form.missing),
            strings_can_be_null=True,
        ),
    )
    if reader.schema.names != read:
        raise InDoubt
    return reader


def may_be_open(tail: bytes, value: str | None, form: CsvForm) -> bool:
    r"""Tell whether the file may end inside a quoted value, which Arrow takes for a whole one.

    It does if it ends with a quote where a value begins and, after it, the last value as it stands.

    >>> form = CsvForm(",", '"', None, "utf-8-sig", frozenset([""]))
    >>> may_be_open(b'1,"2\n', "2\n", form), may_be_open(b'1,"2"\n', "2", form), may_be_open(b'1,""', "", form)
    (True, False, False)
    """
    if form.quote is None:
        return False
    for last in [value] if value is not None else form.missing:
        opening = (form.quote + last.replace(form.quote, form.quote * 2)).encode()
        if len(opening) >= len(tail):
            return True
        if tail.endswith(opening) and tail[-len(opening) - 1 :][:1] in {form.separator.encode(), b"\n", b"\r"}:
            return True
    return False
