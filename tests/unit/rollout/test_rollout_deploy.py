from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import select

from steadily.clock import Clock, clock_of
from steadily.database import Database, open_database
from steadily.database.rollout import deployment_alerts
from steadily.database.tables import deployments
from steadily.errors import DatabaseAway, DatabaseError, ReleaseError
from steadily.releases.slots import read_slots
from steadily.rollout import alerts
from steadily.rollout.deploy import Asked, Status, promote, rollback, shadow, status
from steadily.rollout.gate import WELL, Limits
from steadily.rollout.telling import told_status
from steadily.units import HOUR_US
from unit.releases.bundles import enter
from unit.rollout.serving import START, begun, load_tested, serve, shadowed, with_feature_set

LIMITS = Limits()


def states(found: Status) -> dict[str, str]:
    return {line.name: line.state for line in found.checklist}


def last(database: Database) -> dict[str, object]:
    with database.read() as connection:
        row = connection.execute(select(deployments).order_by(deployments.c.id.desc()).limit(1)).mappings().one()
        return dict(row)


def test_48_hours_of_shadow_then_live_then_back(database: Database) -> None:
    clock = begun(database)
    shadow(database, clock, 2, "ann")
    assert set(states(status(database, clock, LIMITS)).values()) == {"insufficient", "passed", "not judged"}
    shadowed(database, clock, 47)
    load_tested(database, 2, clock.now_us())
    found = status(database, clock, LIMITS)
    assert {name for name, state in states(found).items() if state not in WELL} == {"hours"}
    with pytest.raises(ReleaseError, match=r"hours: insufficient: 47\.0 hours.*needed: 48 hours"):
        promote(database, clock, 2, "ann", LIMITS)
    shadowed(database, clock, 1)
    found = status(database, clock, LIMITS)
    assert found.passes
    json.dumps(found.to_json())
    assert "checklist of release 2: passed" in list(told_status(found))

    slots = promote(database, clock, 2, "ann", LIMITS, reason="better")
    assert (slots.live, slots.shadow, slots.previous) == (2, None, 1)
    row = last(database)
    assert (row["action"], row["who"], row["override"], row["simulated"]) == ("promote", "ann", False, True)
    evidence = row["evidence"]
    assert isinstance(evidence, dict)
    assert {line["state"] for line in evidence["checklist"]} == {"passed", "not judged"}

    slots = rollback(database, clock, "bob", "it looks odd")
    assert (slots.live, slots.shadow, slots.previous) == (1, None, None)
    (alert,) = status(database, clock, LIMITS).alerts
    assert (alert["kind"], alert["release"]) == ("rollback", 2)
    assert alert["message"] == "release 2 was rolled back, release 1 is live again: it looks odd"


def test_what_a_promotion_is_refused_for(database: Database) -> None:
    clock = begun(database)

    def refused(number: int, **more: object) -> str:
        before = read_slots(database)
        with pytest.raises(ReleaseError) as caught:
            promote(database, clock, number, "ann", LIMITS, **more)  # type: ignore[arg-type]
        assert read_slots(database) == before
        return str(caught.value)

    assert "release 9: there is no such release" in refused(9)
    assert "release 1: is live already" in refused(1)
    assert "release 1: is live already" in refused(1, override=True, reason="x")
    assert "has not been in shadow; given: no shadow" in refused(2)
    shadow(database, clock, 3, "ann")
    assert "given: release 3 is the shadow" in refused(2)
    assert "the checklist is not passed" in refused(3)
    assert "an override needs a reason" in refused(3, override=True, reason="  ")


def test_an_override_is_kept_for_ever(database: Database) -> None:
    clock = begun(database)
    shadow(database, clock, 2, "ann")
    promote(database, clock, 2, "ann", LIMITS, override=True, reason="the old one leaks")
    row = last(database)
    assert (row["override"], row["reason"]) == (True, "the old one leaks")
    lines = row["evidence"]["checklist"]  # type: ignore[index]
    assert {line["state"] for line in lines} == {"overridden", "passed", "not judged"}
    assert "insufficient: no traffic yet" in [line["evidence"] for line in lines]
    promote(database, clock, 3, "ann", LIMITS, override=True, reason="in a hurry")
    assert last(database)["evidence"]["never"] == "was in no shadow"  # type: ignore[index]


def test_what_a_shadow_is_refused_for(database: Database) -> None:
    clock = begun(database)
    with pytest.raises(ReleaseError, match="no such release"):
        shadow(database, clock, 9, "ann")
    with pytest.raises(ReleaseError, match="is no shadow of itself"):
        shadow(database, clock, 1, "ann")
    with pytest.raises(ReleaseError, match="no shadow is there to take out"):
        shadow(database, clock, None, "ann")
    shadow(database, clock, 2, "ann")
    with pytest.raises(ReleaseError, match="in the shadow slot already"):
        shadow(database, clock, 2, "ann")
    assert shadow(database, clock, None, "ann").shadow is None


def test_a_shadow_needs_something_to_be_compared_with(database: Database) -> None:
    enter(database, 1)
    with pytest.raises(ReleaseError, match="nothing is live"):
        shadow(database, Clock(), 1, "ann")
    with pytest.raises(ReleaseError, match="no earlier release to go back to: nothing is live"):
        rollback(database, Clock(), "ann", None)


def test_a_shadow_that_comes_back_begins_anew(database: Database) -> None:
    clock = begun(database)
    shadow(database, clock, 2, "ann")
    shadowed(database, clock, 3)
    assert status(database, clock, LIMITS).counts.attempted == 300
    shadow(database, clock, None, "ann")
    clock.advance(HOUR_US)
    shadow(database, clock, 2, "ann")
    assert status(database, clock, LIMITS).counts.attempted == 0


