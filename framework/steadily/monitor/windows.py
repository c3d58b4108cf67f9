"""Windows of any length: sums of hourly statistics, read from the database's hourly rows and never from predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select

from steadily.database import Database
from steadily.database.monitoring import hourly as rows
from steadily.monitor import hourly
from steadily.monitor.hourly import WHOLE, Hourly, hour_of, total
from steadily.units import HOUR_US

Hours = Mapping[int, Hourly]


@dataclass(frozen=True, eq=False)
class Window:
    """The hours from ``begin`` up to, and without, ``end``.

    Attributes:
        begin: The first hour, since 1970.
        end: The hour after the last.
        hours: Statistics of those of its hours in which anything was counted: a gap is none of them.
    """

    begin: int
    end: int
    hours: Hours

    @cached_property
    def sum(self) -> Hourly:
        """All of it, added up."""
        return total(self.hours.values())

    @property
    def length(self) -> int:
        """How many hours it spans."""
        return self.end - self.begin

    @property
    def filled(self) -> int:
        """In how many of its hours requests came."""
        return sum(1 for hour in self.hours.values() if hour.tally(hourly.REQUESTS) or hour.tally(hourly.ROWS))

    def part(self, begin: int, end: int) -> Window:
        """Cut a window out of this one."""
        begin, end = max(begin, self.begin), min(end, self.end)
        inside = {hour: amount for hour, amount in self.hours.items() if begin <= hour < end}
        return Window(begin, max(begin, end), inside)

    def recent(self, hours: int) -> Window:
        """Cut out the last whole hours, and the hour that runs, which is this window's last."""
        return self.part(self.end - 1 - hours, self.end)

    def mature(self, hours: int, after: int) -> Window:
        """Cut out the last hours whose predictions are all at least ``after`` hours old."""
        if not after:
            return self.recent(hours)
        end = self.end - 1 - after
        return self.part(end - hours, end)


def read_window(
    database: Database, release: int, slot: str, begin: int, end: int, *, slice_: str = WHOLE, features: bool = True
) -> Window:
    """Read a window.

    Args:
        database: The database of operations.
        release: The release's number.
        slot: Where it served.
        begin: The first hour, since 1970.
        end: The hour after the last.
        slice_: ``name=value``, or all rows.
        features: Whether the features' bins are wanted too, which are most of what there is to read.

    Raises:
        DatabaseAway: The database can't be reached: that is not a window without data.
    """
    found = read_windows(database, begin, end, release=release, slot=slot, slice_=slice_, features=features)
    return found.get((release, slot, slice_), Window(begin, end, {}))


def read_windows(
    database: Database,
    begin: int,
    end: int,
    *,
    release: int | None = None,
    slot: str | None = None,
    slice_: str | None = None,
    features: bool = True,
) -> dict[tuple[int, str, str], Window]:
    """Read the windows of all releases, slots and slices that anything was counted of, or of those that are named."""
    columns = [rows.c.begin_us, rows.c.release, rows.c.slot, rows.c.slice, rows.c.tallies]
    asked = select(*columns, *([rows.c.features] if features else [])).where(
        rows.c.begin_us >= begin * HOUR_US, rows.c.begin_us < end * HOUR_US
    )
    for column, wanted in ((rows.c.release, release), (rows.c.slot, slot), (rows.c.slice, slice_)):
        if wanted is not None:
            asked = asked.where(column == wanted)
    found: dict[tuple[int, str, str], dict[int, Hourly]] = {}
    with database.read() as connection:
        for row in connection.execute(asked):
            content = {"tallies": row.tallies, "features": row.features if features else {}}
            found.setdefault((row.release, row.slot, row.slice), {})[hour_of(row.begin_us)] = Hourly.from_json(content)
    return {key: Window(begin, end, hours) for key, hours in found.items()}
