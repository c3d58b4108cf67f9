"""The ledger: each dropped, quarantined, imputed or lost value, found by comparing rows before and after a step.

The author of a step logs nothing. Rows in = rows out + dropped + quarantined,
for each step, always.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

Action = Literal["dropped", "quarantined", "imputed", "lost"]
ACTIONS: tuple[Action, ...] = ("dropped", "quarantined", "imputed", "lost")
COLUMNS = ("row_id", "step", "action", "column", "before", "after", "reason")
SCHEMA = pa.schema(
    [pa.field("row_id", pa.int64(), nullable=False)] + [pa.field(name, pa.string()) for name in COLUMNS[1:]]
)
TEXT_AT_MOST = 200


@dataclass
class Tally:
    """What one step did, in numbers: rows in and out, and how many of each action by reason."""

    use: str
    rows_in: int = 0
    rows_out: int = 0
    reasons: dict[Action, Counter[str]] = field(default_factory=lambda: {action: Counter() for action in ACTIONS})

    def count(self, action: Action) -> int:
        """Count an action."""
        return self.reasons[action].total()

    def add(self, other: Tally) -> None:
        """Add what the step did elsewhere."""
        self.rows_in += other.rows_in
        self.rows_out += other.rows_out
        for action in ACTIONS:
            self.reasons[action].update(other.reasons[action])

    def summary(self) -> dict[str, Any]:
        """Give it as ``summary.json`` has it; a reason is counted with its kind, not with each value."""
        counts: dict[str, int] = {action: self.count(action) for action in ACTIONS}
        reasons = {action: dict(sorted(found.items())) for action, found in self.reasons.items() if found}
        sums: dict[str, Any] = {"use": self.use, "in": self.rows_in, "out": self.rows_out}
        return {**sums, **counts, "reasons": reasons}


class Book:
    """Keeps the entries of one partition, and the tally of each step."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self.entries: list[pd.DataFrame] = []

    def tally(self, step: str, use: str) -> Tally:
        """Give a step's tally."""
        return self.tallies.setdefault(step, Tally(use))

    def write(
        self,
        step: str,
        use: str,
        action: Action,
        ids: pd.Index,
        reasons: Any,
        *,
        kinds: Any = None,
        column: Any = None,
        before: Any = None,
        after: Any = None,
    ) -> None:
        """Write entries of one action.

        Args:
            step: The step's name in its stage.
            use: The name that the step is registered under.
            action: What happened.
            ids: The rows that it happened to.
            reasons: A reason for each, or one for all.
            kinds: The reasons less the values in them, by which they are counted.
            column: The column of each, or one for all.
            before: The values that were there.
            after: The values that are there now.
        """
        if not len(ids):
            return
        kinds = reasons if kinds is None else kinds
        counted = Counter({kinds: len(ids)}) if isinstance(kinds, str) else Counter(kinds)
        self.tally(step, use).reasons[action].update(counted)
        values = {"step": step, "action": action, "column": column, "before": before, "after": after, "reason": reasons}
        entries = pd.DataFrame({"row_id": ids.to_numpy()})
        for name, value in values.items():
            entries[name] = value if value is None or isinstance(value, str) else texts(value)
        self.entries.append(entries)

    def table(self) -> pa.Table:
        """Give all entries in the order of the steps, as ``ledger.parquet`` has them."""
        if not self.entries:
            return SCHEMA.empty_table()
        return pa.concat_tables(as_table(entries) for entries in self.entries)


def as_table(entries: pd.DataFrame) -> pa.Table:
    """Give entries as a table of the ledger's schema."""
    arrays = [pa.array(entries[name], type=SCHEMA.field(name).type, from_pandas=True) for name in COLUMNS]
    return pa.table(arrays, schema=SCHEMA)


def texts(values: Iterable[Any]) -> list[str | None]:
    """Write values as text, cut at 200 characters; a missing one stays missing."""
    series = pd.Series(values, dtype=object) if not isinstance(values, pd.Series) else values
    missing = series.isna().to_numpy()
    return [None if gone else text_of(value) for value, gone in zip(series, missing, strict=True)]


def text_of(value: object) -> str:
    """Write one value."""
    text = value.isoformat(sep=" ") if isinstance(value, pd.Timestamp) else str(value)
    return text if len(text) <= TEXT_AT_MOST else f"{text[: TEXT_AT_MOST - 1]}…"


Memory = tuple[Any, ...] | None
Where = np.ndarray[Any, np.dtype[np.intp]] | None


