from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from project import Project

from shared import made_once


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project on which dvc repro has run; tests work on copies of it."""

    def make(folder: Path) -> None:
        project = Project.make(folder)
        project.repro()
        project.commit()

    return made_once(tmp_path_factory, "a finished project", make)


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Project:
    """A project of one's own, with a whole run behind it, in a path with a space."""
    folder = tmp_path / "my project"
    shutil.copytree(finished_once, folder, symlinks=True)
    return Project(folder)


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project that has not run yet."""
    return Project.make(tmp_path / "my project")
