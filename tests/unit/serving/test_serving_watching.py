"""What a worker counts beside answering goes to the hours of the requests themselves, whatever the clock does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from steadily.bundle import open_bundle
from steadily.bundle.replay import Bundle
from steadily.clock import SimulatedClock
from steadily.database import Database
from steadily.database.rollout import live_totals, pair_examples, pair_sums, served_hours
from steadily.monitor import hourly
from steadily.monitor.record import Recorder
from steadily.monitor.reference import Reference
from steadily.monitor.windows import read_window
from steadily.releases.slots import Act, place, read_slots
from steadily.rollout.pairs import PairCounts
from steadily.serving.beside import Other
from steadily.serving.counting import Counting
from steadily.serving.live import Live
from steadily.serving.prediction_log import Entry
from steadily.serving.scoring import Answer, Release
from steadily.serving.watching import Watching
from steadily.units import HOUR_US, MINUTE_US
from unit.rollout.serving import START, begun
from unit.test_bundle import packed  # noqa: F401 (a fixture)

GOOD = {"order": 7, "city": "Ulm", "weight": 3.5, "ordered_at": "2024-05-02T10:00:00Z"}
JUST_BEFORE, JUST_AFTER = START + HOUR_US - 1, START + HOUR_US


@pytest.fixture(scope="module")
def bundle(packed: Path) -> Bundle:  # noqa: F811
    return open_bundle(packed / "bundle")


@pytest.fixture
def clock(database: Database) -> SimulatedClock:
    """A simulated clock, in whose database release 1 is live and release 2 its shadow."""
    clock = begun(database, 2)
    act = Act("shadow", None, "t")
    place(database, {"shadow": 2}, act, seen=read_slots(database).revision, now_us=clock.now_us())
    return clock


@pytest.fixture
def watching(database: Database, clock: SimulatedClock, bundle: Bundle) -> Iterator[Watching]:
    """What a worker counts with; its own thread does not run."""

    def find(slot: str, number: int, since_us: int) -> Other:
        return Other(slot, number, since_us, bundle.folder, "quick", 4_096, 10.0)

    found = Watching(database, clock, Live(database, clock, lambda number: Release(number, bundle)), find, 100)
    found.follow()
    yield found
    for beside in found.besides.values():
        beside.close()


def entry(at_us: int, name: str, release: int = 1, said: str = "neither") -> Entry:
    return Entry(name, "live", release, at_us, 800, [Answer("answered", said, [1.0])], rows=[GOOD], raw=[GOOD])


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_requests_are_counted_in_their_own_hours_however_late_they_are_flushed(
    database: Database, clock: SimulatedClock, watching: Watching
) -> None:
    times = [JUST_BEFORE, JUST_BEFORE, JUST_AFTER]
    watching.hear([entry(at_us, f"r{place}") for place, at_us in enumerate(times)])
    wait_for(lambda: len(watching.besides["shadow"].pairs) == len(times))
    clock.advance(50 * HOUR_US)
    watching.flush()
    clock.set(START - 7 * HOUR_US)
    watching.hear([entry(JUST_AFTER, "r3")])
    wait_for(lambda: bool(watching.besides["shadow"].pairs))
    watching.flush()
    with database.read() as connection:
        served = {row.hour_us: row.requests for row in connection.execute(select(served_hours))}
        pairs = {row.hour_us: PairCounts.from_json(row.counts) for row in connection.execute(select(pair_sums))}
        examples = {row.content["request_id"]: row.at_us for row in connection.execute(select(pair_examples))}
        total = connection.execute(select(live_totals.c.requests)).scalar()
    assert served == {START: 2, START + HOUR_US: 2}
    assert {hour: (one.attempted, one.minutes) for hour, one in pairs.items()} == {
        START: (2, frozenset([JUST_BEFORE // MINUTE_US])),
        START + HOUR_US: (2, frozenset([JUST_AFTER // MINUTE_US])),
    }
    assert examples == {"r0": JUST_BEFORE, "r1": JUST_BEFORE, "r2": JUST_AFTER, "r3": JUST_AFTER}
    assert total == 4


def test_what_the_queue_drops_is_counted_in_its_own_hour(
    database: Database, clock: SimulatedClock, watching: Watching
) -> None:
    watching.besides["shadow"].bound = 0
    watching.hear([entry(JUST_BEFORE, "r0"), entry(JUST_AFTER, "r1")])
    clock.advance(5 * HOUR_US)
    watching.flush()
    with database.read() as connection:
        found = {row.hour_us: row.counts["dropped"] for row in connection.execute(select(pair_sums))}
    assert found == {START: 1, START + HOUR_US: 1}


def test_a_release_that_was_just_taken_up_is_counted_since_it_is_live(
    database: Database, clock: SimulatedClock, watching: Watching
) -> None:
    act = Act("promote", None, "t")
    slots = place(
        database, {"live": 2, "shadow": None}, act, seen=read_slots(database).revision, now_us=clock.now_us() + 1
    )
    watching.live.look()  # on its own thread, before this one follows
    watching.hear([entry(JUST_BEFORE, "r0", release=2)])
    watching.flush()
    with database.read() as connection:
        row = connection.execute(select(live_totals)).one()
    assert (row.release, row.since_us, row.requests) == (2, slots.since_us["live"], 1)


def test_monitoring_counts_in_the_hours_of_the_requests_too(
    database: Database, clock: SimulatedClock, bundle: Bundle
) -> None:
    recorder = Recorder(database, lambda _: Reference.of_bundle(bundle.folder))
    counting = Counting(recorder, {1: Release(1, bundle)}.get, clock)
    answers = Release(1, bundle).answer([GOOD])
    counting([replace(entry(at_us, f"r{at_us}"), answers=answers) for at_us in (JUST_BEFORE, JUST_AFTER, JUST_AFTER)])
    counting.note(1, "live", hourly.SHED)
    clock.advance(50 * HOUR_US)
    counting.flush()
    first = START // HOUR_US
    window = read_window(database, 1, "live", first, first + 60)
    found = {hour: amount.tally(hourly.REQUESTS) for hour, amount in window.hours.items() if amount}
    assert found == {first: {"answered": 1, "shed": 1}, first + 1: {"answered": 2}}
