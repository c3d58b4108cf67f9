"""Digests of local files, kept between runs so that an unchanged file is not read again.

Owns the cache ``.steadily/cache/digests.json`` and when an entry may be
trusted. The cache is only speed: lost, corrupt or read-only, it costs time and
never a wrong answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from steadily import DataError

CACHE = Path(".steadily/cache/digests.json")
RACY_NS = 2_000_000_000  # a file written in the same tick of its clock can change and keep its time
Stamp = list[int]
Entries = dict[str, tuple[Stamp, int, str]]


def digests(paths: Iterable[str], *, cache: Path = CACHE) -> dict[str, str]:
    """Give the digest (BLAKE2b, 16 hex digits) of each file in ``paths``.

    A kept digest is used when size, times and inode are as they were, and the
    file was at rest for two seconds when it was taken.

    Raises:
        DataError: A file can't be read.
    """
    kept, found = load(cache), {}
    fresh: Entries = {}
    for path in paths:
        stamp = stamp_of(path)
        entry = kept.get(path)
        if entry and entry[0] == stamp and at_rest(stamp, entry[1]):
            found[path] = entry[2]
            continue
        now = time.time_ns()
        found[path] = digest(path)
        if stamp_of(path) == stamp:  # else it was written to while it was read
            fresh[path] = (stamp, now, found[path])
    if fresh:
        store(cache, kept | fresh)
    return found


def digest(path: str) -> str:
    """Read the file at ``path`` for its digest."""
    with readable(path), open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def stamp_of(path: str) -> Stamp:
    """Give what changes when a file does: size, time of content, time of inode, inode."""
    with readable(path):
        status = os.stat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def at_rest(stamp: Stamp, recorded: int) -> bool:
    """Tell whether the file had been left alone for two seconds when its digest was ``recorded``.

    >>> at_rest([1, 5, 5, 9], recorded=3_000_000_000), at_rest([1, 5, 5, 9], recorded=6)
    (True, False)
    """
    return max(stamp[1], stamp[2]) + RACY_NS < recorded


def load(cache: Path) -> Entries:
    """Read the cache; what is not as it should be counts as not there."""
    try:
        kept = json.loads(cache.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {path: (entry[0], entry[1], entry[2]) for path, entry in kept.items() if is_entry(entry)}


def is_entry(entry: object) -> bool:
    """Tell whether ``entry`` has the form that ``store`` writes."""
    if not (isinstance(entry, list) and len(entry) == 3):
        return False
    stamp, recorded, found = entry
    numbers = isinstance(stamp, list) and len(stamp) == 4 and all(type(number) is int for number in stamp)
    return numbers and type(recorded) is int and isinstance(found, str) and len(found) == 16


def store(cache: Path, entries: Entries) -> None:
    """Replace the cache at once, without the files that are gone."""
    there = {path: entry for path, entry in entries.items() if os.path.exists(path)}
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=cache.parent, prefix=".digests-")
        with open(handle, "w", encoding="utf-8") as stream:
            json.dump(there, stream)
        os.replace(temporary, cache)


@contextlib.contextmanager
def readable(path: str) -> Iterator[None]:
    """Turn the refusal of the operating system into an error that names the file."""
    try:
        yield
    except OSError as error:
        raise DataError.at(path, f"can't be read: {error.strerror or error}") from error
