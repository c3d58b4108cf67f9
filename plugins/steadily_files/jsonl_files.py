"""The source of files of JSON lines.

Owns the step, the columns of a file and the line of what is wrong; what a line
becomes is ``json_text``'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from steadily import DataError, SteadilyError, step
from steadily_files.columns import refuse_repeated
from steadily_files.decoding import codec_of, opened_text
from steadily_files.found import Found
from steadily_files.frames import text_frame
from steadily_files.json_text import as_text, parse
from steadily_files.places import find, refuse_passwords
from steadily_files.versions import local_paths, version_of

if TYPE_CHECKING:
    import pandas as pd


@step("files.jsonl")
class JsonLinesFiles:
    """Read JSON lines faithfully: every value is text, as the file writes it.

    A number keeps its digits, true is ``true``, null and an absent key are missing,
    and what is nested is compact JSON. A file's columns are its keys in the order
    in which they first appear.

    Args:
        path: A path, a glob or an address, or a list of them, as for ``files.csv``.
        columns: The keys to read, in this order, whether or not a file has them; all that
            a file has if none are named.
        encoding: The text's encoding; in UTF-8 a byte order mark is accepted.
    """

    def __init__(self, *, path: str | list[str], columns: list[str] | None = None, encoding: str = "utf-8") -> None:
        self.path = path
        self.columns = columns
        self.codec = codec_of(encoding)

    @classmethod
    def check(cls, *, path: str | list[str], columns: list[str] | None = None, encoding: str = "utf-8") -> None:
        """Refuse parameters that can't work, before anything is read."""
        codec_of(encoding)
        refuse_repeated(columns)
        refuse_passwords(path)

    def read(self, rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """Give the rows of each file, at most ``rows`` at a time, with the name of the file's part."""
        for file in find(self.path):
            columns = self.columns or keys_of(file, self.codec)
            for frame in frames(file, self.codec, columns, rows):
                yield file.name, frame

    def version(self) -> dict[str, str]:
        """Tell what is there now: the digest (or a remote file's checksum) of each file."""
        return version_of(self.path)

    def files(self) -> list[str]:
        """Give the paths of the files on this machine, for whoever asks whether git or DVC tracks them."""
        return local_paths(self.path)


def keys_of(file: Found, codec: str) -> list[str]:
    """Read the file once for its keys, so that its columns don't depend on the piece that is read."""
    keys: dict[str, None] = {}
    for _, row in objects(file, codec):
        keys.update(dict.fromkeys(row))
    if not keys:
        raise DataError.at(
            file.shown, "there is nothing in it that tells its columns", hint="name them with the parameter columns"
        )
    return list(keys)


def frames(file: Found, codec: str, columns: list[str], rows: int) -> Iterator[pd.DataFrame]:
    """Give the lines of one file as frames; one without rows if there are none."""
    lines = (row for _, row in objects(file, codec))
    block = list(islice(lines, rows))
    yield frame_of(block, columns)
    while block := list(islice(lines, rows)):
        yield frame_of(block, columns)


def frame_of(block: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Make a frame of text; a key that a row lacks is missing."""
    return text_frame({column: [as_text(row.get(column)) for row in block] for column in columns})


def objects(file: Found, codec: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each line's number and object; blank lines are none.

    Raises:
        DataError: A line is not what it has to be, or the file is not of its encoding.
    """
    with opened_text(file, codec, newline="\n") as text:
        for number, line in enumerate(text, start=1):
            if not line.isspace():
                yield number, parsed(file, number, line)


def parsed(file: Found, number: int, line: str) -> dict[str, Any]:
    """Read one line, and name file and line if it can't be."""
    try:
        return parse(line)
    except ValueError as error:
        raise bad_line(file, number, line, error) from error


def bad_line(file: Found, number: int, line: str, error: ValueError) -> SteadilyError:
    """Make the error for a line that is no JSON object."""
    hint = None
    if number == 1 and line.strip() in ("[", "{"):
        hint = "the file is one JSON document; write one object on each line"
    elif not line.endswith("\n"):
        hint = "it is the last line: was the file cut off?"
    shown = line.strip()
    return DataError.at(
        f"{file.shown}:{number}",
        f"the line is not a JSON object: {error}",
        given=shown if len(shown) <= 80 else shown[:79] + "…",
        hint=hint,
    )
