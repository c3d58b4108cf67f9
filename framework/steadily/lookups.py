"""Looking up values of a feature set: what a set says of itself, what is asked, what comes back.

Owns the words; that is all that a step which joins values needs. Where values are
found, in a file or in a store, is left to `steadily.features`. It stays light
(standard library only), since plugins import it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Outcome = Literal["found", "unknown", "stale", "away"]
OUTCOMES: tuple[Outcome, ...] = ("found", "unknown", "stale", "away")


@dataclass(frozen=True)
class FeatureSet:
    """What a feature set says of itself.

    Attributes:
        name: Its dataset's name.
        version: The fingerprint of its definition.
        keys: The columns that say whose values they are, with their types.
        time: The column with the moment of a row.
        columns: The values, with their types, of which each can hold missing ones.
        every: The seconds from one step to the next.
        ttl: How old a value may be for a row to find it, in seconds; None: of any age.
        missing: What a lookup that finds nothing comes to: None (missing values), "refuse" or "default".
        defaults: The value of each column then.
    """

    name: str
    version: str
    keys: Mapping[str, str]
    time: str
    columns: Mapping[str, str]
    every: float
    ttl: float | None = None
    missing: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> FeatureSet:
        """Read it from plain values."""
        return cls(**content)


@dataclass(frozen=True, eq=False)
class Found:
    """What a lookup came to, by row id.

    Attributes:
        values: A column for each value; missing where nothing was found.
        as_of: The moment of the values that were found.
        outcome: One of ``OUTCOMES`` for each row.
    """

    values: pd.DataFrame
    as_of: pd.Series[Any]
    outcome: pd.Series[Any]


class Features:
    """Marks a parameter that names an input of the stage which is a feature set; the step asks it for values."""

    set: FeatureSet

    def lookup(self, keys: pd.DataFrame, moments: pd.Series[Any]) -> Found:
        """Look up rows: for each the newest values as of its moment or before, and not older than the time-to-live.

        Args:
            keys: The rows' keys, called as the set's, indexed by row id.
            moments: The rows' times, on the same index.

        Raises:
            DataError: Keys or moments are of another type than the set's.
        """
        raise NotImplementedError

    def one(self, key: tuple[Any, ...], moment: dt.datetime) -> dict[str, Any] | None:
        """Look up one row without a frame around it, for serving.

        Args:
            key: Plain values in the order of the set's keys.
            moment: The row's time, with a zone.

        Returns:
            The values by column, None for a missing one; moments are in UTC. None where nothing is found: ``lookup``
            says why, and counts it.
        """
        raise NotImplementedError

    def __deepcopy__(self, memo: object) -> Features:
        return self  # steps get copies of their parameters; what is asked is one
