"""An edit reruns exactly what it must, and ``steadily plan`` foretold each with the reason."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from project import Project, orders

STAGES = ["ingest", "validate", "clean", "split", "prepare", "train"]
NOTHING = "nothing to do: dvc repro would run compose only\n"
ALERTS = "alerts: {mail: '${oc.env:NO_SUCH_SECRET,none}'}\n"
EXTRA = """\
  fewer:
    inputs: {rows: clean}
    steps:
      once: {use: rows.drop_duplicates, columns: [order]}
    outputs: {rows: few}
  split:
    inputs: {rows: few}"""
FEW = "datasets:\n  few: {contract: '${contract.cleaned}'}\n"
TWIN = '''

@step("shop.whisper")
def whisper(frame: pd.DataFrame, *, columns: list[str]) -> pd.DataFrame:
    """Write the columns in small letters."""
    return frame.assign(**{name: frame[name].str.lower() for name in columns})
'''


def foretold(project: Project) -> list[str]:
    """Name the stages that ``steadily plan`` says would run."""
    return list(json.loads(project.ok("steadily", "plan", "--json"))["reasons"])


def digests(project: Project, stage: str) -> dict[str, str]:
    """Give the digest of each output of a stage, as ``dvc.lock`` has it."""
    return {item["path"]: item["md5"] for item in project.yaml("dvc.lock")["stages"][stage]["outs"]}


def after(first: str) -> list[str]:
    """Name a stage and all that come after it."""
    return STAGES[STAGES.index(first) :]


def change_model(project: Project) -> None:
    project.edit("conf/model/small.yaml", "C: 1.0", "C: 4.0")


def change_type(project: Project) -> None:
    project.edit("conf/model/small.yaml", "C: 1.0", "C: 1")


def change_cleaning(project: Project) -> None:
    project.edit("conf/config.yaml", 'mark: "!"', 'mark: "?"')


def remove_parameter(project: Project) -> None:
    project.edit("conf/config.yaml", ', mark: "!"', "")


def change_behaviour(project: Project) -> None:
    project.edit("plugins/shop.py", "loud(frame[name], mark)", "loud(frame[name], mark + mark)")


def change_helper(project: Project) -> None:
    project.edit("plugins/shop_words.py", "values.str.upper()", "values.str.title()")


def change_code_and_not_output(project: Project) -> None:
    project.edit("plugins/shop_words.py", "values.str.upper() + mark", "values.str.lower().str.upper() + mark")


def change_default(project: Project) -> None:
    project.edit("plugins/shop.py", 'mark: str = "!"', 'mark: str = "?"')


def swap_steps(project: Project) -> None:
    shout = '      shout: {use: shop.shout, columns: [city], mark: "!"}\n'
    when = "      when: {use: dates.parse, columns: [ordered_at], format: iso8601, errors: drop}\n"
    project.edit("conf/config.yaml", shout + when, when + shout)


def add_step(project: Project) -> None:
    when = "      when: {use: dates.parse"
    project.edit("conf/config.yaml", when, "      once: {use: rows.drop_duplicates, columns: [order]}\n" + when)


def remove_step(project: Project) -> None:
    project.edit("conf/config.yaml", '      shout: {use: shop.shout, columns: [city], mark: "!"}\n', "")


def change_time_of_step(project: Project) -> None:
    project.edit("conf/config.yaml", ", at: training", "")


def change_contract(project: Project) -> None:
    project.edit("conf/contract/orders.yaml", "max_value: 100", "max_value: 101")


def change_allowance(project: Project) -> None:
    project.edit("conf/config.yaml", "max_quarantined: 0.1", "max_quarantined: 0.2")


def new_file(project: Project) -> None:
    project.write("data/inbox/two.csv", orders(200, 20))


def changed_file(project: Project) -> None:
    project.edit("data/inbox/one.csv", "\n5,", "\n5000,")


def change_roles(project: Project) -> None:
    project.edit("conf/config.yaml", ", time: ordered_at}", "}")


@pytest.mark.parametrize(
    ("edit", "runs", "said"),
    [
        (change_model, ["train"], "train will run: model.estimator.C 1.0 → 4.0\n"),
        (change_cleaning, after("clean"), "clean will run: shout.mark '!' → '?'\n"),
        (change_behaviour, after("clean"), "clean will run: shop.shout changed (plugins/shop.py)\n"),
        (new_file, STAGES, "ingest will run: new in the source: two.csv\n"),
        *(
            pytest.param(*case, marks=pytest.mark.soak)
            for case in (
                (change_type, ["train"], "train will run: model.estimator.C 1.0 → 1\n"),
                (remove_parameter, after("clean"), "clean will run: shout.mark '!' → (none)\n"),
                (change_helper, after("clean"), "clean will run: shop.shout changed (plugins/shop_words.py)\n"),
                (change_roles, ["split", "prepare", "train"], "split will run: "),
                (change_default, after("clean"), "clean will run: shop.shout changed (plugins/shop.py)\n"),
                (swap_steps, after("clean"), "clean will run: the order of its steps\n"),
                (add_step, after("clean"), "clean will run: once (none) → "),
                (remove_step, after("clean"), "clean will run: shout {"),
                (change_time_of_step, after("clean"), "clean will run: need_target.at 'training' → (none)\n"),
                (change_contract, after("validate"), "validate will run: "),
                (change_allowance, after("validate"), "validate will run: "),
                (changed_file, STAGES, "ingest will run: changed in the source: one.csv\n"),
            )
        ),
    ],
)
def test_an_edit_reruns_exactly_what_it_must(
    finished: Project, edit: Callable[[Project], None], runs: list[str], said: str
) -> None:
    lock = finished.lock()
    edit(finished)
    assert said in finished.ok("steadily", "plan")
    assert finished.lock() == lock, "plan writes nothing"
    assert finished.ok("git", "status", "--short", "--", "params.yaml", "versions.yaml") == "", "plan writes nothing"
    assert foretold(finished) == runs
    assert finished.repro() == ["compose", *runs]
    assert finished.ok("steadily", "plan") == NOTHING


def test_changed_code_retrains_even_where_its_output_is_the_same(finished: Project) -> None:
    before = digests(finished, "clean")
    rows = finished.path("data/clean/one-0000.parquet").read_bytes()
    finished.edit("plugins/shop_words.py", "values.str.upper()", "values.str.lower().str.upper()")
    assert "clean will run: shop.shout changed (plugins/shop_words.py)\n" in finished.ok("steadily", "plan")
    assert foretold(finished) == after("clean")
    assert finished.repro() == ["compose", *after("clean")]
    changed = [path for path, digest in digests(finished, "clean").items() if digest != before[path]]
    assert changed == ["data/clean"], "the rows' provenance is new, the report is not"
    assert finished.path("data/clean/one-0000.parquet").read_bytes() == rows


def test_what_changes_no_result_reruns_nothing(finished: Project) -> None:
    lock, versions = finished.lock(), finished.path("versions.yaml").read_bytes()

    def nothing_to_do() -> None:
        assert finished.ok("steadily", "plan") == NOTHING

    finished.edit("plugins/shop.py", '"""Write the columns in capitals', '# Loudly.\n    """Cry the columns out')
    nothing_to_do()
    finished.edit("plugins/shop.py", "pd.DataFrame:\n    #", "(\n    pd.DataFrame\n):\n\n    #")
    nothing_to_do()
    finished.edit("plugins/shop_words.py", '"""Make text loud."""', '"""Make text very loud."""')
    nothing_to_do()
    finished.write("plugins/shop.py", finished.path("plugins/shop.py").read_text(encoding="utf-8") + TWIN)
    nothing_to_do()
    assert "shop.whisper" in finished.ok("steadily", "steps")
    words = finished.path("plugins/shop_words.py").read_text(encoding="utf-8")
    finished.write("plugins/shop_words.py", f"import json\nUNUSED = 1\n{words}\n\ndef quiet(text):\n    return text\n")
    nothing_to_do()
    finished.write("plugins/shop_more.py", "raise RuntimeError('nobody imports me')\n")
    nothing_to_do()
    finished.edit("conf/config.yaml", "task: classification", "# What for\ntask:   classification")
    nothing_to_do()
    finished.edit("conf/operate.yaml", "workers: 1, read_rows: 50000", "workers: 2, read_rows: 7")
    finished.write("conf/operate.yaml", finished.path("conf/operate.yaml").read_text(encoding="utf-8") + ALERTS)
    nothing_to_do()
    finished.environment["STEADILY_ENGINE"] = "local:2"
    finished.write("README.md", "The shop\n")
    finished.path("data/inbox/one.csv").touch()
    nothing_to_do()
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock
    assert finished.path("versions.yaml").read_bytes() == versions


