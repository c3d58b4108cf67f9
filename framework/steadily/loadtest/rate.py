"""How much a load test sends: so many times a peak, and where that peak is known from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import select

from steadily.database import Database
from steadily.database.monitoring import hourly
from steadily.database.tables import load_tests
from steadily.errors import ConfigError
from steadily.loadtest.verdict import number
from steadily.monitor.hourly import MINUTES, WHOLE
from steadily.units import DAY_US, HOUR_US, MINUTE_US

DAYS = 7
HINT = "--rate says how many a second, or loadtest.peak_per_second in conf/operate.yaml what peak is expected"


@dataclass(frozen=True)
class Rate:
    """How much is sent.

    Attributes:
        per_second: Requests a second.
        told: Where that is from, in words.
        origin: "given", "configured" or "counted".
        times: How many times the peak; None where the rate itself was given.
        peak: Requests a second at the peak; None as before.
        note: What is worth knowing.
    """

    per_second: float
    told: str
    origin: str
    times: float | None = None
    peak: float | None = None
    note: str | None = None


def choose(rate: float | None, times: float, configured: float | None, busiest: Callable[[], float | None]) -> Rate:
    """Choose the rate: the given one, or so many times the configured peak, or that of what was counted.

    Args:
        rate: Requests a second, where they are given.
        times: How many times the peak.
        configured: The peak that is expected, in requests a second.
        busiest: Finds the peak in what was counted.

    Raises:
        ConfigError: No peak is configured, and no request was counted.

    >>> choose(None, 3, 20, lambda: None).told
    '3 × the configured peak of 20 a second'
    """
    if rate is not None:
        return Rate(rate, "as it was asked for", "given")
    found = busiest()
    if configured is not None:
        told = f"{times:g} × the configured peak of {number(configured)} a second"
        more = found is not None and found > configured
        note = f"the last {DAYS} days had a minute of {number(found or 0)} a second, above the configured peak"
        return Rate(times * configured, told, "configured", times, configured, note if more else None)
    if found is None:
        raise ConfigError.at("steadily loadtest", f"no request of the last {DAYS} days was counted", hint=HINT)
    told = f"{times:g} × the largest minute of the last {DAYS} days, {number(found)} a second"
    return Rate(times * found, told, "counted", times, found)


def busiest_minute(database: Database, now_us: int) -> float | None:
    """Find the most requests of any minute of the last seven days, load tests left out, per second.

    They are read from the hourly statistics, so that it takes as long whatever the traffic. Minutes in which a load
    test was running are left out, or each would make the next one larger.

    Args:
        database: The database of operations.
        now_us: The time now, in microseconds.

    Returns:
        Requests a second, or None where none came.
    """
    first, last = (now_us - DAYS * DAY_US) // MINUTE_US, now_us // MINUTE_US
    begin_us = first * MINUTE_US // HOUR_US * HOUR_US
    asked = select(hourly.c.begin_us, hourly.c.tallies[MINUTES].label("minutes")).where(
        hourly.c.begin_us >= begin_us, hourly.c.begin_us <= now_us, hourly.c.slot == "live", hourly.c.slice == WHOLE
    )
    tests = select(load_tests.c.result).where(load_tests.c.at_us > now_us - (DAYS + 1) * DAY_US)
    found: Counter[int] = Counter()
    with database.read() as connection:
        left_out = set(minutes_of(row.result for row in connection.execute(tests)))
        for row in connection.execute(asked):
            for minute, count in (row.minutes or {}).items():
                found[row.begin_us // MINUTE_US + int(minute)] += count
    counts = [count for minute, count in found.items() if first <= minute <= last and minute not in left_out]
    return max(counts) / 60 if counts else None


def minutes_of(results: Iterable[dict[str, int]]) -> Iterable[int]:
    """Give the minutes in which load tests were running.

    >>> list(minutes_of([{"began_us": 59_000_000, "until_us": 61_000_000}]))
    [0, 1]
    """
    for result in results:
        yield from range(result["began_us"] // MINUTE_US, result["until_us"] // MINUTE_US + 1)
