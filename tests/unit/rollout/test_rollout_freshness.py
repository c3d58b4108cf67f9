"""How old features are, by a simulated clock: alerts that fire and end, and the gauges for Prometheus."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, update

from steadily.clock import SimulatedClock
from steadily.database import Database
from steadily.database.monitoring import alerts
from steadily.database.tables import releases
from steadily.features import online_features, publish
from steadily.features.evidence import Published
from steadily.monitor.alerts import Seen
from steadily.monitor.levels import BEYOND, CLEAR, UNKNOWN
from steadily.monitor.reference import Reference
from steadily.monitor.settings import AlertSettings, FreshnessSettings, MonitorSettings
from steadily.monitor.watching import Watch
from steadily.releases.slots import Act, place, read_slots
from steadily.rollout.freshness import Freshness, Read, seen_of
from steadily.serving.freshness import NAMES, text_of
from steadily.serving.measures import Measures
from steadily.units import HOUR_US
from unit.features.stores import STORES, away, store_address
from unit.features.test_features_lookups import ROW, rows_of, write_set
from unit.rollout.serving import START, begun

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MADE = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)  # the moment of the values of ``write_set``
AGE = START // 1_000_000 - (MADE - EPOCH).total_seconds()  # at the clock's beginning
WITHIN = FreshnessSettings(hours=AGE / 3600 + 2)


def slots(database: Database, clock: SimulatedClock, **wanted: int | None) -> None:
    act = Act("test", None, "t")
    place(database, wanted, act, seen=read_slots(database).revision, now_us=clock.now_us())


def names(database: Database, number: int, version: str = "v1") -> None:
    """Let a release read a version of a feature set."""
    with database.begin() as connection:
        values = {"manifest": {"feature_sets": {"delays": version}}}
        connection.execute(update(releases).where(releases.c.number == number).values(values))


def seen(found: Freshness, now_us: int) -> list[tuple[int, str, str, float | None]]:
    return [(one.subject.release, one.subject.slot, one.side, one.value) for one in found(now_us)]


@pytest.mark.parametrize("kind", STORES)
def test_features_that_nobody_publishes_anew_alert_and_what_is_new_ends_it(
    kind: str, database: Database, tmp_path: Path
) -> None:
    clock = begun(database, 3)
    names(database, 1)
    given = AlertSettings(freshness=WITHIN)

    with store_address(kind, tmp_path) as url:
        watch = Watch(
            database, lambda _: Reference(), MonitorSettings(), given, further=(Freshness(database, url, WITHIN),)
        )

        def look(hours: int = 0) -> list[Any]:
            watch.once(clock.advance(hours * HOUR_US))
            with database.read() as connection:
                return list(connection.execute(select(alerts).where(alerts.c.rule == "freshness")).all())

        write_set(tmp_path / "set", {("a", 0, 0): ROW})
        publish(url, tmp_path / "set", 1)
        assert look(1) == []
        (alert,) = look(2)
        assert (alert.what, alert.release, alert.slot) == ("feature_age_hours.delays", 1, "live")
        assert alert.value == pytest.approx(AGE / 3600 + 3)
        assert alert.level == pytest.approx(AGE / 3600 + 2)
        assert "delays v1: 1 keys as of 2013-01-01T00:00:00Z" in alert.evidence["store"]
        assert alert.resolved_us is None
        write_set(tmp_path / "newer", {("a", 0, 0): ROW, ("a", 0, 180): ROW})
        publish(url, tmp_path / "newer", 2)
        (alert,) = look()
        assert alert.resolved_us == clock.now_us()


def test_a_version_that_several_read_is_told_once_and_others_by_themselves(database: Database, tmp_path: Path) -> None:
    clock = begun(database, 3)
    names(database, 1)
    names(database, 2)
    names(database, 3, "v2")
    slots(database, clock, shadow=2, previous=3)
    url = f"sqlite:///{tmp_path}/online.db"
    write_set(tmp_path / "set", {("a", 0, 0): ROW})
    publish(url, tmp_path / "set", 1)
    found = Freshness(database, url, WITHIN)
    hours = pytest.approx(AGE / 3600)
    assert seen(found, START) == [(1, "live", CLEAR, hours), (3, "previous", BEYOND, None)]
    assert seen(replace(found, settings=FreshnessSettings(enabled=False)), START) == []
    assert seen(replace(found, settings=FreshnessSettings()), START)[0][2] == CLEAR, "without a level none is crossed"
    assert [one.release for one in found.read()] == [1, 2, 3]


def test_the_level_is_the_time_to_live_unless_another_is_given() -> None:
    found = Published("delays", "v1", True, as_of_us=0, ttl=7_200.0)

    def side(hours: float, settings: FreshnessSettings, **changes: Any) -> Seen:
        return seen_of(Read(1, "live", replace(found, **changes)), settings, int(hours * HOUR_US))

    assert side(1.9, FreshnessSettings()).side == CLEAR
    assert side(2.1, FreshnessSettings()).side == BEYOND
    assert side(2.1, FreshnessSettings(hours=3)).side == CLEAR
    assert side(2.1, FreshnessSettings(), ttl=None).side == CLEAR
    assert side(-5, FreshnessSettings()).side == CLEAR  # values of later moments than the clock's


@pytest.mark.parametrize("kind", STORES)
def test_a_store_that_is_away_says_nothing(kind: str, database: Database, tmp_path: Path) -> None:
    begun(database, 1)
    names(database, 1)
    found = Freshness(database, away(kind, tmp_path), WITHIN)
    assert seen(found, START) == [(1, "live", UNKNOWN, None)]
    assert samples(text_of(found, START)) == {}


def samples(text: bytes) -> dict[tuple[str, str, str], float]:
    return {
        (one.name, one.labels["version"], one.labels["slot"]): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def test_ages_and_counts_are_given_to_prometheus(database: Database, tmp_path: Path) -> None:
    clock = begun(database, 2)
    names(database, 1)
    names(database, 2, "v2")
    slots(database, clock, shadow=2)
    url = f"sqlite:///{tmp_path}/online.db"
    described = write_set(tmp_path / "set", {("a", 0, 0): ROW})
    publish(url, tmp_path / "set", 1)
    text = text_of(Freshness(database, url, WITHIN), START)
    assert samples(text) == {
        ("steadily_feature_age_seconds", "v1", "live"): AGE,
        ("steadily_feature_published", "v1", "live"): 1.0,
        ("steadily_feature_published", "v2", "shadow"): 0.0,
    }
    measures = Measures()
    online = online_features(url, timeout=20, heard=measures.looked_up)(described)
    online.lookup(*rows_of([("a", 0, 1), ("b", 0, 1), (None, 0, 1)]))
    assert online.one(("a", 0), MADE + dt.timedelta(hours=1)) is not None
    online.close()
    counts = {
        one.labels["outcome"]: one.value
        for family in text_string_to_metric_families(measures.text().decode())
        for one in family.samples
        if one.name == "steadily_feature_lookups_total"
    }
    assert counts == {"found": 2, "unknown": 2}
    assert online.counts() == {"found": 2, "unknown": 2, "stale": 0, "away": 0}
    assert set(NAMES) <= {family.name for family in text_string_to_metric_families(text.decode())}
    if shutil.which("promtool"):
        both = measures.text() + text
        done = subprocess.run(["promtool", "check", "metrics"], input=both, capture_output=True, check=False)
        assert done.returncode == 0, done
