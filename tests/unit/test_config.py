"""Composing a project's conf/: values, where they come from, and all that is wrong at once."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from steadily import config
from steadily.errors import ConfigError

CONFIG = """\
defaults:
  - model: logreg
  - clean@stages.clean: default
  - _self_

contract: {clean: {columns: {text: str, a.b: int}}}
datasets:
  clean: {contract: "${contract.clean}"}
stages:
  clean:
    steps:
      lower: {columns: [text, body]}
when: 2002-09-25
"""
FILES = {
    "config": CONFIG,
    "model/logreg": "use: sklearn.fit\nestimator:\n  C: 1.0\n",
    "model/svm": "defaults:\n  - parts/kernel@estimator: rbf\n  - _self_\nuse: sklearn.fit\nestimator:\n  C: 2.0\n",
    "model/parts/kernel/rbf": "kernel: rbf\ngamma: 0.5\n",
    "model/global": "# @package _global_\nmodel:\n  C: 5.0\n",
    "clean/default": "steps:\n  need: {use: rows.drop_missing}\n  lower: {use: text.normalize, columns: [text]}\n",
}
Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    def make(**files: str | None) -> Path:
        folder = tmp_path / "pröject x"
        for name, content in {**FILES, **files}.items():
            if content is not None:
                file = folder / "conf" / f"{name}.yaml"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.encode())
        return folder

    return make


def problems(folder: Path, *overrides: str, name: str = "config") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.compose(folder, name, overrides)
    return [str(problem) for problem in caught.value.problems]


def test_values_are_plain_and_resolved(project: Project):
    composed = config.compose(project())
    assert composed.values == {
        "model": {"use": "sklearn.fit", "estimator": {"C": 1.0}},
        "contract": {"clean": {"columns": {"text": "str", "a.b": "int"}}},
        "datasets": {"clean": {"contract": {"columns": {"text": "str", "a.b": "int"}}}},
        "stages": {
            "clean": {
                "steps": {
                    "need": {"use": "rows.drop_missing"},
                    "lower": {"use": "text.normalize", "columns": ["text", "body"]},
                }
            }
        },
        "when": "2002-09-25",
    }
    assert type(composed.values["model"]) is dict
    assert composed.files == (Path("conf/model/logreg.yaml"), Path("conf/clean/default.yaml"), Path("conf/config.yaml"))
    assert composed.choices == {"model": "logreg", "clean@stages.clean": "default"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("model", "estimator", "C"), "model/logreg.yaml:3"),
        (("model", "estimator", "nothing", "here"), "model/logreg.yaml:2"),
        (("stages", "clean", "steps", "need", "use"), "clean/default.yaml:2"),
        (("stages", "clean", "steps", "lower", "use"), "clean/default.yaml:3"),
        (("stages", "clean", "steps", "lower", "columns", 1), "config.yaml:12"),
        (("stages", "clean", "steps", "lower"), "config.yaml:12"),
        (("stages", "other"), "config.yaml:9"),
        (("datasets", "clean", "contract"), "config.yaml:8"),
        (("datasets", "clean", "contract", "columns", "a.b"), "config.yaml:6"),
        (("nowhere",), "config.yaml"),
        ((), "config.yaml"),
    ],
)
def test_a_value_is_traced_to_its_file_and_line(project: Project, path: tuple[str | int, ...], expected: str):
    assert config.compose(project()).locate(*path) == f"conf/{expected}"


def test_tracing_minds_nested_defaults_packages_and_overrides(project: Project):
    folder = project()
    svm = config.compose(folder, overrides=["model=svm", "model.estimator.gamma=3", "+new.deep={a: {b: 1}}", "~when"])
    assert svm.values["model"] == {"estimator": {"kernel": "rbf", "gamma": 3, "C": 2.0}, "use": "sklearn.fit"}
    assert svm.locate("model", "estimator", "kernel") == "conf/model/parts/kernel/rbf.yaml:1"
    assert svm.locate("model", "estimator", "C") == "conf/model/svm.yaml:6"
    assert svm.locate("model", "estimator", "gamma") == svm.locate("new", "deep", "a", "b") == "command line"
    assert config.compose(folder, overrides=["model=global"]).locate("model", "C") == "conf/model/global.yaml:3"


def test_self_first_lets_groups_win(project: Project):
    text = "defaults: [_self_, {model: logreg}]\nmodel: {estimator: {C: 7.0}, own: 1}\n"
    composed = config.compose(project(config=text))
    assert composed.values["model"]["estimator"]["C"] == 1.0
    assert composed.locate("model", "estimator", "C") == "conf/model/logreg.yaml:3"
    assert composed.locate("model", "own") == "conf/config.yaml:2"


def test_tracing_through_merge_keys_open_values_and_chains_of_interpolations(project: Project):
    text = """\
