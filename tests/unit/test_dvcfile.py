"""What DVC's files say: a whole run or not, and what the next one would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.dvcfile import LockedStage, is_complete, lookup, read_lock, wanted_params
from steadily.errors import RunError
from steadily.plan import GONE, changes, differences, moved, shown, source_changes, told

LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, -0.0, 2.5, "", "a", "1", "true"])
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
FLAT = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


def put(tree: Any, path: tuple[str, ...], value: Any) -> Any:
    """Give a tree with another value at a path, or without it."""
    if not path:
        return value
    found = dict(tree) if isinstance(tree, dict) else {}
    inner = put(found.get(path[0]), path[1:], value)
    if inner is GONE:
        found.pop(path[0], None)
        return found
    return {**found, path[0]: inner}


@given(FLAT, FLAT)
def test_differences_are_what_leads_from_one_to_the_other(one: dict[str, Any], other: dict[str, Any]) -> None:
    tree: Any = one
    found = list(differences(one, other))
    for path, old, new in found:
        assert repr(old) != repr(new)
        tree = put(tree, path, new)
    assert sorted_repr(tree) == sorted_repr(other)
    assert (not found) == (sorted_repr(one) == sorted_repr(other))


def sorted_repr(value: Any) -> Any:
    """Write a value so that the types count, and the order of a mapping's keys does not (those inside lists do)."""
    if isinstance(value, dict):
        return {key: sorted_repr(item) for key, item in sorted(value.items())}.__repr__()
    return repr(value)


@pytest.mark.parametrize(
    ("old", "new"), [(1, 1.0), (1, True), (0.0, -0.0), ("1", 1), (None, "null"), ([1], [1.0]), ([], {})]
)
def test_types_count(old: Any, new: Any) -> None:
    assert [(path, a, b) for path, a, b in differences({"a": old}, {"a": new})] == [(("a",), old, new)]


STAGES = {
    "compose": {"cmd": "exec steadily compose", "outs": ["params.yaml"]},
    "a": {"cmd": "exec steadily run a", "params": ["stages.a", {"versions.yaml": ["a"]}], "outs": ["data/a"]},
    "b": {"cmd": "exec steadily run b", "deps": ["data/a"], "params": ["stages.b"], "outs": ["data/b", "reports/b"]},
}
FILES = {"params.yaml": {"stages": {"a": {"x": 1}, "b": {}}}, "versions.yaml": {"a": {"digest": "d"}}}
LOCK = {
    "a": LockedStage(
        {}, {"data/a": "1"}, {"params.yaml": {"stages.a": {"x": 1}}, "versions.yaml": {"a": {"digest": "d"}}}
    ),
    "b": LockedStage({"data/a": "1"}, {"data/b": "2", "reports/b": "3"}, {"params.yaml": {"stages.b": {}}}),
}


def test_a_whole_run() -> None:
    assert is_complete(LOCK, STAGES, FILES)
    assert is_complete(LOCK, {**STAGES, "theirs": {"cmd": "make it", "outs": ["x"]}, "odd": {"foreach": []}}, FILES)


@pytest.mark.parametrize(
    ("stage", "changed"),
    [
        ("a", None),
        ("a", LockedStage({}, {}, LOCK["a"].params)),
        ("a", LockedStage({}, {"data/a": "9"}, LOCK["a"].params)),
        ("a", LockedStage({}, {"data/a": "1"}, {"params.yaml": {"stages.a": {"x": 2}}})),
        ("a", LockedStage({}, {"data/a": "1"}, {})),
        ("b", LockedStage({"data/a": "0"}, LOCK["b"].outs, LOCK["b"].params)),
        ("b", LockedStage({"data/a": "1"}, {"data/b": "2"}, LOCK["b"].params)),
    ],
)
def test_what_is_no_whole_run(stage: str, changed: LockedStage | None) -> None:
    lock = {name: item for name, item in {**LOCK, stage: changed}.items() if item is not None}
    assert not is_complete(lock, STAGES, FILES)
    assert not is_complete(LOCK, STAGES, {**FILES, "versions.yaml": {"a": {"digest": "e"}}})


