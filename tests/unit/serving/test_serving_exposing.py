from __future__ import annotations

import logging
from pathlib import Path

import pytest
from sqlalchemy import text

from steadily.clock import Clock
from steadily.database import Database, open_database
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.serving.exposing import Exposing
from unit.monitor.watching_world import serve


class Still(Clock):
    """A clock that stands."""

    def now_us(self) -> int:
        return 1_800_000_000_000_000


def exposing(database: Database, every: int = 60) -> Exposing:
    return Exposing(database, Still(), MonitorSettings(every_seconds=every), AlertSettings())


def test_figures_are_read_once_for_all_who_ask_within_a_look(tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path}/a.db") as database:
        found = exposing(database)
        assert b'slot="live"' not in found.text()
        serve(database)
        assert b'slot="live"' not in found.text()
        assert b'slot="live"' in exposing(database).text()


def test_a_database_that_is_away_leaves_no_old_figures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_database(f"sqlite:///{tmp_path}/a.db") as database:
        serve(database)
        found = exposing(database)
        assert b"steadily_figure" in found.text()
        with database.begin() as connection:
            connection.execute(text("ALTER TABLE slots RENAME TO gone"))
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                found.known_at = None
                assert found.text() == b""
        assert len([one for one in caplog.records if "/metrics has no figures" in one.message]) == 1
        with database.begin() as connection:
            connection.execute(text("ALTER TABLE gone RENAME TO slots"))
        found.known_at = None
        assert b"steadily_figure" in found.text()
