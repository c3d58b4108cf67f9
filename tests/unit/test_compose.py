"""Composing and checking: what is written, what is kept, what is refused before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steadily import compose as composing
from steadily import resolution
from steadily.compose import check_project, compose_all
from steadily.errors import ConfigError, RunError, SteadilyError
from steadily.journal import last_run
from steadily.lastgood import FOLDER, keep_last_good, read_yaml, restore_last_good, stands_complete
from steadily.operate import engine_settings, operation
from unit.small import SHORT, Small, forget_own_plugins

TABLE = 'def f(frame: pd.DataFrame, *, other: Table) -> pd.DataFrame:\n    """Join."""\n    return frame\n'
KINDS = f"""
@step("own.row")
{TABLE}

@step("own.split", kind="split")
def g(frame: pd.DataFrame) -> pd.Series: ...

@step("own.checked")
class Checked:
    def __init__(self, *, way: str): ...
    def learn(self, frame): ...
    def merge(self, parts): ...
    def apply(self, frame, state): ...
    @staticmethod
    def check(*, way):
        if way == "bad":
            raise DataError.at("", "no way", given=way, hint="find another")
        1 / len(way)
"""


def refused(small: Small, steps: str, own: str = KINDS, config: str = SHORT) -> str:
    small.short(steps, own, config=config)
    with pytest.raises(ConfigError) as caught:
        small.compose()
    assert not Path("params.yaml").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("{a: {use: own.roww}}", "conf/config.yaml:12: stages.work.steps.a.use: unknown step 'own.roww'; allowed: own"),
        ("{a: {use: nothing.at_all}}", "unknown step 'nothing.at_all'"),
        ("{a: {use: own.row}}", "conf/config.yaml:12: stages.work.steps.a.other: parameter 'other' is missing"),
        (
            "{a: {use: own.row, other: more}}",
            "names no further input of this stage; given: 'more'; allowed: this stage has",
        ),
        ("{a: {use: own.checked, way: bad}}", "stages.work.steps.a: no way; given: bad; find another"),
        ("{a: {use: own.checked, way: ''}}", "check of own.checked raised ZeroDivisionError: division by zero"),
        ("{a: {use: own.split}, b: {use: own.checked, way: x}}", "a split is the last step of its stage"),
        ("{a: {use: own.split}, b: {use: own.split}}", "a split is the last step of its stage"),
        ("{a: {use: files.csv, path: x}, b: {use: own.split}}", "a source stands alone in its stage; given: a, b"),
        ("{a: {use: files.csv, path: x}}", "a stage with a source has no inputs"),
        ("{a: {use: sklearn.model}}", "parameter 'estimator' is missing"),
    ],
)
def test_steps_that_do_not_fit(small: Small, steps: str, said: str) -> None:
    assert said in refused(small, steps)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "inputs: {rows: valid}",
            "inputs: {rows: raw}",
            "dataset 'raw' has no contract, and a transform may read only what",
        ),
        ("inputs: {rows: valid}", "inputs: {}", "a stage without a source needs inputs"),
        (
            "inputs: {rows: valid}",
            "inputs: {row: valid}",
            "no output is called 'row'; allowed: rows; did you mean 'rows'?",
        ),
        (
            "outputs: {rows: done}",
            "outputs: {rows: done, more: m}",
            "no input is called 'more'; allowed: rows; an output is",
        ),
        ("plugins: [own]", "plugins: [own, onw]", "plugins: plugins/ has no module 'onw'; did you mean 'own'?"),
        (
            "datasets:\n",
            "datasets:\n  raw: {contract: {columns: {n: {dtype: int64}}}}\n",
            "a source's dataset is kept as it",
        ),
        ("dtype: int64}", "dtype: int46}", "dtype"),
        ("max_quarantined: 0.5", "max_quarantined: 1.5", "has to be a share of the rows"),
    ],
)
def test_stages_that_do_not_fit(small: Small, old: str, new: str, said: str) -> None:
    assert said in refused(small, "{a: {use: own.checked, way: x}}", config=SHORT.replace(old, new))


def test_a_model_is_no_dataset_and_several_streams_learn_from_one(small: Small) -> None:
    more = (
        "  next: {inputs: {a: done, b: done}, steps: {a: {use: own.checked, way: x}}, outputs: {a: p, b: q}}\ndatasets:"
    )
    text = refused(small, "{a: {use: own.checked, way: x}}", config=SHORT.replace("datasets:", more))
    assert "learn_on: is missing: learned steps need to know which input they learn from; allowed: a, b" in text
    assert "dataset 'done' has no contract, and a transform may read only what one has checked; give it one: da" in text


def test_what_is_known_is_taken_from_the_cache(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.short().compose()
    first = Path("versions.yaml").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(resolution, "examine", None)
        small.compose()
    for cache in (resolution.CACHE, resolution.CONF_CACHE, Path(".steadily/cache/operate.json")):
        for text in ("", "{", "[]", "{}", '{"format": 99}', '{"values": 3, "what": 4}'):
            small.write(str(cache), text)
            small.compose()
    assert Path("versions.yaml").read_bytes() == first
    assert json.loads(resolution.CACHE.read_text())["kinds"]["ingest"] == {"read": "source"}


def test_hand_edits_are_refused_with_the_place_in_conf(small: Small) -> None:
    small.short("{need: {use: rows.drop_missing, columns: [t]}}").compose()
    small.edit("params.yaml", "- t", "- x")
    with pytest.raises(ConfigError) as caught:
        small.compose()
    assert "params.yaml: stages.work.steps.need.columns: was edited by hand, but is written from conf/" in str(
        caught.value
    )
    assert "edit conf/config.yaml:12" in str(caught.value)
    small.write("params.yaml", "a: [")
    with pytest.raises(SteadilyError, match=r"params.yaml:\d: this is no YAML"):
        small.compose()


def test_another_shape_is_written_and_said(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.short().compose()
    monkeypatch.setattr(composing.lockguard, "stand_guard", lambda *_: None)  # its process would wait for this one
    monkeypatch.setenv("DVC_STAGE", "compose")
    small.compose()
    small.edit("conf/config.yaml", "outputs: {rows: done}", "outputs: {rows: made}")
    with pytest.raises(
        RunError, match=r"the pipeline's shape changed; dvc.yaml has been rewritten; run dvc repro again"
    ):
        small.compose()
    assert "data/made" in small.yaml("dvc.yaml")["stages"]["work"]["outs"]
    run = last_run(Path())
    assert run is not None
    assert run.failed is not None


def test_an_experiment_takes_what_dvc_composed(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.short("{need: {use: rows.drop_missing, columns: [t]}}").compose()
    before = small.yaml("versions.yaml")["work"]["digest"]
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "abc")
    small.edit("params.yaml", "- t", "- x")
    small.compose()
    assert small.yaml("versions.yaml")["work"]["digest"] != before
    small.edit("params.yaml", "- x", "- x\n        - ???")
    with pytest.raises(
        ConfigError, match=r"params.yaml: stages.work.steps.need.columns.1: is left open .'\?\?\?'.; give it a"
    ):
        small.compose()


def test_checking_writes_nothing_but_caches(small: Small) -> None:
    small.short()
    forget_own_plugins()
    found = check_project(Path())
    assert list(found.reasons) == ["ingest", "validate", "work"]
    assert sorted(path.name for path in Path().iterdir()) == [".steadily", "conf", "data", "plugins"]


def test_a_source_out_of_reach(small: Small) -> None:
    own = """