defaults: [{model: logreg}, _self_]
base: &base {x: 1}
more:
  <<: *base
  y: 2
model: {estimator: {C: '???'}}
one: ${two}
two: {three: "${more}"}
"""
    composed = config.compose(project(config=text))
    assert composed.values["one"]["three"] == {"x": 1, "y": 2}
    assert composed.locate("more", "x") == "conf/config.yaml:2"
    assert composed.locate("model", "estimator", "C") == "conf/model/logreg.yaml:3"
    assert composed.locate("one", "three", "y") == "conf/config.yaml:5"


def test_composing_leaves_no_trace_and_can_be_repeated(project: Project, monkeypatch: pytest.MonkeyPatch):
    from hydra.core.global_hydra import GlobalHydra

    folder = project()
    monkeypatch.chdir(folder)
    before, handlers = sorted(folder.rglob("*")), list(logging.root.handlers)
    first, second = config.compose(Path(".")), config.compose(folder)
    assert first.values == second.values
    assert (Path.cwd(), sorted(folder.rglob("*")), logging.root.handlers) == (folder, before, handlers)
    assert not GlobalHydra.instance().is_initialized()


def test_a_missing_config_or_folder(project: Project, tmp_path: Path):
    assert "is this the project's folder?" in problems(tmp_path / "nowhere")[0]
    folder = project()
    (folder / "conf/config.yaml").unlink()
    assert problems(folder) == ["conf/config.yaml: there is no such file"]


@pytest.mark.parametrize("content", ["", "# only a comment\n", "\ufeff", "{}"])
def test_an_empty_config_is_empty(project: Project, content: str):
    assert config.compose(project(config=content)).values == {}


def test_bom_and_crlf(project: Project):
    folder = project(config="\ufeff" + CONFIG.replace("\n", "\r\n"))
    assert config.compose(folder).values == config.compose(project(config=CONFIG)).values


def test_unknown_groups_and_options_are_told_all_at_once_with_their_lines(project: Project):
    folder = project(
        config=CONFIG.replace("logreg", "logrge").replace("clean@", "claen@"),
        **{"model/svm": "defaults: [/modle: x]\n"},
    )
    assert problems(folder) == [
        "conf/config.yaml:2: the group 'model' has no option 'logrge'; allowed: global, logreg, svm;"
        " did you mean 'logreg'?",
        "conf/config.yaml:3: unknown config group 'claen'; allowed: clean, model, model/parts, model/parts/kernel;"
        " did you mean 'clean'?",
    ]
    assert problems(folder, "model=svm", "+x=1")[0].startswith("conf/model/svm.yaml:1: unknown config group 'modle'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("defaults: [{model: '???'}, _self_]", "conf/config.yaml:1: no option is chosen for the group 'model'"),
        ("defaults: [nothing, _self_]", "conf/config.yaml:1: there is no conf/nothing.yaml"),
        ("x: 1\ndefaults: {model: logreg}", "conf/config.yaml:2: Hydra can't compose this: Invalid defaults list"),
        ("defaults: [{model: logreg, clean: default}, _self_]", "conf/config.yaml:1: Hydra can't compose this: In"),
        ("defaults:\n  - _self_\n  - override model: svm", "conf/config.yaml:3: Hydra can't compose this: In 'config'"),
        ("defaults: [{model: logreg}]\nx: 1", "conf/config.yaml:1: the defaults list has no _self_"),
        ("defaults: [{loop: a}, _self_]", "conf/loop/a.yaml:1: the defaults lists lead back to conf/loop/a.yaml"),
        ("defaults: [{model: logreg}, _self_]\nmodel: [1]", "conf/config.yaml: Hydra can't compose this: In 'config'"),
        ("a: 'x ${b'", "conf/config.yaml:1: an interpolation that can't be read; given: ${b"),
        ("a: " + "[" * 400 + "]" * 400, "conf/config.yaml:1: nested more than"),
    ],
)
def test_what_hydra_refuses_is_told_with_file_and_line(project: Project, text: str, expected: str):
    (found,) = problems(project(config=text, **{"loop/a": "defaults: [a]\n"}))
    assert found.startswith(expected)


def test_optional_and_null_choices_are_no_problem(project: Project):
    text = "defaults: [{optional model: none}, {clean: null}, _self_]\nx: 1"
    assert config.compose(project(config=text)).values == {"x": 1}


def test_every_file_below_conf_is_checked(project: Project):
    folder = project(**{"model/unused": "a: on\nb: 010\na: 2\n", "clean/broken": "a: [\n"})
    (folder / "conf/model/old.yml").write_text("a: 1")
    (folder / "conf/model/latin.yaml").write_bytes(b"a: \xe4")
    found = problems(folder)
    assert [line.partition(": ")[0] for line in found] == [
        "conf/clean/broken.yaml:2",
        "conf/model/latin.yaml",
        "conf/model/old.yml",
        "conf/model/unused.yaml:1",
        "conf/model/unused.yaml:2",
        "conf/model/unused.yaml:3",
    ]


def test_everything_left_open_is_told_at_once(project: Project):
    folder = project(
        config=CONFIG
        + """\
