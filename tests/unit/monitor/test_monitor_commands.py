"""The commands that watch, at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from steadily.cli import main
from steadily.clock import clock_of
from steadily.commands.monitoring import go_on, watch_of
from steadily.database import open_project
from steadily.errors import DatabaseAway
from steadily.monitor.record import Recorder
from steadily.units import HOUR_US
from unit.monitor.watching_world import batch, reference_of, serve
from unit.small import Small

Capture = pytest.CaptureFixture[str]
OPERATE = """\
alerts:
  rules: {errors: {hold_minutes: 0}}
  channels: {team: {url_env: TEAM_CHANNEL}}
"""


def said(capsys: Capture, *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(words) == code
    shown = capsys.readouterr()
    return shown.err if code else shown.out


@pytest.fixture
def serving(small: Small) -> Path:
    small.write("conf/operate.yaml", OPERATE)
    with open_project(Path()) as database:
        serve(database)
        now_us = clock_of(database).now_us()
        recorder = Recorder(database, lambda _: reference_of(400))
        recorder.count(batch(300, now_us - HOUR_US // 2))
        recorder.count(batch(300, now_us, outcome="exception"))
        recorder.flush(now_us)
    return Path()


def test_an_empty_project_has_nothing_to_watch(small: Small, capsys: Capture) -> None:
    assert said(capsys, "monitor") == "nothing serves: there is nothing to watch\n"
    assert said(capsys, "alerts") == "no alert fires\n"
    assert json.loads(said(capsys, "monitor", "--json"))["serving"] == []


def test_a_look_an_alert_its_acknowledgement_and_a_silence(serving: Path, capsys: Capture) -> None:
    shown = said(capsys, "monitor")
    assert "release 1 (live): alert" in shown
    assert "error_rate 0.5" in shown
    assert "alert 1: error_rate of release 1" in shown
    assert "channel team: 1 wait since 2" in shown
    listed = said(capsys, "alerts")
    assert "alert 1 (errors, page)" in listed
    assert "interval: 0.46 to 0.54" in listed
    assert (
        said(capsys, "alerts", "ack", "1", "--by", "Ann", "--note", "a bad disk") == "alert 1 is acknowledged by Ann\n"
    )
    assert "acknowledged by Ann: a bad disk" in said(capsys, "alerts", "list")
    words = ("alerts", "silence", "--rule", "errors", "--by", "Ann", "--note", "new disk", "--hours", "2")
    assert said(capsys, *words) == "silence 1: for 2 hours\n"
    content = json.loads(said(capsys, "alerts", "--json"))
    assert content["alerts"][0]["acknowledged_by"] == "Ann"
    assert content["silences"][0]["note"] == "new disk"
    assert "silence 1: rule errors, *, slot *, until " in said(capsys, "alerts")
    assert said(capsys, "alerts", "unsilence", "1") == "silence 1 has ended\n"


def test_what_is_refused(serving: Path, capsys: Capture) -> None:
    assert "needs a number" in said(capsys, "alerts", "ack", code=1)
    assert "there is no such alert" in said(capsys, "alerts", "ack", "9", "--by", "a", "--note", "b", code=1)
    assert "needs a name and a note" in said(capsys, "alerts", "silence", code=1)
    assert "needs a file" in said(capsys, "monitor", "export", code=1)
    for words in (["monitor", "--every", "0"], ["monitor", "other"]):
        with pytest.raises(SystemExit):
            main(words)


def test_the_export(serving: Path, capsys: Capture) -> None:
    assert said(capsys, "monitor", "export", "out/hourly.parquet").startswith("out/hourly.parquet: ")
    assert Path("out/hourly.parquet").is_file()


def test_a_database_that_is_away_is_no_data_and_is_asked_again(
    serving: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps = []

    def nap(length: float) -> None:
        naps.append(length)
        if len(naps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("steadily.commands.monitoring.time.sleep", nap)
    with open_project(serving) as database:
        watch = watch_of(database)
        real, looks = type(watch).once, []

        def once(*given: object, **more: object) -> object:
            looks.append(more)
            if len(looks) == 2:
                raise DatabaseAway.at("there", "gone")
            return real(*given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(type(watch), "once", once)
        capsys.readouterr()
        with pytest.raises(KeyboardInterrupt):
            go_on(watch, 60, as_json=False)
    shown = capsys.readouterr().out
    assert "no data: there: gone" in shown
    assert shown.count("release 1 (live)") == 2
    assert [look["all_labels"] for look in looks] == [True, False, False]
