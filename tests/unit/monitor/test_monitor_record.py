"""Counts in the database: each once, whatever breaks, and labels in whatever order and however often they come."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from databases import fresh_database
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from steadily.database import Database
from steadily.database import monitoring as tables
from steadily.database.tables import labels, metadata, predictions
from steadily.errors import DatabaseAway
from steadily.monitor import hourly
from steadily.monitor.counting import counted
from steadily.monitor.hourly import Hourly, Key, merged
from steadily.monitor.record import Recorder, count_labels, write_amount
from steadily.monitor.windows import read_window, read_windows
from steadily.units import HOUR_US
from unit.monitor.watching_world import CLASSES, HOUR, NOW, batch, frame_of, label, log, reference_of

REFERENCE = reference_of()


def recorder(database: Database, **more: Any) -> Recorder:
    return Recorder(database, lambda _: REFERENCE, **more)


def held(database: Database) -> dict[Key, Hourly]:
    windows = read_windows(database, HOUR - 1000, HOUR + 1000)
    return {
        Key(release, slot, hour, slice_): amount
        for (release, slot, slice_), window in windows.items()
        for hour, amount in window.hours.items()
    }


def test_workers_counts_come_to_their_sum(database: Database) -> None:
    slices = {"city": frame_of(40)["city"].tolist()}
    given_ = [batch(40, NOW + place * HOUR_US // 2, seed=place, slices=slices) for place in range(6)]
    workers = [recorder(database, slices=["city"]) for _ in range(3)]
    for place, one in enumerate(given_):
        workers[place % 3].count(one)
        assert workers[place % 3].flush(NOW)
    assert not workers[0].flush(NOW)
    assert held(database) == merged(*(counted(one, REFERENCE) for one in given_))


def test_an_amount_that_comes_again_changes_nothing(database: Database) -> None:
    amount = counted(batch(10), REFERENCE)
    assert write_amount(database, "w", 1, amount, NOW)
    assert not write_amount(database, "w", 1, amount, NOW)
    assert write_amount(database, "w", 2, amount, NOW)
    assert not write_amount(database, "w", 1, amount, NOW)
    assert write_amount(database, "other", 1, amount, NOW)
    assert held(database)[Key(1, "live", HOUR)].count(hourly.ROWS, "answered") == 30


def test_workers_that_flush_at_once_lose_nothing(database: Database) -> None:
    def work(worker: Recorder) -> None:
        for place in range(5):
            worker.count(batch(4, seed=place, features=None))
            worker.flush(NOW)

    threads = [threading.Thread(target=work, args=(recorder(database),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held(database)[Key(1, "live", HOUR)].count(hourly.ROWS, "answered") == 80


def test_counts_wait_where_the_database_is_away_and_a_broken_commit_is_sent_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = recorder(database)
    worker.count(batch(10))
    real = write_amount

    def breaks(*given_: Any) -> bool:
        real(*given_)  # committed, and the connection breaks before that is known
        raise DatabaseAway.at("there", "gone")

    monkeypatch.setattr("steadily.monitor.record.write_amount", breaks)
    with pytest.raises(DatabaseAway):
        worker.flush(NOW)
    worker.count(batch(5, NOW + HOUR_US))
    monkeypatch.setattr("steadily.monitor.record.write_amount", real)
    assert worker.flush(NOW + 2 * HOUR_US)
    window = read_window(database, 1, "live", HOUR, HOUR + 2)
    assert window.sum.count(hourly.ROWS, "answered") == 15
    assert window.filled == 2


def test_rows_are_counted_into_the_features_up_to_a_number_a_minute(database: Database) -> None:
    worker = recorder(database, rows_per_minute=15)
    for at in (NOW, NOW + 1, NOW + 60_000_000):
        worker.count(batch(10, at))
    worker.flush(NOW)
    assert held(database)[Key(1, "live", HOUR)].tally(hourly.ROWS) == {"answered": 30, "counted": 25}


def test_labels_correct_the_hours_they_belong_to(database: Database) -> None:
    answers = batch(20, [NOW + place * HOUR_US // 10 for place in range(20)], slices={"city": ["Ulm", "Bonn"] * 10})
    log(database, answers)
    late = NOW + 90 * HOUR_US
    label(database, dict.fromkeys((f"r{place}" for place in range(20)), "ham"), late)
    assert count_labels(database) == 20
    assert count_labels(database) == 0
    window = read_window(database, 1, "live", HOUR, HOUR + 2)
    assert {hour: sum(one.tally(hourly.CONFUSION).values()) for hour, one in window.hours.items()} == {
        HOUR: 10, HOUR + 1: 10
    }  # fmt: skip
    ulm = read_window(database, 1, "live", HOUR, HOUR + 2, slice_="city=Ulm")
    assert sum(ulm.sum.tally(hourly.CONFUSION).values()) == 10
    before = held(database)
    label(database, {"r0": "spam"}, late + 1)
    assert count_labels(database, only=[("r0", 0)]) == 1
    assert held(database) != before
    label(database, {"r0": "ham"}, late)
    assert count_labels(database) == 1
    assert held(database) == before
    label(database, dict.fromkeys((f"r{place}" for place in range(20)), None), late)
    count_labels(database)
    assert not any(held(database).values())


def test_a_label_that_came_before_its_prediction_was_logged_and_one_of_both_slots(database: Database) -> None:
    label(database, {"r0": "ham"}, NOW)
    assert count_labels(database, since_us=NOW) == 0
    log(database, batch(1))
    log(database, batch(1, slot="shadow", release=2))
    assert count_labels(database, since_us=NOW) == 2
    assert {key.slot for key in held(database)} == {"live", "shadow"}


@pytest.fixture(scope="module")
def one_database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with fresh_database("sqlite", tmp_path_factory.mktemp("labels")) as database:
        yield database


given_labels = st.lists(st.tuples(st.integers(0, 7), st.sampled_from(CLASSES)), min_size=1, max_size=20)


@settings(max_examples=20)
@given(came=given_labels, seed=st.integers(0, 99), every=st.integers(1, 5))
def test_labels_late_repeated_and_reordered_give_the_figures_of_labels_at_once(
    one_database: Database, came: list[tuple[int, str]], seed: int, every: int
) -> None:
    last = {f"r{place}": truth for place, truth in came}
    expected = fresh(one_database, [last])
    rest = [{f"r{place}": truth} for place, truth in came]
    random.Random(seed).shuffle(rest)
    repeated = [*rest, last, *rest[:0], last]
    assert fresh(one_database, repeated, every) == expected


def fresh(database: Database, pieces: list[dict[str, str]], every: int = 1) -> dict[Key, Hourly]:
    with database.begin() as connection:
        for table in (labels, predictions, tables.hourly, tables.counted_labels):
            connection.execute(table.delete())
    log(database, batch(8, [NOW + place * HOUR_US // 4 for place in range(8)]))
    for place, piece in enumerate(pieces):
        label(database, piece, NOW + 50 * HOUR_US)
        if not place % every:
            count_labels(database)
    count_labels(database)
    return held(database)


def test_more_labels_than_one_transaction_takes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadily.monitor.record.PIECE", 7)
    log(database, batch(30))
    label(database, dict.fromkeys((f"r{place}" for place in range(30)), "ham"), NOW)
    assert count_labels(database) == 30
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.counted_labels)).scalar() == 30


def test_the_tables_are_those_of_the_database() -> None:
    assert {"hourly", "amounts", "counted_labels", "alerts", "posts"} <= set(metadata.tables)
