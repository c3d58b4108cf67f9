"""The shape of the pipeline as configuration: what is read, and what is told of what can't be."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.errors import ConfigError
from steadily.spec import PipelineSpec, read_pipeline


def where(*keys: str) -> str:
    return f"conf:{len(keys)}"


def stage(inputs: Any = None, outputs: Any = None, **more: Any) -> dict[str, Any]:
    return {"inputs": inputs or {}, "outputs": outputs or {"rows": "raw"}, **more}


def pipeline(**changes: Any) -> dict[str, Any]:
    clean = stage(
        {"rows": "raw", "more": "raw"}, {"rows": "clean"}, steps={"one": {"use": "a.b", "at": "training", "x": 1}}
    )
    return {"roles": {"target": "t"}, "stages": {"clean": clean, "ingest": stage()}, **changes}


def told(values: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        read_pipeline(values, where)
    return str(caught.value)


def test_a_pipeline_is_read() -> None:
    found = read_pipeline(pipeline(datasets={"clean": {"max_quarantined": 0}}, plugins=["own"]), where)
    assert [one.name for one in found.stages] == ["ingest", "clean"]  # in the order in which they can run
    clean = found.stage("clean")
    assert (clean.streams, clean.tables) == ({"rows": "raw"}, {"more": "raw"})
    assert (clean.steps[0].at, dict(clean.steps[0].params)) == ("training", {"x": 1})
    assert found.writer("clean") == clean
    assert found.writer("none") is None
    assert found.readers("raw") == [clean]
    assert (found.dataset("clean").max_quarantined, found.dataset("raw").max_quarantined) == (0.0, 0.05)
    assert found.plugins == ("own",)
    with pytest.raises(ConfigError, match=r"no such stage; allowed: clean, ingest; did you mean 'clean'\?"):
        found.stage("claen")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": {}}, "stages: there are no stages; a pipeline needs at least one"),
        ({"stages": None}, "there are no stages"),
        ({"stages": [1]}, "stages: has to be a mapping; given: [1]"),
        ({"stages": {"ingest": None}}, "stages.ingest.outputs: a stage needs at least one output"),
        ({"stages": {"ingest": "x"}}, "stages.ingest: has to be a mapping; given: 'x'"),
        ({"stages": {"Ingest": stage()}}, "stages.Ingest: is no name for a stage"),
        ({"stages": {"compose": stage()}}, "not 'compose'"),
        ({"stages": {"a-b": stage()}}, "stages.a-b: is no name for a stage"),
        (
            {"stages": {"a": stage(step={})}},
            "unknown key 'step'; allowed: inputs, learn_on, maximums, minimums, outputs, steps; did you mean",
        ),
        ({"stages": {"a": stage(steps={"contract": {"use": "a.b"}})}}, "is no name for a step"),
        ({"stages": {"a": stage(steps={"x": None})}}, "stages.a.steps.x: names no step"),
        ({"stages": {"a": stage(steps={"x": {"use": 3}})}}, "names no step; use: PLUGIN.STEP"),
        (
            {"stages": {"a": stage(steps={"x": {"use": "a.b", "at": "night"}})}},
            "unknown time; given: 'night'; allowed: a",
        ),
        ({"stages": {"a": stage(steps=[{"use": "a.b"}])}}, "stages.a.steps: has to be a mapping"),
        ({"stages": {"a": stage(outputs={"rows": "../raw"})}}, "has to be the name of a dataset; given: '../raw'"),
        ({"stages": {"a": stage(outputs={"rows": 3})}}, "has to be the name of a dataset; given: 3"),
        ({"stages": {"a": stage(outputs={"Rows": "raw"})}}, "is no name; given: Rows"),
        ({"stages": {"a": stage(learn_on="train")}}, "learn_on: is no input of this stage; given: 'train'"),
        ({"stages": {"a": stage(learn_on=["train"])}}, "learn_on: is no input of this stage; given: ['train']"),
        ({"stages": {"a": stage({"rows": "nothing"})}}, "stages.a.inputs.rows: no stage writes dataset 'nothing'"),
        ({"stages": {"a": stage({"rows": "raww"})}}, "no stage writes dataset 'raww'; did you mean 'raw'?"),
        ({"stages": {"a": stage(), "b": stage()}}, "dataset 'raw' is written by stage 'a' already"),
        ({"stages": {"a": stage(outputs={"x": "raw", "y": "raw"})}}, "dataset 'raw' is written by stage 'a' already"),
        ({"datasets": {"claen": {}}}, "datasets.claen: no stage writes dataset 'claen'; did you mean 'clean'?"),
        ({"datasets": {"clean": {"contrakt": {}}}}, "did you mean 'contract'?"),
        ({"datasets": {"clean": {"contract": "x"}}}, "datasets.clean.contract: has to be a mapping"),
        ({"datasets": {"clean": {"max_quarantined": 5}}}, "has to be a share of the rows; given: 5; allowed: 0 to 1"),
        ({"datasets": {"clean": {"max_quarantined": True}}}, "has to be a share of the rows; given: True"),
        ({"datasets": {"clean": {"max_quarantined": float("nan")}}}, "has to be a share"),
        ({"task": "clustering"}, "unknown task; given: 'clustering'; allowed: classification, regression"),
        ({"task": ["classification"]}, "unknown task"),
        ({"roles": {"targt": "x"}}, "unknown key 'targt'; allowed: target, time; did you mean 'target'?"),
        ({"roles": {"target": 3}}, "roles.target: has to be the name of a column; given: 3"),
        ({"roles": "x"}, "roles: has to be a mapping"),
        ({"plugins": "own"}, "plugins: has to be a list of module names in plugins/; given: 'own'"),
        ({"plugins": ["a/b"]}, "has to be a list of module names"),
        ({"plugins": [3]}, "has to be a list of module names"),
    ],
)
def test_what_can_not_be(changes: dict[str, Any], said: str) -> None:
    text = told(pipeline(**changes))
    assert said in text
    assert text.startswith("conf:")


def test_all_problems_are_told_at_once() -> None:
    text = told(pipeline(task="x", roles={"y": "z"}, plugins=3, datasets={"none": None}))
    assert len(text.splitlines()) == 4


def test_a_circle() -> None:
    stages = {"a": stage({"rows": "c"}, {"rows": "b"}), "b": stage({"rows": "b"}, {"rows": "c"})}
    assert "stages wait for each other in a circle; given: " in told({"stages": stages})
    assert "circle; given: a → a" in told({"stages": {"a": stage({"rows": "raw"})}})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["raw", "clean"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["stages", "steps", "use", "inputs", "outputs", "rows", "at", "a", "learn_on"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["stages", "roles", "datasets", "plugins", "task"]), JUNK))
def test_anything_is_read_or_refused(values: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(read_pipeline(values, where), PipelineSpec)
