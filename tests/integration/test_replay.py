"""Replay against the real service, in processes of their own: 49 hours pass, and are counted as 49 hours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from serving import STEADILY, Operated, Running, copied
from sqlalchemy import select

from measured import measured
from steadily.bundle import manifest as manifests
from steadily.clock import SimulatedClock, clock_of, simulate
from steadily.database.monitoring import hourly
from steadily.database.tables import labels
from steadily.releases.slots import read_slots
from steadily.rollout.deploy import shadow, status
from steadily.rollout.gate import Limits
from steadily.units import HOUR_US
from unit.small import Small
from unit.test_bundle import BUNDLE
from unit.test_evaluate import judged

pytestmark = pytest.mark.service

BEGIN_US = 1_772_409_600_000_000  # 2026-03-02T00:00Z


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Operated:
    """A project with two releases, in simulated time."""
    made = tmp_path_factory.mktemp("made") / "a project"
    made.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        judged(Small(), more=BUNDLE).run()
    folder = tmp_path_factory.mktemp("operated") / "with a space"
    found = Operated(folder, f"sqlite:///{folder / 'operate.db'}", {"log_seconds": 0.1}).prepare()
    with found.open() as database:
        simulate(database, BEGIN_US)
    found.register(made / "bundle")
    found.register(twin(copied(made / "bundle", folder / "second")))
    (folder / "rows.csv").write_bytes((made / "data/inbox/one.csv").read_bytes())
    with found.open() as database:
        shadow(database, clock_of(database), 2, "a test")
    return found


def twin(folder: Path) -> Path:
    """Make a bundle another one, that does the same."""
    content = json.loads((folder / "manifest.json").read_text("utf-8")) | {"data": {"learned": "x", "judged": "y"}}
    content["digest"] = manifests.digest_of(content)
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def words(running: Running, *more: str) -> list[str]:
    return [str(STEADILY), "replay", "rows.csv", "--url", running.url, "--json", *more]


def environment(operated: Operated) -> dict[str, str]:
    return {**os.environ, "TEST_DATABASE": operated.address, **measured()}


def replayed(operated: Operated, running: Running, *more: str) -> dict[str, Any]:
    done = subprocess.run(
        words(running, *more), cwd=operated.folder, env=environment(operated), capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_hours_that_pass_in_seconds_are_hours(operated: Operated) -> None:
    with operated.serving() as running, operated.open() as database:
        clock = clock_of(database)
        began_us = clock.now_us()
        found = replayed(operated, running, "--rate", "4/h", "--for", "49h", "--loop", "--labels", "2h")
        assert found["sent"] == 49 * 4
        assert found["answered"] + found["refused"] == found["sent"]
        assert found["errors"] == {}
        assert found["labels"] > 0
        assert clock.now_us() - began_us == 49 * HOUR_US

        def seen() -> Any:
            return status(database, clock, Limits())

        running.wait_for(lambda: seen().counts.attempted == found["sent"])
        minutes = seen().counts.minutes
        assert minutes == {(began_us + number * HOUR_US // 4) // 60_000_000 for number in range(found["sent"])}
        assert {line.name: line.state for line in seen().checklist}["hours"] == "passed"
        assert sorted({row.at_us for row in operated.logged()}) == [
            began_us + number * HOUR_US // 4 for number in range(found["sent"])
        ]
        with database.read() as connection:
            assert len(connection.execute(select(labels)).all()) == found["labels"]
    with operated.open() as database, database.read() as connection:  # the service has ended: all is counted
        counted = connection.execute(select(hourly)).mappings().all()
        assert {row["begin_us"] for row in counted} >= {began_us // HOUR_US * HOUR_US + n * HOUR_US for n in range(49)}


def test_ctrl_c_stops_it_and_says_what_came_of_it(operated: Operated) -> None:
    with operated.serving() as running:
        before = len(operated.logged())
        process = subprocess.Popen(
            words(running, "--rate", "1", "--speed", "5", "--for", "9h", "--loop"),
            cwd=operated.folder, env=environment(operated), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal, whoever runs the tests
        )  # fmt: skip
        running.wait_for(lambda: len(operated.logged()) > before + 3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    found = json.loads(out)
    assert found["stopped"]
    assert 0 < found["sent"] < 9 * 3600


def test_a_release_on_trial_answers_and_leaves_no_trace(operated: Operated) -> None:
    before = len(operated.logged())
    with operated.open() as database:
        slots = read_slots(database)
        with operated.serving("--trial", "2") as running:
            row = {"order": 1, "city": "Ulm", "weight": 2, "ordered_at": "2024-05-02T10:00Z"}
            assert running.post("/predict", {"rows": [row]}).json()["release"] == 2
            assert running.get("/health/ready").json()["release"] == 2
        assert read_slots(database) == slots
    assert len(operated.logged()) == before


def test_real_time_is_not_mistaken_for_simulated(operated: Operated, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'real.db'}"

    def refused(address: str, *more: str) -> str:
        done = subprocess.run(
            [str(STEADILY), "replay", "rows.csv", *more], cwd=operated.folder,
            env={**environment(operated), "TEST_DATABASE": address}, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 1
        return done.stderr

    assert "is real" in refused(address)
    assert "does not pass by itself" in refused(operated.address, "--own-time")
    assert "would never end" in refused(operated.address, "--loop")
    told = subprocess.run(
        [str(STEADILY), "clock"], cwd=operated.folder, env=environment(operated), capture_output=True, text=True,
        timeout=120, check=True,
    ).stdout  # fmt: skip
    assert told.endswith(", simulated\n")
    with operated.open() as database:
        assert isinstance(clock_of(database), SimulatedClock)
