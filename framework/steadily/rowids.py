"""Row ids: made at ingestion from what a row says, the same on every machine and in every run.

Owns how a row's content becomes a number of 63 bits and how duplicates within a
source file are told apart. Which text is which value is left to ``casting``;
where the ids are kept is left to the datasets. A change here changes every id
that there is: it needs a new number of Steadily's data format.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from steadily.casting import arrow_text, as_mask, cast, is_text, unboxed
from steadily.dtypes import FAMILY
from steadily.errors import DataError

NAME = "row_id"
Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def digest(kind: bytes, content: bytes | memoryview) -> int:
    """Give 64 bits for some bytes; ``kind`` keeps text, file names and column names apart."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, person=kind).digest(), "little")


MISSING, TRUE, FALSE = (np.uint64(digest(b"mark", mark)) for mark in (b"missing", b"true", b"false"))
INTEGER, FLOAT, MOMENT = (np.uint64(digest(b"type", name)) for name in (b"integer", b"float", b"moment"))


class RowIds:
    """Makes the row ids of one source file, whose rows come in one or more chunks, in order.

    Equal rows are numbered in the order of the file, so the ids do not depend on
    how the file was cut into chunks, and no id is given twice.

    Args:
        source: The source file's name: the same row in two files has two ids.
        dtypes: The contract's types by column. A row's id rests on these columns
            alone; a column that is not there is left out. None: all columns, as text.

    >>> RowIds("day1", {"n": "int64"}).of(pd.DataFrame({"n": ["1", "1.0", "2"]})).is_unique
    True
    """

    def __init__(self, source: str, dtypes: dict[str, str] | None = None) -> None:
        self.source = source
        self.dtypes = dtypes
        self.numbering = Numbering()

    def of(self, frame: pd.DataFrame) -> pd.Index:
        """Give the ids of the next chunk's rows: int64, 0 or more, named ``row_id``."""
        names = [str(name) for name in frame.columns]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise DataError.at(self.source, "two columns have the same name", given=", ".join(doubled))
        ids = self.numbering.number(self.contents(frame, dict(zip(names, frame.columns, strict=True))))
        made: pd.Index = pd.Index(ids.view("int64"), name=NAME)
        return made

    def contents(self, frame: pd.DataFrame, labels: dict[str, Any]) -> Hashes:
        """Give 63 bits per row: the file's name and each column's name and value, mixed."""
        rows = np.full(len(frame), digest(b"source", self.source.encode("utf-8", "surrogatepass")), dtype="uint64")
        for name in sorted(labels if self.dtypes is None else labels.keys() & self.dtypes.keys()):
            values = hashed(frame[labels[name]], (self.dtypes or {}).get(name))
            key = np.uint64(digest(b"column", name.encode("utf-8", "surrogatepass")))
            rows = mixed(rows ^ mixed(values ^ key))
        return rows >> np.uint64(1)


class Numbering:
    """Makes the contents of a file's rows unique, whatever the chunks they come in.

    The first row with some content has the content itself as its id; the n-th
    further one has a mix of content and n. An id that is taken already, be it by
    chance, is passed over for the next n.
    """

    def __init__(self, bits: int = 63) -> None:
        self.limit = np.uint64(2**bits - 1)
        self.taken = Taken()
        self.next: dict[int, int] = {}  # only for contents that came more than once

    def number(self, contents: Hashes) -> Hashes:
        """Give the ids of the next rows, in order."""
        ids = self.together(contents)
        if ids is None:
            ids = self.one_by_one(contents)
        self.taken.add(ids)
        return ids

    def together(self, contents: Hashes) -> Hashes | None:
        """Number all rows at once, or give None if two ids would be equal (then the order decides)."""
        again = pd.Series(contents).duplicated().to_numpy() | self.taken.has(contents)
        if not again.any():
            return contents
        keys = contents[again]
        turns = pd.Series(keys).groupby(keys).cumcount().to_numpy()
        unique, inverse = np.unique(keys, return_inverse=True)
        turns = turns + np.array([self.next.get(int(key), 1) for key in unique], dtype="int64")[inverse]
        made = nth(keys, turns.astype("uint64")) & self.limit
        ids = contents.copy()
        ids[again] = made
        if pd.Series(ids).duplicated().any() or self.taken.has(made).any():
            return None
        after = np.zeros(len(unique), dtype="int64")
        np.maximum.at(after, inverse, turns + 1)
        self.next.update(zip(unique.tolist(), after.tolist(), strict=True))
        return ids

    def one_by_one(self, contents: Hashes) -> Hashes:
        """Number row after row: slow, exact, and what ``together`` gives where no two ids meet by chance."""
        ids: dict[int, None] = {}
        for key in contents.tolist():
            found, turn = key, self.next.get(key, 1)
            while found in ids or self.taken.has(np.array([found], dtype="uint64"))[0]:
                found = int(nth(np.array([key], dtype="uint64"), np.array([turn], dtype="uint64"))[0] & self.limit)
                turn += 1
                self.next[key] = turn
            ids[found] = None
        return np.fromiter(ids, dtype="uint64", count=len(ids))


