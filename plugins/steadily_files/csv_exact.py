"""Reading CSV record by record, exactly, with the line of whatever is wrong.

Owns every refusal of a CSV file. It is slower than ``csv_fast``, which hands over
to it as soon as anything is in doubt.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from steadily import DataError, SteadilyError
from steadily_files.csv_form import CsvForm
from steadily_files.decoding import opened_text
from steadily_files.found import Found
from steadily_files.frames import text_frame

if TYPE_CHECKING:
    from _csv import Reader

    import pandas as pd

Record = tuple[int, list[str]]  # the line that it starts on, its fields


class Lines:
    """The lines of a text, which remember that their end was asked for."""

    def __init__(self, text: TextIO) -> None:
        """Take the text, opened with ``newline=""``."""
        self.text = text
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        yield from self.text
        self.ended = True


def header_of(file: Found, form: CsvForm) -> list[str]:
    """Give the names of the columns.

    Raises:
        DataError: There is no header, or a name is there twice.
    """
    for line, names in records(file, form):
        twice = [repr(name) for name, count in Counter(names).items() if count > 1]
        if twice:
            raise DataError.at(f"{file.shown}:{line}", f"the header has columns of the same name: {', '.join(twice)}")
        return names
    raise DataError.at(
        f"{file.shown}:1", "the file is empty: it has not even a header", hint="was it written to the end?"
    )


def exact_frames(
    file: Found, form: CsvForm, names: list[str], columns: list[str], rows: int, skip: int
) -> Iterator[pd.DataFrame]:
    """Give the records after the first ``skip`` as frames of ``rows`` rows; at least one frame if ``skip`` is 0."""
    wanted = [(name, names.index(name)) for name in columns]
    body = islice(of_width(file, form, len(names)), skip, None)
    given = skip
    while block := list(islice(body, rows)):
        given += len(block)
        yield text_frame({name: [or_missing(fields[at], form) for fields in block] for name, at in wanted})
    if given == 0:
        yield text_frame({name: [] for name in columns})


def or_missing(value: str, form: CsvForm) -> str | None:
    """Give the value, or None if it is one that means 'missing'."""
    return None if value in form.missing else value


def of_width(file: Found, form: CsvForm, width: int) -> Iterator[list[str]]:
    """Give the fields of each record below the header, and refuse one that has too few or too many."""
    for line, fields in islice(records(file, form), 1, None):
        if len(fields) != width:
            raise wrong_width(file, form, line, fields, width)
        yield fields


def records(file: Found, form: CsvForm) -> Iterator[Record]:
    """Give each record with the line that it starts on; blank lines are none.

    Raises:
        DataError: The file is not of its encoding, or ends inside a quoted value.
    """
    csv.field_size_limit(sys.maxsize)  # a long text is no error; the limit of 131,072 is for all of the process
    with opened_text(file, form.codec, newline="") as text:
        lines = Lines(text)
        yield from whole_records(file, csv_reader(lines, form), lines)


def csv_reader(lines: Lines, form: CsvForm) -> Reader:
    """Make Python's reader for the form."""
    return csv.reader(
        lines,
        delimiter=form.separator,
        quotechar=form.quote,
        escapechar=form.escape,
        quoting=csv.QUOTE_MINIMAL if form.quote else csv.QUOTE_NONE,
    )


def whole_records(file: Found, reader: Reader, lines: Lines) -> Iterator[Record]:
    """Give the records, and refuse a last one that the end of the file has cut."""
    line = 1
    for fields in reader:
        if lines.ended:  # a whole record is given before the reader asks for more
            raise DataError.at(
                f"{file.shown}:{line}",
                "a quote that opens in the row beginning here is never closed",
                hint="was the file cut off? Or is a quote inside a value not doubled?",
            )
        if fields:
            yield line, fields
        line = reader.line_num + 1


def wrong_width(file: Found, form: CsvForm, line: int, fields: list[str], width: int) -> SteadilyError:
    """Make the error for a record that has not as many fields as the header."""
    row = form.separator.join(fields)
    many = "is a separator inside a value not quoted?"
    few = "was the file cut off here? Or is the separator another one?"
    return DataError.at(
        f"{file.shown}:{line}",
        f"the row has {len(fields)} {'field' if len(fields) == 1 else 'fields'}, and the header {width}",
        given=repr(row if len(row) <= 80 else row[:79] + "…"),
        hint=many if len(fields) > width else few,
    )
