"""Watching as a whole: real databases, real counts, a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from steadily.database import Database
from steadily.database.monitoring import alerts, posts
from steadily.errors import DataError
from steadily.monitor.alertlog import acknowledge, end_silence, listed_alerts, listed_silences, silence
from steadily.monitor.alerts import Silence
from steadily.monitor.export import export
from steadily.monitor.figures import FEW, NO_DATA
from steadily.monitor.record import Recorder
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.telling import lines_of, told
from steadily.monitor.watching import Watch
from steadily.units import HOUR_US
from unit.monitor.watching_world import HOUR, NOW, batch, frame_of, label, log, reference_of, serve

REFERENCE = reference_of()
MINUTE = 60_000_000
DAY = 24 * HOUR_US


class World:
    """A release that serves, is counted and watched, by a clock that the test moves."""

    def __init__(self, database: Database, **settings: Any) -> None:
        serve(database)
        self.database = database
        self.recorder = Recorder(database, lambda _: REFERENCE)
        channels = {"team": {"url_env": "TEAM_CHANNEL"}}
        given = AlertSettings.model_validate({"channels": channels} | settings.pop("alerts", {}))
        monitor = MonitorSettings.model_validate({"url": "http://watch.example"} | settings)
        self.watch = Watch(database, lambda _: REFERENCE, monitor, given)
        self.now = NOW
        self.seed = 0

    def answer(self, rows: int, *, at: int | None = None, shift: float = 0.0, **more: Any) -> None:
        self.seed += 1
        frame = frame_of(rows, self.seed, shift)
        given = {"frame": frame} | more
        self.recorder.count(batch(rows, self.now if at is None else at, seed=self.seed, **given))
        self.recorder.flush(self.now)

    def day(self, rows: int = 480, **more: Any) -> None:
        """Let a day go by, with rows in each of its hours, looked at as it ends."""
        for hour in range(24):
            self.answer(rows // 24, at=self.now + hour * HOUR_US, **more)
        self.now += DAY
        self.look()

    def look(self, minutes: int = 1, change: Callable[[], None] | None = None) -> None:
        for _ in range(minutes):
            if change:
                change()
            self.watch.once(self.now)
            self.now += MINUTE

    def told(self) -> dict[str, Any]:
        return told(self.watch, self.watch.once(self.now), self.now)

    def fired(self) -> list[str]:
        return [alert["what"] for alert in listed_alerts(self.database)]

    def posts(self) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(posts).order_by(posts.c.id)))


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    return World(database)


def test_nothing_alerts_where_nothing_is_wrong_and_everything_is_told(world: World) -> None:
    for _ in range(3):
        world.day()
    assert world.fired() == []
    content = json.loads(json.dumps(world.told(), allow_nan=False))
    one = content["serving"][0]
    assert (one["release"], one["slot"], one["hours_with_data"]) == (1, "live", 72)
    figures = one["figures"]
    assert figures["error_rate"]["value"] == 0
    assert figures["recall.ham"]["state"] == NO_DATA
    assert (
        figures["latency_p95"]["interval"][0]
        <= figures["latency_p95"]["value"]
        <= figures["latency_p95"]["interval"][1]
    )
    assert figures["estimated_accuracy"]["interval"][0] < 0.86 < figures["estimated_accuracy"]["interval"][1]
    assert sum(one["confidence"]["counts"]) == 3 * 480
    assert [day["rows"] for day in one["drift_days"]][-3:] == [480] * 3
    assert sum(hour["requests"] is None for hour in one["traffic"]) == 169 - 72  # gaps stay gaps
    assert any("estimated_accuracy" in line for line in lines_of(content))


def test_errors_fire_after_their_time_and_are_over_after_theirs(world: World) -> None:
    world.look(4, lambda: world.answer(60, outcome="exception"))
    assert world.fired() == []
    world.look(3, lambda: world.answer(60, outcome="exception"))
    assert world.fired() == ["error_rate"]
    message = world.posts()[0].content
    assert message["title"] == "fired: error_rate of release 1 (live)"
    assert "the rule 'errors' alerts at 0.02" in message["text"]
    assert "http://watch.example/dashboard#errors" in message["text"]
    world.now += 2 * HOUR_US
    world.look(20, lambda: world.answer(60))
    assert world.fired() == []
    assert [post.content["state"] for post in world.posts()] == ["fired", "resolved"]
    events = [event["what"] for event in listed_alerts(world.database, all_=True)[0]["events"]]
    assert events[0] == "fired"
    assert events[-1] == "resolved"


def test_a_shift_of_one_column_alerts_on_the_second_day_and_in_one_message(world: World) -> None:
    world.day(960)
    world.day(960, shift=0.5)
    assert world.fired() == []
    world.day(960, shift=0.5)
    assert world.fired() == ["drift.x"]
    assert len(world.posts()) == 1
    world.look(5)
    world.day(960)
    assert world.fired() == []


def test_a_strong_shift_alerts_after_one_day(world: World) -> None:
    world.day(960, shift=1.2)
    assert "drift.x" in world.fired()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda frame: frame.drop(columns="y"), "missing.y"),
        (lambda frame: frame.assign(y=np.nan), "missing.y"),
        (lambda frame: frame.assign(city=frame["city"].replace("Ulm", "ULM")), "unseen.city"),
    ],
)
def test_a_missing_column_and_a_renamed_category_alert_within_the_hour(
    world: World, change: Callable[[Any], Any], what: str
) -> None:
    for hour in range(4):
        world.answer(42, at=world.now + hour * HOUR_US)
    world.now += 4 * HOUR_US
    world.look()
    assert world.fired() == []
    world.answer(42, frame=change(frame_of(42, 77)))
    world.look()
    assert world.fired() == [what]


def test_few_rows_and_none_are_said_and_alert_nothing(world: World) -> None:
    world.look(3)
    assert world.told()["serving"][0]["state"] == NO_DATA
    world.answer(5, outcome="exception", shift=5.0)
    world.look(20)
    assert world.fired() == []
    figures = world.told()["serving"][0]["figures"]
    assert figures["error_rate"]["state"] == FEW
    assert figures["drift"]["state"] == FEW
    assert figures["latency_p99"] | {"needs": 1000, "value": None, "state": FEW} == figures["latency_p99"]


def test_an_hour_without_traffic_and_clocks_that_jump_are_no_alert(world: World) -> None:
    world.look(3, lambda: world.answer(60))
    world.look(90)  # nothing comes
    for jump in (-3 * HOUR_US, 7 * DAY, -6 * DAY, HOUR_US):
        world.now += jump
        world.look(2)
        world.answer(30)
        world.look(2)
    assert world.fired() == []
    window = world.told()["serving"][0]
    assert window["figures"]["requests"]["value"] <= 3 * 60 + 4 * 30


def test_a_release_without_requests_alerts_after_a_day_that_was_watched(database: Database) -> None:
    world = World(database, alerts={"longest_step_minutes": 60})
    world.answer(60)
    for _ in range(24):
        world.look()
        world.now += HOUR_US - MINUTE
    assert "requests" not in world.fired()
    for _ in range(4):
        world.look()
        world.now += HOUR_US - MINUTE
    assert "requests" in world.fired()


def test_a_database_that_is_away_for_an_hour_loses_nothing_and_alerts_nothing(world: World) -> None:
    world.look(3, lambda: world.answer(60))
    for minute in range(60):  # nobody can flush or look
        world.recorder.count(batch(10, world.now + minute * MINUTE, seed=minute))
    world.now += HOUR_US
    world.look()
    assert world.fired() == []
    world.recorder.flush(world.now)
    world.recorder.flush(world.now)
    assert world.told()["serving"][0]["figures"]["requests"]["value"] == 180 + 600


@pytest.mark.parametrize("hours", [HOUR + 24 * 90, HOUR + 24 * 300])  # the weeks in which clocks are changed
def test_days_have_as_many_hours_all_year(database: Database, hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    import time

    time.tzset()
    try:
        world = World(database)
        world.now = hours * HOUR_US
        for _ in range(3):
            world.day(240)
        one = world.told()["serving"][0]
        assert (one["hours_with_data"], one["figures"]["requests"]["value"]) == (72, 720)
        assert world.fired() == []
    finally:
        monkeypatch.undo()
        time.tzset()


def test_labels_count_where_they_are_old_enough(world: World) -> None:
    answers = batch(200, world.now, seed=5)
    world.recorder.count(answers)
    world.recorder.flush(world.now)
    log(world.database, answers)
    label(world.database, {f"r{place}": said for place, said in enumerate(answers.predicted)}, world.now + HOUR_US)
    world.now += 2 * HOUR_US
    assert world.told()["serving"][0]["figures"]["accuracy"]["state"] == NO_DATA
    world.now += DAY
    figures = world.told()["serving"][0]["figures"]
    assert figures["accuracy"]["value"] == 1.0
    assert figures["label_coverage"]["value"] == 1.0
    assert figures["accuracy"]["label_age_hours"] == pytest.approx(1.0, rel=0.02)
    assert figures["estimated_accuracy_labelled"]["n"] == 200


def test_labels_that_came_while_nobody_looked_are_counted(world: World) -> None:
    answers = batch(200, world.now, seed=5)
    world.recorder.count(answers)
    world.recorder.flush(world.now)
    log(world.database, answers)
    world.look()
    label(world.database, {f"r{place}": said for place, said in enumerate(answers.predicted)}, world.now + 5 * HOUR_US)
    world.now += 3 * DAY
    world.watch.once(world.now)
    assert world.told()["serving"][0]["figures"]["accuracy"]["n"] == 200


def test_recall_that_falls_below_its_reference_alerts(world: World) -> None:
    answers = batch(400, world.now, seed=5)
    world.recorder.count(answers)
    world.recorder.flush(world.now)
    log(world.database, answers)
    truths = {
        f"r{place}": "ham" if said == "spam" or place % 3 else "spam" for place, said in enumerate(answers.predicted)
    }
    label(world.database, truths, world.now + HOUR_US)
    world.now += DAY + 2 * HOUR_US
    world.watch.once(world.now, all_labels=True)
    world.look(70)
    assert "precision.ham" in world.fired()
    alert = next(alert for alert in listed_alerts(world.database) if alert["what"] == "precision.ham")
    assert alert["evidence"]["label_coverage"] == 1.0
    assert alert["evidence"]["in_the_evaluation"] == 0.9


def test_a_silence_keeps_quiet_until_it_ends(world: World) -> None:
    number = silence(world.database, Silence("errors", "*", "*", world.now, world.now + DAY, "ann", "a new disk"))
    world.look(7, lambda: world.answer(60, outcome="timeout"))
    assert world.fired() == ["error_rate"]
    assert world.posts() == []
    end_silence(world.database, number, world.now)
    world.look(1)
    assert len(world.posts()) == 1
    assert listed_silences(world.database, world.now) == []
    with pytest.raises(DataError, match="none that holds now"):
        end_silence(world.database, number, world.now)
    with pytest.raises(DataError, match="ends before"):
        silence(world.database, Silence("*", "*", "*", 2, 1, "ann", "why"))


def test_an_alert_is_acknowledged_by_name_with_a_note_and_the_first_stays(world: World) -> None:
    world.look(7, lambda: world.answer(60, outcome="invalid"))
    alert = listed_alerts(world.database)[0]
    for who, note in (("ann", "looking"), ("ben", "me too")):
        acknowledge(world.database, alert["id"], who, note, world.now)
    found = listed_alerts(world.database)[0]
    assert (found["acknowledged_by"], found["note"]) == ("ann", "looking")
    assert [event["who"] for event in found["events"] if event["what"] == "acknowledged"] == ["ann", "ben"]
    with pytest.raises(DataError, match="needs a name and a note"):
        acknowledge(world.database, alert["id"], " ", "x", world.now)
    with pytest.raises(DataError, match="no such alert"):
        acknowledge(world.database, 999, "ann", "x", world.now)


def test_alerts_end_where_the_release_no_longer_serves(world: World) -> None:
    from sqlalchemy import update

    from steadily.database.tables import slots

    world.look(7, lambda: world.answer(60, outcome="exception"))
    with world.database.begin() as connection:
        connection.execute(update(slots).values(release=None))
    world.look()
    assert world.fired() == []
    assert listed_alerts(world.database, all_=True)[0]["events"][-1]["what"] == "withdrawn"


def test_several_that_watch_fire_once(world: World) -> None:
    def both() -> None:
        world.answer(60, outcome="exception")
        world.watch.once(world.now, unless_within_us=30_000_000)
        world.watch.once(world.now + 1, unless_within_us=30_000_000)

    world.look(8, both)
    with world.database.read() as connection:
        assert len(connection.execute(select(alerts)).all()) == 1
    assert len(world.posts()) == 1


def test_the_export_is_all_there_is(world: World, tmp_path: Any) -> None:
    world.answer(30)
    written = export(world.database, tmp_path / "a folder" / "hourly.parquet")
    table = pq.read_table(tmp_path / "a folder" / "hourly.parquet").to_pandas()
    assert len(table) == written
    assert table[(table["tally"] == "rows") & (table["key"] == "answered")]["count"].tolist() == [30]
    with pytest.raises(DataError, match="written as Parquet"):
        export(world.database, tmp_path / "hourly.csv")


def test_what_deploying_raises_is_told_and_acknowledged_like_any_other(world: World) -> None:
    from steadily.database.rollout import deployment_alerts
    from steadily.rollout.alerts import Alert, clear, fire

    def deployment(number: int) -> Any:
        with world.database.read() as connection:
            return connection.execute(select(deployment_alerts).where(deployment_alerts.c.id == number)).one()

    with world.database.begin() as connection:
        fire(connection, Alert("rollback", "1", "critical", "back to release 1", {"errors": 12}, 1), world.now)
        fire(connection, Alert("inconclusive", "1", "warning", "decide", {}, 1), world.now)
    world.look(2)
    assert sorted(world.fired()) == ["inconclusive", "rollback"]
    titles = [post.content["title"] for post in world.posts()]
    assert titles == ["fired: rollback of release 1 (live)", "fired: inconclusive of release 1 (live)"]
    assert "message: back to release 1\nerrors: 12" in world.posts()[0].content["text"]
    number = next(alert["id"] for alert in listed_alerts(world.database) if alert["what"] == "rollback")
    acknowledge(world.database, number, "ann", "seen", world.now)
    with world.database.begin() as connection:
        clear(connection, "inconclusive", "1", world.now)
    world.look(2)
    assert world.fired() == []
    assert deployment(1).acknowledged_by == "ann"
    assert [post.content["state"] for post in world.posts()] == ["fired", "fired", "resolved"]
