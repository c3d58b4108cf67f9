"""A run that fails leaves a clear word and the way back: ``steadily restore``."""

from __future__ import annotations

import pytest
from project import Project

WHOLE = ("dvc.lock", "params.yaml", "versions.yaml", "dvc.yaml")
RESULTS = ("data/raw", "data/valid", "data/clean", "data/train_ready", "learned", "models", "reports")


def whole(project: Project) -> dict[str, bytes]:
    """Give everything that one run leaves, files and outputs."""
    return {name: project.path(name).read_bytes() for name in WHOLE} | project.files(*RESULTS)


def rename_city(project: Project) -> None:
    """Rename a column upstream."""
    project.edit("data/inbox/one.csv", "order,city,weight", "order,town,weight")


def test_a_column_renamed_upstream_stops_the_run_before_any_transformation(finished: Project) -> None:
    before, lock = whole(finished), finished.yaml("dvc.lock")["stages"]
    rename_city(finished)
    assert "changed in the source: one.csv" in finished.ok("steadily", "plan")
    told = finished.refused("dvc", "repro")
    assert (
        "stage validate, contract of valid, data/inbox/one.csv: column city is missing; "
        "town is new, and 100 % of its values are those that city had in the last run" in told
    )
    assert "`steadily restore` to go back to the last complete run" in told
    now = finished.yaml("dvc.lock")["stages"]
    assert [name for name in lock if lock[name] != now[name]] == ["compose", "ingest"]
    later = tuple(name for name in RESULTS if name != "data/raw")  # what validate writes, and all after it
    assert finished.files(*later) == {name: text for name, text in before.items() if name.startswith(later)}
    assert not list(finished.folder.rglob("*.draft*"))
    log = finished.ok("steadily", "log")
    assert "not reached: clean, split, prepare, train" in log
    assert log.splitlines()[-1].startswith("failed in validate: ")

    restored = finished.ok("steadily", "restore")
    assert restored.startswith("put back: dvc.lock, versions.yaml\n")
    assert whole(finished) == before
    assert "restored" in finished.ok("steadily", "log")
    assert "town" in finished.path("data/inbox/one.csv").read_text(encoding="utf-8"), "what came in is not touched"
    assert finished.ok("steadily", "restore").startswith("the last complete run is the one that stands\n")

    finished.ok("git", "checkout", "data/inbox")
    assert finished.repro() == ["compose"]
    assert whole(finished) == before


def test_a_run_goes_on_where_it_failed_once_the_cause_is_mended(finished: Project) -> None:
    rename_city(finished)
    finished.refused("dvc", "repro")
    finished.edit(
        "conf/contract/orders.yaml",
        "    city: {dtype: str, nullable: false}\n    weight: {dtype: float64, nullable: true, checks",
        "    town: {dtype: str, nullable: false}\n    weight: {dtype: float64, nullable: true, checks",
    )
    finished.edit(
        "conf/config.yaml", "      shout:", "      name: {use: rows.rename, columns: {town: city}}\n      shout:"
    )
    assert finished.repro() == ["compose", "ingest", "validate", "clean", "split", "prepare", "train"]
    assert finished.ok("steadily", "log").splitlines()[-1] == "complete: 6 stages ran"


def test_restore_brings_back_what_was_deleted_and_what_was_edited(finished: Project) -> None:
    finished.repro()
    before = whole(finished)
    for name in ("data/clean", "models", "reports"):
        finished.ok("rm", "-r", name)
    finished.write("data/valid/one-0000.parquet", "not Parquet")
    for name in WHOLE:
        finished.path(name).unlink()
    assert finished.ok("steadily", "restore").startswith("put back: dvc.lock, params.yaml, versions.yaml, dvc.yaml\n")
    assert whole(finished) == before
    assert finished.repro() == ["compose"]


@pytest.mark.soak  # the way back of the others, several times
def test_restore_goes_back_over_another_shape_and_several_failures(finished: Project) -> None:
    before = whole(finished)
    finished.edit("conf/config.yaml", "outputs: {rows: clean}", "outputs: {rows: neat}")
    finished.edit("conf/config.yaml", "inputs: {rows: clean}", "inputs: {rows: neat}")
    finished.edit("conf/config.yaml", "  clean: {contract", "  neat: {contract")
    finished.refused("dvc", "repro")
    finished.edit("plugins/shop.py", "    return", "    raise ValueError('no')\n    return")
    for _ in range(2):
        assert "raised ValueError: no; at plugins/shop.py:" in finished.refused("dvc", "repro")
    finished.ok("steadily", "restore")
    assert whole(finished) == before
    finished.ok("git", "checkout", "conf", "plugins")
    assert finished.repro() == ["compose"]


def test_restore_without_a_complete_run_says_so(fresh: Project) -> None:
    told = fresh.refused("steadily", "restore")
    assert ".steadily/last-good: no complete run is on record" in told
    assert "git checkout" in told
