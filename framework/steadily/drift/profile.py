"""The profile of a table: for each column how its values are told apart, and how many the reference has of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from steadily.drift.bins import Bins, CategoryBins, NoBins, NumericBins, bins_from
from steadily.drift.texts import TextParts, is_text
from steadily.errors import DataError

FORMAT = 1
Array = np.ndarray[Any, np.dtype[np.int64]]
ColumnCounts = dict[str, Array]  # by part; a column that is no text has one part, ""


@dataclass(frozen=True, eq=False)
class Counts:
    """How many rows fell into each bin, by column and part. Counts of two sets of rows add up.

    Attributes:
        rows: How many rows were counted.
        columns: By column and part; a column that the rows lack is not there.
    """

    rows: int
    columns: Mapping[str, ColumnCounts]

    def __add__(self, other: Counts) -> Counts:
        names = [name for name in self.columns if name in other.columns] if self.rows and other.rows else None
        if names is None:
            return self if self.rows else other
        return Counts(
            self.rows + other.rows,
            {
                name: {part: bins + other.columns[name][part] for part, bins in self.columns[name].items()}
                for name in names
            },
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def to_json(self) -> dict[str, Any]:
        """Give them as plain values."""
        columns = {
            name: {part: [int(count) for count in bins] for part, bins in parts.items()}
            for name, parts in self.columns.items()
        }
        return {"rows": self.rows, "columns": columns}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Counts:
        """Read them from plain values."""
        columns = {
            name: {part: np.array(bins, dtype=np.int64) for part, bins in parts.items()}
            for name, parts in content["columns"].items()
        }
        return cls(int(content["rows"]), columns)


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a profile: its kind, and the bins of each of its parts."""

    kind: str
    parts: Mapping[str, Bins]
    text: TextParts | None = None

    @classmethod
    def learn(cls, values: pd.Series[Any]) -> tuple[Column, ColumnCounts]:
        """Find out what a column is, and how its values are told apart; count them."""
        text, made, kind = None, {"": values}, "text"
        if is_text(values):
            text, made = TextParts.learn(values)
            parts: dict[str, Bins] = {name: NumericBins.learn(part) for name, part in made.items()}
        else:
            parts = {"": bins_for(values)}
            kind = parts[""].kind
        return cls(kind, parts, text), {name: bins.count(made[name]) for name, bins in parts.items()}

    def count(self, values: pd.Series[Any]) -> ColumnCounts:
        """Count values."""
        made = {"": values} if self.text is None else self.text.of(values)
        return {part: bins.count(made[part]) for part, bins in self.parts.items()}

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        parts = {name: {"kind": bins.kind, **bins.to_json()} for name, bins in self.parts.items()}
        return {"kind": self.kind, "parts": parts} | ({"text": self.text.to_json()} if self.text else {})

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Column:
        """Read it from plain values."""
        parts = {name: bins_from(bins["kind"], bins) for name, bins in content["parts"].items()}
        return cls(content["kind"], parts, TextParts.from_json(content["text"]) if "text" in content else None)


def bins_for(values: pd.Series[Any]) -> Bins:
    """Choose how a column that is no text is told apart: numbers by deciles, the rest by category, moments not."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        return NoBins()
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        return NumericBins.learn(values)
    return CategoryBins.learn(values)


@dataclass(frozen=True, eq=False)
class Profile:
    """What reference rows look like, column by column.

    Attributes:
        columns: How each column's values are told apart.
        counts: How many of the reference's rows fell into each bin.
    """

    columns: Mapping[str, Column]
    counts: Counts

    @classmethod
    def learn(cls, frame: pd.DataFrame, columns: Iterable[str] | None = None) -> Profile:
        """Learn the profile of reference rows.

        Args:
            frame: The rows.
            columns: The columns to look at; None takes all.
        """
        names = [str(name) for name in (frame.columns if columns is None else columns)]
        found = {name: Column.learn(frame[name]) for name in names}
        counts = Counts(len(frame), {name: counted for name, (_, counted) in found.items()})
        return cls({name: column for name, (column, _) in found.items()}, counts)

    def count(self, frame: pd.DataFrame) -> Counts:
        """Count rows into the profile's bins; a column that they lack is left out."""
        return Counts(
            len(frame), {name: column.count(frame[name]) for name, column in self.columns.items() if name in frame}
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        columns = {name: column.to_json() for name, column in self.columns.items()}
        return {"format": FORMAT, "columns": columns, "counts": self.counts.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Profile:
        """Read it from plain values.

        Raises:
            DataError: It is of another format, or damaged.
        """
        try:
            if content["format"] != FORMAT:
                raise DataError.at("profile", "is of another format", given=content["format"], allowed=str(FORMAT))
            columns = {name: Column.from_json(column) for name, column in content["columns"].items()}
            return cls(columns, Counts.from_json(content["counts"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError.at("profile", f"can't be read: {type(error).__name__} {error}") from error
