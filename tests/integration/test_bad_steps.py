"""Steps and plugins that break their word: refused by name, with the line, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import SHOP, Project
from refusing import refused_at, some

HEAD = SHOP[: SHOP.index("    return")]
LINE = HEAD.count("\n") + 1
SHOUT = "stage clean, step shout (shop.shout, plugins/): "

BROKEN = {
    "raises": ('return frame.assign(x=frame["nope"])', ["raised KeyError: 'nope'", f"at plugins/shop.py:{LINE}"]),
    "raises in two lines": ('raise ValueError("one\\n\\ntwo")', ["raised ValueError: one two;", f"shop.py:{LINE}"]),
    "raises without words": ("raise MemoryError", ["raised MemoryError;"]),
    "leaves": ("raise SystemExit(0)", ["raised SystemExit: 0"]),
    "never comes back": ("return shout(frame, columns=columns)", ["raised RecursionError"]),
    "loses the index": ('return frame.set_index("city")', ["lost the row ids", "keep the index"]),
    "resets the index": ("return frame.reset_index(drop=True)", ["reset the index, which holds the row ids"]),
    "doubles rows": ("return pd.concat([frame, frame])", ["gave rows twice", "a step may drop rows, never add any"]),
    "invents rows": ("return frame.set_axis(frame.index + 1)", ["gave rows that it was not given"]),
    "changes its input": (
        'frame["city"] = "Ulm"\nreturn frame',
        ["changed its input in place (column city)", "copy()"],
    ),
    "gives nothing": ("frame.assign(x=1)", ["has to give back a DataFrame", "given: NoneType", "`return frame`"]),
    "gives a list": ("return [frame]", ["has to give back a DataFrame", "given: list"]),
    "lacks a package": (
        "import no_such_package",
        ["needs the package 'no_such_package'", "pip install no_such_package"],
    ),
    "doubles a column": ('return pd.concat([frame, frame[["city"]]], axis=1)', ["two columns of the same name: city"]),
    "takes our name": ("return frame.assign(row_id=1)", ["row_id"]),
    "names no text": ("return frame.rename(columns={'city': 3})", ["column city is missing; given: 3, late"]),
    "gives objects": ("return frame.assign(city=[object()] * len(frame))", []),
}


BY_CONTRACT = ("gives objects", "names no text")  # any column may be made; what must be there, the contract says


OFTEN = ("raises", "resets the index", "gives nothing")


@pytest.mark.parametrize("name", some(BROKEN, *OFTEN))
def test_a_step_that_breaks_its_word_is_named(finished: Project, name: str) -> None:
    body, words = BROKEN[name]
    finished.write("plugins/shop.py", HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    said = refused_at(finished, "clean", *words)
    place = "stage clean, contract of clean: column city" if name in BY_CONTRACT else SHOUT
    assert said.splitlines()[-3].startswith(place), said


@pytest.mark.soak
def test_a_mended_step_goes_on_where_it_stopped(finished: Project) -> None:
    lock = finished.lock()
    finished.edit("plugins/shop.py", "    return frame", "    return None and frame")
    said = refused_at(finished, "clean", SHOUT)
    assert said.splitlines()[-2:] == [
        said.splitlines()[-2],
        "Mend this and run `dvc repro` again, or `steadily restore` to go back to the last complete run.",
    ]
    assert "its outputs are those of its last good run, and all after it is as it was" in said
    story = finished.ok("steadily", "log").splitlines()
    assert story[-1].startswith(f"failed in clean: {SHOUT}has to give back a DataFrame")
    assert any(line.strip() == "not reached: split, prepare, train" for line in story)
    finished.edit("plugins/shop.py", "    return None and frame", "    return frame")
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock


@pytest.mark.soak
def test_a_first_run_that_fails_leaves_no_outputs_of_the_failing_stage(fresh: Project) -> None:
    fresh.edit("plugins/shop.py", "    return frame", "    return None and frame")
    text = fresh.refused("dvc", "repro")
    assert "clean failed after" in text
    assert "it has no outputs" in text
    assert "Mend this and run `dvc repro` again.\n" in text  # there is no complete run to go back to
    assert sorted(path.name for path in fresh.path("data").iterdir()) == ["inbox", "raw", "valid"]
    assert sorted(path.name for path in fresh.path("reports").glob("*/*")) == sorted(
        ["summary.json", "ledger.parquet", "quarantine.parquet"] * 2
    )
    assert "no complete run is on record" in fresh.refused("steadily", "restore")
    fresh.edit("plugins/shop.py", "    return None and frame", "    return frame")
    assert fresh.repro() == ["compose", "clean", "split", "prepare", "train"]


def test_a_step_that_goes_elsewhere_is_brought_back(finished: Project) -> None:
    finished.edit("plugins/shop.py", "    return frame", '    __import__("os").chdir("/")\n    return frame')
    assert finished.repro("clean") == ["compose", "clean"]


def test_a_step_that_ends_the_process_leaves_nothing_that_the_next_run_minds(finished: Project) -> None:
    finished.edit("plugins/shop.py", "    return frame", '    __import__("os")._exit(3)\n    return frame')
    finished.refused("dvc", "repro")
    assert "killed in clean" in finished.ok("steadily", "log")
    finished.edit("plugins/shop.py", '    __import__("os")._exit(3)\n', "")
    assert finished.repro() in (["compose"], ["compose", "clean"])
    assert not list(finished.folder.glob("data/.*.draft"))


IMPORTS = {
    "a package": (
        "import no_such_package\n",
        "ModuleNotFoundError: No module named 'no_such_package' (plugins/shop.py:1)",
    ),
    "no Python": ("def (:\n", "SyntaxError: invalid syntax (plugins/shop.py:1)"),
    "leaves": ("raise SystemExit(3)\n", "SystemExit: 3 (plugins/shop.py:1)"),
    "an unknown hook": (
        SHOP + "from steadily import hookimpl\n@hookimpl\ndef stage_finishd(record):\n    pass\n",
        "'stage_finishd' is no hook; allowed: notify, register_steps, stage_failed, stage_finished; did you mean",
    ),
    "no annotation": (SHOP.replace('mark: str = "!"', 'mark="!"'), "parameter 'mark' has no type annotation"),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_a_plugin_that_fails_at_import_and_is_used_is_told_with_its_cause(finished: Project, name: str) -> None:
    code, cause = IMPORTS[name]
    finished.write("plugins/shop.py", code)
    place = "conf/config.yaml:20: stages.clean.steps.shout.use: "
    told = finished.refused("steadily", "check")
    assert told.startswith(place)
    assert "plugin 'shop' failed at import" in told
    assert cause in told
    assert len(told.splitlines()) == 1


def test_a_plugin_that_fails_at_import_matters_to_nobody_else(finished: Project) -> None:
    lock = finished.lock()
    finished.write("plugins/broken.py", "import no_such_package\n")
    finished.edit("conf/config.yaml", "[shop]", "[shop, broken]")
    assert finished.repro() == ["compose"]
    noted = (
        "note: plugin 'broken' failed at import and is not used: ModuleNotFoundError: No module named 'no_such_package'"
    )
    assert noted in finished.ok("steadily", "plan")
    assert noted in finished.ok("steadily", "log")
    assert "failed at import" in finished.ok("steadily", "steps")
    finished.edit("conf/config.yaml", "[shop, broken]", "[shop]")
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock
    finished.edit("conf/config.yaml", "use: shop.shout", "use: broken.shout")
    finished.edit("conf/config.yaml", "[shop]", "[shop, broken]")
    refused_at(finished, "compose", "plugin 'broken' failed at import", "'no_such_package'", "plugins/broken.py:1")


def test_what_was_mended_outside_the_plugin_is_seen(finished: Project) -> None:
    finished.edit("plugins/shop.py", "import pandas", 'open("needed.txt").close()\nimport pandas')
    refused_at(finished, "compose", "FileNotFoundError", "needed.txt", "plugins/shop.py:2")
    finished.write("needed.txt", "")
    assert finished.repro() == ["compose"]


def test_two_plugins_with_one_step_name_are_both_named(finished: Project) -> None:
    finished.write("plugins/other.py", SHOP)
    finished.edit("conf/config.yaml", "[shop]", "[shop, other]")
    refused_at(
        finished,
        "compose",
        "step 'shop.shout': two plugins have a step of this name",
        "shop (plugins/: shop.shout) and other (plugins/: other.shout)",
    )
    finished.write("plugins/other.py", SHOP.replace("shop.shout", "rows.drop_missing"))
    refused_at(finished, "compose", "step 'rows.drop_missing'", "rows (steadily ", "other (plugins/: other.shout)")


def distribution(folder: Path, name: str, code: str, **conf: str) -> None:
    """Make an installed distribution by hand: a package, its metadata and entry point, and a conf folder."""
    package, info = folder / name, folder / f"{name}-1.0.dist-info"
    files = {package / "__init__.py": "", package / "steps.py": code}
    files |= {info / "METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n"}
    files |= {info / "entry_points.txt": f"[steadily]\n{name} = {name}.steps\n"}
    files |= {package / "conf" / f"{group}.yaml": text for group, text in conf.items()}
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_a_plugin_of_a_third_party_comes_in_like_our_own(finished: Project, tmp_path: Path) -> None:
    site = tmp_path / "third parties"
    code = SHOP.replace("from shop_words import loud", "from acme_plugin.words import loud").replace(
        "shop.sh", "acme.sh"
    )
    distribution(
        site,
        "acme_plugin",
        code,
        **{
            "model/acme": "use: sklearn.model\n"
            "features: {cities: {columns: [city], use: sklearn.preprocessing.OneHotEncoder}}\n"
            "estimator: {use: sklearn.dummy.DummyClassifier, strategy: prior}\n"
        },
    )
    words = site / "acme_plugin" / "words.py"
    words.write_text("def loud(values, mark):\n    return values.str.lower() + mark\n", encoding="utf-8")
    finished.environment["PYTHONPATH"] = str(site)
    assert "acme.shout" in finished.ok("steadily", "steps")
    assert "acme-plugin 1.0" in finished.ok("steadily", "steps", "acme.shout")
    finished.edit("conf/config.yaml", "use: shop.shout", "use: acme.shout")
    finished.edit("conf/config.yaml", "model: small", "model: acme")
    assert finished.repro() == ["compose", "clean", "split", "prepare", "train"]
    assert "acme_plugin/words.py" in finished.path("versions.yaml").read_text(encoding="utf-8")
    words.write_text("def loud(values, mark):\n    return values.str.title() + mark\n", encoding="utf-8")
    assert "clean will run: acme.shout changed (acme_plugin/words.py)" in finished.ok("steadily", "plan")
    words.write_text("raise RuntimeError('not today')\n", encoding="utf-8")
    refused_at(
        finished,
        "compose",
        "conf/config.yaml:20:",
        "'acme_plugin', which failed at import: RuntimeError: not today",
        "words.py:1",
    )
    finished.edit("conf/config.yaml", "use: acme.shout", "use: shop.shout")
    finished.edit("conf/config.yaml", "model: acme", "model: small")
    assert "note: plugin 'acme_plugin' failed at import and is not used: RuntimeError" in finished.ok(
        "steadily", "plan"
    )
    distribution(
        site, "acme_plugin", SHOP.replace("shop.shout", "rows.filter").replace("shop_words", "acme_plugin.words")
    )
    words.write_text("def loud(values, mark):\n    return values\n", encoding="utf-8")
    refused_at(
        finished, "compose", "step 'rows.filter': two plugins", "rows (steadily", "acme_plugin (acme-plugin 1.0:"
    )
