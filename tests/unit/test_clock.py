from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from steadily.clock import Clock, clock_of
from steadily.database import Database
from steadily.database.tables import clock
from steadily.errors import DatabaseError


def test_the_clock_tells_the_real_time(database: Database) -> None:
    before = time.time_ns() // 1_000
    now = clock_of(database).now_us()
    assert before <= now <= time.time_ns() // 1_000
    assert clock_of(database) == Clock()


def test_a_database_with_simulated_time_is_none_of_real_operations(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(update(clock).values(simulated=True, now_us=1, marked_us=1))
    with pytest.raises(DatabaseError, match="marked so for ever"):
        clock_of(database)
