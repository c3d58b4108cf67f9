"""What a worker's log hears comes to hourly statistics: with a real bundle, a real log and a real database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from steadily.bundle import open_bundle
from steadily.bundle.replay import Refusal
from steadily.clock import Clock
from steadily.database import Database, open_database
from steadily.database.tables import predictions
from steadily.errors import DatabaseAway
from steadily.monitor import hourly
from steadily.monitor.hourly import hour_of
from steadily.monitor.record import Recorder
from steadily.monitor.reference import Reference
from steadily.monitor.windows import read_window
from steadily.serving.counting import Counting, outcome_of, prepared
from steadily.serving.prediction_log import Entry, PredictionLog
from steadily.serving.scoring import ERROR, Answer, Release
from steadily.units import HOUR_US
from unit.small import Small
from unit.test_bundle import packed  # noqa: F401 (a fixture)

NOW = Clock().now_us()


@pytest.fixture
def release(packed: Path, small: Small) -> Release:  # noqa: F811
    return Release(1, open_bundle(packed / "bundle"))


@pytest.fixture
def rows(packed: Path, release: Release) -> list[dict[str, Any]]:  # noqa: F811
    frame = pd.read_csv(packed / "data/inbox/one.csv").drop(columns="late")
    return [
        {name: None if value != value else value for name, value in row.items()} for row in frame.to_dict("records")
    ]


@pytest.fixture
def database(tmp_path: Path) -> Any:
    with open_database(f"sqlite:///{tmp_path}/a.db") as found:
        yield found


def counting(database: Database, release: Release, **more: Any) -> Counting:
    reference = Reference.of_bundle(release.bundle.folder)
    return Counting(Recorder(database, lambda _: reference, **more), {1: release}.get, Clock(), seconds=0.05)


def entry(rows: list[Any], answers: list[Answer], name: str = "r", release: int = 1) -> Entry:
    return Entry(name, "live", release, NOW, 800, answers, None, rows)


def window(database: Database) -> Any:
    return read_window(database, 1, "live", hour_of(NOW), hour_of(Clock().now_us()) + 1)


def test_logged_requests_are_counted_as_the_model_saw_their_rows(
    database: Database, release: Release, rows: list[Any]
) -> None:
    found = counting(database, release, slices=["city"])
    found.start()
    log = PredictionLog(database, seconds=0.02, listeners=[found])
    answers = release.answer(rows)
    for place in range(0, len(rows), 10):
        inside = slice(place, place + 10)
        log.add(replace(entry(rows[inside], answers[inside], f"r{place}"), slices=found.slices(rows[inside])))
    found.note(1, "live", hourly.SHED)
    log.close()
    found.close()
    amount = window(database).sum
    answered = [answer for answer in answers if answer.outcome == "answered"]
    assert amount.count(hourly.ROWS, "answered") == amount.count(hourly.ROWS, "counted") == len(answered) > 100
    assert amount.tally(hourly.REQUESTS) == {"answered": len(range(0, len(rows), 10)), "shed": 1}
    assert amount.count(hourly.IMPUTED, "weight") == sum(bool(answer.imputed) for answer in answered) > 0
    assert amount.features["weight"][""][-1] == 0  # the model saw what was filled in
    reference = Reference.of_bundle(release.bundle.folder)
    assert reference.features is not None
    assert set(reference.features.columns) <= set(amount.features)
    city = read_window(database, 1, "live", hour_of(NOW), hour_of(Clock().now_us()) + 1, slice_="city=Ulm").sum
    assert 0 < city.count(hourly.ROWS, "answered") < len(answered)
    with database.read() as connection:
        kept = connection.execute(select(predictions.c.slices).where(predictions.c.outcome == "answered")).scalars()
        assert sum(slices == {"city": "Ulm"} for slices in kept) == city.count(hourly.ROWS, "answered")


def test_rows_are_prepared_as_in_training(release: Release, rows: list[Any]) -> None:
    made = prepared(release.bundle, release.reader.frame(rows[:20]))
    assert made["weight"].notna().all()
    assert made["city"].str.endswith("!").all()


def test_refused_rows_errors_and_releases_that_are_gone(database: Database, release: Release, rows: list[Any]) -> None:
    found = counting(database, release)
    refused = Answer("refused", refusal=Refusal("clean", "when", None, "no date", "no date"))
    late = Answer(ERROR, refusal=Refusal("", "serving", None, "no answer within 10 s", "time-out", fault=True))
    found([entry(rows[:1], [refused]), entry(rows[:1], [late], "b"), entry(rows[:1], [refused], "c", 7)])
    found.flush()
    amount = window(database).sum
    assert amount.tally(hourly.REFUSED) == {"no date": 1}
    assert amount.tally(hourly.REQUESTS) == {"answered": 1, "timeout": 1}
    assert outcome_of([late, Answer(ERROR)]) == "timeout"
    assert outcome_of([Answer(ERROR, refusal=Refusal("", "model", None, "x", "ValueError"))]) == "exception"


def test_without_slices_and_what_is_too_much_to_keep_is_counted_at_once(
    database: Database, release: Release, rows: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steadily.serving.counting.MOST_HEARD", 1)
    found = counting(database, release)
    assert found.slices(rows) is None
    found([entry(rows[:1], release.answer(rows[:1])), entry(rows[:1], release.answer(rows[:1]), "b")])
    assert found.heard == []
    assert len(found.recorder.waiting) == 1


def test_counts_wait_where_the_database_is_away(
    database: Database, release: Release, rows: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    found = counting(database, release)
    found([entry(rows[:5], release.answer(rows[:5]))])

    def away(*_: Any) -> None:
        raise DatabaseAway.at("there", "gone")

    with monkeypatch.context() as patch:
        patch.setattr("steadily.monitor.record.write_amount", away)
        found.flush()
        found.flush()
    assert caplog.text.count("counts are kept in memory: there: gone") == 1
    found.flush()
    assert window(database).sum.count(hourly.ROWS, "answered") == 5
    assert window(database).begin * HOUR_US <= NOW


def test_a_worker_looks_by_itself_and_outlives_a_database_that_is_away(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    from steadily.monitor.settings import AlertSettings, MonitorSettings
    from steadily.serving.monitoring import Monitoring

    alerts = AlertSettings.model_validate({"channels": {"team": {"url_env": "TEAM"}}})
    found = Monitoring(tmp_path, database, Clock(), MonitorSettings(every_seconds=1), alerts)
    found.start()
    found.close()
    found.look()
    assert (found.looks, found.failure) == (1, None)
    for error, told in ((DatabaseAway.at("there", "gone"), "there: gone"), (ValueError("odd"), "ValueError: odd")):
        with monkeypatch.context() as patch:
            patch.setattr(type(found.watch), "once", raising(error))
            found.look()
            found.look()
        assert found.failure == told
    assert caplog.text.count("nothing is watched: there: gone") == 1
    found.look()
    assert (found.looks, found.failure) == (2, None)


def raising(error: Exception) -> Any:
    def once(*_: Any, **__: Any) -> None:
        raise error

    return once
