"""Bytes to text, and the line at which it fails.

Owns the recognition of what a file is when it is not the text that it should be.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from steadily import DataError, SteadilyError
from steadily_files.found import Found
from steadily_files.opening import BLOCK, opened

MAGIC = {
    b"\x1f\x8b": "it looks gzip-compressed: name it .gz",
    b"PK\x03\x04": "it looks like a zip archive (or a spreadsheet): name it .zip, or export it as CSV",
    b"BZh": "it looks bzip2-compressed: name it .bz2",
    b"\xfd7zXZ": "it looks xz-compressed: name it .xz",
    b"\x28\xb5\x2f\xfd": "it looks Zstandard-compressed: name it .zst",
    b"PAR1": "it looks like Parquet: read it with files.parquet",
    b"\xff\xfe": "it looks like UTF-16: set encoding: utf-16",
    b"\xfe\xff": "it looks like UTF-16: set encoding: utf-16",
}


def codec_of(encoding: str) -> str:
    """Give the codec's name; UTF-8 always accepts a byte order mark.

    Raises:
        DataError: There is no such text encoding.

    >>> codec_of("UTF8"), codec_of("latin-1")
    ('utf-8-sig', 'iso8859-1')
    """
    try:
        found = codecs.lookup(encoding)
        "".encode(encoding)  # refuses codecs that are not of text, such as 'hex'
    except LookupError as error:
        raise DataError.at(
            "encoding", "is no text encoding that is known here", given=encoding, allowed="utf-8, latin-1, cp1252 …"
        ) from error
    return "utf-8-sig" if found.name == "utf-8" else found.name


@contextmanager
def opened_text(file: Found, codec: str, newline: str) -> Iterator[TextIO]:
    """Open ``file`` as text, its lines ending as ``newline`` says (as for ``open``).

    Raises:
        DataError: It is not of the encoding, or can't be read.
    """
    try:
        with opened(file) as stream, io.TextIOWrapper(stream, codec, newline=newline) as text:
            yield text
    except UnicodeDecodeError as error:
        raise not_text(file, codec) from error


def not_text(file: Found, codec: str) -> SteadilyError:
    """Read ``file`` once more, to say at which line it is not of the encoding."""
    line, first = 1, b""
    with opened(file) as stream:
        decoder = codecs.getincrementaldecoder(codec)()
        while True:
            block = stream.read(BLOCK)
            first = first or block[:8]
            try:
                line += lines_in(decoder.decode(block, final=not block))
            except UnicodeDecodeError as error:
                return wrong_encoding(file, codec, line + lines_before(error), error, first)
            if not block:
                return DataError.at(file.shown, "changed while it was read")


def lines_in(text: str) -> int:
    """Count the line ends in a piece of text."""
    return text.count("\n")


def lines_before(error: UnicodeDecodeError) -> int:
    """Count the line ends in front of the bytes that could not be decoded."""
    return lines_in(error.object[: error.start].decode(error.encoding, errors="replace"))


def wrong_encoding(file: Found, codec: str, line: int, error: UnicodeDecodeError, first: bytes) -> SteadilyError:
    """Make the error for bytes that are not of the encoding."""
    hints = [hint for magic, hint in MAGIC.items() if first.startswith(magic)]
    bad = error.object[error.start : error.start + 4].hex(" ")
    name = "utf-8" if codec == "utf-8-sig" else codec
    return DataError.at(
        f"{file.shown}:{line}",
        f"is not {name.upper()} text",
        given=f"the bytes {bad}",
        hint=hints[0] if hints else "save it as UTF-8, or set encoding to what it is (cp1252, latin-1 …)",
    )
