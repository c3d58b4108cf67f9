"""The values of all keys at all steps, from what was gathered: added up by entering and leaving, or the best of many.

A pair of key and step is one number, ``code * span + step``: pairs are compared,
sorted and searched as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steadily import DataError
from steadily_features.exact import as_float
from steadily_features.gathering import ADDED, ENTER, LEAVE, Gathered
from steadily_features.values import AS_OF, Value

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

AT_ONCE = 2_000_000  # pairs that are looked at together


@dataclass(frozen=True, eq=False)
class Grid:
    """The keys, the steps at which each is there, and the grid's measures.

    Attributes:
        keys: The columns of the keys.
        known: The distinct keys in order.
        first: The first step of all; steps are counted from there.
        last: The last one.
        every: The length of a step in microseconds.
        pairs: Key and step, as one number each, in order.
    """

    keys: list[str]
    known: pd.DataFrame
    first: int
    last: int
    every: int
    pairs: np.ndarray[Any, Any]

    @property
    def span(self) -> int:
        """How many numbers a key has: its steps, and one after the last at which everything has left."""
        return self.last - self.first + 2

    @classmethod
    def of(cls, gathered: Gathered, keys: list[str], every: int) -> Grid:
        """Lay the grid over what was gathered."""
        import numpy as np

        present = gathered.present
        columns = [name for name in present.columns if name.startswith("key ")]
        known = present[columns].drop_duplicates().sort_values(columns).reset_index(drop=True)
        first = int(present[ENTER].min()) if len(present) else 0
        last = max(first, gathered.last or 0)
        empty = cls(keys, known, first, last, every, np.zeros(0, dtype="int64"))
        points, rows = empty.running(present, present["rows"].to_numpy(dtype="int64"))
        ends = np.append(points[1:], 0)
        # where nothing counts any more a key is there once, unless all is over
        length = np.where(rows > 0, ends - points, (points % empty.span <= last - first).astype("int64"))
        starts = np.repeat(points, length)
        within = np.arange(len(starts)) - np.repeat(np.cumsum(length) - length, length)
        return cls(keys, known, first, last, every, starts + within)

    def codes(self, table: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Number the keys of a table."""
        import pandas as pd

        names = list(self.known.columns)
        return pd.MultiIndex.from_frame(self.known).get_indexer(pd.MultiIndex.from_frame(table[names]))

    def numbers(self, table: pd.DataFrame) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Give the pairs at which rows of a table enter, and those at which they count for the last time."""
        import numpy as np

        base = self.codes(table) * self.span - self.first
        enter, leave = (table[name].to_numpy(dtype="int64") for name in (ENTER, LEAVE))
        return base + enter, base + np.minimum(leave, self.last)

    def running(self, table: pd.DataFrame, amounts: np.ndarray[Any, Any]) -> tuple[Any, Any]:
        """Give the pairs at which a sum changes, and the sum from there on; each key's ends with 0."""
        import numpy as np

        enter, leave = self.numbers(table)
        points, at = np.unique(np.concatenate([enter, leave + 1]), return_inverse=True)
        changes = np.zeros(len(points), dtype=amounts.dtype)
        np.add.at(changes, at, np.concatenate([amounts, -amounts]))
        return points, np.add.accumulate(changes) if len(changes) else changes

    def value(self, table: pd.DataFrame, value: Value) -> pd.Series:
        """Make one value at all pairs of the grid."""
        return self.added(table, value["take"]) if value["take"] in ADDED else self.best(table, value["take"])

    def added(self, table: pd.DataFrame, take: str) -> pd.Series:
        """Make a count, a sum or a mean."""
        import numpy as np
        import pandas as pd

        points, rows = self.running(table, table["rows"].to_numpy(dtype="int64"))
        place = np.searchsorted(points, self.pairs, side="right")  # 0: before the first
        if take == "count":
            return pd.Series(np.append(0, rows)[place], dtype="Int64")
        floats = "units" in table
        totals = self.running(table, table["units" if floats else "total"].to_numpy(dtype=object))[1]
        made = [None, *(quotient(total, int(by), take, floats) for total, by in zip(totals, rows, strict=True))]
        found = (
            pd.Series(pd.array(made, dtype="Int64"))
            if take == "sum" and not floats
            else pd.Series(made, dtype="float64")
        )
        return found.iloc[place].reset_index(drop=True)

    def best(self, table: pd.DataFrame, take: str) -> pd.Series:
        """Make a minimum, a maximum or the last: of the rows that count at a pair, in order, the last one wins."""
        import numpy as np

        order = ["at", "value"] if take == "last" else ["value"]
        table = table.sort_values(order, ascending=take != "min", kind="stable").reset_index(drop=True)
        enter, leave = self.numbers(table)
        won = np.full(len(self.pairs), -1, dtype="int64")
        for rows in pieces(leave - enter + 1):
            length = (leave - enter + 1)[rows]
            number = np.repeat(np.arange(rows.start, rows.stop), length)
            within = np.arange(len(number)) - np.repeat(np.cumsum(length) - length, length)
            won[np.searchsorted(self.pairs, enter[number] + within)] = number
        return table["value"].reindex(won).reset_index(drop=True)

    def table(self, values: Mapping[str, pd.Series]) -> pd.DataFrame:
        """Give keys, step and values as a table, ordered by step, then keys."""
        import numpy as np
        import pandas as pd

        codes, steps = np.divmod(self.pairs, self.span)
        order = np.lexsort((codes, steps))
        found = self.known.iloc[codes[order]].reset_index(drop=True).set_axis(self.keys, axis=1)
        moments = ((steps[order] + self.first) * self.every).astype("M8[us]")
        found[AS_OF] = pd.Series(moments).dt.tz_localize("UTC")
        return found.assign(**{name: made.iloc[order].reset_index(drop=True) for name, made in values.items()})


def quotient(total: int, by: int, take: str, floats: bool) -> float | int | None:
    """Give a sum or a mean of exact numbers; None where there are none.

    Raises:
        DataError: It is too large for 64 bits.
    """
    if not by:
        return None
    if take == "mean":
        return as_float(total, by, floats=floats)
    if floats:
        return as_float(total, 1)
    if not -(2**63) <= total < 2**63:
        raise DataError.at("sum", "is too large for a whole number of 64 bits")
    return int(total)


def pieces(lengths: np.ndarray[Any, Any]) -> Iterator[slice]:
    """Cut rows into pieces that come to a bounded number of pairs each."""
    import numpy as np

    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + AT_ONCE, side="right")))
        yield slice(start, stop)
        start = stop
