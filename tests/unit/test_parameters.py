"""Signatures as schemas: strict, and told in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.errors import PluginError
from steadily.parameters import read_parameters, schema_of, tables_of
from steadily.steps import KINDS, StepDefinition, Table, definition_of, kind_of, step


def f(
    frame: Any,
    *,
    names: list[str],
    share: float = 0.5,
    count: int | None = None,
    way: Literal["up", "down"] = "up",
    flag: bool = False,
    inner: dict[str, list[float]] | None = None,
    other: Table | None = None,
) -> None:
    """Do it."""


FOUND = StepDefinition("x.f", "row", f)


def read(values: dict[str, Any], found: StepDefinition = FOUND) -> dict[str, Any]:
    arguments, wrong = read_parameters(found, values)
    assert not wrong, wrong
    return arguments


def wrong(values: dict[str, Any], found: StepDefinition = FOUND) -> str:
    arguments, problems = read_parameters(found, values)
    assert arguments == {}
    return "\n".join(str(one.at(f"at {'.'.join(map(str, one.path))}")) for one in problems)


def test_what_is_given_comes_through_and_the_rest_keeps_its_default() -> None:
    assert read({"names": ["a"]}) == {"names": ["a"]}
    assert read({"names": [], "share": 1, "count": 3, "way": "down", "flag": True, "inner": {"a": [1, 2.5]}}) == {
        "names": [],
        "share": 1.0,
        "count": 3,
        "way": "down",
        "flag": True,
        "inner": {"a": [1.0, 2.5]},
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "parameter 'names' is missing"),
        ({"names": "a"}, "at names: parameter 'names': "),
        ({"names": ["a", 3]}, "at names.1: parameter 'names.1': "),
        (
            {"names": ["a"], "nmaes": 1},
            "unknown parameter 'nmaes'; allowed: count, flag, inner, names, other, share, way; did",
        ),
        ({"names": [], "share": True}, "at share"),
        ({"names": [], "share": "0.5"}, "at share"),
        ({"names": [], "share": math.inf}, "share"),
        ({"names": [], "share": math.nan}, "share"),
        ({"names": [], "count": 1.0}, "given: 1.0"),
        ({"names": [], "count": True}, "given: true"),
        ({"names": [], "count": "1"}, 'given: "1"'),
        ({"names": [], "flag": 1}, "at flag"),
        ({"names": [], "flag": "true"}, "at flag"),
        ({"names": [], "way": "sideways"}, "'up' or 'down'"),
        ({"names": None}, "at names"),
        ({"names": [], "inner": {"a": ["x"]}}, "at inner.a.0"),
        ({"names": [], "": 1}, "unknown parameter ''"),
        ({"names": [], "p_names": 1}, "unknown parameter 'p_names'"),
    ],
)
def test_nothing_is_coerced(values: dict[str, Any], said: str) -> None:
    assert said in wrong(values)


def test_all_that_is_wrong_is_told() -> None:
    assert len(wrong({"x": 1, "share": "a", "flag": 3}).splitlines()) == 4


NAMES = [
    "schema",
    "copy",
    "json",
    "dict",
    "model_config",
    "model_fields",
    "validate",
    "p_x",
    "p_p_x",
    "self",
    "cls",
    "frame",
]


@given(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
def test_any_name_is_possible(names: list[str]) -> None:
    space: dict[str, Any] = {"__name__": __name__}
    exec(f"def g(rows, *, {', '.join(f'{name}: int = 0' for name in names)}): ...", space)  # noqa: S102
    found = StepDefinition("x.g", "row", space["g"])
    values = {name: number for number, name in enumerate(names, 1)}
    assert read(values, found) == values
    assert list(schema_of(found)["properties"]) == names


class Strange:
    pass


def no_type(frame: Any, *, x) -> None: ...  # type: ignore[no-untyped-def]
def not_there(frame: Any, *, x: NotThere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
def no_schema(frame: Any, *, x: Strange) -> None: ...
def a_call(frame: Any, *, x: Callable[[], int]) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (no_type, "parameter 'x' has no type annotation"),
        (not_there, "can't be resolved: name 'NotThere' is not defined; import the name at run time"),
        (no_schema, "its parameters make no schema"),
        (a_call, "its parameters make no schema"),
    ],
)
def test_signatures_that_are_no_schema(function: Callable[..., None], said: str) -> None:
    with pytest.raises(PluginError) as caught:
        schema_of(StepDefinition("x.f", "row", function))
    assert said in str(caught.value)


def test_tables_are_named() -> None:
    def g(frame: Any, *, one: Table, two: int = 0) -> None: ...

    assert tables_of(StepDefinition("x.g", "row", g)) == ("one",)
    assert read({"one": "weather"}, StepDefinition("x.g", "row", g)) == {"one": "weather"}


class Learner:
    def __init__(self, *, by: int) -> None: ...
    def learn(self, frame: Any) -> None: ...
    def merge(self, parts: Any) -> None: ...
    def apply(self, frame: Any, state: Any) -> None: ...


def test_a_class_has_the_parameters_of_its_init() -> None:
    found = definition_of(
        step("x.learn")(type("L", (Learner,), {"__init__": Learner.__init__, "__module__": __name__}))
    )
    assert found is not None
    assert found.kind == "learned"
    assert read({"by": 3}, found) == {"by": 3}


@pytest.mark.parametrize(
    ("name", "target", "options", "said"),
    [
        ("Lower", f, {}, "has to be of the form 'plugin.verb'"),
        ("a.b c", f, {}, "has to be of the form"),
        ("a.", f, {}, "has to be of the form"),
        ("a.f", f, {"kind": "rwo"}, "unknown kind; given: rwo; allowed: source, row"),
        ("a.f", f, {"kind": "learned"}, "a learned step is a class with learn, merge, apply"),
        ("a.f", Learner, {"kind": "model"}, "a model step is a class with fit, load"),
        ("a.f", type("No", (), {}), {}, "its methods make it no kind of step; allowed: source: read, version; learned"),
        ("a.f", lambda frame, x: frame, {}, "parameter 'x' has to be keyword-only; put '*' before"),
        ("a.f", lambda frame, *rest: frame, {}, "parameter 'rest' has to be keyword-only"),
        ("a.f", lambda frame, **rest: frame, {}, "parameter 'rest' has to be keyword-only"),
    ],
)
def test_what_is_no_step(name: str, target: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(PluginError) as caught:
        step(name, **options)(target)
    assert said in str(caught.value)


def test_definitions_are_not_inherited() -> None:
    marked = step("x.l")(type("Marked", (Learner,), {}))
    assert definition_of(marked) is not None
    assert definition_of(type("Child", (marked,), {})) is None
    assert definition_of(3) is None
    assert {kind_of(Learner), kind_of(f)} <= set(KINDS)
