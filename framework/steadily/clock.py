"""The one clock of operations. Durations are not its matter: they are measured with the monotonic clock."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from steadily.database import Database
from steadily.database.tables import clock
from steadily.errors import DatabaseError


@dataclass(frozen=True)
class Clock:
    """Tells the real time. Whoever needs the time is given one of these, so that another may stand in for it."""

    simulated = False

    def now_us(self) -> int:
        """Give the microseconds since 1970, in UTC."""
        return time.time_ns() // 1_000


def clock_of(database: Database) -> Clock:
    """Give the clock that a database goes by.

    Raises:
        DatabaseError: Its time was simulated once, so it is never again one of real operations.
    """
    if is_simulated(database):
        raise DatabaseError.at(
            database.shown,
            "time was simulated in this database, and it is marked so for ever",
            hint="name another in conf/operate.yaml (database.url) for real operations",
        )
    return Clock()


def is_simulated(database: Database) -> bool:
    """Tell whether time was ever simulated in a database."""
    with database.read() as connection:
        return bool(connection.execute(select(clock.c.simulated)).scalar())
