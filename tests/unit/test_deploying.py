from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from steadily.cli import main
from steadily.database import Database, open_project
from steadily.releases.slots import read_slots
from unit.releases.bundles import enter
from unit.rollout.serving import SimulatedClock, begun, load_tested, shadowed
from unit.small import Small

Say = pytest.CaptureFixture[str]


@pytest.fixture
def opened(small: Small) -> Iterator[tuple[Database, SimulatedClock]]:
    """A project's own database, with three releases, the first one live, and simulated time."""
    small.write("conf/config.yaml", "")
    small.write("conf/operate.yaml", "deploy: {min_hours: 2, min_pairs: 100}\nloadtest: {peak_per_second: 30}\n")
    with open_project(Path()) as database:
        yield database, begun(database)


def refused(capsys: Say, *words: str) -> str:
    assert main(["deploy", *words]) == 1
    return capsys.readouterr().err


def test_shadow_status_promote_rollback(opened: tuple[Database, SimulatedClock], capsys: Say) -> None:
    database, clock = opened
    assert main(["deploy", "shadow", "2"]) == 0
    shadowed(database, clock, 20)
    load_tested(database, 2, clock.now_us())
    assert main(["deploy", "status"]) == 0
    told = capsys.readouterr().out
    assert "checklist of release 2: passed" in told
    assert "passed       hours: 20.0 hours" in told
    assert main(["deploy", "status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passes"]
    assert {line["state"] for line in found["checklist"]} == {"passed", "not judged"}
    assert main(["deploy", "promote", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == ["release 2 is live", "previous: release 1"]
    assert main(["deploy", "rollback", "--reason", "odd", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["live"] == 1
    assert read_slots(database).previous is None


def test_what_is_refused(opened: tuple[Database, SimulatedClock], capsys: Say) -> None:
    assert "no earlier release to go back to: release 1 stays live" in refused(capsys, "rollback")
    assert "release 7: there is no such release" in refused(capsys, "shadow", "7")
    assert "no shadow is there to take out" in refused(capsys, "shadow", "--stop")
    assert "has not been in shadow" in refused(capsys, "promote", "2")
    assert main(["deploy", "shadow", "2"]) == 0
    said = refused(capsys, "promote", "2")
    assert "hours: insufficient: no traffic yet; needed: 2 hours with traffic" in said
    assert main(["deploy", "shadow", "--stop"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no release is in shadow"


def test_while_the_database_is_away_nothing_is_done(small: Small, capsys: Say) -> None:
    small.write("conf/config.yaml", "")
    small.write("conf/operate.yaml", "database: {url: 'postgresql://ann@127.0.0.1:1/shop'}\n")
    for words in (["promote", "2"], ["rollback"], ["shadow", "2"], ["status"]):
        assert "the database can't be reached" in refused(capsys, *words)


def test_what_is_no_setting_is_refused(small: Small, capsys: Say) -> None:
    small.write("conf/config.yaml", "")
    small.write("conf/operate.yaml", "deploy: {min_hours: 0, max_dropped: 2, min_pair: 1}\n")
    with open_project_of_defaults() as database:
        enter(database, 1)
    told = refused(capsys, "status")
    assert "deploy.min_hours" in told
    assert "did you mean 'min_pairs'?" in told


def open_project_of_defaults() -> Database:
    from steadily.database import open_database

    return open_database("sqlite:///.steadily/operate.db")
