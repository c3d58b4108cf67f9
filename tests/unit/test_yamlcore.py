"""Our quick reading of YAML 1.2 against ruamel's, which DVC uses."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from steadily.yamltext import dump
from steadily.yamltext.core import load_core

ODD = ["on", "off", "yes", "NO", "true", "True", "TRUE", "tRue", "null", "Null", "~", "", "010", "0o10", "0x1F", "0b1"]
ODD += ["12:30", "1:30:00", "1_000", "+1", "-1", "1.", ".5", "1e3", "1E-3", ".inf", "-.INF", ".nan", "2024-01-01"]
ODD += [
    "1.0",
    "-0",
    "-0.0",
    "0",
    "00",
    "1e400",
    "99999999999999999999",
    "=",
    "<<",
    "y",
    "n",
    "0o8",
    "+.inf",
    "1e",
    "0x",
]


def ruamel(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("text", [text for text in ODD if text not in ("1_000", "2024-01-01", "=", "<<", "0b1")])
def test_plain_scalars_are_read_as_dvc_reads_them(text: str) -> None:
    assert same(load_core(f"a: {text}"), ruamel(f"a: {text}")), (load_core(f"a: {text}"), ruamel(f"a: {text}"))


TEXT = st.text(st.characters(codec="utf-8"))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.sampled_from(ODD)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["a", "b c", "on", "1"]), VALUES, max_size=3))
@example({"a": "\x85\u2028"})
@example({"a": "1e3", "b c": ["~", ""]})
def test_what_is_written_is_read_by_both(values: dict[str, Any]) -> None:
    text = dump(values)
    assert same(load_core(text), values)
    assert same(ruamel(text), values)


@pytest.mark.parametrize("text", ["a: [", "a: 1\n b: 2", "\t- a", "a: &x 1\nb: *y", "!!python/object:os.system {}"])
def test_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_core(text)


def test_a_mark_at_the_beginning() -> None:
    assert load_core("\ufeffa: 1") == {"a": 1}
    assert load_core("") is None
