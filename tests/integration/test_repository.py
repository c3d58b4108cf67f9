"""This repository's own two projects, in a clone: what is committed comes out again, and the models are good."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from bare import hold_bundle
from project import Project
from sklearn.metrics import f1_score, roc_auc_score

from steadily import read_dataset
from steadily.process import cpu_flags
from steadily_sklearn.steps import SklearnModel

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.long
CODE = ("framework", "plugins", "conf", "examples", "data", "dvc.lock", "params.yaml", "versions.yaml")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone of what is committed, in a path with a space."""
    if not (ROOT / ".git").exists():
        pytest.skip("there is no git repository to clone")
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", *CODE], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    if changed:
        pytest.skip("code or locks have changes that are not committed, so a clone can't be held to them")
    folder = tmp_path_factory.mktemp("clones") / "a clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    return Project(folder)


def reproduce(clone: Project, project: Project) -> None:
    """Run the pipeline, and hold what git sees to what was committed."""
    assert len(project.repro()) > 1
    status = clone.ok("git", "status", "--porcelain").splitlines()
    if {"avx2", "fma"} <= cpu_flags():
        assert status == []
    else:  # another type of CPU: the model's last digits may differ, and with them its digest, nothing else
        assert [line for line in status if not line.endswith("dvc.lock")] == []
    assert project.repro() == ["compose"]


def test_the_mails_are_reproduced_and_the_model_is_good(clone: Project, tmp_path: Path) -> None:
    reproduce(clone, clone)
    rows = read_dataset("test_ready", clone.folder)
    model = SklearnModel.load(clone.path("models/spam"))
    assert f1_score(rows["target"], model.predict(rows), average="macro") >= 0.92
    train = read_dataset("train_ready", clone.folder)
    assert train["created_at"].max() < rows["created_at"].min()
    hold_bundle(clone.folder, tmp_path / "elsewhere", 30)


@pytest.mark.soak  # takes minutes
def test_the_flights_are_reproduced_and_the_model_is_good(clone: Project, tmp_path: Path) -> None:
    flights = Project(clone.folder / "examples" / "flights")
    reproduce(clone, flights)
    rows = read_dataset("test_ready", flights.folder)
    model = SklearnModel.load(flights.path("models/lateness"))
    late = model.predict_proba(rows)["late"]
    assert roc_auc_score(rows["arrival"] == "late", late) >= 0.68
    train = read_dataset("train_ready", flights.folder)
    assert train["time_hour"].max() < rows["time_hour"].min()
    assert flights.summary("prepare")["imputed"] > 0
    hold_bundle(flights.folder, tmp_path / "elsewhere", 30)
