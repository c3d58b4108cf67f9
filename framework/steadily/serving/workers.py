"""The processes that serve, by their own word: a sign of life now and then, with what each has taken up."""

from __future__ import annotations

import os
import socket
from typing import Any

from sqlalchemy import select

from steadily.clock import Clock
from steadily.database import Database
from steadily.database.inserting import insert_into
from steadily.database.tables import workers
from steadily.releases.slots import Slots

ALIVE_US = 20_000_000  # a worker without a sign of life for longer is taken for dead


def beat(database: Database, clock: Clock, worker: str, live: int, slots: Slots) -> None:
    """Leave a sign of life.

    Raises:
        DatabaseError: The database takes nothing.
    """
    now = clock.now_us()
    changes = {"seen_us": now, "live": live, "shadow": slots.shadow, "revision": slots.revision}
    with database.begin() as connection:
        row = {"id": worker, "host": socket.gethostname(), "pid": os.getpid(), "started_us": now} | changes
        statement = insert_into(workers, connection.dialect.name).values(row)
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changes))


def alive(database: Database, now_us: int) -> list[dict[str, Any]]:
    """Give the workers that live, in the order they began."""
    wanted = select(workers).where(workers.c.seen_us > now_us - ALIVE_US).order_by(workers.c.started_us)
    with database.read() as connection:
        return [dict(row) for row in connection.execute(wanted).mappings()]
