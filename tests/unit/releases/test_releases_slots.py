from __future__ import annotations

import threading

import pytest

from steadily.database import Database, open_database
from steadily.errors import ReleaseError
from steadily.releases.records import find_release, list_releases
from steadily.releases.slots import Act, deployments_of, person, place, read_slots, revision_of
from unit.releases.bundles import enter


def act(action: str = "promote", **more: object) -> Act:
    return Act(action, "because", "t@here", **more)  # type: ignore[arg-type]


def test_slots_begin_empty(database: Database) -> None:
    slots = read_slots(database)
    assert (slots.live, slots.shadow, slots.previous, slots.revision) == (None, None, None, 0)
    assert revision_of(database) == 0
    assert deployments_of(database, 10) == []


def test_a_change_is_made_and_recorded_as_a_whole(database: Database) -> None:
    for number in (1, 2):
        enter(database, number)
    place(database, {"live": 1}, act("first"), seen=0, now_us=10)
    evidence = {"pairs": 7}
    after = place(database, {"live": 2, "previous": 1}, act(override=True, evidence=evidence), seen=1, now_us=20)
    assert after == read_slots(database)
    assert (after.live, after.shadow, after.previous, after.revision) == (2, None, 1, 2)
    assert after.since_us == {"live": 20, "shadow": None, "previous": 20}
    assert revision_of(database) == 2
    told = [(row["slot"], row["release"], row["replaced"], row["override"]) for row in deployments_of(database, 10)]
    assert told == [("previous", 1, None, True), ("live", 2, 1, True), ("live", 1, None, False)]
    last = deployments_of(database, 1)[0]
    assert (last["action"], last["reason"], last["who"], last["evidence"], last["at_us"]) == (
        "promote", "because", "t@here", evidence, 20,
    )  # fmt: skip


def test_what_stays_is_no_change(database: Database) -> None:
    enter(database, 1)
    place(database, {"live": 1}, act(), seen=0, now_us=10)
    after = place(database, {"live": 1, "shadow": None}, act(), seen=1, now_us=20)
    assert (after.revision, after.since_us["live"]) == (1, 10)
    assert len(deployments_of(database, 10)) == 1


def test_a_decision_on_an_old_state_is_refused(database: Database) -> None:
    enter(database, 1)
    place(database, {"live": 1}, act("first"), seen=0, now_us=10)
    with pytest.raises(ReleaseError, match="changed by another at the same time; given: first of release 1 by t@here"):
        place(database, {"live": None}, act(), seen=0, now_us=20)
    assert read_slots(database).live == 1


def test_a_release_that_is_not_there_changes_nothing(database: Database) -> None:
    with pytest.raises(ReleaseError, match="release 7: there is no such release; `steadily release` makes the first"):
        place(database, {"live": 7}, act(), seen=0, now_us=1)
    enter(database, 1)
    with pytest.raises(ReleaseError, match="no such release; allowed: 1 to 1"):
        place(database, {"previous": 1, "live": 7}, act(), seen=0, now_us=1)
    assert read_slots(database).previous is None
    assert deployments_of(database, 10) == []


def test_of_many_at_once_one_wins(database: Database, database_address: str) -> None:
    numbers = range(1, 7)
    for number in numbers:
        enter(database, number)
    start, won, lost = threading.Barrier(len(numbers)), [], []

    def promote(number: int) -> None:
        with open_database(database_address) as own:
            start.wait()
            try:
                place(own, {"live": number}, act(), seen=0, now_us=number)
                won.append(number)
            except ReleaseError as error:
                lost.append(str(error))

    threads = [threading.Thread(target=promote, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 5
    assert all("at the same time" in text for text in lost)
    assert read_slots(database).live == won[0]
    assert [row["release"] for row in deployments_of(database, 10)] == won


def test_releases_are_found_by_number(database: Database) -> None:
    assert list_releases(database) == []
    enter(database, 2, "a" * 64)
    enter(database, 1)
    assert [row["number"] for row in list_releases(database)] == [1, 2]
    assert find_release(database, 2).name == "2-aaaaaaaaaaaa"


def test_who_did_it_has_a_name() -> None:
    assert "@" in person()
