"""The journal of runs: what is written, how a run ended, and the story that is told of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from steadily import journal
from steadily.errors import RunError
from steadily.journal import Owner, Run, last_run, open_run, outcome_of, refuse_other_run, run_of_stage, runs
from steadily.stories.run import line_of, local, story_of

ME = Owner(os.getpid(), psutil.Process().create_time())
GONE = Owner(2**22 - 3, 1.0)
COUNTS = {"in": 3, "out": 2, "dropped": 1, "quarantined": 0, "imputed": 0, "lost": 0, "notes": ["look"], "seconds": 0.5}


def finished(run: Run, *stages: str) -> None:
    for stage in stages:
        run.write("stage_started", stage=stage, why=["it has not run yet"])
        run.write("stage_finished", stage=stage, **COUNTS)


def fresh(run: Run) -> Run:
    return Run(run.path)


def test_events_are_written_and_read(tmp_path: Path) -> None:
    run = open_run(tmp_path, ME, trigger="dvc repro")
    finished(run, "a")
    run.write("composed", reasons={"b": ["é"]}, notes=[])
    found = fresh(run)
    assert [event["event"] for event in found.events] == ["run_opened", "stage_started", "stage_finished", "composed"]
    assert found.owner == ME
    assert found.reasons == {"b": ["é"]}
    assert (found.running, found.failed, found.closed) == (None, None, None)
    assert last_run(tmp_path) == run
    assert runs(tmp_path) == [run]


@pytest.mark.parametrize(
    "cut", [b'{"event": "stage_st', b'{"event": "x", "a": "\xc3', b"7", b"[]", b'{"a": 1}', b"\x00\x00"]
)
def test_a_line_that_a_crash_cut_off_costs_no_other(tmp_path: Path, cut: bytes) -> None:
    run = open_run(tmp_path, GONE, trigger="dvc repro")
    run.write("stage_started", stage="a", why=[])
    with run.path.open("ab") as stream:
        stream.write(cut)
    run.write("run_closed", outcome="killed")
    assert [event["event"] for event in fresh(run).events] == ["run_opened", "stage_started", "run_closed"]
    assert fresh(run).closed is not None


def test_an_empty_journal_tells_little_and_breaks_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path / "x.jsonl")
    run.path.touch()
    assert (run.owner, run.opened, run.running, run.failed) == (None, {}, None, None)
    assert story_of(run, tmp_path)[-1] == "not complete: 0 stages ran"
    assert last_run(tmp_path / "none") is None


def test_owners() -> None:
    assert Owner.of(os.getpid()) == ME
    assert ME.alive
    assert Owner.of(GONE.pid) is None
    assert not GONE.alive
    assert not Owner(ME.pid, ME.started - 1000).alive  # ids come again
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        owner = Owner.of(child.pid)
        child.wait()
    assert owner is not None
    assert not owner.alive


def test_how_a_run_ended(tmp_path: Path) -> None:
    run = open_run(tmp_path, GONE, trigger="dvc repro")
    assert outcome_of(fresh(run), complete=False) == "interrupted"
    assert outcome_of(fresh(run), complete=True) == "complete"
    run.write("stage_started", stage="a", why=[])
    assert outcome_of(fresh(run), complete=True) == "killed"
    assert story_of(fresh(run), tmp_path)[-1] == "killed in a; `dvc repro` goes on from there"
    run.write("stage_failed", stage="a", error="stage a: no\nsecond line", seconds=0.1)
    assert outcome_of(fresh(run), complete=True) == "failed"
    story = story_of(fresh(run), tmp_path)
    assert story[-3:] == ["    stage a: no", "    second line", "failed in a: stage a: no"]
    assert "dvc repro: failed in a: stage a: no" in line_of(fresh(run), tmp_path)


def test_the_story_of_a_whole_run(tmp_path: Path) -> None:
    run = open_run(tmp_path, ME, trigger="dvc exp run")
    run.write("composed", reasons={"a": ["new"], "b": ["a comes anew"], "c": ["x"]}, notes=["mind the gap"])
    finished(run, "a")
    assert story_of(fresh(run), tmp_path)[-1] == "running: between two stages"
    run.write("stage_started", stage="c", why=[])
    assert story_of(fresh(run), tmp_path)[-1] == "running: c"
    run.write("stage_finished", stage="c", **COUNTS)
    run.write("run_closed", outcome="complete")
    story = story_of(fresh(run), tmp_path)
    assert story[0].startswith(f"run {run.name}, dvc exp run, began 2")
    assert "  note: mind the gap" in story
    assert "    3 rows in, 2 out, 1 dropped, in 0.5 s" in story
    assert "  b: from the cache, as it ran before (a comes anew)" in story
    assert story[-1] == "complete: 2 stages ran"


def test_the_story_of_a_refusal_and_of_a_quiet_day(tmp_path: Path) -> None:
    run = open_run(tmp_path, None, trigger="steadily compose")
    run.write("compose_failed", error="conf: no")
    assert story_of(fresh(run), tmp_path)[-1] == "failed in compose: conf: no"
    quiet = open_run(tmp_path, None, trigger="dvc repro")
    quiet.write("composed", reasons={}, notes=[])
    assert "  nothing had changed" in story_of(fresh(quiet), tmp_path)


def test_times_are_those_of_the_reader() -> None:
    assert local("2024-01-01T00:00:00.000Z")[:3] == "202"
    assert local("no time") == "no time"


def test_a_stage_by_itself_opens_a_run_and_closes_it(tmp_path: Path) -> None:
    with run_of_stage(tmp_path) as run:
        finished(run, "a")
    assert (fresh(run).closed or {})["outcome"] == "complete"
    with pytest.raises(KeyboardInterrupt), run_of_stage(tmp_path) as run:
        raise KeyboardInterrupt
    assert (fresh(run).closed or {})["outcome"] == "failed"
    assert len(runs(tmp_path)) == 2


def test_a_stage_joins_the_run_that_its_parent_has_open(tmp_path: Path) -> None:
    run = open_run(tmp_path, Owner.of(os.getppid()), trigger="dvc repro")
    with run_of_stage(tmp_path) as joined:
        assert joined == run
    assert fresh(run).closed is None


def test_another_run_at_work_is_told(tmp_path: Path) -> None:
    parent = Owner.of(os.getppid())
    run = open_run(tmp_path, parent, trigger="dvc repro")
    run.write("stage_started", stage="b", why=[])
    with pytest.raises(
        RunError, match=rf"another dvc repro is at work here; given: process {os.getppid()}.*in stage b"
    ):
        refuse_other_run(tmp_path, fresh(run), ME)
    refuse_other_run(tmp_path, fresh(run), parent)
    refuse_other_run(tmp_path, None, ME)
    refuse_other_run(tmp_path, open_run(tmp_path, GONE, trigger="x"), ME)
    assert journal.now().endswith("Z")
