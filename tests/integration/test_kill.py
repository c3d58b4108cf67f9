from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from killing import HOLD, Running, Who, left_over, make, snapshot
from project import BIN, Project

from shared import made_once
from steadily.compose import compose_all
from steadily.dvcfile import read_lock
from steadily.errors import RunError
from steadily.plan import reasons_to_run

GONE_WITHIN = 8.0  # a worker that is still importing ends as soon as it could begin
WHO: tuple[Who, ...] = ("group", "dvc", "stage")
Copy = Callable[[str], Project]


@pytest.fixture(scope="session")
def slow_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, float]:
    """A project that has not run, the dvc.lock of an undisturbed run of it, and how long that took."""

    def make_both(folder: Path) -> None:
        project, undisturbed = make(folder / "a project"), Project(folder / "undisturbed")
        shutil.copytree(project.folder, undisturbed.folder, symlinks=True)
        begun = time.monotonic()
        undisturbed.repro()
        (folder / "seconds").write_text(str(time.monotonic() - begun))

    folder = made_once(tmp_path_factory, "slow", make_both)
    seconds = float((folder / "seconds").read_text())
    return folder / "a project", Project(folder / "undisturbed").lock(), seconds


@pytest.fixture
def lock(slow_once: tuple[Path, bytes, float]) -> bytes:
    return slow_once[1]


@pytest.fixture
def copy(slow_once: tuple[Path, bytes, float], tmp_path: Path) -> Copy:
    def make_copy(name: str = "my project") -> Project:
        shutil.copytree(slow_once[0], tmp_path / name, symlinks=True)
        return Project(tmp_path / name, {"STEADILY_ENGINE": "local:2"})

    return make_copy


def refuse_orphans(running: Running) -> None:
    """Nothing that the run began is alive, and nothing changes a file any more."""
    time.sleep(0.5)  # the guard of dvc.lock may be at work
    before = snapshot(running.project)
    end = time.monotonic() + GONE_WITHIN
    while (alive := running.alive()) and time.monotonic() < end:
        time.sleep(0.1)
    assert not alive, [process.cmdline() for process in alive]
    assert snapshot(running.project) == before


def go_on(project: Project, lock: bytes) -> str:
    """The next dvc repro ends as an undisturbed run does, and leaves no trace of the kill but in the journal."""
    project.ok("dvc", "repro")
    assert project.lock() == lock
    assert left_over(project) == []
    assert "complete" in project.ok("steadily", "log").splitlines()[-1]
    return project.ok("steadily", "log", "--all").splitlines()[-2]


@pytest.mark.parametrize(
    ("who", "stage", "shell"),
    [
        ("group", "ingest", "/bin/sh"),
        *(
            pytest.param(*case, marks=pytest.mark.soak)
            for case in (("dvc", "clean", "/bin/bash"), ("stage", "clean", "/bin/sh"))
        ),
    ],
)
def test_after_a_kill_nothing_writes_and_the_next_run_ends_as_if_nothing_had_been(copy, lock, who, stage, shell):
    project = copy("my project")
    project.environment["SHELL"] = shell
    with Running(project) as running:
        running.wait_for(stage)
        time.sleep(0.3)
        running.kill(who)
        running.process.wait(30)
        refuse_orphans(running)
    assert running.process.returncode != 0
    assert not project.path("data/clean").exists()
    told = go_on(project, lock)
    assert f"killed in {stage}; `dvc repro` goes on from there" in told


@pytest.mark.soak
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("moment", range(20))
def test_kills_at_any_moment(slow_once, copy, lock, who, shell, moment):
    chance = random.Random(f"{who} {shell} {moment}")
    project = copy("my project")
    project.environment["SHELL"] = shell
    project.environment["STEADILY_ENGINE"] = chance.choice(["local:1", "local:2"])
    with Running(project) as running:
        time.sleep(chance.uniform(0.2, slow_once[2]))
        while who == "stage" and running.stage() is None and running.process.poll() is None:
            time.sleep(0.005)
        if running.process.poll() is None:
            running.kill(who)
        running.process.wait(60)
        refuse_orphans(running)
    go_on(project, lock)


@pytest.mark.soak  # kills at any moment hit it too
def test_a_lock_that_dvc_was_writing_is_put_back(copy, lock):
    project = copy("my project")
    with Running(project) as running:
        running.wait_for("clean")
        size, path = 0, project.path("dvc.lock")
        while (now := path.stat().st_size) >= size:  # until DVC opens it anew, which empties it
            size = now
        running.kill("group")
        running.process.wait()
        refuse_orphans(running)
    go_on(project, lock)


