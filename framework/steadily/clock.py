"""The one clock of operations. Durations are not its matter: they are measured with the monotonic clock.

Owns the time and its simulation. A database in which time was ever simulated is marked so for ever: it goes on in
simulated time alone, and every deployment in it bears the mark, so that none can be taken for a real one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from steadily.database import Database
from steadily.database.tables import clock, deployments
from steadily.errors import DatabaseError

LAST_US = 253_402_300_800_000_000  # the year 10000, which no form of a date has room for


@dataclass(frozen=True)
class Clock:
    """Tells the real time. Whoever needs the time is given one of these, so that another may stand in for it."""

    simulated = False

    def now_us(self) -> int:
        """Give the microseconds since 1970, in UTC."""
        return time.time_ns() // 1_000


@dataclass(frozen=True)
class SimulatedClock(Clock):
    """Tells the time that stands in the database, the same to every process; it moves only when it is told to."""

    database: Database
    simulated = True

    def now_us(self) -> int:
        """Give the simulated time."""
        with self.database.read() as connection:
            return time_in(connection)

    def advance(self, by_us: int) -> int:
        """Let time pass, and give the time that it is then.

        Raises:
            DatabaseError: Time can't go back this way, or not so far.
        """
        with self.database.begin(alone="clock") as connection:
            return put(connection, self.database.shown, time_in(connection) + allowed(self.database.shown, by_us))

    def set(self, now_us: int) -> int:
        """Put the clock to a time, also an earlier one: whoever goes by a clock has to bear that it jumps.

        Raises:
            DatabaseError: It is no time that a date can be made of.
        """
        with self.database.begin(alone="clock") as connection:
            return put(connection, self.database.shown, now_us)


def clock_of(database: Database) -> Clock:
    """Give the clock that a database goes by: the real one, or its own where time was simulated in it."""
    return SimulatedClock(database) if is_simulated(database) else Clock()


def is_simulated(database: Database) -> bool:
    """Tell whether time was ever simulated in a database."""
    with database.read() as connection:
        return marked(connection)


def simulate(database: Database, now_us: int) -> SimulatedClock:
    """Begin to simulate time in a database, from which there is no way back; or go on where it is simulated already.

    Args:
        database: One without real deployments.
        now_us: The time to begin with; where it was simulated already, time goes on from where it is.

    Raises:
        DatabaseError: Something real was deployed in it.
    """
    with database.begin(alone="slots") as connection:
        if marked(connection):
            return SimulatedClock(database)
        if connection.execute(select(func.count()).select_from(deployments)).scalar():
            raise DatabaseError.at(
                database.shown,
                "has real deployments, so that time can't be simulated in it",
                hint="name another database in conf/operate.yaml (database.url): a new SQLite file will do",
            )
        put(connection, database.shown, now_us)
        connection.execute(update(clock).values(simulated=True, marked_us=Clock().now_us()))
    return SimulatedClock(database)


def marked(connection: Connection) -> bool:
    """Tell whether time was ever simulated, within a transaction."""
    return bool(connection.execute(select(clock.c.simulated)).scalar())


def time_in(connection: Connection) -> int:
    """Give the simulated time, within a transaction."""
    return int(connection.execute(select(clock.c.now_us)).scalar() or 0)


def put(connection: Connection, shown: str, now_us: int) -> int:
    """Write the simulated time down."""
    if not 0 <= now_us < LAST_US:
        raise DatabaseError.at(
            shown, "is no time", given=now_us, allowed="microseconds since 1970, up to the year 9999"
        )
    connection.execute(update(clock).values(now_us=now_us))
    return now_us


def allowed(shown: str, by_us: int) -> int:
    """Refuse to let time pass backwards."""
    if by_us < 0:
        raise DatabaseError.at(shown, "time passes forwards", given=f"{by_us} µs", hint="set the clock instead")
    return by_us
