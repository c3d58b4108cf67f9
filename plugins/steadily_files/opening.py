"""Opening a file for reading: local or remote, decompressed by its suffix, with errors that name the file.

Owns what is said when a file is damaged, cut off or may not be read.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast

from steadily import DataError, SourceUnreachable, SteadilyError
from steadily_files.found import Found

BLOCK = 1 << 16
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@contextmanager
def opened(file: Found) -> Iterator[IO[bytes]]:
    """Open ``file`` and give its content, decompressed.

    Raises:
        DataError: It is damaged, cut off, gone, or may not be read.
        SourceUnreachable: It is remote, and the file system stopped answering.
    """
    try:
        with ExitStack() as stack:
            yield decompressed(file, stack.enter_context(raw(file)), stack)
    except DAMAGE as error:
        raise damaged(file, error) from error
    except OSError as error:
        raise unreadable(file, error) from error


def raw(file: Found) -> IO[bytes]:
    """Open the file's own bytes."""
    if file.filesystem is None:
        return open(file.path, "rb")
    from steadily_files.remote import answering

    with answering(file.shown):
        return cast("IO[bytes]", file.filesystem.open(file.path, "rb"))


def decompressed(file: Found, stream: IO[bytes], stack: ExitStack) -> IO[bytes]:
    """Wrap ``stream`` in what its suffix asks for."""
    suffix = file.label.lower().rpartition(".")[2]
    if suffix == "gz":
        return cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=stream)))
    if suffix == "bz2":
        return cast("IO[bytes]", stack.enter_context(bz2.BZ2File(stream)))
    if suffix == "xz":
        return cast("IO[bytes]", stack.enter_context(lzma.LZMAFile(stream)))
    if suffix == "zip":
        return only_member(file, stack.enter_context(zipfile.ZipFile(stream)), stack)
    if suffix == "zst":
        return zstandard(stream, stack)
    return stream


def only_member(file: Found, archive: zipfile.ZipFile, stack: ExitStack) -> IO[bytes]:
    """Open the one file in ``archive``; folders and what macOS adds do not count."""
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise DataError.at(
            file.shown,
            f"holds {len(members)} files",
            given=", ".join(one.filename for one in members[:5]) or None,
            allowed="a zip archive of one file",
            hint="unpack it, and name its files with a glob",
        )
    try:
        return stack.enter_context(archive.open(members[0]))
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
        raise DataError.at(file.shown, f"can't be unpacked: {error}") from error


def zstandard(stream: IO[bytes], stack: ExitStack) -> IO[bytes]:
    """Decompress Zstandard through pyarrow, which is there anyway."""
    import pyarrow as pa

    return cast("IO[bytes]", stack.enter_context(pa.CompressedInputStream(stream, "zstd")))


def damaged(file: Found, error: BaseException) -> SteadilyError:
    """Say that a compressed file is damaged, and up to which line it could be read."""
    return DataError.at(
        f"{file.shown}:{lines_before_damage(file) + 1}",
        f"the compressed file is cut off or damaged: {error}",
        hint="was it copied whole? Fetch it again, or take it out of the folder",
    )


def lines_before_damage(file: Found) -> int:
    """Count the line ends that can still be read, for the error only."""
    lines = 0
    try:
        with ExitStack() as stack:
            stream: Any = decompressed(file, stack.enter_context(raw(file)), stack)
            while block := getattr(stream, "read1", stream.read)(BLOCK):
                lines += block.count(b"\n")
    except (*DAMAGE, OSError):
        pass
    return lines


def unreadable(file: Found, error: OSError) -> SteadilyError:
    """Say that the operating system, a decompressor or a remote file system gave up."""
    if file.filesystem is None and file.label.lower().endswith((".bz2", ".zst")) and error.errno is None:
        return damaged(file, error)  # these two report damage as a bare OSError
    kind = DataError if file.filesystem is None else SourceUnreachable
    return kind.at(file.shown, f"can't be read: {error.strerror or error}")
