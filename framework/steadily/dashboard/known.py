"""Gathers what the pages and ``/api`` show of one project: figures, their history, rollout, alerts, runs.

Owns how often that is made anew. Alerts and slots are read each time, figures are kept for some seconds. Whatever
database, journal and outputs say is told as plain values; how it looks is left to the pages.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from steadily.clock import Clock, clock_of, is_simulated
from steadily.dashboard.keeping import Kept
from steadily.database import Database
from steadily.database.tables import deployments, releases
from steadily.errors import SteadilyError
from steadily.loadtest.asking import asked, limits
from steadily.monitor.alertlog import listed_alerts
from steadily.monitor.figures import Figure
from steadily.monitor.looking import Served
from steadily.monitor.references import References
from steadily.monitor.rolling import LIVE, STEPS, Point, rolling
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.telling import alarms, moment_of, told, with_moments
from steadily.monitor.watching import Watch
from steadily.releases.slots import Slots, read_slots
from steadily.rollout import deploy
from steadily.settings import settings
from steadily.units import DAY_US, HOUR_US

DAY_HOURS = 24
FIGURES_SECONDS, ROLLOUT_SECONDS = 15.0, 15.0
HOME_DAYS = 28


@dataclass(eq=False)
class Known:
    """What is known of one project.

    Attributes:
        project: The project's folder.
        database: The database of operations.
        monitor: What is watched.
        alerts: When people are told.
    """

    project: Path
    database: Database
    monitor: MonitorSettings
    alerts: AlertSettings
    figures_kept: Kept = field(default_factory=lambda: Kept(FIGURES_SECONDS))
    rollout_kept: Kept = field(default_factory=lambda: Kept(ROLLOUT_SECONDS))
    history_kept: dict[int, Kept] = field(default_factory=lambda: {days: Kept(days * 2.0, most=2) for days in STEPS})

    def __post_init__(self) -> None:
        self.watch = Watch(self.database, References(self.database), self.monitor, self.alerts)

    @classmethod
    def of(cls, project: Path, database: Database) -> Known:
        """Read a project's settings."""
        return cls(project, database, settings(project, MonitorSettings), settings(project, AlertSettings))

    @property
    def clock(self) -> Clock:
        """The clock that the database goes by, which may become a simulated one."""
        return clock_of(self.database)

    def served(self) -> tuple[int, list[Served]]:
        """Read what serves; give the time with it."""

        def read() -> tuple[int, list[Served]]:
            now_us = self.clock.now_us()
            return now_us, self.watch.read(now_us)

        found: tuple[int, list[Served]] = self.figures_kept.get("served", read)
        return found

    def figures(self) -> dict[str, Any]:
        """Tell all that ``steadily monitor --json`` tells."""

        def tell() -> dict[str, Any]:
            now_us, served = self.served()
            return told(self.watch, served, now_us)

        found: dict[str, Any] = self.figures_kept.get("figures", tell)
        return found | self.alarms()

    def alarms(self, *, all_: bool = False) -> dict[str, Any]:
        """Tell alerts, silences and channels as they are now."""
        return alarms(self.watch, self.clock.now_us(), all_=all_)

    def last_day(self) -> dict[tuple[int, str], dict[str, Any]]:
        """Tell the figures of the last 24 hours, by release and slot."""

        def tell() -> dict[tuple[int, str], dict[str, Any]]:
            _, served = self.served()
            return {
                (one.release, one.slot): {name: figure.to_json() for name, figure in self.shown(one, DAY_HOURS).items()}
                for one in served
            }

        found: dict[tuple[int, str], dict[str, Any]] = self.figures_kept.get("last day", tell)
        return found

    def points(self, days: int) -> list[Point]:
        """Give the figures of rolling windows over the last days, the last one as of now, others of a while ago."""
        now_us, served = self.served()

        def read() -> list[Point]:
            return rolling(self.database, self.watch.references, self.monitor, self.alerts, now_us, days)

        found: list[Point] = list(self.history_kept[days].get((self.slots().revision, now_us // HOUR_US), read))
        live = next((one for one in served if one.slot == LIVE), None)
        if found and live is not None and found[-1].release == live.release:
            found[-1] = Point(now_us, live.release, self.shown(live, self.monitor.window_hours))
        return found

    def shown(self, one: Served, hours: int) -> dict[str, Figure]:
        """Give the figures of the window of the last hours, drift with them."""
        return one.figures(hours) | one.drift_figures(self.alerts, hours)

    def series(self, days: int) -> dict[str, Any]:
        """Tell the figures of rolling windows, and what was done to the slots meanwhile."""
        points = self.points(days)
        return {
            "format": 1,
            "days": days,
            "window_hours": self.monitor.window_hours,
            "points": [
                {
                    "at": moment_of(point.at_us),
                    "release": point.release,
                    "figures": {
                        name: {"value": one.value, "interval": one.interval, "n": one.n, "state": one.state}
                        for name, one in point.figures.items()
                    },
                }
                for point in points
            ],
            "changes": [with_moments(change) for change in self.changes(days)],
        }

    def changes(self, days: int) -> list[dict[str, Any]]:
        """Give what was done to the slots in the last days, the latest first."""
        since = self.clock.now_us() - days * DAY_US
        asked_for = select(deployments).where(deployments.c.at_us >= since).order_by(deployments.c.id.desc()).limit(500)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(asked_for).mappings()]

    def firing(self) -> int:
        """Count the alerts that fire and nobody has acknowledged."""
        return sum(1 for alert in listed_alerts(self.database) if not alert["acknowledged_us"])

    def warm(self) -> None:
        """Read what is asked for first, so that the first who looks need not wait; what fails is told to them."""
        with suppress(SteadilyError):
            self.figures()
            for days in (HOME_DAYS, *STEPS):
                self.points(days)

    def slots(self) -> Slots:
        """Give what serves where."""
        return read_slots(self.database)

    def simulated(self) -> bool:
        """Tell whether time is simulated here."""
        return is_simulated(self.database)

    def releases(self) -> int:
        """Count the releases."""
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(releases)).scalar_one()

    def rollout(self) -> deploy.Status:
        """Say how things stand with live, shadow and the checklist."""

        def ask() -> deploy.Status:
            clock = self.clock
            whom = asked(self.project, self.database, clock)
            return deploy.status(self.database, clock, limits(self.project), whom)

        revision = self.slots().revision  # what was done to the slots shows at once
        found: deploy.Status = self.rollout_kept.get(("rollout", revision), ask)
        return found

    def deployment(self) -> dict[str, Any]:
        """Tell what ``steadily deploy status --json`` tells."""
        return self.rollout().to_json()
