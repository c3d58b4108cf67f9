"""Files that a step declares: digests of their contents.

Owns ``@step(..., files=...)``. What the files mean is the step's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from steadily.errors import PluginError


def file_digests(folder: Path, label: str, files: Iterable[str]) -> dict[str, str]:
    """Give 12 hexadecimal digits for each declared file or folder.

    Args:
        folder: The folder that the paths are relative to: the one of the step's module.
        label: That folder's name in the answer, such as "steadily_text".
        files: Relative paths; a folder counts with all files in it.

    Raises:
        PluginError: A path is absolute, does not exist, or can't be read.
    """
    return {named(label, file): content_digest(folder, file) for file in files}


def named(label: str, file: str) -> str:
    """Name a declared file.

    >>> named("steadily_text", "words/./en.txt")
    'steadily_text/words/en.txt'
    """
    return str(PurePosixPath(label) / PurePosixPath(file))


def content_digest(folder: Path, file: str) -> str:
    """Digest one declared file, or all files of a folder with their names, in order."""
    where = f"files={file!r} of a step in {folder}"
    if PurePosixPath(file).is_absolute():
        raise PluginError.at(where, "the path has to be relative to the step's module")
    path = folder / file
    if not path.exists():
        raise PluginError.at(where, "the file does not exist", hint="a declared file has to be part of the package")
    out = blake2b(digest_size=6)
    try:
        for name, each in members(path):
            head = name.encode()
            out.update(len(head).to_bytes(8, "big") + head + each.stat().st_size.to_bytes(8, "big"))
            for chunk in chunks(each):
                out.update(chunk)
    except OSError as error:
        raise PluginError.at(where, "the file can't be read", given=error.strerror) from error
    return out.hexdigest()


def members(path: Path) -> Iterator[tuple[str, Path]]:
    """Give the files under ``path`` with their names in it; a file alone has the empty name."""
    if not path.is_dir():
        yield "", path
        return
    found = {each.relative_to(path).as_posix(): each for each in path.rglob("*") if each.is_file()}
    for name in sorted(found):
        if "__pycache__" not in PurePosixPath(name).parts:
            yield name, found[name]


def chunks(path: Path, size: int = 1 << 20) -> Iterator[bytes]:
    """Read a file piece by piece."""
    with path.open("rb") as stream:
        while chunk := stream.read(size):
            yield chunk
