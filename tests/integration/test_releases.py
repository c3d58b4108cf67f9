"""From the bundle of a run to numbered releases, with real DVC, git and databases."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from project import Project

from measured import measured
from shared import made_once
from steadily.clock import Clock
from steadily.database import Database, open_database
from steadily.errors import ReleaseError, SteadilyError
from steadily.releases.ready import check_ready
from steadily.releases.records import find_release, list_releases
from steadily.releases.register import FIRST, register
from steadily.releases.slots import deployments_of, read_slots
from steadily.releases.store import Store, fetch

STAGES = """\
  evaluate:
    inputs: {rows: test_ready, model: lateness, reference: train_ready}
    steps:
      quality: {use: evaluate.classification}
    outputs: {predictions: predictions}
    minimums: {quality: {accuracy: 0.1}}
  bundle:
    inputs: {model: lateness, predictions: predictions}
    outputs: {bundle: bundle}
"""
LATENCY = {"rows": 1, "p50_ms": 1.0, "p95_ms": None, "p99_ms": None}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two projects on which dvc repro has run: the second is the first with another model and a changed step."""
    folder = made_once(tmp_path_factory, "released", make)
    return folder / "my project", folder / "my other project"


def make(folder: Path) -> None:
    """Make them."""
    one = Project.make(folder / "my project")
    one.edit("conf/config.yaml", "datasets:\n", STAGES + "datasets:\n")
    one.ok("steadily", "compose")
    one.repro()
    one.commit()
    other = Project(one.folder.with_name("my other project"))
    shutil.copytree(one.folder, other.folder, symlinks=True)
    other.edit("conf/model/small.yaml", "C: 1.0", "C: 0.001")
    other.edit("plugins/shop_words.py", "values.str.upper() + mark", "values.str.upper() + mark + mark")
    other.repro()


@pytest.fixture
def projects(two: tuple[Path, Path], tmp_path: Path) -> tuple[Project, Project]:
    """The two projects, of one's own."""
    for folder in two:
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    return Project(tmp_path / two[0].name), Project(tmp_path / two[1].name)


def enter(project: Project | Path, database: Database, store: Path) -> Any:
    folder = project if isinstance(project, Path) else project.folder
    return register(folder, database, Store(str(store)), Clock(), lambda: LATENCY, "t@here")


def told(project: Project) -> list[str]:
    with pytest.raises(ReleaseError) as caught:
        check_ready(project.folder)
    return [str(problem) for problem in caught.value.problems]


