"""One look: reads the windows of what serves now, and says of each subject of the rules on which side it stands.

Reads hourly rows and nothing else; what is decided from it is the matter of ``steadily.monitor.watching``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import select

from steadily.database import Database
from steadily.database.tables import slots
from steadily.monitor import hourly
from steadily.monitor.alerts import Seen, Subject
from steadily.monitor.figures import DRIFT, TRAFFIC, Figure, figures_of
from steadily.monitor.hourly import DAY, WHOLE, hour_of
from steadily.monitor.levels import BEYOND, CLEAR, Rule, side_of, watched
from steadily.monitor.moved import Moved, compared, drift_figures, gaps, judged_days, whole_days
from steadily.monitor.reference import Reference
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.windows import Window, read_windows
from steadily.units import HOUR_US

DRIFT_DAYS = 2
SHOWN_DAYS = 7
BEFORE_HOURS = 24


@dataclass(frozen=True, eq=False)
class Served:
    """What is known of a release in a slot: its windows by slice, and what it is compared with.

    Attributes:
        release: The release's number.
        slot: Where it serves.
        reference: What its bundle says.
        windows: By slice, ``""`` for all rows; each ends with the hour that runs.
        settings: What is watched.
        now_hour: The hour that runs.
    """

    release: int
    slot: str
    reference: Reference
    windows: Mapping[str, Window]
    settings: MonitorSettings
    now_hour: int

    @cached_property
    def whole(self) -> Window:
        """The window of all rows."""
        return self.windows[WHOLE]

    @cached_property
    def known(self) -> dict[tuple[str, int], dict[str, Figure]]:
        """The figures that were asked for already."""
        return {}

    def figures(self, hours: int, slice_: str = WHOLE) -> dict[str, Figure]:
        """Give the figures of the last hours."""
        if (slice_, hours) not in self.known:
            window = self.windows[slice_]
            mature = window.mature(hours, self.settings.labels_after_hours)
            self.known[slice_, hours] = figures_of(window.recent(hours), mature, self.reference)
        return self.known[slice_, hours]

    def drift(self, settings: AlertSettings, hours: int) -> dict[str, Any] | None:
        """Compare the last hours with the reference."""
        return compared(self.whole.recent(hours).sum, self.reference, settings.drift.rule())

    def drift_figures(self, settings: AlertSettings, hours: int) -> dict[str, Figure]:
        """Give drift's figures of the last hours."""
        rows = self.whole.recent(hours).sum.count(hourly.ROWS, "counted")
        return drift_figures(self.drift(settings, hours), rows)


def span_of(monitor: MonitorSettings, rules: tuple[Rule, ...]) -> int:
    """Say how many hours a look has to read: the longest window, as old as labels have to be, and whole days."""
    longest = max([monitor.window_hours, *(rule.window_hours for rule in rules)])
    return max(longest + monitor.labels_after_hours, (SHOWN_DAYS + 1) * DAY) + 1


def serving(database: Database) -> list[tuple[int, str]]:
    """List the releases that serve, and where."""
    with database.read() as connection:
        asked = select(slots.c.release, slots.c.name).where(slots.c.release.is_not(None)).order_by(slots.c.name)
        return [(release, name) for release, name in connection.execute(asked)]


def read_served(
    database: Database,
    references: Callable[[int], Reference],
    monitor: MonitorSettings,
    now_us: int,
    hours: int,
) -> list[Served]:
    """Read what is known of all that serves.

    Args:
        database: The database of operations.
        references: Gives a release's reference by its number.
        monitor: What is watched.
        now_us: The time now.
        hours: How many hours back.

    Raises:
        DatabaseAway: It can't be reached, so nothing is known.
    """
    now_hour = hour_of(now_us)
    begin, end = now_hour + 1 - hours, now_hour + 1
    found = []
    for release, slot in serving(database):
        read = read_windows(database, begin, end, release=release, slot=slot)
        windows = {slice_: window for (_, _, slice_), window in read.items()}
        windows.setdefault(WHOLE, Window(begin, end, {}))
        found.append(Served(release, slot, references(release), windows, monitor, now_hour))
    return found


