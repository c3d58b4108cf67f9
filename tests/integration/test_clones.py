"""Clones of a project agree to the byte, and a fresh clone's run leaves git with nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project, orders

RESULTS = ("data", "learned", "models", "reports")


def clone_of(project: Project, folder: Path) -> Project:
    """Clone a project as from elsewhere: what git tracks, and nothing of DVC's cache."""
    project.ok("git", "clone", "-q", "--no-local", project.folder.as_uri(), str(folder))
    return Project(folder)


def test_a_fresh_clone_reproduces_what_was_committed(finished: Project, tmp_path: Path) -> None:
    one = clone_of(finished, tmp_path / "one clone")
    assert not one.path("data/valid").exists()
    assert one.repro() == ["compose", "ingest", "validate", "clean", "split", "prepare", "train"]
    assert one.ok("git", "status", "--short", "--untracked-files=all") == ""
    for name in ("dvc.lock", "params.yaml", "versions.yaml"):
        assert one.path(name).read_bytes() == finished.path(name).read_bytes()
    assert one.files(*RESULTS) == finished.files(*RESULTS)
    assert one.repro() == ["compose"]
    assert one.ok("git", "status", "--short", "--untracked-files=all") == ""


@pytest.mark.soak  # test_bookkeeping cuts the work in other ways within one project
def test_two_clones_agree_on_new_data_that_came_in_differently(finished: Project, tmp_path: Path) -> None:
    one, two = (clone_of(finished, tmp_path / name) for name in ("Ä one", "two"))
    files = {"data/inbox/b.csv": orders(200, 40), "data/inbox/a.csv": orders(240, 40)}
    for project, names in ((one, sorted(files)), (two, sorted(files, reverse=True))):
        for name in names:
            project.write(name, files[name])
    two.environment["STEADILY_ENGINE"] = "local:2"
    two.edit("conf/operate.yaml", "read_rows: 50000", "read_rows: 7")
    for project in (one, two):
        project.repro()
    assert one.lock() == two.lock()
    assert one.lock() != finished.lock()
    assert one.files(*RESULTS) == two.files(*RESULTS)


@pytest.mark.soak  # runs everything twice more
def test_an_inbox_that_dvc_tracks(finished: Project, tmp_path: Path) -> None:
    finished.ok("git", "rm", "-q", "-r", "--cached", "data/inbox")
    finished.ok("dvc", "add", "data/inbox")
    finished.ok("dvc", "remote", "add", "-d", "shelf", str(tmp_path / "shelf"))
    finished.ok("dvc", "push", "data/inbox.dvc")
    finished.commit()
    assert finished.repro() == ["compose"]
    told = finished.ok("dvc", "exp", "run", "--temp", "-S", "model=bayes")
    assert "> exec steadily run train" in told, "the experiment's copy gets the inbox from the cache"
    assert "> exec steadily run ingest" not in told

    clone = clone_of(finished, tmp_path / "clone")
    told = clone.refused("dvc", "repro")
    assert "data/inbox.dvc: DVC tracks this data, which is not here; `dvc pull data/inbox.dvc` brings it" in told
    clone.ok("dvc", "pull", "data/inbox.dvc")
    assert clone.repro("validate") == ["compose", "ingest", "validate"]
    assert clone.lock() == finished.lock()
    assert clone.ok("git", "status", "--short") == ""
