from __future__ import annotations

import threading

from sqlalchemy import create_engine, select

from steadily.clock import Clock, SimulatedClock
from steadily.database import Database, open_database
from steadily.database.rollout import deployment_alerts, rule_states
from steadily.releases.slots import read_slots
from steadily.rollout.deploy import promote, shadow, status
from steadily.rollout.gate import Limits
from steadily.rollout.watch import LEASE_US, Decision, decide_once
from steadily.units import SECOND_US
from unit.rollout.serving import begun, serve, with_feature_set

STEP = 10 * SECOND_US


def promoted(database: Database) -> SimulatedClock:
    """Put release 2 live, release 1 beside it."""
    clock = begun(database)
    shadow(database, clock, 2, "ann")
    promote(database, clock, 2, "ann", Limits(), override=True, reason="a test")
    return clock


def watched(
    database: Database, clock: SimulatedClock, steps: int, *, holder: str = "w1", requests: int = 500, **errors: int
) -> Decision:
    """Let time pass with traffic, looking after each step, until there is a rollback."""
    found = Decision(True, None, "")
    for _ in range(steps):
        serve(database, clock.now_us(), requests, **errors)
        clock.advance(STEP)
        found = decide_once(database, clock, holder)
        if found.restored:
            break
    return found


def test_a_release_that_begins_to_fail_is_off_within_a_minute(database: Database) -> None:
    clock = promoted(database)
    with_feature_set(database, 1, "fs-1")
    assert watched(database, clock, 6).state in ("healthy", "insufficient")
    before = clock.now_us()
    found = watched(database, clock, 30, live=50)
    assert (found.state, found.restored) == ("rollback", 1)
    assert clock.now_us() - before <= 60 * SECOND_US
    slots = read_slots(database)
    assert (slots.live, slots.previous) == (1, None)
    with database.read() as connection:
        row = connection.execute(select(deployment_alerts)).one()
    assert (row.kind, row.release, row.severity) == ("rollback", 2, "critical")
    assert row.evidence["restored"] == {"release": 1, "feature_set": "fs-1"}
    assert row.evidence["verdict"]["state"] == "rollback"
    after = decide_once(database, clock, "w1")
    assert (after.state, after.restored) == ("insufficient", None)


def test_an_outage_upstream_that_hits_both_rolls_nothing_back(database: Database) -> None:
    clock = promoted(database)
    found = watched(database, clock, 10, requests=5_000, both=2_000)
    assert found.restored is None
    assert found.state == "healthy"
    assert status(database, clock, Limits()).alerts == []


def test_the_state_survives_a_restart(database: Database, database_address: str) -> None:
    clock = promoted(database)
    watched(database, clock, 5, requests=100, live=2)
    with open_database(database_address) as again:
        clock.advance(2 * LEASE_US)
        found = watched(again, SimulatedClock(again), 30, holder="w2", requests=100, live=2)
        assert found.restored == 1
        with again.read() as connection:
            (row,) = connection.execute(select(rule_states).where(rule_states.c.release == 2)).all()
    assert row.verdict["errors"] >= 24


def test_of_several_one_decides_and_another_takes_over(database: Database) -> None:
    clock = promoted(database)
    serve(database, clock.now_us(), 10)
    assert decide_once(database, clock, "w1").deciding
    assert not decide_once(database, clock, "w2").deciding
    clock.advance(LEASE_US - 1)
    assert not decide_once(database, clock, "w2").deciding
    assert decide_once(database, clock, "w1").deciding
    clock.advance(LEASE_US)
    assert decide_once(database, clock, "w2").deciding
    assert not decide_once(database, clock, "w1").deciding
    clock.set(clock.now_us() - 100 * LEASE_US)
    assert decide_once(database, clock, "w1").deciding


def test_many_that_look_at_once_roll_back_once(database: Database) -> None:
    clock = promoted(database)
    for _ in range(3):
        serve(database, clock.now_us(), 500, live=100)
        clock.advance(STEP)
    decide_once(database, clock, "w0")
    clock.advance(2 * LEASE_US)
    found: list[Decision] = []
    threads = [
        threading.Thread(target=lambda name=f"w{number}": found.append(decide_once(database, clock, name)))
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.restored for one in found if one.deciding] == [1]
    with database.read() as connection:
        assert len(connection.execute(select(deployment_alerts)).all()) == 1


def test_without_an_earlier_release_it_alerts_and_stays(database: Database) -> None:
    clock = begun(database)
    serve(database, clock.now_us(), 10_000, live=100)
    shadow(database, clock, 2, "ann")
    promote(database, clock, 2, "ann", Limits(), override=True, reason="a test")
    watched(database, clock, 12, live=100)
    assert read_slots(database).live == 1
    serve(database, clock.now_us(), 500)
    for _ in range(4):
        found = watched(database, clock, 2, live=200)
        assert found.restored is None
    assert (read_slots(database).live, found.state) == (1, "rollback")
    with database.read() as connection:
        told = connection.execute(select(deployment_alerts.c.kind).order_by(deployment_alerts.c.id)).scalars().all()
    assert told == ["rollback", "no_earlier_release"]


def test_the_baseline_is_what_the_release_before_did(database: Database) -> None:
    clock = begun(database)
    for _ in range(20):
        serve(database, clock.now_us(), 1_000, live=10)
        clock.advance(60 * STEP)
    shadow(database, clock, 2, "ann")
    promote(database, clock, 2, "ann", Limits(), override=True, reason="a test")
    decide_once(database, clock, "w1")
    with database.read() as connection:
        row = connection.execute(select(rule_states).where(rule_states.c.release == 2)).one()
    assert (row.baseline_requests, row.baseline_errors) == (20_000, 200)
    for _ in range(60):  # nothing runs beside it: history has to do
        serve(database, clock.now_us(), 500, paired=False, live=50)
        clock.advance(STEP)
        found = decide_once(database, clock, "w1")
        if found.restored:
            break
    assert found.restored == 1
    assert found.verdict is not None
    assert found.verdict.mode == "historical"


def test_no_traffic_is_never_healthy(database: Database) -> None:
    clock = promoted(database)
    assert watched(database, clock, 10, requests=5_000).state == "healthy"
    clock.advance(40 * STEP)
    found = decide_once(database, clock, "w1")
    assert (found.state, found.why) == ("insufficient", "no requests in the last five minutes")


def test_a_database_that_is_away_is_never_healthy() -> None:
    url = "postgresql+psycopg://ann@127.0.0.1:1/shop"
    database = Database(create_engine(url, connect_args={"connect_timeout": 1}), url)
    found = decide_once(database, Clock(), "w1")
    assert (found.deciding, found.state) == (True, "insufficient")
    assert "can't be reached" in found.why


def test_with_nothing_live_there_is_nothing_to_say(database: Database) -> None:
    assert decide_once(database, Clock(), "w1").why == "nothing is live"