def test_from_a_run_to_a_live_release_and_on_to_the_next(projects: tuple[Project, Project]) -> None:
    one, other = projects
    one.environment.update(measured())
    other.environment.update(measured())
    other.write("conf/operate.yaml", f"database: {{url: 'sqlite:///{one.folder}/.steadily/operate.db'}}\n")
    assert one.ok("steadily", "release", "list").startswith("no release yet")
    assert one.ok("steadily", "deploy", "status").splitlines()[0] == "live:     nothing"
    said = one.ok("steadily", "release").splitlines()
    assert said[0].startswith(f"release 1: {one.folder}/.steadily/releases/1-")
    assert said[1] == f"release 1 is live, as the {FIRST}"
    assert one.ok("steadily", "release").splitlines() == ["already registered as release 1"]
    found = json.loads(one.ok("steadily", "release", "show", "1", "--json"))
    assert 0 < found["latency"]["rows"] <= found["data"]["rows"], "at most ten seconds are spent"
    assert found["latency"]["rows"] < 20 or found["latency"]["p50_ms"] > 0, "a busy machine times few rows"
    assert found["latency"]["p99_ms"] is None
    assert found["git_commit"] == one.ok("git", "rev-parse", "HEAD").strip()
    assert found["git_dirty"] is False
    assert found["config"]["stages"]["train"]["steps"]["model"]["estimator"]["C"] == 1.0
    assert found["versions"]["clean"]["steps"]["shout"]["use"] == "shop.shout"
    assert list(found["data"]["sources"]) == ["ingest"]
    assert found["metrics"]["quality"]["accuracy"] > 0.1

    made = json.loads(other.ok("steadily", "release", "--json"))
    assert (made["number"], made["new"], made["live"]) == (2, True, False)
    listed = one.ok("steadily", "release", "list").splitlines()
    assert [line.split()[0] for line in listed] == ["1", "2"]
    assert listed[0].endswith("  live")
    assert "with changes" in listed[1]
    shown = one.ok("steadily", "release", "show", "2")
    assert "serves: nowhere" in shown
    assert "clean.shout: shop.shout, code shop.py" in shown
    assert "quality.accuracy: minimum 0.1 kept" in shown
    diff = one.ok("steadily", "release", "diff", "1", "2")
    assert "stages.train.steps.model.estimator.C" in diff
    assert "clean.shout.shop_words.py" in diff
    assert "packages: the same" in diff
    plain = json.loads(one.ok("steadily", "release", "diff", "1", "2", "--json"))
    assert {"key": "stages.train.steps.model.estimator.C", "one": 1.0, "other": 0.001} in plain["config"]
    assert "release 9: there is no such release; allowed: 1 to 2" in one.refused("steadily", "release", "show", "9")

    promote = ("steadily", "deploy", "promote", "2")
    assert "the checklist is not passed" in one.refused(*promote)
    assert "an override needs a reason" in one.refused(*promote, "--override", "--reason", " ")
    assert one.ok(*promote, "--override", "--reason", "the old one is wrong about Ulm").splitlines() == [
        "release 2 is live",
        "previous: release 1",
    ]
    assert "release 2: is live already" in one.refused(*promote, "--override", "--reason", "again")
    status = one.ok("steadily", "deploy", "status")
    assert "promote over the checklist, live: release 2" in status
    assert "the old one is wrong about Ulm" in status
    assert FIRST in status
    whole = json.loads(one.ok("steadily", "deploy", "status", "--json"))
    assert whole["slots"]["live"] == 2
    assert one.ok("git", "status", "--short") == ""


