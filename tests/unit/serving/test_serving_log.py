"""The prediction log and the labels, on both databases: nothing lost, nothing twice, and what is lost is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import NullPool, create_engine, delete, event, select, text

from steadily.bundle.replay import Filled, Refusal
from steadily.database import Database
from steadily.database.tables import labels, predictions
from steadily.errors import DatabaseError
from steadily.serving.labels import Changed, Label, labels_of, take
from steadily.serving.prediction_log import PIECE, Entry, PredictionLog
from steadily.serving.requests import RequestError
from steadily.serving.scoring import ANSWERED, ERROR, REFUSED, Answer

WAITING = 30
ROW = Answer(ANSWERED, "ham", [0.75, 0.25])


def entry(name: str, answers: Sequence[Answer] = (ROW,), **more: Any) -> Entry:
    return Entry(name, "live", 1, 1_000, 250, answers, **more)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + WAITING
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def written(database: Database) -> list[Any]:
    order = select(predictions).order_by(predictions.c.request_id, predictions.c.position)
    with database.read() as connection:
        return [row._asdict() for row in connection.execute(order)]


def keys(database: Database) -> list[tuple[str, int]]:
    return [(row["request_id"], row["position"]) for row in written(database)]


@contextmanager
def away(database: Database) -> Iterator[None]:
    """Let the database take nothing: another one holds a lock, for which nobody waits long."""
    sqlite = database.engine.dialect.name == "sqlite"

    def impatient(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 20" if sqlite else "SET lock_timeout = 20")

    with database.engine.connect().execution_options(steadily_writing=True) as connection, connection.begin():
        if not sqlite:
            connection.execute(text("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE"))
        event.listen(database.engine, "checkout", impatient)
        yield
    event.remove(database.engine, "checkout", impatient)


def test_a_clean_end_loses_nothing_and_all_is_there_as_it_was_answered(database: Database) -> None:
    log = PredictionLog(database, seconds=60)
    filled = (Filled("x", "2.5", "fill"),)
    refused = Refusal("clean", "when", None, "at cannot be parsed: 'x\0'", "at cannot be parsed: '…'")
    failed = Refusal("train", "model", None, "ValueError: cursed", "ValueError: cursed", fault=True)
    answers = [
        Answer(ANSWERED, True, [0.9, 0.1], filled),
        Answer(REFUSED, refusal=refused),
        Answer(ERROR, refusal=failed),
    ]
    log.add(entry("a", answers, inputs=[{"t": "\0ä"}, {"t": None}, {}], rows=[{}, {}, {}]))
    log.add(entry("b", [Answer(ANSWERED, 2.5)]))
    log.close()
    first, second, third, fourth = written(database)
    assert (first["outcome"], first["prediction"], first["confidence"]) == ("answered", "True", 0.9)
    assert first["imputed"] == [{"column": "x", "value": "2.5", "step": "fill"}]
    assert first["inputs"] == {"t": "\0ä"}
    assert (second["outcome"], second["prediction"]) == ("refused", None)
    assert second["kind"] == "clean, when: at cannot be parsed: '…'"
    assert second["reason"] == "at cannot be parsed: 'x\N{REPLACEMENT CHARACTER}'"
    assert (third["outcome"], third["reason"]) == ("error", "train, model: ValueError: cursed")
    assert (fourth["prediction"], fourth["confidence"], fourth["inputs"]) == ("2.5", None, None)
    assert (log.buffered, log.written, log.lost) == (0, 4, 0)
    assert not log.thread.is_alive()
    log.add(entry("late"))
    assert (log.lost, log.buffered) == (1, 0)


def test_entries_from_many_threads_all_come_there_once(database: Database) -> None:
    heard: list[str] = []
    log = PredictionLog(database, seconds=0.01, listeners=[lambda found: heard.extend(one.request_id for one in found)])

    def add(place: int) -> None:
        for number in range(150):
            log.add(entry(f"{place}-{number:03}", [ROW] * (1 + number % 3)))

    threads = [threading.Thread(target=add, args=[place]) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    expected = [
        (f"{place}-{number:03}", row) for place in range(4) for number in range(150) for row in range(1 + number % 3)
    ]
    assert keys(database) == sorted(expected)
    assert log.written == len(expected)
    assert sorted(heard) == sorted({name for name, _ in expected})


def test_a_write_that_is_repeated_changes_nothing(database: Database) -> None:
    log = PredictionLog(database, seconds=60)
    log.write([entry("a"), entry("b")])
    log.write([entry("b", [Answer(ANSWERED, "spam", [0.1, 0.9])]), entry("c")])
    log.close()
    assert [(row["request_id"], row["prediction"]) for row in written(database)] == [
        ("a", "ham"),
        ("b", "ham"),
        ("c", "ham"),
    ]


def test_while_the_database_is_away_answers_wait_up_to_the_bound_and_the_rest_is_counted(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    log = PredictionLog(
        database, seconds=0.01, bound=10, listeners=[lambda found: heard.extend(one.request_id for one in found)]
    )
    with away(database):
        log.add(entry("a"))
        until(lambda: log.failure is not None)
        for place in range(12):
            log.add(entry(f"b{place:02}"))
        log.add(entry("large", [ROW] * 4))
        assert (log.buffered, log.lost, log.written) == (10, 7, 0)
        until(lambda: len(heard) == 10)
    until(lambda: log.written == 10)
    assert (log.failure, log.lost, log.buffered) == (None, 7, 0)
    log.add(entry("c"))
    log.close()
    assert keys(database) == [("a", 0), *((f"b{place:02}", 0) for place in range(9)), ("c", 0)]
    assert heard == ["a", *(f"b{place:02}" for place in range(9)), "c"]
    told = [record.message for record in caplog.records]
    assert sum("answers are kept in memory, 10 at most" in one for one in told) == 1
    assert "prediction log: the database is back; 7 answers were lost" in told


def test_what_can_not_be_written_at_the_end_is_counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadily.serving.prediction_log.SECONDS_TO_CLOSE", 0.3)
    log = PredictionLog(database, seconds=0.01)
    with away(database):
        log.add(entry("a", [ROW] * 3))
        until(lambda: log.failure is not None)
        log.close()
        assert log.lost == 3
        until(lambda: not log.thread.is_alive())
    assert keys(database) == []


def test_an_entry_that_no_database_takes_keeps_no_other_back(database: Database) -> None:
    log = PredictionLog(database, seconds=0.01)
    log.add(entry("bad", inputs=[{"x": float("nan")}], answers=[ROW, ROW]))
    until(lambda: log.failure is not None)
    assert (log.lost, log.buffered) == (0, 2)  # alone it may be the database's fault
    log.add(entry("good"))
    log.close()
    assert keys(database) == [("good", 0)]
    assert (log.lost, log.written, log.buffered) == (2, 1, 0)


def test_connections_that_are_cut_are_made_anew(database: Database) -> None:
    log = PredictionLog(database, seconds=0.01)
    log.add(entry("a"))
    until(lambda: log.written == 1)
    if database.engine.dialect.name == "postgresql":
        with database.begin() as first, database.begin() as second:
            pids = [one.execute(text("SELECT pg_backend_pid()")).scalar() for one in (first, second)]
        with create_engine(database.engine.url, poolclass=NullPool).begin() as connection:
            for pid in pids:
                connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    log.add(entry("b"))
    log.close()
    assert keys(database) == [("a", 0), ("b", 0)]


def test_a_listener_that_fails_keeps_nothing_back(database: Database) -> None:
    heard: list[int] = []

    def fails(found: Sequence[Entry]) -> None:
        raise ValueError("no")

    log = PredictionLog(database, seconds=0.01, listeners=[fails, lambda found: heard.append(len(found))])
    for place in range(PIECE + 5):
        log.add(entry(f"{place:04}"))
    log.close()
    assert log.written == sum(heard) == PIECE + 5 == len(keys(database))


# Labels


def kept(database: Database) -> dict[tuple[str, int], str]:
    with database.read() as connection:
        return {(row.request_id, row.position): row.label for row in connection.execute(select(labels))}


def test_labels_are_counted_and_listeners_hear_what_changed(database: Database) -> None:
    log = PredictionLog(database, seconds=60)
    log.add(entry("a", [ROW, ROW]))
    log.close()
    heard: list[Changed] = []
    first = [Label("a", 0, "ham"), Label("later", 0, "spam")]
    assert take(database, first, 5, [heard.extend]) == {"new": 2, "changed": 0, "unchanged": 0, "unknown": 1}
    again = [Label("a", 0, "ham"), Label("a", 1, "ham"), Label("later", 0, "eggs")]
    assert take(database, again, 6, [heard.extend]) == {"new": 1, "changed": 1, "unchanged": 1, "unknown": 1}
    assert sorted((one.label.key, one.before) for one in heard[2:]) == [(("a", 1), None), (("later", 0), "spam")]
    assert kept(database) == {("a", 0): "ham", ("a", 1): "ham", ("later", 0): "eggs"}


LABELS = st.lists(
    st.builds(Label, st.sampled_from("abc"), st.integers(0, 1), st.sampled_from(["ham", "spam"])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LABELS, min_size=1, max_size=4))
def test_the_last_one_wins_however_they_come(database: Database, sent: list[list[Label]]) -> None:
    with database.begin() as connection:
        connection.execute(delete(labels))
    known: dict[Any, str] = {}
    for found in sent:
        latest = {one.key: one.label for one in found}
        counts = take(database, found, 1)
        assert counts["new"] == len(latest.keys() - known.keys())
        assert counts["unchanged"] == sum(known.get(key) == label for key, label in latest.items())
        assert counts["new"] + counts["changed"] + counts["unchanged"] == len(latest)
        known |= latest
        assert take(database, found, 2) == {"new": 0, "changed": 0, "unchanged": len(latest), "unknown": len(latest)}
        assert kept(database) == known


def test_many_labels_at_once_from_two_sides_in_any_order(database: Database) -> None:
    many = [Label(f"r{place:04}", 0, "ham") for place in range(600)]
    failed: list[BaseException] = []

    def send(found: list[Label]) -> None:
        try:
            take(database, found, 1)
        except DatabaseError as error:
            failed.append(error)

    threads = [threading.Thread(target=send, args=[found]) for found in (many, many[::-1], many[300:] + many[:300])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert kept(database) == {one.key: "ham" for one in many}


@pytest.mark.parametrize(
    ("given_label", "read"),
    [("ham", "ham"), (True, "True"), (2, "2"), (2.5, "2.5"), ("", ""), ("a\0b", "a\N{REPLACEMENT CHARACTER}b")],
)
def test_labels_are_read(given_label: Any, read: str) -> None:
    assert labels_of({"labels": [{"request_id": "a", "position": 1.0, "label": given_label}]}) == [Label("a", 1, read)]
    assert labels_of({"labels": [{"request_id": "a", "label": given_label}]})[0].position == 0


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"request_id": None}, "request_id"), ({"request_id": ""}, "request_id"), ({"request_id": 5}, "request_id"),
        ({"request_id": "x" * 201}, "request_id"), ({"position": -1}, "position"), ({"position": True}, "position"),
        ({"position": 2**31}, "position"), ({"position": 0.5}, "position"), ({"position": "0"}, "position"),
        ({"position": float("inf")}, "position"), ({"label": None}, "label"), ({"label": []}, "label"),
        ({"label": "x" * 201}, "label"), ({"label": float("inf")}, "label"), ({"label": 10**4_000}, "label"),
        ({"lable": 1}, "lable"),
    ],
)  # fmt: skip
def test_labels_of_another_form_are_told_with_their_place(change: dict[str, Any], where: str) -> None:
    good = {"request_id": "a", "position": 0, "label": "ham"}
    with pytest.raises(RequestError) as caught:
        labels_of({"labels": [good, good | change]})
    assert caught.value.status == 422
    assert [one["where"] for one in caught.value.problems] == [f"labels[1].{where}"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(None, 422), ([], 422), ({}, 422), ({"labels": []}, 422), ({"labels": [5]}, 422), ({"labels": {}}, 422),
     ({"labels": [{}], "more": 1}, 422), ({"labels": [{}] * 10_001}, 422)],
)  # fmt: skip
def test_bodies_of_another_form(body: Any, status: int) -> None:
    with pytest.raises(RequestError) as caught:
        labels_of(body)
    assert caught.value.status == status
    assert caught.value.problems