import pathlib
from steadily import SourceUnreachable

@step("own.source")
class Source:
    def __init__(self): ...
    def read(self, rows): ...
    def version(self):
        if pathlib.Path("down").exists():
            raise SourceUnreachable.at("the warehouse", "does not answer")
        return {"a": "1"}
"""
    config = SHORT.replace('{use: files.csv, path: "data/inbox/*.csv"}', "{use: own.source}")
    small.short("{}", own, config=config).write("down", "")
    with pytest.raises(SteadilyError, match=r"does not answer\ningest: the source is out of reach; to go on with what"):
        small.compose()
    Path("down").unlink()
    small.compose()
    small.write("down", "")
    with pytest.raises(SteadilyError, match="does not answer"):
        small.compose()
    small.write("conf/operate.yaml", "sources: {unreachable: keep}\n")
    assert any("keeps its last version: the warehouse: does not answer" in line for line in small.compose())
    assert small.yaml("versions.yaml")["ingest"]["steps"]["read"]["source"] == {"a": "1"}


def lock_of(small: Small) -> dict[str, Any]:
    """Write what DVC would, from what it is to run."""
    from steadily.dvcfile import wanted_params

    files = {name: read_yaml(Path(name)) for name in ("params.yaml", "versions.yaml")}
    stages = read_yaml(Path("dvc.yaml"))["stages"]
    lock = {
        name: {
            "deps": [{"path": path, "md5": f"of {path}"} for path in entry.get("deps", [])],
            "outs": [{"path": path, "md5": f"of {path}"} for path in entry["outs"]],
            "params": wanted_params(entry, files),
        }
        for name, entry in stages.items()
        if name != "compose"
    }
    small.write("dvc.lock", json.dumps({"schema": "2.0", "stages": lock}))
    return lock


def test_the_last_whole_run_is_kept_and_brought_back(small: Small) -> None:
    with pytest.raises(RunError, match="no complete run is on record"):
        restore_last_good(Path())
    small.short().compose()
    assert not stands_complete(Path())
    lock_of(small)
    assert stands_complete(Path())
    assert keep_last_good(Path())
    assert keep_last_good(Path())
    kept = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    small.edit("conf/config.yaml", "max_quarantined: 0.5", "max_quarantined: 0.4")
    lines = compose_all(Path()).reasons
    assert lines["validate"][0] == "datasets.valid.max_quarantined 0.5 → 0.4"
    small.compose()
    assert not stands_complete(Path())
    small.write("dvc.lock", "stages: [")
    assert not keep_last_good(Path())
    assert restore_last_good(Path()) == ["dvc.lock", "params.yaml", "versions.yaml"]
    assert {name: Path(name).read_bytes() for name in kept} == kept
    assert restore_last_good(Path()) == []
    assert composing.trigger(None) == "steadily compose"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engine: fast", "engine: has to be a mapping"),
        ("engine: [1]", "engine: has to be a mapping"),
        (
            "engine: {worker: 2}",
            "unknown key 'worker'; allowed: address, backend, read_rows, workers; did you mean 'workers'?",
        ),
        (
            "engine: {backend: dsk}",
            "unknown value; given: 'dsk'; allowed: dask, local, sequential; did you mean 'dask'?",
        ),
        ("engine: {workers: 0}", "has to be a whole number above 0; given: 0"),
        ("engine: {workers: true}", "has to be a whole number above 0; given: True"),
        ("engine: {read_rows: 1.5}", "has to be a whole number above 0; given: 1.5"),
        ("sources: {unreachable: hope}", "unknown value; given: 'hope'; allowed: fail, keep"),
    ],
)
def test_an_operation_that_can_not_be(small: Small, text: str, said: str) -> None:
    small.short().write("conf/operate.yaml", text)
    with pytest.raises(ConfigError) as caught:
        operation(Path())
    assert said in str(caught.value)
    assert "conf/operate.yaml" in str(caught.value)


def test_the_engine_is_chosen(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.short()
    assert engine_settings(Path()) == {"backend": "local", "workers": 1}
    small.write("conf/operate.yaml", "engine: {workers: 3, read_rows: 7}\nother: {anything: 1}\n")
    for chosen, expected in {
        "local:4": {"backend": "local", "workers": 4, "read_rows": 7},
        "sequential": {"backend": "sequential", "workers": 3, "read_rows": 7},
        "dask:tcp://h:1": {"backend": "dask", "workers": 3, "read_rows": 7, "address": "tcp://h:1"},
    }.items():
        monkeypatch.setenv("STEADILY_ENGINE", chosen)
        assert engine_settings(Path()) == expected
    for wrong in ("local:x", ":4", "spark", "local:0", "local:-1"):
        monkeypatch.setenv("STEADILY_ENGINE", wrong)
        with pytest.raises(ConfigError, match="STEADILY_ENGINE"):
            engine_settings(Path())


def test_a_plugin_that_nobody_uses_may_fail(small: Small) -> None:
    small.short().write("plugins/broken.py", "1 / 0\n")
    small.edit("conf/config.yaml", "plugins: [own]", "plugins: [own, broken]")
    assert any(
        "plugin 'broken' failed at import and is not used: ZeroDivisionError" in line for line in small.compose()
    )


def test_a_learned_step_before_a_split_is_told(small: Small) -> None:
    more = "  half: {inputs: {rows: done}, steps: {s: {use: own.split}}, outputs: {a: a, b: b}}\ndatasets:\n"
    more += "  done: {contract: {columns: {n: {dtype: int64}}}}\n"
    small.short("{a: {use: own.checked, way: x}}", KINDS, config=SHORT.replace("datasets:\n", more))
    assert any("work: a learns from rows that half divides later" in line for line in small.compose())
