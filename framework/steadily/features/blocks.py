"""The blocks of an online store: all values of one key, oldest first, as a text that gives them back bit for bit.

Owns the form: JSON, since Python writes a float with as many digits as tell it from
every other one, and reads it so.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from steadily.features.keys import key_text, microseconds, plain, plain_keys
from steadily.features.offline import AS_OF
from steadily.lookups import FeatureSet


@dataclass(frozen=True)
class Block:
    """The moments of one key in microseconds since 1970, in order, and at each the values in the set's order."""

    as_of: list[int]
    values: list[list[Any]]

    def place(self, moment: int) -> int:
        """Give the place of the newest values as of a moment or before, or -1."""
        return bisect_right(self.as_of, moment) - 1


def read_block(text: str) -> Block:
    """Read a block."""
    content = json.loads(text)
    return Block(content["as_of"], content["values"])


def blocks_of(described: FeatureSet, table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Write the block of each key.

    Args:
        described: The feature set.
        table: Its keys, ``as_of``, its values.

    Returns:
        Pairs of a key's text and its block's, by key.
    """
    names = list(described.keys)
    table = table.sort_values([*names, AS_OF], kind="stable")
    as_of = microseconds(table[AS_OF]).tolist()
    columns = [plain(table[name]) for name in described.columns]
    first = ~table.duplicated(names).to_numpy()
    starts = np.flatnonzero(first).tolist()
    keys = plain_keys(table.loc[first, names])
    for key, start, end in zip(keys, starts, [*starts[1:], len(table)], strict=True):
        assert key is not None  # noqa: S101 (a stage that makes a feature set drops rows without a key)
        values = [list(row) for row in zip(*(column[start:end] for column in columns), strict=True)]
        content = {"as_of": as_of[start:end], "values": values}
        yield key_text(key), json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
