"""Looks at what is served now and then, from within a worker: the same as ``steadily monitor --every``.

Any number of workers may; who has looked last keeps the others from deciding anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from steadily.clock import Clock
from steadily.database import Database
from steadily.errors import DatabaseAway
from steadily.monitor.references import References
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.watching import Further, Watch

SWEEP = 1_440  # looks after which labels are counted however old they are
logger = logging.getLogger("steadily.serving")


class Monitoring:
    """A thread that looks.

    Args:
        project: The project's folder, whose plugins deliver messages.
        database: The database of operations.
        clock: The time.
        monitor: What is watched.
        alerts: When people are told, and how.
        further: Look at what is in no hourly statistics.
    """

    def __init__(
        self,
        project: Path,
        database: Database,
        clock: Clock,
        monitor: MonitorSettings,
        alerts: AlertSettings,
        further: Sequence[Further] = (),
    ) -> None:
        self.project, self.clock, self.every = project, clock, monitor.every_seconds
        self.watch = Watch(database, References(database), monitor, alerts, further=further)
        self.failure: str | None = None
        self.looks = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.work, name="monitoring", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self.thread.start()

    def close(self) -> None:
        """End."""
        self.stop.set()
        self.thread.join(timeout=10)

    def work(self) -> None:
        """Look again and again."""
        while not self.stop.wait(self.every):
            self.look()

    def look(self) -> None:
        """Look once; a database that is away is no data, and told once."""
        try:
            self.find_listeners()
            within = int(self.every * 500_000)
            self.watch.once(self.clock.now_us(), all_labels=self.looks % SWEEP == 0, unless_within_us=within)
            self.looks += 1
            self.failure = None
        except DatabaseAway as error:
            if self.failure is None:
                logger.error("nothing is watched: %s", error)
            self.failure = str(error)
        except Exception as error:  # watching must live as long as the worker does
            logger.exception("watching goes on")
            self.failure = f"{type(error).__name__}: {error}"

    def find_listeners(self) -> None:
        """Find the plugins that deliver, once, where there is a channel to deliver to."""
        from steadily.monitor.posting import listeners_of

        if self.watch.alerts.channels and not self.watch.listeners:
            self.watch.listeners = listeners_of(self.project)
