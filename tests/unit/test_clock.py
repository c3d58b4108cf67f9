from __future__ import annotations

import time

import pytest

from steadily.clock import Clock, SimulatedClock, clock_of, is_simulated, simulate
from steadily.database import Database, open_database
from steadily.errors import DatabaseError


def test_the_clock_tells_the_real_time(database: Database) -> None:
    before = time.time_ns() // 1_000
    now = clock_of(database).now_us()
    assert before <= now <= time.time_ns() // 1_000
    assert clock_of(database) == Clock()
    assert not is_simulated(database)


def test_simulated_time_moves_when_it_is_told_to(database: Database, database_address: str) -> None:
    clock = simulate(database, 1_000)
    assert (clock.now_us(), clock.simulated) == (1_000, True)
    assert clock.advance(500) == 1_500
    assert clock.advance(0) == clock.now_us() == 1_500
    with open_database(database_address) as other:
        found = clock_of(other)
        assert isinstance(found, SimulatedClock)
        assert found.set(100) == 100
    assert clock.now_us() == 100


def test_a_database_stays_simulated_for_ever(database: Database) -> None:
    simulate(database, 1_000).advance(5)
    assert simulate(database, 7_000).now_us() == 1_005
    assert is_simulated(database)
    assert clock_of(database).simulated


def test_what_is_no_time_is_refused(database: Database) -> None:
    clock = simulate(database, 1_000)
    with pytest.raises(DatabaseError, match="time passes forwards"):
        clock.advance(-1)
    for wrong in (-1, 2**62):
        with pytest.raises(DatabaseError, match="is no time"):
            clock.set(wrong)
    assert clock.now_us() == 1_000
