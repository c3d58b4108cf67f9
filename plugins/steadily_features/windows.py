"""The step that makes a feature set: what was known of each key at the steps of a grid in time.

Owns the step; how rows are gathered by the steps at which they count is left to
``gathering``, how these become values to ``grid``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily import step
from steadily_features.durations import microseconds
from steadily_features.gathering import Gathered, Times, gather, merged
from steadily_features.grid import Grid
from steadily_features.values import Missing, Value, check_windows
from steadily_features.where import Scalar

if TYPE_CHECKING:
    import pandas as pd

SECOND = 1_000_000


@step("features.windows")
class Windows:
    """A feature set: means, counts, sums and the like by key, over the time before each step of a grid.

    The value at the step T is made of the rows whose time plus ``delay`` lies before T, and not more than ``over``
    before it: T - over <= time + delay < T. So the row that a value is joined to, and what happens at the same moment,
    is never in it. A key is there at each step at which some row of it counts in the longest window, and at one step
    after. Sums are exact and rounded once, so that they depend on no order of rows.

    Args:
        keys: The columns that say whose value it is: text, whole numbers or truth values.
        time: The column with the moment at which a row happened.
        every: The grid, from 1970-01-01T00:00:00Z on: ``1d`` is each midnight in UTC.
        values: Each with ``take`` (mean, count, sum, min, max, last), ``of`` (a column; a count may go without),
            ``over`` (how far back, such as 30d) and ``where`` (conditions with column, op and value, all of which a row
            has to meet). Of rows of one moment, the last is the one with the greatest value. Where no row counts, a
            count is 0 and any other value is missing.
        delay: How long after its time a row is known.
        available: Instead of a delay, the column with the moment at which a row was known; it counts at a step T only
            if that moment lies before T.
        ttl: How old a value may be for a row to find it; without it, of any age.
        missing: What a lookup that finds nothing comes to: missing values (null), ``refuse`` (the row is dropped, and
            refused at serving) or ``default``.
        defaults: The value of each with ``missing: default``.
    """

    def __init__(
        self,
        *,
        keys: list[str],
        time: str,
        every: str,
        values: dict[str, Value],
        delay: str = "0s",
        available: str | None = None,
        ttl: str | None = None,
        missing: Missing = None,
        defaults: dict[str, Scalar] | None = None,
    ) -> None:
        self.keys, self.time, self.values = keys, time, values
        self.ttl, self.missing, self.defaults = ttl, missing, defaults or {}
        over = {name: microseconds("over", value["over"]) for name, value in values.items()}
        self.times = Times(time, microseconds("every", every), microseconds("delay", delay, least=0), available, over)

    check = staticmethod(check_windows)

    @property
    def columns(self) -> list[str]:
        """The columns that it looks at."""
        of = [value["of"] for value in self.values.values() if "of" in value]
        asked = [condition["column"] for value in self.values.values() for condition in value.get("where", ())]
        available = [self.times.available] if self.times.available else []
        return list(dict.fromkeys([*self.keys, self.time, *available, *of, *asked]))

    def describe(self) -> dict[str, Any]:
        """Say how its values are looked up; lengths of time are in seconds."""
        ttl = None if self.ttl is None else microseconds("ttl", self.ttl) / SECOND
        return {
            "keys": list(self.keys),
            "time": self.time,
            "every": self.times.every / SECOND,
            "ttl": ttl,
            "missing": self.missing,
            "defaults": dict(self.defaults),
        }

    def collect(self, frame: pd.DataFrame) -> Gathered:
        """Gather rows by key and by the steps at which they count.

        Args:
            frame: Rows that have all their keys and their time.
        """
        return gather(frame, self.keys, self.times, self.values)

    def combine(self, parts: list[Gathered]) -> pd.DataFrame:
        """Make the values of all keys at all steps of what was gathered.

        Returns:
            The keys, ``as_of`` (the step), the values; ordered by step, then keys.
        """
        together = merged(parts)
        grid = Grid.of(together, self.keys, self.times.every)
        return grid.table({name: grid.value(together.values[name], value) for name, value in self.values.items()})