a: ???
b: ${a}
c: [1, {d: '???'}]
e: ${stages.claen.x}
f: pre-${stages.clean.steps.lower.columns[7]}
g: ${h}
h: ${g}
i: ${oc.env:HOME}
j: ${now:%Y}
k: ${datasets.clean.contract.columns.txt}
l: ${.when}
m: \\${text}
n: ${oc.select:nothing,3}
"""
    )
    found = problems(folder)
    assert [line.partition(": ")[0].rpartition(":")[2] for line in found] == [
        str(line) for line in (14, *range(16, 24))
    ]
    assert found[0] == "conf/config.yaml:14: 'a' is ??? and nobody sets it; give it a value"
    assert found[1] == "conf/config.yaml:16: 'c[1].d' is ??? and nobody sets it; give it a value"
    assert found[2].endswith(
        "${stages.claen.x} leads nowhere: 'stages' has no 'claen'; allowed: clean; did you mean 'clean'?"
    )
    assert "'stages.clean.steps.lower.columns' has 2 items; given: 7" in found[3]
    assert "leads back to itself" in found[4]
    assert "would write a secret or this machine's state into params.yaml" in found[6]
    assert "url_env" in found[6]
    assert "${now:…} is not an interpolation that may be used here" in found[7]
    assert "did you mean 'text'?" in found[8]


def test_overrides_that_do_not_fit_are_told_at_once(project: Project):
    assert problems(project(), "modle=svm", "stages.claen.x=3", "model.estimator.x=1", "when=x") == [
        "command line: the configuration has no 'modle'; given: modle=svm; allowed: clean, contract, datasets, model,"
        " model/parts, model/parts/kernel, stages, when; did you mean 'model'?",
        "command line: 'stages' has no 'claen'; given: stages.claen.x=3; allowed: clean; did you mean 'clean'?",
        "command line: 'model.estimator' has no 'x'; given: model.estimator.x=1; allowed: C;"
        " to add it write +model.estimator.x=1",
    ]
    assert [line[:44] for line in problems(project(), "a=[", "b")] == [
        "command line: an override that can't be read"
    ] * 2
    assert problems(project(), "model=svn")[0].startswith("command line: the group 'model' has no option 'svn'")
    assert problems(project(), "when=1,2")[0].startswith("command line: Hydra can't compose this: Ambiguous value")


def test_operate_may_read_the_environment_and_tells_no_secret(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STEADILY_TEST_SECRET", "{s3cret: [")
    monkeypatch.delenv("STEADILY_TEST_UNSET", raising=False)
    assert config.operate(project()).values == {}
    folder = project(operate="url: ${oc.env:STEADILY_TEST_SECRET}\nport: ${oc.env:STEADILY_TEST_UNSET,null}\n")
    assert config.operate(folder).values == {"url": "{s3cret: [", "port": None}
    folder = project(
        operate="a: ${oc.decode:${oc.env:STEADILY_TEST_SECRET}}\nb: x${oc.env:STEADILY_TEST_UNSET}\nc: ???\nd: ${e}\n"
    )
    with pytest.raises(ConfigError) as caught:
        config.operate(folder)
    found = [str(problem) for problem in caught.value.problems]
    assert [line.partition(": ")[0] for line in found] == [f"conf/operate.yaml:{line}" for line in (1, 2, 3, 4)]
    assert found[1].startswith("conf/operate.yaml:2: the environment variable STEADILY_TEST_UNSET is not set")
    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


def test_a_mistake_in_the_pipeline_does_not_stop_operations(project: Project):
    folder = project(config="a: [", operate="engine: local\n")
    assert config.operate(folder).values == {"engine": "local"}
    assert problems(project(operate="a: on\n"), name="operate")[0].startswith(
        "conf/operate.yaml:1: 'on' is read as true"
    )


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed distribution that brings a config group and must never be imported for it."""
    site = tmp_path / "site packages"
    (site / "pluginwithconf/conf/model").mkdir(parents=True)
    (site / "pluginwithconf/__init__.py").write_text("raise SystemExit('imported')")
    (site / "pluginwithconf/conf/model/theirs.yaml").write_text("estimator:\n  C: 9.0\n")
    (site / "pluginwithconf/conf/model/logreg.yaml").write_text("estimator: {C: -1.0}\n")
    info = site / "plugin_with_conf-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-with-conf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[steadily]\na = pluginwithconf.steps\nb = notinstalledanywhere.steps:x\n")
    monkeypatch.syspath_prepend(str(site))
    return "pluginwithconf"