def test_the_engine_may_come_from_the_environment(finished: Project) -> None:
    finished.write("conf/operate.yaml", "engine: {workers: '${oc.decode:${oc.env:WORKERS,1}}'}\n")
    assert finished.ok("steadily", "plan") == NOTHING
    finished.environment["WORKERS"] = "2"
    assert finished.repro() == ["compose"]
    finished.environment["WORKERS"] = "none"
    told = finished.refused("steadily", "run", "clean")
    assert "conf/operate.yaml:1: engine.workers: has to be a whole number above 0; given: 'none'" in told


def test_an_edit_taken_back_brings_everything_from_the_cache(finished: Project) -> None:
    lock, model = finished.lock(), finished.files("models")
    for edit, back in (
        (change_model, lambda: finished.ok("git", "checkout", "conf")),
        (new_file, lambda: finished.path("data/inbox/two.csv").unlink()),
    ):
        edit(finished)
        finished.repro()
        assert finished.lock() != lock
        back()
        assert foretold(finished), "DVC's cache is DVC's to know"
        assert finished.repro() == ["compose"]
        assert finished.lock() == lock
        assert finished.files("models") == model
        assert finished.ok("git", "status", "--short") == ""
    told = finished.ok("steadily", "log")
    assert "ingest: from the cache, as it ran before (gone in the source: two.csv)" in told


