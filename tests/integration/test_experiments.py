"""Experiments of DVC's beside plain runs: one at once, a queued sweep, and the way back."""

from __future__ import annotations

import pytest
from project import Project

STAGES = ["ingest", "validate", "clean", "split", "prepare", "train"]


def ran(told: str) -> list[str]:
    """Name the stages whose command ran."""
    return [line.split()[-1] for line in told.splitlines() if line.startswith("> exec")]


def test_an_experiment_trains_another_model_and_dvc_repro_comes_back_from_the_cache(finished: Project) -> None:
    lock, files = finished.lock(), finished.files("models", "reports", "data")
    assert ran(finished.ok("dvc", "exp", "run", "-S", "model=bayes", "-n", "bayes")) == ["compose", "train"]
    assert finished.yaml("params.yaml")["model"]["estimator"]["use"] == "sklearn.naive_bayes.BernoulliNB"
    assert finished.files("models") != {name: text for name, text in files.items() if name.startswith("models")}
    assert "dvc exp run" in finished.ok("steadily", "log")
    changed = finished.ok("dvc", "params", "diff")
    assert "model.estimator.use" in changed
    assert "train.digest" in changed
    assert "clean" not in changed, "no other stage's parameters or versions differ"
    shown = finished.ok("dvc", "exp", "show", "--only-changed", "--csv")
    assert "sklearn.naive_bayes.BernoulliNB" in next(line for line in shown.splitlines() if line.startswith("bayes"))
    assert "rows.drop_missing" not in shown

    plan = finished.ok("steadily", "plan")
    assert plan.startswith("train will run: ")
    assert "'sklearn.naive_bayes.BernoulliNB' → 'sklearn.linear_model.LogisticRegression'" in plan
    assert finished.repro() == ["compose"], "DVC has the earlier model in its cache"
    assert "train: from the cache" in finished.ok("steadily", "log")
    assert finished.lock() == lock
    assert finished.files("models", "reports", "data") == files
    assert finished.ok("git", "status", "--short") == ""


def test_an_experiment_that_is_kept_is_adopted_into_conf(finished: Project) -> None:
    finished.ok("dvc", "exp", "run", "-n", "keep", "-S", "model=bayes", "-S", 'stages.clean.steps.shout.mark="?"')
    finished.repro()
    finished.ok("dvc", "exp", "apply", "keep")
    assert finished.ok("steadily", "adopt") == (
        "conf/config.yaml:3: model: small → bayes\nconf/config.yaml:20: stages.clean.steps.shout.mark: '!' → '?'\n"
    )
    assert finished.ok("steadily", "plan") == "nothing to do: dvc repro would run compose only\n"
    assert finished.repro() == ["compose"]
    assert finished.ok("steadily", "adopt") == "nothing to adopt: params.yaml is what conf/ comes to\n"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.estimator.C=none of it", "params.yaml (this experiment's): stages.train.steps.model"),
        ("stages.clean.outputs.rows=cleaned", "cleaned"),
        pytest.param("model=huge", "huge", marks=pytest.mark.soak),
        pytest.param("model.estimator.c=1", "model.estimator.c", marks=pytest.mark.soak),
    ],
)
def test_a_refused_experiment_leaves_everything_as_it_was(finished: Project, override: str, said: str) -> None:
    files = finished.files("models", "reports", "data")
    told = finished.run("dvc", "exp", "run", "-S", override)
    assert told.code != 0
    assert said in told.text
    assert finished.ok("git", "status", "--short") == ""
    assert finished.files("models", "reports", "data") == files
    assert finished.repro() == ["compose"]


@pytest.mark.soak  # test_restore leaves failed runs too
def test_an_experiment_that_fails_in_a_stage_is_left_by_restore(finished: Project) -> None:
    lock, files = finished.lock(), finished.files("models", "reports", "data")
    told = finished.refused("dvc", "exp", "run", "-S", "stages.split.steps.by_time.cut=1990-01-01")
    assert "stage prepare, step fill (rows.impute, " in told
    assert "there are no rows to learn from; given: train" in told
    assert "note: train has no rows" in told
    assert finished.lock() != lock, "the stages before it are recorded"
    restored = finished.ok("steadily", "restore")
    assert "params.yaml" in restored
    assert finished.lock() == lock
    assert finished.files("models", "reports", "data") == files
    assert finished.ok("git", "status", "--short") == ""
    assert finished.repro() == ["compose"]


@pytest.mark.soak  # three experiments, one of which the others try
def test_a_queued_sweep_of_three_and_the_way_back(finished: Project) -> None:
    lock, files = finished.lock(), finished.files("models", "reports", "data")
    finished.ok("dvc", "exp", "run", "--queue", "-S", "model=bayes,small", "-S", 'stages.clean.steps.shout.mark="?"')
    finished.ok("dvc", "exp", "run", "--queue", "-S", "model.estimator.C=4.0")
    told = finished.ok("dvc", "exp", "run", "--run-all")
    trained = ran(told)
    assert trained.count("train") == 3
    assert trained.count("clean") == 1, "the second of the two takes the first one's rows from the cache"
    assert not {"ingest", "validate"} & set(trained)
    found = finished.ok("dvc", "exp", "show", "--only-changed", "--csv").splitlines()[1:]
    assert len(found) == 2 + 3, "the workspace, the commit, three experiments"
    assert sum("BernoulliNB" in line for line in found) == 1
    assert finished.lock() == lock, "a queue works in copies"
    assert finished.ok("git", "status", "--short") == ""
    assert finished.repro() == ["compose"]
    assert finished.files("models", "reports", "data") == files
