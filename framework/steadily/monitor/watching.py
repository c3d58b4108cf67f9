"""Watching: one look after the other, by one of several processes, with all that follows from each.

A look counts labels that have come, compares the figures with the rules, writes down what fires and what is over,
and delivers. It tells people, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, update

from steadily.database import Database
from steadily.database.monitoring import alerts
from steadily.monitor.alertlog import last_look, look, messages, untold
from steadily.monitor.alerts import FIRED, RESOLVED, Seen
from steadily.monitor.deployments import take_over
from steadily.monitor.levels import Rule, rules_of
from steadily.monitor.looking import Served, look_at, read_served, span_of
from steadily.monitor.posting import deliver, write_posts
from steadily.monitor.record import count_labels
from steadily.monitor.reference import Reference
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.units import HOUR_US

LABELS_BACK_US = 2 * HOUR_US
Further = Callable[[int], Iterable[Seen]]


@dataclass(eq=False)
class Watch:
    """What watching takes.

    Attributes:
        database: The database of operations.
        references: Gives a release's reference by its number.
        monitor: What is watched.
        alerts: When people are told, and how.
        listeners: The modules of the plugins that deliver.
        further: Look at what is in no hourly statistics; each is given the time, and says what it sees.
    """

    database: Database
    references: Callable[[int], Reference]
    monitor: MonitorSettings
    alerts: AlertSettings
    listeners: Sequence[str] = ()
    further: Sequence[Further] = ()

    def once(self, now_us: int, *, all_labels: bool = False, unless_within_us: int = 0) -> list[Served]:
        """Look once, and do what follows.

        Any number of processes may do so: looks come one after another, and a post is delivered by one of them.

        Args:
            now_us: The time now.
            unless_within_us: Decides nothing where somebody has looked in so short a time before.
            all_labels: Whether labels are counted however old they are; otherwise those since two hours before the last
                look, and those of predictions since then.

        Returns:
            What was read.

        Raises:
            DatabaseAway: The database can't be reached: nothing was decided.
        """
        last = last_look(self.database)
        since = None if all_labels or last is None else min(now_us, last) - LABELS_BACK_US
        count_labels(self.database, since_us=since)
        decides = last is None or not 0 <= now_us - last < unless_within_us
        rules = rules_of(self.alerts)
        served = self.read(now_us)
        if decides:
            self.decide(served, rules, now_us)
        deliver(self.database, self.alerts.channels, self.listeners, now_us)
        return served

    def read(self, now_us: int) -> list[Served]:
        """Read what is known of all that serves, as far back as rules and windows look; decide nothing.

        Raises:
            DatabaseAway: The database can't be reached.
        """
        span = span_of(self.monitor, rules_of(self.alerts))
        return read_served(self.database, self.references, self.monitor, now_us, span)

    def decide(self, served: Sequence[Served], rules: tuple[Rule, ...], now_us: int) -> None:
        """Write down what fires and what is over, and the posts that tell it."""
        seen = [one for release in served for one in look_at(release, rules, self.alerts)]
        seen += [one for look_further in self.further for one in look_further(now_us)]
        serving = [(one.release, one.slot) for one in served]
        with self.database.begin(alone="alerts") as connection:
            happened = look(connection, seen, serving, now_us, self.alerts)
            over = take_over(connection, now_us)
            self.post(connection, happened[RESOLVED] + over, now_us)

    def post(self, connection: Connection, resolved: list[int], now_us: int) -> None:
        """Write posts of what fires and was not told, and of what is over and was."""
        fresh = untold(connection, now_us)
        told = {alert["id"] for alert in fresh}
        for message in messages(fresh, FIRED, self.monitor.url):
            write_posts(connection, message, self.alerts.channels, now_us)
        if told:
            connection.execute(update(alerts).where(alerts.c.id.in_(told)).values(told_us=now_us))
        over = [dict(row._mapping) for row in connection.execute(resolved_and_told(resolved))]
        for message in messages(over, RESOLVED, self.monitor.url):
            write_posts(connection, message, self.alerts.channels, now_us)


def resolved_and_told(ids: list[int]) -> Any:
    """Ask for those alerts that people were told of."""
    return alerts.select().where(alerts.c.id.in_(ids), alerts.c.told_us.is_not(None)).order_by(alerts.c.id)
