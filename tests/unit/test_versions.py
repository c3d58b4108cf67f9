"""The digest of a stage: equal only for what does the same."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.spec import read_pipeline
from steadily.versions import digest_of_value, import_paths, stage_specification, stage_versions, types_of

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    LEAVES | st.sampled_from([1, 1.0, True, "1", "true", 0, 0.0, -0.0, False, None, "null", "", [], {}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def typed(value: Any) -> Any:
    """Write a value so that what Python calls equal (1, 1.0, true) is told apart."""
    if isinstance(value, dict):
        return ("mapping", *((key, typed(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("list", *map(typed, value))
    return (type(value).__name__, repr(value))


@given(VALUES, VALUES)
def test_a_digest_is_of_one_value(one: Any, other: Any) -> None:
    assert (digest_of_value(one) == digest_of_value(other)) == (typed(one) == typed(other))
    assert digest_of_value(copy.deepcopy(one)) == digest_of_value(one)


def test_a_digest_is_the_same_for_ever() -> None:
    assert digest_of_value({"a": [1, 1.0, True, None, "é"]}) == "ee272e33a7506bbb"


CONTRACT = {"columns": {"a": {"dtype": "Int64", "nullable": True}}}
VALUES_OF = {
    "roles": {"target": "a"},
    "stages": {
        "ingest": {"steps": {"read": {"use": "files.csv", "path": "x"}}, "outputs": {"rows": "raw"}},
        "other": {"inputs": {"rows": "raw"}, "outputs": {"rows": "loose"}},
        "clean": {
            "inputs": {"rows": "raw", "more": "raw"},
            "steps": {"one": {"use": "a.b", "x": 1}, "two": {"use": "a.b"}},
            "outputs": {"rows": "clean"},
        },
        "split": {"inputs": {"rows": "clean"}, "steps": {"s": {"use": "s.s"}}, "outputs": {"p": "p", "q": "q"}},
    },
    "datasets": {"clean": {"contract": CONTRACT}},
}
KINDS = {"ingest": {"read": "source"}, "other": {}, "clean": {"one": "row", "two": "row"}, "split": {"s": "split"}}


def digests(values: dict[str, Any], kinds: Any = KINDS) -> dict[str, str]:
    pipeline = read_pipeline(values, lambda *_: "")
    found = {
        stage.name: digest_of_value(stage_specification(pipeline, stage, kinds[stage.name]))
        for stage in pipeline.stages
    }
    return dict(sorted(found.items()))


def changed(path: str, value: Any) -> set[str]:
    """Name the stages whose digest changes with a value."""
    values = copy.deepcopy(VALUES_OF)
    *before, last = path.split(".")
    inner: Any = values
    for key in before:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    old, new = digests(VALUES_OF), digests(values)
    return {name for name in old if old[name] != new[name]}


@pytest.mark.parametrize(
    ("path", "value", "stages"),
    [
        ("stages.clean.steps.one.x", 1.0, {"clean"}),
        ("stages.clean.steps.one.x", True, {"clean"}),
        ("stages.clean.steps.one.x", None, {"clean"}),
        ("stages.clean.steps.one.at", "training", {"clean"}),
        ("stages.clean.steps.one.at", "always", set()),
        ("stages.clean.steps", {"two": {"use": "a.b"}, "one": {"use": "a.b", "x": 1}}, {"clean"}),
        ("stages.clean.steps.two", None, {"clean"}),
        ("stages.clean.learn_on", "rows", {"clean"}),
        ("stages.clean.inputs", {"rows": "raw"}, {"clean"}),
        ("datasets.clean.max_quarantined", 0.5, {"clean"}),
        ("datasets.clean.contract.columns.a.dtype", "float64", {"clean", "ingest"}),  # row ids rest on types
        ("datasets.clean.contract.columns.a.dtype", "Int64", set()),
        ("datasets.clean.contract.columns.a.nullable", False, {"clean"}),
        ("datasets.clean.contract.columns.a.description", "a number", set()),
        ("roles.target", "b", {"split"}),
        ("task", "regression", {"split"}),
        ("stages.ingest.steps.read.path", "y", {"ingest"}),
    ],
)
def test_what_changes_a_stage(path: str, value: Any, stages: set[str]) -> None:
    assert changed(path, value) == stages


def test_types_come_from_the_first_contract_downstream() -> None:
    pipeline = read_pipeline(VALUES_OF, lambda *_: "")
    assert types_of(pipeline, "raw") == {"a": "Int64"}
    assert types_of(pipeline, "p") == {}


def test_versions_have_readable_parts() -> None:
    found = stage_versions({"s": {}}, {"s": {"read": {"use": "x.y"}}}, {"s": {"a": "1"}})
    assert found["s"]["steps"] == {"read": {"use": "x.y", "source": {"a": "1"}}}
    other = stage_versions({"s": {}}, {"s": {"read": {"use": "x.y"}}}, {"s": {"a": "2"}})
    assert found["s"]["digest"] != other["s"]["digest"]


def test_import_paths_are_found_at_any_depth() -> None:
    params = {
        "a": {"use": "x.Y", "use_not": "z.Z"},
        "b": [{"use": "p.q"}, {"use": 3}],
        "use": {"use": "m.n"},
        "c": "use",
    }
    assert list(import_paths(params)) == ["x.Y", "p.q", "m.n"]