def test_an_installed_plugin_brings_config_groups_without_being_imported(project: Project, plugin: str):
    folder = project()
    composed = config.compose(folder, overrides=["model=theirs"])
    assert composed.values["model"] == {"estimator": {"C": 9.0}}
    assert composed.locate("model", "estimator", "C") == "pluginwithconf/conf/model/theirs.yaml:2"
    assert plugin not in sys.modules
    assert config.compose(folder).values["model"]["estimator"]["C"] == 1.0  # the project's own option wins
    assert "theirs" in problems(folder, "model=their")[0]


def test_dvc_composes_the_same_with_a_plugins_groups(project: Project, plugin: str, tmp_path: Path):
    from dvc.utils.hydra import compose_and_dump

    from steadily.yamltext import alike, load

    folder = project()
    out = tmp_path / "params.yaml"
    overrides = ["model=theirs", "stages.clean.steps.lower.columns=['on',1.0,1e-7]"]
    compose_and_dump(out, str(folder / "conf"), None, "config", str(folder / ".dvc/plugins"), overrides)
    assert alike(load(out.read_text()), config.compose(folder, overrides=overrides).values)


def test_a_plugins_own_yaml_is_checked_where_it_is_used(project: Project, plugin: str, tmp_path: Path):
    file = next(tmp_path.rglob("theirs.yaml"))
    file.write_text("C: on\n")
    config.compose(project())
    assert problems(project(), "model=theirs")[0].startswith("pluginwithconf/conf/model/theirs.yaml:1: 'on'")


def test_the_digest_covers_all_yaml(project: Project, plugin: str, tmp_path: Path):
    folder = project(**{f"many/file{number}": f"a: {number}\n" for number in range(50)})
    first = config.digest(folder)
    assert config.digest(folder) == first
    seen = {first}
    for change in (
        lambda: (folder / "conf/many/file1.yaml").write_text("a: 2\n"),
        lambda: os.replace(folder / "conf/many/file2.yaml", folder / "conf/many/renamed.yaml"),
        lambda: next(tmp_path.rglob("theirs.yaml")).write_text("C: 8.0\n"),
        lambda: (folder / "conf/operate.yaml").write_text("a: 1\n"),
    ):
        change()
        assert config.digest(folder) not in seen
        seen.add(config.digest(folder))
    (folder / "conf/notes.txt").write_text("no YAML")
    assert config.digest(folder) in seen


def test_hydra_is_not_imported_before_it_is_needed():
    import subprocess

    code = "import sys, steadily.config, pathlib; steadily.config.digest(pathlib.Path('.')); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"hydra", "omegaconf", "pandas", "ruamel.yaml"} & set(modules)
