"""Finding each row's place in a table by its keys, with an index that is made once for each table.

Owns the index and how long it is kept: as long as the table itself. A server
asks the same table for one row after the other, so it must not be read whole
each time.
"""

from __future__ import annotations

import datetime as dt
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steadily import DataError
from steadily_rows.reasons import shown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Kept = tuple["weakref.ref[pd.DataFrame]", "Lookup"]
KEPT: dict[tuple[int, tuple[str, ...]], Kept] = {}


@dataclass(frozen=True)
class Lookup:
    """The values of a table's keys, each once, and the places of their rows."""

    index: pd.Index
    places: np.ndarray[Any, Any]

    def places_of(self, rows: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Find the place in the table of each of some rows, or -1; missing values agree with nothing."""
        import numpy as np

        found = self.index.get_indexer(index_of(rows))
        found[rows.isna().any(axis="columns").to_numpy(dtype=bool)] = -1
        return np.append(self.places, -1)[found]


def lookup_for(table: pd.DataFrame, keys: list[str]) -> Lookup:
    """Give the lookup of a table, made when it is first asked for."""
    name = (id(table), tuple(keys))
    kept = KEPT.get(name)
    if kept is not None and kept[0]() is table:
        return kept[1]
    made = lookup_of(table, keys)
    KEPT[name] = (weakref.ref(table, lambda _: KEPT.pop(name, None)), made)
    return made


def lookup_of(table: pd.DataFrame, keys: list[str]) -> Lookup:
    """Make the lookup of a table.

    Raises:
        DataError: A row could find two others, with an example.
    """
    import numpy as np

    known = table[keys].reset_index(drop=True).dropna()
    again = known[known.duplicated()]
    if len(again):
        example = ", ".join(f"{name} {shown(again[name]).iloc[0]}" for name in keys)
        raise DataError.at(
            f"table, on {', '.join(keys)}",
            f"{len(again)} rows have the same values there as another one",
            given=example,
            hint="drop duplicates from the table, or join on more columns",
        )
    return Lookup(index_of(known), np.asarray(known.index))


def plain(column: pd.Series) -> list[Any]:
    """Give a column's values as Python's own, None for missing, moments as datetimes in UTC."""
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if value is pd.NaT else value.to_pydatetime().astimezone(dt.UTC) for value in column]
    return [None if gone else value for value, gone in zip(column.tolist(), column.isna(), strict=True)]


def index_of(rows: pd.DataFrame) -> pd.Index:
    """Make an index of some rows' values."""
    import pandas as pd

    return pd.Index(rows.iloc[:, 0]) if rows.shape[1] == 1 else pd.MultiIndex.from_frame(rows)
