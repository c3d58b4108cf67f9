"""What is mended after a kill or a failure: the lock, the outputs, what was left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from steadily import layout, lockguard, outputs, process, tracked
from steadily.lockguard import COPY, is_whole, keep_copy, main, mend, wait_for
from steadily.process import RWLOCK, has_lost_dvc, is_alive, writers_in
from steadily.stage import bringback
from steadily.stage.bringback import bring_back, objects
from steadily.stage.drafts import SCRATCH, sweep

WHOLE = "schema: '2.0'\nstages:\n  a:\n    cmd: exec steadily run a\n    outs:\n    - path: data/a\n      md5: x\n"


def gone_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


@pytest.mark.parametrize("kept", [WHOLE, None, WHOLE[:30]])
@pytest.mark.parametrize("cut", range(1, len(WHOLE), 7))
def test_a_lock_that_was_cut_off_is_put_back(tmp_path: Path, kept: str | None, cut: int) -> None:
    if kept is not None:
        (tmp_path / "dvc.lock").write_text(kept)
        keep_copy(tmp_path)
    (tmp_path / "dvc.lock").write_text(WHOLE[:cut])
    if is_whole(WHOLE[:cut]):
        assert mend(tmp_path) == []
        return
    assert mend(tmp_path) == ["dvc.lock"]
    assert mend(tmp_path) == []
    lock = tmp_path / "dvc.lock"
    assert (lock.read_text() if lock.exists() else None) == (WHOLE if kept == WHOLE else None)


def test_a_copy_goes_with_its_lock(tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text(WHOLE)
    keep_copy(tmp_path)
    keep_copy(tmp_path)
    assert (tmp_path / COPY).read_text() == WHOLE
    (tmp_path / "dvc.lock").unlink()
    keep_copy(tmp_path)
    assert not (tmp_path / COPY).exists()
    assert mend(tmp_path) == []


def test_dvcs_own_notes_are_mended_where_the_repository_begins(tmp_path: Path) -> None:
    notes = tmp_path / RWLOCK
    notes.parent.mkdir(parents=True)
    project = tmp_path / "examples" / "one"
    project.mkdir(parents=True)
    notes.write_text('{"write": {"x": ')
    assert mend(project) == [str(RWLOCK)]
    assert not notes.exists()
    notes.write_text("{}")
    assert mend(project) == []


def test_the_guard_waits_and_mends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc.lock").write_text(WHOLE[:30])
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.2)"]) as child:
        main(str(tmp_path), str(child.pid))
    assert not (tmp_path / "dvc.lock").exists()
    wait_for(gone_process())
    monkeypatch.delattr(lockguard.os, "pidfd_open", raising=False)
    wait_for(gone_process())


def test_who_writes_by_dvcs_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = tmp_path / RWLOCK
    assert writers_in(notes) == set()
    notes.parent.mkdir(parents=True)
    for text in ("", "[]", '{"write": 3}', '{"write": {"a": {}}}', '{"write": {"a": {"pid": "x"}}}'):
        notes.write_text(text)
        assert writers_in(notes) == set()
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert not has_lost_dvc()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("DVC_STAGE", "a")
    assert not has_lost_dvc()  # nothing is known
    notes.write_text(json.dumps({"write": {"data/a": {"pid": os.getppid(), "cmd": "dvc"}}}))
    assert not has_lost_dvc()
    notes.write_text(json.dumps({"write": {"data/a": {"pid": gone_process()}}}))
    assert has_lost_dvc()
    assert is_alive(os.getpid())
    assert is_alive(1)
    assert not is_alive(gone_process())
    assert process.ancestors()


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose lock has a file and a folder that DVC's cache has, and one that it has not."""
    cache = tmp_path / "cache"
    listing = [{"relpath": "one.txt", "md5": "bb22"}, {"relpath": "deep/two.txt", "md5": "cc33"}]
    for digest, text in {"aa11": "file", "bb22": "1", "cc33": "2", "dd44.dir": json.dumps(listing)}.items():
        path = cache / digest[:2] / digest[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    outs = {"reports/a.json": "aa11", "data/a": "dd44.dir", "data/lost": "ee55.dir", "data/b.txt": "ff66"}
    lock = {"schema": "2.0", "stages": {"a": {"outs": [{"path": path, "md5": md5} for path, md5 in outs.items()]}}}
    (tmp_path / layout.LOCK).write_text(json.dumps(lock))
    monkeypatch.setattr(bringback, "cache_folder", lambda project: cache)
    return tmp_path


def test_outputs_come_back_from_the_cache(cached: Path) -> None:
    assert bring_back(cached, "a") == ["reports/a.json", "data/a"]
    assert (cached / "reports/a.json").read_text() == "file"
    assert (cached / "data/a/deep/two.txt").read_text() == "2"
    assert sorted(path.name for path in (cached / "data").iterdir()) == ["a"]
    assert bring_back(cached, "a") == []
    assert bring_back(cached, "b") == []


def test_what_the_cache_lacks_in_part_stays_away(cached: Path) -> None:
    (cached / "cache" / "cc" / "33").unlink()
    assert bring_back(cached, "a") == ["reports/a.json"]
    assert list(objects(cached / "cache", "dd44.dir")) == []


def test_a_lock_that_can_not_be_read_brings_nothing_back(cached: Path) -> None:
    (cached / layout.LOCK).write_text("stages: [")
    assert bring_back(cached, "a") == []


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert outputs.cache_folder(tmp_path) is None  # no repository
    elsewhere = tmp_path / "else where"
    for words in (["init", "-q", "--no-scm"], ["cache", "dir", "--local", str(elsewhere)]):
        subprocess.run(["dvc", *words], cwd=tmp_path, check=True, capture_output=True)
    assert outputs.cache_folder(tmp_path) == elsewhere / "files" / "md5"


def test_what_killed_runs_left_is_swept(tmp_path: Path) -> None:
    gone, here = gone_process(), os.getpid()
    left = [f"data/.a.{gone}.draft/x", f"reports/s/.l.{gone}.draft", f".params.yaml.{gone}.tmp", f"{SCRATCH}/w-1/x"]
    stays = ["data/a/x", "data/.keep", f".steadily/cache/.c.json.{here}.tmp", "reports/s/l", ".a.b"]
    for name in (*left, *stays):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    sweep(tmp_path)
    assert [name for name in left if (tmp_path / name).exists()] == []
    assert [name for name in stays if not (tmp_path / name).exists()] == []


def test_data_that_dvc_tracks_and_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracked.absent(tmp_path) == []  # no repository
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "inbox.dvc").write_text("outs: []")
    subprocess.run(["git", "add", "inbox.dvc"], cwd=tmp_path, check=True)
    assert tracked.absent(tmp_path) == ["inbox.dvc"]
    assert "inbox.dvc: DVC tracks this data, which is not here; `dvc pull inbox.dvc`" in str(tracked.told(tmp_path)[0])
    (tmp_path / "inbox").mkdir()
    assert tracked.absent(tmp_path) == []
    monkeypatch.setenv("PATH", "")
    assert tracked.absent(tmp_path) == []
