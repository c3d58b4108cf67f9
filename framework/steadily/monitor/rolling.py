"""Rolling figures: what the window that is shown said at each of many moments, of the release that was live then.

Owns which moments, and how hours become the window of each. Hours are first added up to blocks that all windows
are made of, so that a year costs little more than a week. A release's window holds its own hours alone: the first
ones after it went live are of few rows, and say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from sqlalchemy import select

from steadily.database import Database
from steadily.database.monitoring import hourly as rows
from steadily.database.tables import deployments
from steadily.monitor import hourly
from steadily.monitor.figures import Figure, figures_of
from steadily.monitor.hourly import DAY, WHOLE, Hourly, hour_of, total
from steadily.monitor.moved import compared, drift_figures
from steadily.monitor.reference import Reference
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.windows import Window
from steadily.units import HOUR_US

STEPS = {7: 2, 28: 6, 90: 24, 365: 72}  # days that are shown → hours between two points: about a hundred points each
LIVE = "live"


@dataclass(frozen=True)
class Stretch:
    """A time in which a release was live: from ``begin_us`` up to ``end_us``, None while it is."""

    release: int
    begin_us: int
    end_us: int | None

    def holds(self, at_us: int) -> bool:
        """Tell whether the release was live right before a moment."""
        return self.begin_us < at_us and (self.end_us is None or at_us <= self.end_us)


@dataclass(frozen=True)
class Point:
    """What a window said.

    Attributes:
        at_us: The moment that the window ends with.
        release: The release that was live then.
        figures: By name; those that need labels end ``labels_after_hours`` earlier.
    """

    at_us: int
    release: int
    figures: Mapping[str, Figure]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Hours of one release, added up to blocks of so many hours; a block's key is its first hour."""

    size: int
    sums: Mapping[int, Hourly]

    def window(self, begin: int, end: int) -> Window:
        """Give the window of these hours; blocks that reach beyond its begin are left out."""
        first = -(-begin // self.size) * self.size
        places = range(first, end, self.size)
        return Window(begin, end, {place: self.sums[place] for place in places if place in self.sums})


def rolling(
    database: Database,
    references: Callable[[int], Reference],
    monitor: MonitorSettings,
    alerts: AlertSettings,
    now_us: int,
    days: int,
) -> list[Point]:
    """Give what the window said over the last days.

    Args:
        database: The database of operations.
        references: Gives a release's reference by its number.
        monitor: What is watched; its ``window_hours`` is how long each window is.
        alerts: When drift counts.
        now_us: The time now, which is the last moment.
        days: How many days, a key of ``STEPS``.

    Returns:
        The points, the earliest first. Where nothing was live there are none.

    Raises:
        DatabaseAway: It can't be reached, so nothing is known.
    """
    step = STEPS[days]
    size = gcd(step, monitor.window_hours)
    late = -(-monitor.labels_after_hours // size) * size
    moments = moments_of(hour_of(now_us), days * DAY, step)
    begin = moments[0] - monitor.window_hours - late - size
    known = read_blocks(database, begin, moments[-1], size)
    found = []
    for stretch in stretches(database):
        blocks = known.get(stretch.release, Blocks(size, {}))
        for moment in moments if blocks.sums else ():
            if stretch.holds(min(moment * HOUR_US, now_us)):
                made = blocks.window(moment - monitor.window_hours, moment)
                mature = blocks.window(moment - late - monitor.window_hours, moment - late)
                figures = figures_at(made, mature, references(stretch.release), alerts)
                found.append(Point(min(moment * HOUR_US, now_us), stretch.release, figures))
    return sorted(found, key=lambda point: point.at_us)


def figures_at(window: Window, mature: Window, reference: Reference, alerts: AlertSettings) -> dict[str, Figure]:
    """Give all figures of a window, drift with them."""
    counted = window.sum.count(hourly.ROWS, "counted")
    drift = drift_figures(compared(window.sum, reference, alerts.drift.rule()), counted)
    return figures_of(window, mature, reference) | drift


def moments_of(now_hour: int, hours: int, step: int) -> list[int]:
    """Give the hours that windows end with: whole steps, and the end of the hour that runs.

    >>> moments_of(100, 24, 6)
    [78, 84, 90, 96, 101]
    """
    end = now_hour + 1
    return [*(hour for hour in range(-(-(end - hours) // step) * step, end, step)), end]


def read_blocks(database: Database, begin: int, end: int, size: int) -> dict[int, Blocks]:
    """Read the hours of all releases while they were live, and add them up."""
    asked = select(rows.c.begin_us, rows.c.release, rows.c.tallies, rows.c.features).where(
        rows.c.begin_us >= begin * HOUR_US,
        rows.c.begin_us < end * HOUR_US,
        rows.c.slot == LIVE,
        rows.c.slice == WHOLE,
    )
    found: dict[int, dict[int, list[Hourly]]] = {}
    with database.read() as connection:
        for row in connection.execute(asked):
            place = hour_of(row.begin_us) // size * size
            amount = Hourly.from_json({"tallies": row.tallies, "features": row.features})
            found.setdefault(row.release, {}).setdefault(place, []).append(amount)
    return {
        release: Blocks(size, {place: total(amounts) for place, amounts in blocks.items()})
        for release, blocks in found.items()
    }


def stretches(database: Database) -> list[Stretch]:
    """Give the times in which each release was live, the earliest first."""
    asked = select(deployments.c.at_us, deployments.c.release).where(deployments.c.slot == LIVE)
    with database.read() as connection:
        changes = connection.execute(asked.order_by(deployments.c.at_us, deployments.c.id)).all()
    return list(stretches_of(changes))


def stretches_of(changes: Sequence[Any]) -> Iterator[Stretch]:
    """Make stretches of changes of what is live."""
    for place, change in enumerate(changes):
        end = changes[place + 1].at_us if place + 1 < len(changes) else None
        if change.release is not None:
            yield Stretch(change.release, change.at_us, end)
