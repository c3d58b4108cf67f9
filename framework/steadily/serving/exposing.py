"""The figures of monitoring in ``/metrics``: read when somebody asks, and kept until the next look would come.

They come from the database, so that every worker gives the same. Where it is away there are none: what was known
before would pass for what is known now.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

from steadily.clock import Clock
from steadily.database import Database
from steadily.errors import DatabaseError
from steadily.monitor.exposed import text_of
from steadily.monitor.references import References
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.telling import told
from steadily.monitor.watching import Watch

logger = logging.getLogger("steadily.serving")


@dataclass(eq=False)
class Exposing:
    """Gives figures, alerts and waiting messages in Prometheus' text form.

    Attributes:
        database: The database of operations.
        clock: The time.
        monitor: What is watched.
        alerts: When people are told.
    """

    database: Database
    clock: Clock
    monitor: MonitorSettings
    alerts: AlertSettings
    known: bytes = b""
    known_at: float | None = None
    away: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.watch = Watch(self.database, References(self.database), self.monitor, self.alerts)

    def text(self) -> bytes:
        """Give it; nothing where the database is away, which is logged once."""
        with self.lock:
            if self.known_at is None or time.monotonic() - self.known_at >= self.monitor.every_seconds:
                try:
                    self.known, self.away = self.read(), False
                except DatabaseError as error:
                    if not self.away:
                        logger.error("/metrics has no figures: %s", error)
                    self.known, self.away = b"", True
                self.known_at = time.monotonic()
            return self.known

    def read(self) -> bytes:
        """Read what is known now."""
        now_us = self.clock.now_us()
        return text_of(told(self.watch, self.watch.read(now_us), now_us))
