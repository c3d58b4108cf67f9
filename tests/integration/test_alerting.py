"""Alerts beside a real pipeline: a failed run is told, and no alert ever runs anything."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from project import OPERATE, Project
from sqlalchemy import insert, update

from steadily.clock import clock_of
from steadily.database import open_project
from steadily.database.tables import releases, slots
from steadily.monitor.alertlog import listed_alerts
from steadily.monitor.counting import Batch
from steadily.monitor.record import Recorder
from steadily.monitor.reference import Reference

ALERTING = OPERATE + "alerts: {rules: {errors: {hold_minutes: 0}}, channels: {team: {url_env: TEAM_CHANNEL}}}\n"


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is sent."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(content))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def got(finished: Project, tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    """What the project's channel received; the plugin is found by its entry point, as one that is installed."""
    info = tmp_path / "site" / "own_notify-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-notify\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[steadily]\nnotify = steadily_notify.channels\n", encoding="utf-8")
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.got = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        paths = [str(info.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        finished.environment = {
            "TEAM_CHANNEL": f"json://127.0.0.1:{server.server_port}/",
            "PYTHONPATH": os.pathsep.join(paths),
        }
        finished.write("conf/operate.yaml", ALERTING)
        yield server.got  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_a_failed_run_is_told_through_the_channels(finished: Project, got: list[dict[str, Any]]) -> None:
    finished.edit("plugins/shop.py", "return frame.assign", "raise ValueError('no voice')\n    return frame.assign")
    finished.refused("dvc", "repro")
    assert [message["title"] for message in got] == ["failed: stage clean"]
    assert "no voice" in got[0]["message"]


def test_no_alert_runs_or_changes_anything_of_the_pipeline(finished: Project, got: list[dict[str, Any]]) -> None:
    finished.commit()
    before = everything(finished)
    with open_project(finished.folder) as database:
        serve_and_fail(database)
    told = finished.ok("steadily", "monitor")
    assert "error_rate" in told
    assert [message["title"] for message in got] == ["fired: error_rate of release 1 (live)"]
    finished.ok("steadily", "alerts", "ack", "1", "--by", "Ann", "--note", "seen")
    with open_project(finished.folder) as database:
        assert listed_alerts(database)[0]["acknowledged_by"] == "Ann"
    assert everything(finished) == before
    assert finished.ok("git", "status", "--short") == ""


def everything(project: Project) -> dict[str, bytes]:
    """Give all files of the pipeline, and its journal; the database of operations is none of it."""
    found = project.files("conf", "data", "reports", "models", "metrics", "evaluation", ".dvc", ".steadily")
    names = ("dvc.lock", "dvc.yaml", "params.yaml", "versions.yaml")
    kept = {name: body for name, body in found.items() if not name.startswith((".steadily/operate", ".steadily/cache"))}
    return kept | {name: project.path(name).read_bytes() for name in names}


def serve_and_fail(database: Any) -> None:
    """Let a release serve, and fail at every second request."""
    now_us = clock_of(database).now_us()
    rest = {name: {} for name in ("manifest", "metrics", "latency", "config", "versions", "data")}
    row = {"number": 1, "digest": "d", "created_us": 1, "task": "classification", "url": "file:///nowhere"} | rest
    with database.begin() as connection:
        connection.execute(insert(releases).values(row))
        connection.execute(update(slots).where(slots.c.name == "live").values(release=1, since_us=1))
    recorder = Recorder(database, lambda _: Reference())
    outcomes = ["answered", "exception"] * 150
    recorder.count(Batch(1, "live", np.full(300, now_us), np.full(300, 900.0), outcomes))
    recorder.flush(now_us)