class Taken:
    """The ids that are given away: sorted pieces, each at least twice as long as the next (8 bytes an id)."""

    def __init__(self) -> None:
        self.pieces: list[Hashes] = []

    def add(self, ids: Hashes) -> None:
        """Keep some more ids."""
        piece = np.sort(ids)
        while self.pieces and len(self.pieces[-1]) < 2 * len(piece):
            piece = np.sort(np.concatenate([self.pieces.pop(), piece]), kind="stable")
        if len(piece):
            self.pieces.append(piece)

    def has(self, ids: Hashes) -> Mask:
        """Say which of some ids are given away."""
        found = np.zeros(len(ids), dtype=bool)
        for piece in self.pieces:
            at = np.minimum(np.searchsorted(piece, ids), len(piece) - 1)
            found |= piece[at] == ids
        return found


def hashed(column: pd.Series, dtype: str | None) -> Hashes:
    """Give 64 bits for each value of a column, read as ``dtype``; what can't be read counts as its text."""
    column = unboxed(column)
    family = FAMILY.get(dtype, dtype) if dtype else "str"
    found = cast(column, family) if family != "str" else None
    if found is None:
        return hashed_text(column)
    hashes = hashed_values(found.values, family)
    if found.bad is not None:
        rest = column[found.bad]
        # 1.5 in a column of whole numbers is the same number in every notation
        hashes[found.bad] = hashed(rest, "float64") if family == "int64" else hashed_text(rest)
    return hashes


def hashed_values(values: pd.Series, family: str) -> Hashes:
    """Give 64 bits for each value of a column in its contract's type."""
    missing = as_mask(values.isna())
    if family == "bool":
        hashes = np.where(values.to_numpy(dtype=bool, na_value=False), TRUE, FALSE)
    elif family == "float64":
        hashes = mixed((values.to_numpy(dtype="float64") + 0.0).view("uint64") ^ FLOAT)  # + 0.0: -0.0 is 0.0
    elif family == "int64":
        hashes = mixed(values.to_numpy(dtype="int64", na_value=0).view("uint64") ^ INTEGER)
    else:
        moments = values.dt.tz_convert(None).astype("M8[us]").to_numpy()
        hashes = mixed(moments.view("int64").view("uint64") ^ MOMENT)
    hashes[missing] = MISSING
    return hashes


def hashed_text(column: pd.Series) -> Hashes:
    """Give 64 bits for the text of each value; each distinct text is hashed once."""
    if not is_text(column):
        return hashed_objects(column)
    text = arrow_text(column).dictionary_encode()
    of_distinct = np.array([*texts_of(text.dictionary), int(MISSING)], dtype="uint64")
    indices = pc.fill_null(text.indices, len(text.dictionary)).to_numpy(zero_copy_only=False)
    hashes: Hashes = of_distinct[indices]
    return hashes


def texts_of(distinct: Any) -> list[int]:
    """Hash the UTF-8 bytes of an Arrow array of text, straight from its buffers."""
    _, starts, data = distinct.buffers()
    ends = np.frombuffer(starts, dtype="int64")[distinct.offset : distinct.offset + len(distinct) + 1].tolist()
    view = memoryview(data) if data is not None else memoryview(b"")
    return [digest(b"text", view[start:end]) for start, end in itertools.pairwise(ends)]


def hashed_objects(column: pd.Series) -> Hashes:
    """Give 64 bits for values of any other type: each distinct one once, or one by one if they are Python objects."""
    if column.dtype != object:
        codes, distinct = pd.factorize(column)
        return np.array([*map(of_object, distinct), int(MISSING)], dtype="uint64")[codes]
    missing = as_mask(column.isna())
    values = [int(MISSING) if gone else of_object(value) for value, gone in zip(column, missing, strict=True)]
    return np.array(values, dtype="uint64")


def of_object(value: object) -> int:
    """Hash one value: bytes as they are, anything else as its text."""
    if isinstance(value, bytes | bytearray | memoryview):
        return digest(b"bytes", bytes(value))
    return digest(b"text", text_of(value).encode("utf-8", "surrogatepass"))


def text_of(value: object) -> str:
    """Write a value as text that does not depend on the type a reader guessed.

    >>> text_of(1.0), text_of(1), text_of(0.1), text_of(True), text_of([1, "a"])
    ('1', '1', '0.1', 'true', '[1, "a"]')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return text_of(value.tolist())
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=text_of)
    return str(value)


def nth(keys: Hashes, turns: Hashes) -> Hashes:
    """Mix a content with the number of its turn, to 63 bits."""
    return mixed(keys ^ mixed(turns * GOLDEN)) >> np.uint64(1)


def mixed(values: Hashes) -> Hashes:
    """Spread 64 bits over 64 bits, one to one (the finaliser of splitmix64; Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
