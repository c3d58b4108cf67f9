"""The busiest minute and the record of load tests, on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from steadily.database import Database
from steadily.database.tables import load_tests, releases
from steadily.errors import ConfigError
from steadily.loadtest import record
from steadily.loadtest.rate import busiest_minute, choose
from steadily.monitor.counting import Batch
from steadily.monitor.record import Recorder
from steadily.monitor.reference import Reference
from steadily.units import DAY_US, MINUTE_US

NOW = 1_800_000_000_000_000
EMPTY: dict[str, Any] = {
    name: {} for name in ("manifest", "metrics", "latency", "config", "versions", "data")
}  # what a load test does not look at


def release(database: Database, number: int) -> None:
    row = {"number": number, "digest": str(number), "created_us": 1, "task": "classification", "url": "x", **EMPTY}
    with database.begin() as connection:
        connection.execute(insert(releases).values(**row))


def count(database: Database, requests: int, at_us: int, slots: tuple[str, ...] = ("live",)) -> None:
    """Count requests of two rows each, evenly over the 30 seconds after a time, as two workers would."""
    times = at_us + np.arange(requests) * 30_000_000 // requests
    for slot in slots:
        for worker in range(2):
            own = times[worker::2]
            rows = np.repeat(np.arange(len(own)), 2)
            kinds = ["shed" if number % 10 == 0 else "answered" for number in range(len(own))]
            recorder = Recorder(database, lambda _: Reference())
            recorder.count(Batch(1, slot, own, np.full(len(own), 900.0), kinds, rows, ["y"] * len(rows)))
            recorder.flush(NOW)


def test_the_peak_is_the_busiest_minute_of_seven_days_without_load_tests(database: Database) -> None:
    assert busiest_minute(database, NOW) is None
    minute = NOW // MINUTE_US * MINUTE_US
    count(database, 30, minute - 10 * MINUTE_US)
    count(database, 60, minute - 20 * MINUTE_US, ("live", "shadow"))
    count(database, 90, minute - 8 * DAY_US)
    count(database, 95, minute + 2 * MINUTE_US)
    count(database, 99, minute - 30 * MINUTE_US)
    release(database, 1)
    began = minute - 30 * MINUTE_US
    span = {"began_us": began, "until_us": began + 40_000_000}
    assert record.begin(database, 1, began, span) is not None
    assert busiest_minute(database, NOW) == 1.0
    assert busiest_minute(database, minute - 15 * MINUTE_US) == 1.0
    assert busiest_minute(database, minute - 25 * MINUTE_US) is None
    assert busiest_minute(database, minute + 6 * DAY_US) == 95 / 60


def test_what_is_kept(database: Database) -> None:
    assert record.latest(database, 3) is None
    assert record.begin(database, None, NOW, {}) is None
    assert record.begin(database, 3, NOW, {}) is None
    release(database, 3)
    first = record.begin(database, 3, NOW, {"began_us": 1, "until_us": 2})
    assert first is not None
    found = record.latest(database, 3)
    assert found is not None
    assert (found.id, found.verdict, found.at_us) == (first, record.UNFINISHED, NOW)
    record.finish(database, first, "failed", {"figures": {"p99_ms": 3.5}})
    second = record.begin(database, 3, NOW - 5, {})
    assert second is not None
    record.finish(database, second, "passed", {"figures": {"p99_ms": 2.5}})
    found = record.latest(database, 3)
    assert found is not None
    assert (found.id, found.release, found.verdict, found.result) == (second, 3, "passed", {"figures": {"p99_ms": 2.5}})
    with database.read() as connection:
        assert len(connection.execute(load_tests.select()).all()) == 2


@given(st.floats(0.1, 100), st.floats(0.1, 1000), st.none() | st.floats(0.1, 1000))
def test_the_rate(times: float, peak: float, logged: float | None) -> None:
    found = choose(None, times, peak, lambda: logged)
    assert (found.per_second, found.origin) == (times * peak, "configured")
    assert (found.note is not None) == (logged is not None and logged > peak)
    assert choose(peak, times, 5, lambda: logged).per_second == peak
    if logged is None:
        with pytest.raises(ConfigError, match="--rate says how many a second"):
            choose(None, times, None, lambda: None)
    else:
        assert choose(None, times, None, lambda: logged).per_second == times * logged


def test_the_rate_is_told() -> None:
    assert choose(None, 3, None, lambda: 2.5).told == "3 × the largest minute of the last 7 days, 2.5 a second"
    assert choose(None, 3, 100, lambda: 120).note == (
        "the last 7 days had a minute of 120 a second, above the configured peak"
    )
    assert choose(40, 3, None, lambda: None).told == "as it was asked for"
