"""Files written so that nothing half-written is ever seen under a final name."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from steadily.errors import DataError

CHUNK = 1 << 20


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` under a temporary name beside ``path`` and rename it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise DataError.at(str(path), f"can't be written: {error.strerror}") from error


def put_in_place(draft: Path, final: Path) -> None:
    """Move a finished file or folder to its final name, replacing what is there.

    A folder can't be replaced in one move: the old one is moved aside first, so
    that the final name holds a whole folder or nothing.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.is_dir() and not final.is_symlink():
        aside = draft.with_name(f"{draft.name}.old")
        final.rename(aside)
        draft.rename(final)
        shutil.rmtree(aside)
    else:
        draft.replace(final)


def remove(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """Digest a file's content."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