@pytest.mark.parametrize("notes", [pytest.param("", marks=pytest.mark.soak), '{"write": {'])
def test_what_the_guard_could_not_put_back_restore_does(finished, notes):
    lock = finished.lock()
    finished.ok("steadily", "compose")  # keeps the complete run aside
    inside = lock.index(b"md5:", len(lock) // 3) + 1  # within a key, where no YAML can end
    finished.path("dvc.lock").write_bytes(lock[:inside])
    finished.write(".dvc/tmp/rwlock", notes)
    assert finished.run("dvc", "repro").code != 0
    told = finished.ok("steadily", "restore")
    assert "was cut off when DVC was killed, and is mended: dvc.lock" in told
    assert "rwlock" in told
    assert finished.lock() == lock
    assert finished.repro() == ["compose"]


def test_a_first_run_whose_lock_was_cut_off_can_be_restored_too(finished):
    lock = finished.lock()
    shutil.rmtree(finished.path(".steadily"))
    finished.write("dvc.lock", "")
    assert "`dvc repro` goes on" in finished.ok("steadily", "restore")
    finished.ok("dvc", "repro")
    assert finished.lock() == lock


def test_a_lock_that_was_cut_off_and_can_still_be_read_is_no_trouble(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    lock, found = finished.lock(), compose_all(Path())
    files = {"params.yaml": found.resolution.values, "versions.yaml": found.versions}
    told = 0
    for place in (place for place, byte in enumerate(lock) if byte in b"\n:"):
        finished.path("dvc.lock").write_bytes(lock[:place])
        with suppress(RunError):  # which is told; a traceback is not
            locked = read_lock(Path("dvc.lock"))
            told += bool(reasons_to_run(Path(), found.resolution, found.pipeline["stages"], files, locked))
    assert told > 50


def test_ctrl_c_ends_everything_and_is_told_in_a_line(copy, lock):
    project = copy("my project")
    project.write(HOLD, "")
    with Running(project) as running:
        running.wait_for_workers(2)
        running.kill("group", signal.SIGINT)
        running.process.wait(30)
        refuse_orphans(running)
        printed = running.printed()
    assert running.process.returncode != 0
    assert "Traceback" not in printed, printed
    assert "stopped by Ctrl-C" in printed
    running.let_go()
    assert left_over(project) == []
    assert "clean" in go_on(project, lock)


def test_a_worker_that_is_killed_fails_its_stage_in_a_line(copy, lock):
    project = copy("my project")
    project.write(HOLD, "")
    with Running(project) as running:
        running.wait_for("clean")
        while not (workers := [process for process in running.alive() if "LokyProcess-1" in process.cmdline()]):
            time.sleep(0.02)
        workers[0].kill()
        assert running.process.wait(60) != 0
        printed = running.printed()
        refuse_orphans(running)
    assert "Traceback" not in printed, printed
    assert "engine: a worker ended before its work did" in printed
    running.let_go()
    assert left_over(project) == []
    assert "failed in clean" in go_on(project, lock)


def begin_for_dvc(project: Project, writer: int) -> subprocess.CompletedProcess[str]:
    """Run a stage as DVC does, with the note of a process that is said to write its outputs."""
    project.write(".dvc/tmp/rwlock", json.dumps({"write": {"data/clean": {"pid": writer, "cmd": "dvc repro"}}}))
    environment = {**project.env(), "DVC_STAGE": "clean", "DVC_ROOT": str(project.folder)}
    return subprocess.run(
        [BIN / "steadily", "run", "clean"],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stage_whose_dvc_ended_while_it_was_starting_does_nothing(finished):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    before = snapshot(finished)
    assert begin_for_dvc(finished, int(ended.stdout)).returncode == 1
    after = snapshot(finished)
    assert {path for path in before | after if before.get(path) != after.get(path) and ".dvc" not in path} == set()
    assert begin_for_dvc(finished, os.getpid()).returncode == 0


def test_a_worker_whose_stage_ended_while_it_was_starting_does_nothing():
    code = "from steadily.stage.engine import begin_worker; begin_worker(2**22 + 1); print('at work')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_a_stage_that_was_run_by_itself_leaves_no_open_run(finished):
    finished.ok("steadily", "run", "clean")
    assert "complete: 1 stage ran" in finished.ok("steadily", "log")
    assert finished.repro() == ["compose"]
    finished.path("data/valid/dataset.json").write_text("{}")
    finished.refused("steadily", "run", "clean")
    assert "failed in clean" in finished.ok("steadily", "log")


@pytest.mark.soak  # test_bad_moments has a second run beside a running one, too
def test_a_second_run_beside_a_running_one_is_refused_and_disturbs_nothing(copy, lock):
    project = copy("my project")
    project.write(HOLD, "")
    with Running(project) as running:
        running.wait_for("clean")
        for command in (["steadily", "compose"], ["steadily", "run", "validate"]):
            told = project.refused(*command)
            assert "another dvc repro is at work here" in told
            assert str(running.process.pid) in told
        assert project.run("dvc", "repro").code != 0
        assert "running: clean" in project.ok("steadily", "log").splitlines()[-1]
        project.path(HOLD).unlink()
        assert running.process.wait(120) == 0
    assert project.lock() == lock


def test_what_killed_runs_left_is_swept_away_and_nothing_else(finished):
    old = [".steadily/cache/.conf.json.4194304.tmp", "data/.clean.4194304.draft/x", "reports/clean/.a.json.17.draft"]
    kept = ["data/inbox/.hidden.csv", ".notes.tmp", f".steadily/cache/.conf.json.{os.getpid()}.tmp", "data/.draft"]
    for name in (*old, ".steadily/scratch/clean-abc/part", ".params.yaml.4194304.tmp", *kept):
        finished.write(name, "x")
    finished.ok("steadily", "compose")
    assert not any(finished.path(name).exists() for name in old)
    assert all(finished.path(name).exists() for name in kept)
    assert not finished.path(".steadily/scratch").exists()
