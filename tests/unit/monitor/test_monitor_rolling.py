from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import insert

from steadily.database import Database, open_database
from steadily.database.tables import deployments
from steadily.monitor.counting import counted
from steadily.monitor.figures import FEW, NO_DATA
from steadily.monitor.hourly import DAY, Hourly, Key
from steadily.monitor.record import add
from steadily.monitor.reference import Reference
from steadily.monitor.rolling import STEPS, moments_of, rolling, stretches
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.windows import read_window
from steadily.units import HOUR_US
from unit.monitor.watching_world import HOUR, batch, frame_of, reference_of, serve

MONITOR = MonitorSettings(labels_after_hours=0)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_of(1000)


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Database]:
    with open_database(f"sqlite:///{tmp_path}/a.db") as found:
        yield found


def went_live(database: Database, hour: int, release: int | None, replaced: int | None = None) -> None:
    with database.begin() as connection:
        row = {"at_us": hour * HOUR_US, "action": "promote", "slot": "live", "release": release, "replaced": replaced}
        connection.execute(insert(deployments).values(row | {"override": False, "who": "a test"}))


@cache
def hour_of_answers(seed: int, shift: float) -> Hourly:
    given = batch(30, HOUR * HOUR_US, seed=seed, frame=frame_of(30, seed, shift))
    return counted(given, reference_of(1000))[Key(1, "live", HOUR)]


def count(database: Database, hours: range, release: int = 1, shift: float = 0.0) -> None:
    """Count thirty answers an hour, five kinds of hours in turn."""
    found = {Key(release, "live", hour): hour_of_answers(hour % 5, shift) for hour in hours}
    with database.begin() as connection:
        add(connection, found)


def rolled(
    database: Database, reference: Reference, now: int, days: int = 7, monitor: MonitorSettings = MONITOR
) -> list:
    return rolling(database, lambda _: reference, monitor, AlertSettings(), now * HOUR_US + 1, days)


def test_each_point_says_what_the_window_said_that_ended_then(database: Database, reference: Reference) -> None:
    serve(database)
    went_live(database, HOUR - 9 * DAY, 1)
    count(database, range(HOUR - 9 * DAY, HOUR + 1))
    points = rolled(database, reference, HOUR)
    assert len(points) == len(moments_of(HOUR, 7 * DAY, STEPS[7]))
    assert [point.at_us for point in points] == sorted(point.at_us for point in points)
    assert points[-1].at_us == HOUR * HOUR_US + 1  # now, and not the end of the hour that runs
    middle = next(point for point in points if point.at_us == (HOUR - 2 * DAY) * HOUR_US)
    end = HOUR - 2 * DAY
    exact = read_window(database, 1, "live", end - 7 * DAY, end)
    assert middle.figures["requests"].value == 30 * 7 * DAY
    assert middle.figures["mean_confidence"].value == pytest.approx(
        exact.sum.count("sums", "confidence") / 1e9 / (30 * 7 * DAY)
    )
    assert middle.figures["drift"].n == 30 * 7 * DAY


def test_a_release_that_goes_live_begins_anew_and_has_few_rows(lite: Database, reference: Reference) -> None:
    serve(lite)
    serve(lite, 2, "previous")
    went_live(lite, HOUR - 5 * DAY, 1)
    went_live(lite, HOUR - DAY, 2, 1)
    count(lite, range(HOUR - 5 * DAY, HOUR - DAY))
    count(lite, range(HOUR - DAY, HOUR + 1), 2)
    points = rolled(lite, reference, HOUR)
    first = next(point for point in points if point.release == 2)
    assert {point.release for point in points if point.at_us <= (HOUR - DAY) * HOUR_US} == {1}
    assert first.figures["requests"].value == 60  # two hours of its own, none of the other's
    assert first.figures["latency_p99"].state == FEW
    assert points[-1].release == 2


def test_a_gap_stays_one_and_what_nobody_served_has_no_point(lite: Database, reference: Reference) -> None:
    serve(lite)
    went_live(lite, HOUR - 20 * DAY, 1)
    went_live(lite, HOUR - 2 * DAY, None, 1)
    count(lite, range(HOUR - 20 * DAY, HOUR - 19 * DAY))
    points = rolled(lite, reference, HOUR, 28)
    assert max(point.at_us for point in points) <= (HOUR - 2 * DAY) * HOUR_US
    last = points[-1].figures
    assert (last["requests"].value, last["error_rate"].state) == (0.0, NO_DATA)
    assert last["recall.ham"].value is None


def test_without_a_release_there_is_nothing(lite: Database, reference: Reference) -> None:
    assert rolled(lite, reference, HOUR) == []
    assert stretches(lite) == []


@pytest.mark.parametrize("after", [0, 5, 24])
def test_what_needs_labels_ends_early_enough(lite: Database, reference: Reference, after: int) -> None:
    serve(lite)
    went_live(lite, HOUR - 16 * DAY, 1)
    count(lite, range(HOUR - 16 * DAY, HOUR - 6))
    points = rolled(lite, reference, HOUR, 7, MonitorSettings(labels_after_hours=after))
    whole = [point.figures["label_coverage"].n for point in points]
    assert max(whole) == 30 * 7 * DAY
    assert whole[0] == 30 * 7 * DAY
    gap = min(max(6 + 1 - after, 0), 6)  # hours without answers within the window that may have labels
    assert whole[-1] in range(30 * (7 * DAY - gap - 2), 30 * (7 * DAY - gap) + 31)


def test_a_shift_shows_in_the_column_that_moved(lite: Database, reference: Reference) -> None:
    serve(lite)
    went_live(lite, HOUR - 14 * DAY, 1)
    count(lite, range(HOUR - 14 * DAY, HOUR - 6 * DAY))
    count(lite, range(HOUR - 6 * DAY, HOUR), shift=2.0)
    points = rolled(lite, reference, HOUR)
    assert points[0].figures["drift.x"].value == pytest.approx(0.0, abs=0.2)
    assert points[-1].figures["drift.x"].value > 0.5
