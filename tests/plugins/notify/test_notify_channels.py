"""Messages through Apprise to a real server, and what happens to those that no channel takes."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from steadily import SteadilyError, hookimpl, tell_people
from steadily.database import Database, open_project
from steadily.database.monitoring import posts
from steadily.hookspecs import notify as specified
from steadily.monitor import posting
from steadily.monitor.posting import channel_states, deliver, listeners_of, write_posts
from steadily.monitor.settings import Channel
from steadily.plugins import hooks_of
from steadily_notify import channels as plugin

LISTENERS = ["steadily_notify.channels"]
MESSAGE = {"title": "fired: x", "text": "x is 3", "severity": "page", "state": "fired", "alerts": [1]}
MINUTE = 60_000_000


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is sent, and answers with the status that the server has."""

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(content))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as found:
        found.got, found.status = [], 200  # type: ignore[attr-defined]
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def team(server: Any, monkeypatch: pytest.MonkeyPatch) -> Channel:
    monkeypatch.setenv("TEAM_CHANNEL", f"json://ann:s3cret@127.0.0.1:{server.server_port}/team")
    return Channel(url_env="TEAM_CHANNEL")


def waiting(database: Database, channels: dict[str, Channel]) -> dict[str, Any]:
    return {state["name"]: state for state in channel_states(database, channels)}


def test_notify_is_delivered_through_apprise(server: Any, team: Channel, database: Database) -> None:
    with database.begin() as connection:
        assert write_posts(connection, MESSAGE, {"team": team, "night": Channel(url_env="N", severities=())}, 1) == 1
    assert deliver(database, {"team": team}, LISTENERS, 1) == 1
    assert deliver(database, {"team": team}, LISTENERS, 1) == 0
    assert [(got["title"], got["message"], got["type"]) for got in server.got] == [("fired: x", "x is 3", "warning")]


def test_a_channel_that_fails_is_tried_again_and_shown_and_loses_nothing(
    server: Any, team: Channel, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.status, channels = 500, {"team": team}
    with database.begin() as connection:
        write_posts(connection, MESSAGE, channels, 0)
        write_posts(connection, MESSAGE | {"title": "second"}, channels, 0)
    now = 0
    assert deliver(database, channels, LISTENERS, now) == 0
    assert deliver(database, channels, LISTENERS, now + MINUTE - 1) == 0
    assert len(server.got) == 2  # not yet time for another attempt
    state = waiting(database, channels)["team"]
    assert (state["waiting"], state["waiting_since_us"]) == (2, 0)
    assert state["error"] == "channel team: did not take the message; check its address and that it is up"
    for _ in range(12):
        now += 61 * MINUTE
        assert deliver(database, channels, LISTENERS, now) == 0
    server.status = 200
    server.got.clear()
    assert deliver(database, channels, LISTENERS, now + 61 * MINUTE) == 2
    assert [got["title"] for got in server.got] == ["fired: x", "second"]
    assert waiting(database, channels)["team"]["waiting"] == 0
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "the environment has no TEAM_CHANNEL"),
        ("nothing://s3cret", "is none that Apprise knows"),
        ("json://ann:s3cret@127.0.0.1:1/x", "did not take the message"),
    ],
)
def test_what_is_wrong_with_a_channel_is_said_without_its_address(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setenv("TEAM_CHANNEL", address)
    channels = {"team": Channel(url_env="TEAM_CHANNEL")}
    with database.begin() as connection:
        write_posts(connection, MESSAGE, channels, 0)
    deliver(database, channels, LISTENERS, 0)
    error = waiting(database, channels)["team"]["error"]
    assert said in error
    assert "s3cret" not in error
    with pytest.raises(SteadilyError, match="channel team"):
        plugin.notify(alert=MESSAGE | {"channel": {"name": "team", "url_env": "TEAM_CHANNEL"}})


def test_an_address_in_the_configuration_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="has to be the name of an environment variable") as caught:
        Channel(url_env="json://ann:s3cret@host")
    assert "s3cret" not in str(caught.value)


