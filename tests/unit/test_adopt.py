"""Keeping an experiment: its values written into conf/, and nothing else touched."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steadily import config
from steadily.config.adopt import adopt, same
from steadily.config.edit import CannotEditError, remove, set_value
from steadily.errors import ConfigError
from steadily.yamltext import load
from steadily.yamltext.check import disagreements

FILES = {
    "config": """\
# The pipeline.
defaults:
  - model: logreg  # or svm
  - clean@stages.clean: default
  - _self_

task: classification   # regression comes later
contract: {clean: {columns: {text: str, a.b: int}}}
datasets:
  clean: {contract: "${contract.clean}"}

stages:
  clean:
    steps:
      lower: {columns: ['text', "body"]}
  # what comes last
  train:
    seed: 1
""",
    "model/logreg": "use: sklearn.fit\nestimator:\n  C: 1.0  # the paper's\n  max_iter: 100\n",
    "model/svm": "use: sklearn.fit\nestimator:\n  C: 2.0\n  kernel: rbf\n  gamma: 0.5\n",
    "clean/default": "steps:\n  need: {use: rows.drop_missing, columns: [target]}\n  lower: {use: text.normalize}\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "projekt ü"
    for name, content in FILES.items():
        put(folder, name, content)
    return folder


def put(folder: Path, name: str, content: str) -> None:
    file = folder / "conf" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode())


def changed(folder: Path) -> dict[str, list[str]]:
    """Give the lines that are new, by file."""
    found = {}
    for name, content in FILES.items():
        now = (folder / "conf" / f"{name}.yaml").read_text()
        if now != content:
            old = content.splitlines()
            found[name] = [line for line in now.splitlines() if line not in old]
    return found


def adopted(folder: Path, *overrides: str, change: Callable[[dict[str, Any]], None] | None = None) -> list[str]:
    """Adopt what composing with overrides gives, and check that conf/ alone gives it now."""
    params = copy.deepcopy(config.compose(folder, overrides=overrides).values)
    if change:
        change(params)
    said = adopt(folder, params)
    assert same(config.compose(folder).values, params)
    assert adopt(folder, params) == []
    assert not [file for file in folder.rglob("*") if file.suffix not in ("", ".yaml")]
    return said


def test_nothing_to_adopt_touches_nothing(project: Path):
    before = {file: file.stat().st_mtime_ns for file in project.rglob("*.yaml")}
    assert adopted(project) == []
    assert before == {file: file.stat().st_mtime_ns for file in project.rglob("*.yaml")}


def test_another_option_and_a_value_in_it(project: Path):
    assert adopted(project, "model=svm", "model.estimator.C=4.0") == [
        "conf/config.yaml:3: model: logreg → svm",
        "conf/model/svm.yaml:3: estimator.C: 2.0 → 4.0",
    ]
    assert changed(project) == {"config": ["  - model: svm  # or svm"], "model/svm": ["  C: 4.0"]}


def test_values_change_where_they_stand_and_comments_stay(project: Path):
    said = adopted(project, "model.estimator.C=4", "task='off'", "stages.clean.steps.need.columns=[a,'on']")
    assert said == [
        "conf/model/logreg.yaml:3: estimator.C: 1.0 → 4",
        "conf/clean/default.yaml:2: steps.need.columns: [target] → [a, 'on']",
        "conf/config.yaml:7: task: classification → 'off'",
    ]
    assert changed(project) == {
        "config": ["task: 'off'   # regression comes later"],
        "model/logreg": ["  C: 4  # the paper's"],
        "clean/default": ["  need: {use: rows.drop_missing, columns: [a, 'on']}"],
    }


def test_a_change_of_type_alone_is_adopted(project: Path):
    assert adopted(project, "stages.train.seed=1.0") == ["conf/config.yaml:18: stages.train.seed: 1 → 1.0"]


def test_new_keys_go_beside_their_siblings(project: Path):
    adopted(project, "+model.estimator.penalty=l2", "+stages.clean.steps.z={use: a.b, columns: [q]}", "+new.x=[{a: 1}]")
    assert changed(project) == {
        "config": ["      z:", "        use: a.b", "        columns: [q]", "new:", "  x:", "    - {a: 1}"],
        "model/logreg": ["  penalty: l2"],
    }


def test_keys_that_are_gone_are_taken_out(project: Path):
    adopted(project, "~model.estimator.max_iter", "~contract.clean.columns.text", "~stages.train", "~task")
    assert changed(project) == {"config": ["contract: {clean: {columns: {a.b: int}}}"], "model/logreg": []}


def test_what_follows_from_an_interpolation_is_left_to_it(project: Path):
    assert adopted(project, "contract.clean.columns.text=int") == [
        "conf/config.yaml:8: contract.clean.columns.text: str → int"
    ]


def test_a_value_behind_an_interpolation_alone_is_written_out(project: Path):
    def change(params: dict[str, Any]) -> None:
        params["datasets"]["clean"] = {"contract": {"columns": {"text": "float", "a.b": "int"}}}

    adopted(project, change=change)
    assert changed(project) == {"config": ["  clean: {contract: {columns: {text: float, a.b: int}}}"]}


def test_text_that_looks_like_an_interpolation_stays_text(project: Path):
    def change(params: dict[str, Any]) -> None:
        params["task"] = "${x}"
        params["stages"]["train"]["seed"] = ["${y", "a\nb", "12:30", {"k": None}]

    adopted(project, change=change)


def test_a_file_that_is_used_twice_changes_only_when_both_change(project: Path):
    shared = "defaults:\n  - clean@stages.a: s\n  - clean@stages.b: s\n  - _self_\nq: ${stages.a.x.y}\n"
    put(project, "config", shared)
    put(project, "clean/s", "x:\n  y: 1  # why\n")
    assert adopted(project, "stages.a.x.y=5", "q=5") == ["conf/config.yaml:9: stages.a.x.y: 1 → 5"]
    put(project, "config", shared)
    assert adopted(project, "stages.a.x.y=5", "stages.b.x.y=5") == ["conf/clean/s.yaml:2: x.y: 1 → 5"]


def test_what_cannot_be_adopted_is_named_and_nothing_is_touched(project: Path):
    put(project, "config", "defaults: [_self_, {clean@zz: q}]\nx: 1\n")
    put(project, "clean/q", "c: &a 1\nd: *a\ne: 3\n")
    before = {file: file.read_bytes() for file in project.rglob("*.yaml")}
    params = config.compose(project, overrides=["zz.c=4", "zz.e=5", "x=2"]).values
    with pytest.raises(ConfigError, match=r"conf/clean/q.yaml:1: 'zz.c' can't be adopted: 1 → 4; change it by hand"):
        adopt(project, params)
    assert before == {file: file.read_bytes() for file in project.rglob("*.yaml")}


@pytest.mark.parametrize("params", [{"a": float("nan")}, {"a": {1: 2}}, {"a": "???"}])
def test_values_that_conf_cannot_hold_are_refused(project: Path, params: dict[str, Any]):
    with pytest.raises(ConfigError):
        adopt(project, params)


def test_what_dvc_composes_in_an_experiment_can_be_adopted(project: Path, tmp_path: Path):
    from dvc.utils.hydra import compose_and_dump

    out = tmp_path / "params.yaml"
    compose_and_dump(
        out, str(project / "conf"), None, "config", str(tmp_path / "none"), ["model=svm", "model.estimator.C=1e-5"]
    )
    said = adopt(project, load(out.read_text()))
    assert said == ["conf/config.yaml:3: model: logreg → svm", "conf/model/svm.yaml:3: estimator.C: 2.0 → 1.0e-05"]


def test_line_ends_mode_and_links_stay(project: Path):
    real = project / "elsewhere.yaml"
    file = project / "conf/model/logreg.yaml"
    real.write_bytes(FILES["model/logreg"].replace("\n", "\r\n").encode())
    real.chmod(0o640)
    file.unlink()
    file.symlink_to(real)
    adopted(project, "model.estimator.C=3.0", "+model.estimator.new={a: 1}")
    assert file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert real.read_bytes().count(b"\n") == real.read_bytes().count(b"\r\n") == 6


keys = st.sampled_from(["use", "estimator", "C", "steps", "lower", "columns", "task", "clean", "a.b", "on", "ü"])
leaf = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from([1e-7, "on", "a: b", "x\ny", "#", "", "010"])
)
branch = st.recursive(
    leaf, lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=2), max_leaves=5
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(keys, min_size=1, max_size=3), branch), max_size=3))
def test_any_edit_of_the_values_is_adopted_exactly_or_refused_without_a_trace(project, tmp_path, edits):
    folder = tmp_path / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(project, folder)
    params = config.compose(folder).values
    for path, value in edits:
        place = params
        for key in path[:-1]:
            place = place[key] if isinstance(place.get(key), dict) else place.setdefault(f"{key}2", {})
        place[path[-1]] = value
    before = {file: file.read_bytes() for file in folder.rglob("*.yaml")}
    try:
        adopt(folder, params)
    except ConfigError:
        assert before == {file: file.read_bytes() for file in folder.rglob("*.yaml")}
    else:
        assert same(config.compose(folder).values, params)


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("", ("a", "b"), 1, "a:\n  b: 1\n"),
        ("# only this", ("a",), 1, "# only this\na: 1\n"),
        ("a:\n", ("a",), 1, "a: 1\n"),
        ("a:   # why\nb: 2\n", ("a",), 1, "a: 1   # why\nb: 2\n"),
        ("a:\n  b: |\n    x\n    y\n\nc: 1\n", ("a", "b"), "z", "a:\n  b: z\n\nc: 1\n"),
        ("a:\n  - x\n  - y\n# end\n", ("a",), ["q"], "a: [q]\n# end\n"),
        ("a: 1", ("b",), {"c": 2}, "a: 1\nb:\n  c: 2\n"),
        ("{a: 1}\n", ("b",), 2, "a: 1\nb: 2\n"),
        ("'a b': 1\n", ("a b",), 2, "'a b': 2\n"),
        ("a: {}\n", ("a", "b"), 1, "a: {b: 1}\n"),
        ("a: x\n", ("a", "b"), 1, "a:\n  b: 1\n"),
        ("\ufeffa: ü\r\nb: 1\r\n", ("b",), 2, "\ufeffa: ü\r\nb: 2\r\n"),
    ],
)
def test_setting_a_value_changes_nothing_else(text: str, path: tuple[str, ...], value: object, expected: str):
    assert set_value(text, path, value) == expected
    assert disagreements(expected, "x") == []


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a: 1\nb: 2  # two\nc: 3\n", ("b",), "a: 1\nc: 3\n"),
        ("a: 1\n", ("a",), "{}\n"),
        ("a:\n  b: 1\nc: 2\n", ("a", "b"), "a: {}\nc: 2\n"),
        ("a: {b: 1, c: ${x}, d: 2}  # e\n", ("a", "b"), "a: {c: '${x}', d: 2}  # e\n"),
        ("a:\n  b:\n    c: 1\n    d: 2\n  e: 3", ("a", "b"), "a:\n  e: 3"),
    ],
)
def test_removing_a_key_changes_nothing_else(text: str, path: tuple[str, ...], expected: str):
    assert remove(text.replace("${x}", "'${x}'"), path) == expected


@pytest.mark.parametrize("text", ["b: &x 1\na: *x\n", "a: &x 1\nb: *x\n", "b: &x {c: 1}\na: *x\n"])
def test_aliases_are_left_alone(text: str):
    with pytest.raises(CannotEditError):
        set_value(text, ("a",), 2)