def look_at(served: Served, rules: tuple[Rule, ...], settings: AlertSettings) -> Iterator[Seen]:
    """Say of each subject of the rules on which side it stands.

    Args:
        served: What is known of a release in a slot.
        rules: The rules on figures.
        settings: When drift, gaps and silence alert.
    """
    for rule in rules:
        if served.slot in rule.slots:
            for slice_ in served.windows if rule.slices else (WHOLE,):
                yield from look_by(rule, served, settings, slice_)
    yield from look_at_drift(served, settings)
    yield from look_at_gaps(served, settings)
    yield from look_at_traffic(served, settings)


def look_by(rule: Rule, served: Served, settings: AlertSettings, slice_: str) -> Iterator[Seen]:
    """Hold the figures that a rule watches against its levels."""
    figures = served.figures(rule.window_hours, slice_)
    if rule.figure.startswith(DRIFT) and slice_ == WHOLE:
        figures = figures | served.drift_figures(settings, rule.window_hours)
    for figure in watched(rule, figures):
        subject = Subject(rule.name, figure.name, served.release, served.slot, slice_)
        yield Seen(
            subject,
            side_of(figure, rule),
            figure.value,
            rule.level(figure),
            rule.severity,
            rule.group,
            figure.panel,
            rule.hold_us,
            rule.keep_us,
            evidence_of(figure, rule),
        )


def evidence_of(figure: Figure, rule: Rule) -> dict[str, Any]:
    """Give what a figure's verdict rests on."""
    found = {
        "rows": figure.n,
        "window_hours": rule.window_hours,
        "interval": figure.interval,
        "in_the_evaluation": None if figure.reference is None else figure.reference[0],
        "label_coverage": figure.coverage,
        "label_age_hours": figure.label_age_hours,
        "note": figure.note,
    }
    return {name: value for name, value in found.items() if value is not None}


def look_at_drift(served: Served, settings: AlertSettings) -> Iterator[Seen]:
    """Judge the last whole days of each column."""
    if not settings.drift.enabled:
        return
    days = whole_days(served.whole, DRIFT_DAYS, served.now_hour)
    for moved in judged_days(days, served.reference, settings.drift.rule()):
        yield seen_of("drift", f"drift.{moved.column}", "drift", moved, served, settings.drift.severity)


def look_at_gaps(served: Served, settings: AlertSettings) -> Iterator[Seen]:
    """Judge the hour that runs and the one before it."""
    if not settings.gaps.enabled:
        return
    empty = hourly.Hourly()
    hours = [served.whole.hours.get(hour, empty) for hour in (served.now_hour - 1, served.now_hour)]
    before = served.whole.part(served.now_hour - 1 - BEFORE_HOURS, served.now_hour - 1).sum
    for moved in gaps(hours, before, served.reference, settings.gaps):
        yield seen_of("gaps", moved.column, "gaps", moved, served, settings.gaps.severity)


def seen_of(rule: str, what: str, group: str, moved: Moved, served: Served, severity: str) -> Seen:
    """Make what was seen of a column."""
    subject = Subject(rule, what, served.release, served.slot)
    return Seen(subject, moved.side, moved.value, moved.level, severity, group, DRIFT, evidence=moved.evidence)


def look_at_traffic(served: Served, settings: AlertSettings) -> Iterator[Seen]:
    """See whether any request has come in this hour or the one before it; silence has to be watched to count."""
    if not settings.traffic.enabled or served.slot != "live":
        return
    requests = sum(served.whole.recent(1).sum.tally(hourly.REQUESTS).values())
    subject = Subject("traffic", "requests", served.release, served.slot)
    hold = settings.traffic.hours * HOUR_US
    yield Seen(
        subject,
        CLEAR if requests else BEYOND,
        float(requests),
        None,
        settings.traffic.severity,
        "traffic",
        TRAFFIC,
        hold_us=hold,
        evidence={"hours_without_requests": settings.traffic.hours},
    )
