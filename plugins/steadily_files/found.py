"""One file that a source has found, and the name of the part of the data that it becomes.

Owns how names are made and which names clash; where files are looked for is
``places``' and ``remote``'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from steadily import DataError, SteadilyError

COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
DATA = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
BETWEEN_FOLDERS = "__"


@dataclass(frozen=True)
class Found:
    """A file: ``label`` is its path below the pattern's fixed part, ``shown`` is how errors name it.

    ``filesystem`` is fsspec's for a remote file and None for one on this machine.
    """

    label: str
    path: str
    shown: str
    filesystem: Any = None

    @property
    def name(self) -> str:
        """The name of the part that this file becomes."""
        return part_name(self.label)


def part_name(label: str) -> str:
    """Give the part's name: the path below the fixed folder, without what only says how the data is packed.

    >>> part_name("2024/05/messages.csv.gz")
    '2024__05__messages'
    >>> part_name("v1.2.parquet")
    'v1.2'
    """
    name = without(without(label, COMPRESSED), DATA)
    return name.replace("/", BETWEEN_FOLDERS)


def without(name: str, suffixes: Iterable[str]) -> str:
    """Take one of ``suffixes`` off the end of ``name``, whatever its case.

    >>> without("day.CSV", (".csv",))
    'day'
    """
    for suffix in suffixes:
        stem = name[: -len(suffix)]
        if name.lower().endswith(suffix) and stem and not stem.endswith("/"):
            return stem
    return name


def in_order(files: Iterable[Found]) -> list[Found]:
    """Sort ``files`` by name, take one that several patterns found once, and refuse two of one name.

    Raises:
        DataError: Two files would become the same part.
    """
    by_path: dict[str, Found] = {}
    for file in files:
        by_path.setdefault(file.path, file)
    ordered = sorted(by_path.values(), key=lambda file: (file.name, file.shown))
    for one, other in pairwise(ordered):
        if one.name == other.name:
            raise clash(one, other)
    return ordered


def clash(one: Found, other: Found) -> SteadilyError:
    """Say that two files would become one part of the data."""
    return DataError.at(
        other.shown,
        f"two files would become the same part {one.name!r} of the data; the other is {one.shown}",
        hint="is a day there twice, once compressed? Take one away, or rename it if both are meant",
    )