def test_a_shadow_that_fails_every_request_is_told(database: Database) -> None:
    clock = begun(database)
    shadow(database, clock, 2, "ann")
    shadowed(database, clock, 49, other=100)
    load_tested(database, 2, clock.now_us())
    found = states(status(database, clock, LIMITS))
    assert (found["errors"], found["agreement"], found["hours"]) == ("failed", "failed", "passed")


def test_a_clock_that_is_put_forward_makes_no_hours(database: Database) -> None:
    clock = begun(database)
    shadow(database, clock, 2, "ann")
    shadowed(database, clock, 1)
    clock.advance(60 * HOUR_US)
    shadowed(database, clock, 1)
    line = status(database, clock, LIMITS).checklist[0]
    assert line.state == "failed"
    assert line.evidence.startswith("1.0 hours")


def test_the_feature_set_has_to_be_published(database: Database) -> None:
    clock = begun(database)
    with_feature_set(database, 2, "fs-7")
    shadow(database, clock, 2, "ann")
    shadowed(database, clock)
    load_tested(database, 2, clock.now_us())
    asked: list[str] = []

    def published(version: str) -> tuple[bool, str]:
        asked.append(version)
        return len(asked) > 1, "as the store says"

    assert not status(database, clock, LIMITS).passes
    with pytest.raises(ReleaseError, match=r"features: failed: fs-7: not published \(as the store says\)"):
        promote(database, clock, 2, "ann", LIMITS, asked=Asked(published))
    assert promote(database, clock, 2, "ann", LIMITS, asked=Asked(published)).live == 2
    with database.read() as connection:
        slots = read_slots(database)
        assert connection.execute(select(deployments.c.release).order_by(deployments.c.id.desc())).first()
    assert (slots.live, slots.previous) == (2, 1)


def test_where_a_clock_stands_still_each_change_still_has_its_own_time(database: Database) -> None:
    clock = begun(database)
    for _ in range(2):
        promote(database, clock, 2, "ann", LIMITS, override=True, reason="again")
        rollback(database, clock, "ann", None)
    with database.read() as connection:
        done = connection.execute(select(deployments.c.at_us).where(deployments.c.slot == "live")).scalars().all()
    assert len(done) == len(set(done)) == 5
    assert len(status(database, clock, LIMITS).alerts) == 2


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(database: Database) -> None:
    clock = begun(database)
    shadow(database, clock, 2, "ann")
    told: list[str] = []
    together = threading.Barrier(2)

    def peak() -> float | None:
        together.wait(30)  # both have read the slots' state, or will find them changed
        return None

    def work(who: str) -> None:
        try:
            promote(database, clock, 2, who, LIMITS, override=True, reason="now", asked=Asked(peak=peak))
            told.append("promoted")
        except ReleaseError as error:
            told.append(str(error))

    threads = [threading.Thread(target=work, args=(who,)) for who in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one == "promoted" for one in told) == [False, True]
    refusal = next(one for one in told if one != "promoted")
    assert "changed by another at the same time" in refusal or "is live already" in refusal
    with database.read() as connection:
        done = connection.execute(select(deployments.c.slot).where(deployments.c.action == "promote")).scalars().all()
    assert sorted(done) == ["live", "previous", "shadow"]


def test_without_an_earlier_release_it_alerts_once_and_stays(database: Database) -> None:
    clock = begun(database)
    for _ in range(2):
        with pytest.raises(ReleaseError, match="release 1 stays live"):
            rollback(database, clock, "ann", "it looks odd")
    (alert,) = status(database, clock, LIMITS).alerts
    assert alert["kind"] == "no_earlier_release"
    alerts.acknowledge(database, alert["id"], "bob", "I know", clock.now_us())
    alerts.acknowledge(database, alert["id"], "eve", "me too", clock.now_us())
    with pytest.raises(ReleaseError, match="stays live"):
        rollback(database, clock, "ann", "again")
    assert status(database, clock, LIMITS).alerts == []
    with database.read() as connection:
        row = connection.execute(select(deployment_alerts)).one()
    assert (row.acknowledged_by, row.note) == ("bob", "I know")
    with pytest.raises(ReleaseError, match="no such alert"):
        alerts.acknowledge(database, 99, "bob", None, START)


def test_nothing_is_promoted_while_the_database_is_away() -> None:
    with pytest.raises(DatabaseAway, match="can't be reached"):
        open_database("postgresql://ann@127.0.0.1:1/shop")


def test_a_database_with_real_deployments_is_never_simulated(database: Database) -> None:
    from steadily.clock import simulate
    from steadily.releases.slots import Act, place

    enter(database, 1)
    place(database, {"live": 1}, Act("first", None, "t"), seen=0, now_us=1)
    with pytest.raises(DatabaseError, match="has real deployments"):
        simulate(database, START)
    assert not clock_of(database).simulated
    assert last(database)["simulated"] is False


def test_status_of_an_empty_database(database: Database) -> None:
    found = status(database, Clock(), LIMITS)
    assert (found.checklist, found.passes, found.rule, found.simulated) == ((), False, None, False)
    assert next(told_status(found)) == "live:     nothing"
    assert list(told_status(found))[3].startswith("rollback rule: insufficient")


def test_disagreement_is_shown(database: Database) -> None:
    clock = begun(database)
    shadow(database, clock, 2, "ann")
    serve(database, clock.now_us(), 50, disagree=7)
    told = "\n".join(told_status(status(database, clock, LIMITS)))
    assert "live ham, shadow spam: 7" in told
    assert "nothing here is a real deployment" in told