def test_channels_that_nobody_delivers_to_or_that_are_gone_keep_their_posts(database: Database) -> None:
    channels = {"team": Channel(url_env="TEAM_CHANNEL")}
    with database.begin() as connection:
        write_posts(connection, MESSAGE, channels, 0)
    deliver(database, channels, [], 0)
    assert "no plugin delivers to it" in waiting(database, channels)["team"]["error"]
    deliver(database, {}, LISTENERS, 10 * MINUTE)
    assert "no channel 'team' any more" in waiting(database, {})["team"]["error"]


def test_a_post_that_another_process_has_taken_is_left_to_it(
    server: Any, team: Channel, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin() as connection:
        write_posts(connection, MESSAGE, {"team": team}, 0)
    real = posting.attempt

    def meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(posting, "attempt", real)
        assert deliver(database, {"team": team}, LISTENERS, 0) == 0
        return real(*given)

    monkeypatch.setattr(posting, "attempt", meanwhile)
    assert deliver(database, {"team": team}, LISTENERS, 0) == 1
    assert len(server.got) == 1


def test_notify_of_a_plugin_of_ones_own_hears_its_channel_and_may_leave_it(database: Database) -> None:
    class Own:
        heard: ClassVar[list[Any]] = []

        @hookimpl
        def notify(self, alert: Any) -> bool | None:
            self.heard.append(alert)
            return True if alert["channel"]["name"] == "own" else None

    sys.modules["notify_of_ones_own"] = Own()  # type: ignore[assignment]
    try:
        channels = {name: Channel(url_env=name.upper()) for name in ("own", "other")}
        with database.begin() as connection:
            write_posts(connection, MESSAGE, channels, 0)
        assert deliver(database, channels, ["notify_of_ones_own"], 0) == 1
        assert {alert["channel"]["url_env"] for alert in Own.heard} == {"OWN", "OTHER"}
        assert Own.heard[0]["title"] == "fired: x"
    finally:
        del sys.modules["notify_of_ones_own"]
    assert specified.__doc__ is not None


def test_the_plugin_implements_the_hooks_that_it_says() -> None:
    assert hooks_of(plugin) == ("notify", "stage_failed")


OPERATE = "alerts: {channels: {team: {url_env: TEAM_CHANNEL}}}\n"
FAILED = {"stage": "clean", "seconds": 2.4, "error": "stage clean: no", "back": []}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "operate.yaml").write_text(OPERATE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("steadily.monitor.people.listeners_of", lambda _: LISTENERS)
    return tmp_path


def test_a_stage_that_failed_is_told_through_the_same_channels(server: Any, team: Channel, project: Path) -> None:
    plugin.stage_failed(record=FAILED)
    assert [(got["title"], got["type"]) for got in server.got] == [("failed: stage clean", "failure")]
    assert "stage clean: no" in server.got[0]["message"]


def test_what_does_not_get_through_waits_for_the_monitor(server: Any, team: Channel, project: Path) -> None:
    server.status = 500
    assert tell_people("a", "b") == 0
    with open_project(project) as database, database.read() as connection:
        assert [row.content["title"] for row in connection.execute(select(posts))] == ["a"]


def test_people_are_told_where_the_database_is_away_or_nothing_is_where_there_is_no_channel(
    server: Any, team: Channel, project: Path
) -> None:
    conf = project / "conf" / "operate.yaml"
    conf.write_text(OPERATE + "database: {url: 'postgresql://nobody@127.0.0.1:1/none'}\n", encoding="utf-8")
    assert tell_people("a", "b") == 1
    conf.write_text("engine: {workers: 1}\n", encoding="utf-8")
    assert tell_people("a", "b") == 0
    assert len(server.got) == 1
    assert not (project / ".steadily" / "operate.db").exists()


def test_listeners_are_found_among_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "own_notify-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-notify\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[steadily]\nnotify = steadily_notify.channels\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert listeners_of(tmp_path) == LISTENERS
