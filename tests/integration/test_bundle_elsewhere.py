"""A bundle in other places: made again in another clone, and opened where there is neither DVC nor Hydra."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from bare import bare_python, hold_bundle
from project import JUDGED, Project

OWN = """

@step("shop.own", kind="evaluation")
def own(predictions):
    \"\"\"Say something of our own.\"\"\"
    return {"share_of_late": (predictions.target == "y").mean()}
"""
UNUSED = """

@step("shop.more")
def more(frame: pd.DataFrame) -> pd.DataFrame:
    \"\"\"Do more, one day.\"\"\"
    return more_of(frame)


def more_of(frame):
    return frame
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a bundle at its end, whose data has rows that are refused."""
    made = Project.make(tmp_path_factory.mktemp("bundle") / "my project", rows=400)
    made.edit("conf/config.yaml", "datasets:\n", JUDGED + "datasets:\n")
    made.path("plugins/shop.py").write_text(made.path("plugins/shop.py").read_text("utf-8") + OWN, "utf-8")
    made.edit("data/inbox/one.csv", "\n9,Köln,33.5,", "\n9,Köln,-3,")
    made.edit("data/inbox/one.csv", "\n20,Ulm,40.5,2024-01-21T10:20:00Z", "\n20,Ulm,40.5,soon")
    made.ok("steadily", "compose")
    made.repro()
    made.commit()
    return made


@pytest.mark.soak  # test_clones holds a clone's outputs against what was committed
def test_two_clones_give_the_same_bundle_byte_for_byte(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "Ä clone"
    project.ok("git", "clone", "-q", "--no-local", project.folder.as_uri(), str(folder))
    clone = Project(folder, {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "STEADILY_ENGINE": "local:2"})
    # what does nothing changes nothing, in the bundle, which carries the plugin's code, either
    clone.edit("plugins/shop.py", '"""Write the columns in capitals', '# Loudly.\n    """Cry the columns out')
    clone.path("plugins/shop.py").write_text(clone.path("plugins/shop.py").read_text("utf-8") + UNUSED, "utf-8")
    assert clone.repro()[-1] == "bundle"
    assert clone.files("bundle", "evaluation") == project.files("bundle", "evaluation")
    assert clone.lock() == project.lock()


def test_code_that_the_bundle_does_not_use_reruns_nothing(project: Project, tmp_path: Path) -> None:
    shutil.copytree(project.folder, tmp_path / "another", symlinks=True)
    another = Project(tmp_path / "another")
    text = another.path("plugins/shop.py").read_text("utf-8")
    another.write("plugins/shop.py", text.replace("Say something of our own", "Say it") + "\n# the end\n" + UNUSED)
    assert another.ok("steadily", "plan") == "nothing to do: dvc repro would run compose only\n"
    another.edit("plugins/shop.py", '== "y").mean()', '== "n").mean()')
    assert another.repro() == ["compose", "evaluate", "bundle"]


def test_without_dvc_and_hydra_it_answers_as_the_evaluation_did(project: Project, tmp_path: Path) -> None:
    hold_bundle(project.folder, tmp_path / "elsewhere", 60)


def test_the_command_works_without_dvc_and_hydra(project: Project, tmp_path: Path) -> None:
    python = bare_python(tmp_path / "env")
    empty = Project(tmp_path / "empty", {"PYTHONPATH": ""})
    empty.folder.mkdir()
    main = "import sys; from steadily.cli import main; sys.exit(main())"
    words = ("predict", str(project.path("data/inbox/one.csv")), "--bundle", str(project.path("bundle")))
    done = empty.run(str(python), "-c", main, *words, "--out", "answers.parquet")
    assert done.code == 0, done.text
    assert "400 rows, 398 answered, 2 refused" in done.text
    expected = project.rows("predictions")
    found = pd.read_parquet(empty.path("answers.parquet")).set_index("row_id").loc[expected.index]
    assert found["prediction"].tolist() == expected["prediction"].tolist()