def memory_of(column: pd.Series) -> Memory:
    """Name the memory that a column's values lie in: where it is the same, copy-on-write says that nothing changed."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return place_of(column.to_numpy())
    if isinstance(dtype, pd.DatetimeTZDtype):
        return place_of(column.array.view("int64"))
    arrow = getattr(column.array, "__arrow_array__", None)
    if arrow is None or not isinstance(found := arrow(), pa.ChunkedArray):
        return None
    return tuple(
        (chunk.offset, len(chunk), *(buffer.address if buffer else 0 for buffer in chunk.buffers()))
        for chunk in found.chunks
    )


def place_of(values: Any) -> Memory:
    """Name the memory of a NumPy array."""
    return (values.__array_interface__["data"][0], values.strides, len(values))


def memories(frame: pd.DataFrame) -> dict[Any, Memory]:
    """Name the memory of each column; the names are those of one moment, and good while the frame is held."""
    return {name: memory_of(column) for name, column in frame.items()}


def same_memory(before: Memory, after: Memory) -> bool:
    """Tell whether two columns are certainly the same; False may also mean that it is not known."""
    return before is not None and before == after


def positions(before: pd.Index, after: pd.Index) -> Where:
    """Give where each row of ``after`` stood in ``before`` (-1: nowhere), or None where all stand as they stood."""
    if before is after or before.equals(after):
        return None
    return before.get_indexer(after)


@dataclass(frozen=True)
class Rows:
    """Rows between two steps, with the memory that each column lies in."""

    frame: pd.DataFrame
    memories: dict[Any, Memory]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Rows:
        """Look at rows."""
        return cls(frame, memories(frame))


def write_comparison(
    book: Book, step: str, use: str, before: Rows, after: Rows, where: Where, reasons: pd.Series | None
) -> None:
    """Compare rows before and after a step, and write down what went and what was filled in.

    Args:
        book: Where to write.
        step: The step's name in its stage.
        use: The name that it is registered under; the reason where the step gave none.
        before: The rows that it got.
        after: The rows that it gave; their ids are among those before.
        where: Where they stood before, as ``positions`` gives it.
        reasons: Reasons that the step gave, by row id: of rows that are gone, and of rows that stay and for which a
            column that it added has no value of their own.
    """
    tally = book.tally(step, use)
    tally.rows_in += len(before.frame)
    tally.rows_out += len(after.frame)
    if where is not None:
        write_dropped(book, step, use, before.frame.index, where, reasons)
    for name, memory in before.memories.items():
        if name in after.memories and not (where is None and same_memory(memory, after.memories[name])):
            write_cells(book, step, use, before.frame[name], after.frame[name], where)
    if reasons is not None and len(reasons):
        write_added(book, step, use, before, after, reasons)


def write_dropped(book: Book, step: str, use: str, before: pd.Index, where: Any, reasons: pd.Series | None) -> None:
    """Write down the rows that are gone."""
    kept = np.zeros(len(before), dtype=bool)
    kept[where] = True
    gone = before[~kept]
    said = f"by {use}"
    if reasons is None:
        book.write(step, use, "dropped", gone, said)
        return
    given = reasons[~reasons.index.duplicated()].astype(object).reindex(gone).fillna(said)
    book.write(step, use, "dropped", gone, given, kinds=[kind_of(reason) for reason in given])


def write_added(book: Book, step: str, use: str, before: Rows, after: Rows, reasons: pd.Series) -> None:
    """Write down of rows that stay and have a reason what stands in the columns that the step added.

    A value that was looked for and not found is missing, as one that was lost, or filled in.
    """
    frame = after.frame
    there = frame.index.isin(reasons.index)
    if not there.any():
        return
    for name in frame.columns:
        if name in before.memories:
            continue
        column = frame.loc[there, name]
        empty = column.isna().to_numpy()
        for action, at in (("lost", empty), ("imputed", ~empty)):
            rows = column[at]
            said = reasons.reindex(rows.index).astype(object)
            after_it = rows if action == "imputed" else None
            kinds = [kind_of(reason) for reason in said]
            book.write(step, use, action, rows.index, said, kinds=kinds, column=str(name), after=after_it)  # type: ignore[arg-type]


def write_cells(book: Book, step: str, use: str, before: pd.Series, after: pd.Series, where: Where) -> None:
    """Write down the cells of a column that were filled in, and those that were lost."""
    if never_missing(before) and never_missing(after):
        return
    empty_now = after.isna().to_numpy()
    empty_then = before.isna().to_numpy()
    if where is not None:
        empty_then = empty_then[where]
    changed = empty_then != empty_now
    if not changed.any():
        return
    said = f"by {use}"
    filled, lost = changed & empty_then, changed & empty_now
    if filled.any():
        book.write(step, use, "imputed", after.index[filled], said, column=str(after.name), after=after[filled])
    if lost.any():
        values = before.iloc[where[lost]] if where is not None else before[lost]
        book.write(step, use, "lost", after.index[lost], said, column=str(after.name), before=values)


def never_missing(column: pd.Series) -> bool:
    """Tell whether a column is of a type that has no missing values."""
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub"


def kind_of(reason: str) -> str:
    """Take the values out of a reason, so that reasons can be counted: quoted text and numbers become '…'.

    >>> kind_of("created_at cannot be parsed as rfc2822: 'Wed, 30 Fabruary'")
    "created_at cannot be parsed as rfc2822: '…'"
    """
    head, quote, rest = reason.partition("'")
    return f"{head}'…'" if quote and rest.endswith("'") else reason


def merge_tallies(found: Iterator[dict[str, Tally]] | list[dict[str, Tally]]) -> dict[str, Tally]:
    """Add up the tallies of many partitions, step by step."""
    merged: dict[str, Tally] = {}
    for tallies in found:
        for step, tally in tallies.items():
            merged.setdefault(step, Tally(tally.use)).add(tally)
    return merged