@given(st.dictionaries(st.sampled_from("ab"), TREES, max_size=2))
def test_a_lock_of_what_is_wanted_is_complete(values: dict[str, Any]) -> None:
    entry = {"cmd": "exec steadily run s", "params": ["a", "b.c", {"versions.yaml": ["a"]}], "outs": ["o"]}
    files = {"params.yaml": values, "versions.yaml": values}
    wanted = wanted_params(entry, files)
    assert wanted["params.yaml"]["a"] == wanted["versions.yaml"]["a"] == values.get("a")
    assert is_complete({"s": LockedStage({}, {"o": "1"}, wanted)}, {"s": entry}, files)
    assert lookup(values, "a.b.c.d.e.f.g") is None


def test_a_lock_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    assert read_lock(path) == {}
    path.write_text("")
    assert read_lock(path) == {}
    path.write_text(
        "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n    - path: data/a\n      md5: 0123.dir\n"
        "    params:\n      params.yaml:\n        stages.a: 010\n"
    )
    assert read_lock(path)["a"] == LockedStage({}, {"data/a": "0123.dir"}, {"params.yaml": {"stages.a": 10}})


@pytest.mark.parametrize(
    "text", ["stages: [", "stages: 3", "7", "stages: {a: 3}", "stages: {a: {outs: [{md5: x}]}}", "\x00"]
)
def test_a_lock_that_can_not_be_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(text)
    with pytest.raises(RunError, match=r"can't be read: .*`steadily restore` brings the last one back"):
        read_lock(path)


def version(use: str = "x.y", **more: Any) -> dict[str, Any]:
    return {"use": use, "code": {"x/steps.py": "1"}, "packages": {"pandas": "3"}, **more}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"one": version()}, []),
        ({"one": version(code={"x/steps.py": "2", "x/more.py": "3"})}, ["x.y changed (x/more.py, x/steps.py)"]),
        ({"one": version(packages={"pandas": "4"})}, ["pandas 3 → 4 (used by x.y)"]),
        ({"one": version(packages={})}, ["pandas 3 → not used (used by x.y)"]),
        ({"one": version(source="new")}, ["the source changed: None → 'new'"]),
        ({"one": version("x.z")}, ["the pipeline's roles, task, contracts or data format"]),
        ({"one": version(), "two": version()}, ["the order of its steps"]),
    ],
)
def test_why_a_stage_would_run(now: dict[str, Any], said: list[str]) -> None:
    then = {"params.yaml": {}, "versions.yaml": {"s": {"digest": "1", "steps": {"one": version()}}}}
    new = {"params.yaml": {}, "versions.yaml": {"s": {"digest": "1" if not said else "2", "steps": now}}}
    assert list(changes("s", new, then, Path())) == said


def test_why_the_bundle_would_run_anew() -> None:
    then = {"versions.yaml": {"bundle": {"digest": "1", "steps": {}}}}
    now = {"versions.yaml": {"bundle": {"digest": "2", "steps": {}}}}
    said = ["the code in plugins/, which the bundle brings along, or the data format"]
    assert list(changes("bundle", now, then, Path(), {"bundle": "0.dir"})) == said


def test_a_parameter_says_more_than_the_digest() -> None:
    then = {"params.yaml": {"stages.s": {"steps": {"m": {"C": 1}}}}, "versions.yaml": {"s": {"digest": "1"}}}
    now = {"params.yaml": {"stages.s": {"steps": {"m": {"C": 1.0}}}}, "versions.yaml": {"s": {"digest": "2"}}}
    assert list(changes("s", now, then, Path())) == ["m.C 1 → 1.0"]


def test_what_changed_in_a_source() -> None:
    old, new = {"a": "1", "b": "2"}, {"b": "3", **{f"n{n}": "1" for n in range(5)}}
    assert list(source_changes(new, old)) == [
        "new in the source: n0, n1, n2, … (5 in all)",
        "changed in the source: b",
        "gone in the source: a",
    ]
    assert list(source_changes(old, old)) == []
    assert len(list(source_changes({"parts": 200, "digest": "x"}, old))) == 1


def test_inputs_that_came_or_went() -> None:
    assert list(moved({"deps": ["x"], "outs": ["o"]}, LockedStage({"y": "1"}, {"o": "1"}))) == [
        "it reads x now",
        "it no longer reads y",
    ]
    assert shown(GONE) == "(none)"
    assert shown("x" * 100).endswith("…")
    assert told({"a": ["b", "c"]}) == ["a will run: b; c"]
