"""How much a load test sends: so many times a peak, and where that peak is known from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import distinct, func, select

from steadily.database import Database
from steadily.database.tables import load_tests, predictions
from steadily.errors import ConfigError
from steadily.loadtest.verdict import number

MINUTE_US = 60_000_000
DAYS = 7
DAY_US = 86_400_000_000
HINT = "--rate says how many a second, or loadtest.peak_per_second in conf/operate.yaml what peak is expected"


@dataclass(frozen=True)
class Rate:
    """How much is sent.

    Attributes:
        per_second: Requests a second.
        told: Where that is from, in words.
        origin: "given", "configured" or "log".
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


def choose(rate: float | None, times: float, configured: float | None, logged: Callable[[], float | None]) -> Rate:
    """Choose the rate: the given one, or so many times the configured peak, or that of the log.

    Args:
        rate: Requests a second, where they are given.
        times: How many times the peak.
        configured: The peak that is expected, in requests a second.
        logged: Finds the peak in the log.

    Raises:
        ConfigError: No peak is configured, and the log knows none.

    >>> choose(None, 3, 20, lambda: None).told
    '3 × the configured peak of 20 a second'
    """
    if rate is not None:
        return Rate(rate, "as it was asked for", "given")
    found = logged()
    if configured is not None:
        told = f"{times:g} × the configured peak of {number(configured)} a second"
        more = found is not None and found > configured
        note = f"the last {DAYS} days had a minute of {number(found or 0)} a second, above the configured peak"
        return Rate(times * configured, told, "configured", times, configured, note if more else None)
    if found is None:
        raise ConfigError.at("steadily loadtest", f"the log has no request of the last {DAYS} days", hint=HINT)
    told = f"{times:g} × the largest minute of the last {DAYS} days, {number(found)} a second"
    return Rate(times * found, told, "log", times, found)


def peak_in_log(database: Database, now_us: int) -> float | None:
    """Find the most requests of any minute of the last seven days, load tests left out, per second.

    Minutes in which a load test was running are left out, or each would make the next one larger.

    Args:
        database: Where predictions are logged.
        now_us: The time now, in microseconds.

    Returns:
        Requests a second, or None where none were logged.
    """
    since = now_us - DAYS * DAY_US
    minute = (predictions.c.at_us // MINUTE_US).label("minute")
    counted = (
        select(minute, func.count(distinct(predictions.c.request_id)).label("requests"))
        .where(predictions.c.at_us > since, predictions.c.at_us <= now_us)
        .group_by(minute)
    ).subquery()
    tests = select(load_tests.c.result).where(load_tests.c.at_us > since - DAY_US)
    with database.read() as connection:
        left_out = set(minutes_of(row.result for row in connection.execute(tests)))
        largest = select(counted.c.minute, counted.c.requests).order_by(counted.c.requests.desc())
        for row in connection.execute(largest):
            if row.minute not in left_out:
                return float(row.requests) / 60
    return None


def minutes_of(results: Iterable[dict[str, int]]) -> Iterable[int]:
    """Give the minutes in which load tests were running.

    >>> list(minutes_of([{"began_us": 59_000_000, "until_us": 61_000_000}]))
    [0, 1]
    """
    for result in results:
        yield from range(result["began_us"] // MINUTE_US, result["until_us"] // MINUTE_US + 1)