def test_a_release_in_postgres_with_a_secret_address(
    projects: tuple[Project, Project], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from databases import fresh_address

    with fresh_address("postgresql", tmp_path) as address:
        one, _ = projects
        secret = address.replace("postgres@", "postgres:s3cret-word@")
        one.environment |= {"SHOP_DATABASE": secret}
        store = "releases: {store: 'a store'}\n"
        one.write("conf/operate.yaml", f"database: {{url: '${{oc.env:SHOP_DATABASE}}'}}\n{store}")
        assert "release 1 is live" in one.ok("steadily", "release")
        assert len(list(one.path("a store").iterdir())) == 1
        one.environment["SHOP_DATABASE"] = "postgresql://ann:s3cret-word@127.0.0.1:1/shop"
        said = one.refused("steadily", "release", "list")
        assert said.startswith("postgresql+psycopg://ann:***@127.0.0.1:1/shop: the database can't be reached")
        assert "s3cret-word" not in said
        files = [path for path in one.path(".steadily").rglob("*") if path.is_file()]
        assert not any(b"s3cret-word" in path.read_bytes() for path in files)


def test_what_is_registered_is_what_stood(two: tuple[Path, Path], database: Database, tmp_path: Path) -> None:
    first = enter(two[0], database, tmp_path / "store")
    second = enter(two[1], database, tmp_path / "store")
    assert [(found.number, found.new, found.live) for found in (first, second)] == [(1, True, True), (2, True, False)]
    again = enter(two[0], database, tmp_path / "store")
    assert (again.number, again.new, again.live) == (1, False, True)
    assert [row["number"] for row in list_releases(database)] == [1, 2]
    release = find_release(database, 2)
    assert release.digest == json.loads((two[1] / "bundle/manifest.json").read_text("utf-8"))["digest"]
    assert release.url == str(tmp_path / "store" / release.name)
    assert release.latency == LATENCY
    folder = fetch(tmp_path, release)
    assert (folder / "model/model.skops").read_bytes() == (two[1] / "bundle/model/model.skops").read_bytes()
    slots = read_slots(database)
    assert (slots.live, slots.shadow, slots.previous) == (1, None, None)
    row = deployments_of(database, 10)
    assert [(one["action"], one["release"], one["reason"], one["who"]) for one in row] == [
        ("first", 1, FIRST, "t@here")
    ]


@pytest.mark.parametrize("same", [True, False])
def test_two_terminals_at_once(
    two: tuple[Path, Path], database: Database, database_address: str, tmp_path: Path, same: bool
) -> None:
    folders = [two[0]] * 4 if same else [two[0], two[1]] * 2
    start, found = threading.Barrier(4), []

    def work(folder: Path) -> None:
        with open_database(database_address) as own:
            start.wait()
            found.append(enter(folder, own, tmp_path / "store"))

    threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [1] if same else [1, 2]
    assert sorted({one.number for one in found}) == numbers
    assert sum(one.new for one in found) == len(numbers)
    assert len(found) == 4
    names = sorted(path.name for path in (tmp_path / "store").iterdir())
    assert names == sorted(find_release(database, number).name for number in numbers)
    for number in numbers:
        fetch(tmp_path, find_release(database, number))
    assert len(deployments_of(database, 10)) == 1


def test_all_that_is_in_the_way_is_told_at_once(projects: tuple[Project, Project]) -> None:
    one, _ = projects
    check_ready(one.folder)
    one.edit("conf/config.yaml", "{accuracy: 0.1}", "{accuracy: 0.999, macro_f1: 0.1}")
    one.repro()
    one.write("bundle/figures.json", "{}")
    one.write("bundle/more.txt", "x")
    one.edit("params.yaml", "2024-03-01", "2024-03-02")
    one.path("data/valid/one-0000.parquet").unlink()
    found = told(one)
    for words in (
        "params.yaml: is not what compose wrote",
        "data/valid/: is not what validate wrote",
        "bundle/: is not what bundle wrote",
        "figures.json: is not as long as when it was written",
        "more.txt: is in no manifest",
        "figure quality.accuracy: is below its minimum; given: 0.",
    ):
        assert any(words in line for line in found), (words, found)
    assert "allowed: minimum 0.999" in next(line for line in found if "quality.accuracy" in line)
    assert not any("macro_f1" in line for line in found)
    assert "is below its minimum" in one.refused("steadily", "release")
    one.ok("steadily", "restore")
    assert [line.partition(":")[0] for line in told(one)] == ["figure quality.accuracy"]


def test_a_bundle_changed_with_its_manifest_is_found(projects: tuple[Project, Project]) -> None:
    one, other = projects
    shutil.rmtree(one.path("bundle"))
    shutil.copytree(other.path("bundle"), one.path("bundle"))
    assert told(one) == [line for line in told(one) if line.startswith("bundle/: is not what bundle wrote")]


def test_a_run_that_failed_half_way_is_no_complete_one(projects: tuple[Project, Project]) -> None:
    one, _ = projects
    one.edit("data/inbox/one.csv", "order,city,weight", "order,town,weight")
    one.refused("dvc", "repro")
    found = told(one)
    assert any(line.startswith("dvc.lock: does not record one complete run") for line in found), found
    one.ok("steadily", "restore")
    check_ready(one.folder)


def test_without_a_run_there_is_nothing_to_release(fresh: Project) -> None:
    found = told(fresh)
    assert any(line.startswith("dvc.lock: is missing, so there is no complete run") for line in found), found
    assert any("bundle: there is no such folder" in line for line in found), found
    assert "dvc.lock: is missing" in fresh.refused("steadily", "release")


def test_a_database_that_is_away_leaves_nothing_half_done(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SteadilyError, match="can't be reached"):
        open_database("postgresql://nobody@127.0.0.1:1/none")
    with open_database(f"sqlite:///{tmp_path}/a.db") as database:
        enter(two[0], database, tmp_path / "store")
        assert [path.name for path in (tmp_path / "store").iterdir()] == [find_release(database, 1).name]