def distribution(folder: Path, name: str, version: str) -> None:
    """Put a tiny installed package into a folder, instead of an earlier version of it."""
    for old in folder.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (info / "RECORD").write_text(f"{name}/__init__.py,,\n{name}-{version}.dist-info/METADATA,,\n", encoding="utf-8")
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "__init__.py").write_text("def cry(text):\n    return text.upper()\n", encoding="utf-8")


@pytest.mark.soak  # makes an environment of its own
def test_an_upgraded_package_reruns_the_steps_that_use_it(finished: Project, tmp_path: Path) -> None:
    library = tmp_path / "library"
    distribution(library, "tinywords", "1.0")
    distribution(library, "tinyother", "1.0")
    finished.environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(library), os.environ.get("PYTHONPATH"))))
    finished.edit("plugins/shop_words.py", '"""Words of the shop."""', "import tinywords")
    finished.edit("plugins/shop_words.py", "values.str.upper()", "values.map(tinywords.cry)")
    assert "tinywords not used → 1.0 (used by shop.shout)" in finished.ok("steadily", "plan")
    finished.repro("prepare")
    distribution(library, "tinyother", "2.0")
    assert finished.ok("steadily", "plan") == "train will run: train_ready comes anew from prepare\n"  # and no more
    distribution(library, "tinywords", "1.1")
    assert "clean will run: tinywords 1.0 → 1.1 (used by shop.shout)\n" in finished.ok("steadily", "plan")
    assert foretold(finished) == after("clean")
    assert finished.repro() == ["compose", *after("clean")]
    assert finished.yaml("versions.yaml")["clean"]["steps"]["shout"]["packages"]["tinywords"] == "1.1"


def test_a_new_stage_rewrites_the_pipeline_and_asks_for_a_second_run(finished: Project) -> None:
    finished.edit("conf/config.yaml", "  split:\n    inputs: {rows: clean}", EXTRA)
    finished.edit("conf/config.yaml", "datasets:\n", FEW)
    told = finished.ok("steadily", "plan")
    assert "note: the pipeline's shape changed: the next dvc repro rewrites dvc.yaml and stops, one more runs\n" in told
    assert "fewer will run: it has not run yet\n" in told
    assert "split will run: inputs.rows 'clean' → 'few'; it reads data/few now; it no longer reads data/clean" in told
    lock, versions = finished.lock(), finished.path("versions.yaml").read_bytes()
    told = finished.refused("dvc", "repro")
    assert "the pipeline's shape changed; dvc.yaml has been rewritten; run dvc repro again" in told
    assert (finished.lock(), finished.path("versions.yaml").read_bytes()) == (lock, versions)
    assert finished.repro() == ["compose", "fewer", "split", "prepare", "train"]
    assert finished.ok("steadily", "plan") == NOTHING
