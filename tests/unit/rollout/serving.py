"""What serving workers would count, without any: flushes of so many requests and errors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sqlalchemy import insert, update

from steadily.clock import SimulatedClock, simulate
from steadily.database import Database
from steadily.database.tables import load_tests, releases
from steadily.latency import Latencies
from steadily.releases.slots import Act, place, read_slots
from steadily.rollout.pairs import PairCounts
from steadily.rollout.record import Beside, Flush, record
from steadily.units import MINUTE_US
from unit.releases.bundles import enter

START = 1_700_000_000_000_000 // (60 * MINUTE_US) * (60 * MINUTE_US)
NUMBERS: Iterator[int] = itertools.count(1)


def begun(database: Database, count: int = 3) -> SimulatedClock:
    """Put some releases into a database with simulated time, and the first one live."""
    clock = simulate(database, START)
    for number in range(1, count + 1):
        enter(database, number)
    slots = read_slots(database)
    place(database, {"live": 1}, Act("first", None, "t"), seen=slots.revision, now_us=clock.now_us())
    return clock


def pairs(at_us: int, requests: int, *, live: int = 0, other: int = 0, both: int = 0, disagree: int = 0) -> PairCounts:
    """Count pairs with errors of live alone, of the other alone, of both, and answers that differ."""
    answered = requests - live - other - both
    confusion = {("ham", "ham"): answered - disagree, ("ham", "spam"): disagree}
    return PairCounts(
        attempted=requests,
        answered=answered,
        agree=answered - disagree,
        live_errors=live + both,
        other_errors=other + both,
        only_live_errors=live,
        only_other_errors=other,
        confusion={cell: count for cell, count in confusion.items() if count},
        live_latency=Latencies.of([1_000.0] * requests),
        other_latency=Latencies.of([1_100.0] * requests),
        minutes=frozenset([at_us // MINUTE_US]),
    )


def serve(
    database: Database, at_us: int, requests: int, *, paired: bool = True, worker: str = "w1", **errors: int
) -> None:
    """Let the live release attempt some requests, and whoever is beside it the same."""
    slots = read_slots(database)
    assert slots.live is not None
    beside = [
        Beside(slot, number, slots.since_us[slot] or 0, pairs(at_us, requests, **errors))
        for slot, number in (("shadow", slots.shadow), ("previous", slots.previous))
        if number is not None and paired
    ]
    failed = errors.get("live", 0) + errors.get("both", 0)
    since = slots.since_us["live"] or 0
    assert record(database, Flush(worker, next(NUMBERS), at_us, slots.live, since, requests, failed, beside))


def load_tested(database: Database, number: int, at_us: int, verdict: str = "passed") -> None:
    """Put a load test on record."""
    rate = {"per_second": 90.0, "peak": 30.0}
    result = {"rate": rate, "figures": {"rate": 90.0}, "verdict": {"reasons": ["p99 9 ms, at most 250 ms"]}}
    row = {"release": number, "at_us": at_us, "verdict": verdict, "result": result}
    with database.begin() as connection:
        connection.execute(insert(load_tests).values(row))


def shadowed(database: Database, clock: SimulatedClock, hours: int = 49, **errors: int) -> None:
    """Let the shadow see some hours of traffic, with 100 requests an hour, in one flush."""
    slots = read_slots(database)
    assert slots.live is not None
    assert slots.shadow is not None
    first = clock.now_us() // MINUTE_US + 1
    at = clock.advance(hours * 60 * MINUTE_US)
    counts = pairs(at, 100 * hours, **{name: count * hours for name, count in errors.items()})
    counts += PairCounts(minutes=frozenset(range(first, at // MINUTE_US + 1)))
    beside = Beside("shadow", slots.shadow, slots.since_us["shadow"] or 0, counts)
    flush = Flush("w1", next(NUMBERS), at, slots.live, slots.since_us["live"] or 0, 100 * hours, 0, [beside])
    assert record(database, flush)


def with_feature_set(database: Database, number: int, version: str) -> None:
    """Let a release name a feature-set version."""
    with database.begin() as connection:
        connection.execute(update(releases).where(releases.c.number == number).values(feature_set=version))
