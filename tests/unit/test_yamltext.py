"""Reading and writing YAML that OmegaConf (1.1) and ruamel (1.2) agree on."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf._utils import get_yaml_loader
from ruamel.yaml import YAML

from steadily import yamltext
from steadily.errors import ConfigError
from steadily.yamltext import alike, disagreements, dump, load, seal_of, sealed
from steadily.yamltext import rules as yamlrules
from steadily.yamltext.rules import core_tag, core_value, legacy_tag, legacy_value

WORDS = """on off yes no y n Y N true null ~ 010 0o10 08 12:30 1:2:3 1_000 0b1 0x1F -0x1F .5e3 .5e+3 1e3 1e+3 1. +1
.inf -.INF nan .nan = << - ? : * & ! % @ ` -_ +_ _1 1_ 2002-09-25 2002-09-25T10:00:00Z #x ??? ${a} '' " | > {} [] a:b"""
SPACES = ["", " ", "a b", " a", "a ", "a: b", "a #b", "\n", "a\nb", "a\n", "\ta"]
ODD = ["\x85", "\u2028", "\ufeff", "\x00", "ä 🙂", "x" * 300]
TRICKY = [*WORDS.split(), *SPACES, *ODD]
DIFFERING = "on off Yes NO 010 0o10 08 12:30 1_000 0b1 .5e3 -0x1F 190:20:30 685_230.15"

text = st.one_of(st.sampled_from(TRICKY), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), text)
values = st.dictionaries(
    text,
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=8
    ),
)


def test_the_loader_resolves_scalars_as_omegaconf_does():
    theirs, ours = get_yaml_loader().yaml_implicit_resolvers, yamlrules.LegacyLoader.yaml_implicit_resolvers
    assert {
        first: [(tag, rule.pattern.split()) for tag, rule in rules] for first, rules in theirs.items() if rules
    } == {first: [(tag, rule.pattern.split()) for tag, rule in rules] for first, rules in ours.items() if rules}


@given(values)
@example({key: key for key in TRICKY})
@example({"a": [[], {}, [[]], {"b": {}}], "c": -0.0, "d": math.inf, "e": 1e300, "f": 10**30, "g": 1e-7})
def test_what_is_dumped_reads_back_alike_with_every_reader(content):
    written = dump(content)
    assert alike(load(written), content)
    assert alike(YAML(typ="safe").load(written), content)
    assert alike(YAML(typ="safe", pure=True).load(written), content)


@pytest.mark.parametrize("word", [word for word in TRICKY if "$" not in word and word != "???"])
def test_omegaconf_itself_reads_back_what_is_dumped(word):
    read = OmegaConf.to_container(OmegaConf.create(dump({"key": word, "list": [word]})))
    assert read == {"key": word, "list": [word]}


def test_dump_keeps_the_order_and_long_lines_and_says_where_a_value_is_refused():
    assert dump({"b": 1, "a": "x " * 200 + "y"}).splitlines() == ["b: 1", "a: " + "x " * 200 + "y"]
    with pytest.raises(ConfigError) as caught:
        dump({"a": {"b": [math.nan, {1: 2}]}, "c": object(), "d": "\ud800"})
    assert [problem.where for problem in caught.value.problems] == ["a.b[0]", "a.b[1]", "c", "d"]


def test_dump_raises_where_a_reader_would_differ(monkeypatch):
    monkeypatch.setattr(yamltext, "reads_as_text", lambda text: True)
    with pytest.raises(ConfigError, match="DVC would not read back"):
        dump({"a": "0o10"})


def test_a_seal_breaks_with_an_edit_and_not_with_line_ends():
    text = sealed(dump({"C": 1.0}, header="made by compose"))
    assert text.startswith("# Written by steadily compose")
    assert load(text) == {"C": 1.0}
    assert seal_of(text) == seal_of(text.replace("\n", "\r\n")) == seal_of("\ufeff" + text) == "intact"
    assert seal_of(text.replace("1.0", "2.0")) == seal_of(text + "d: 1\n") == seal_of(text.rstrip()) == "broken"
    assert seal_of(text.partition("\n")[2]) == seal_of("") == "none"


@pytest.mark.parametrize("scalar", [*DIFFERING.split(), "!!int 010"])
def test_scalars_that_readers_differ_about_are_refused_with_their_line(scalar):
    for content in (f"a: x\nb: {scalar}\n", f"a: x\nb: [y, {scalar}]\n", f"a: x\n{scalar}: 1\n"):
        (problem,) = disagreements(content, "conf/x.yaml")
        assert problem.where == "conf/x.yaml:2"
        assert "quote it" in str(problem)


@pytest.mark.parametrize(
    "scalar",
    ["'on'", '"010"', "2002-09-25", "1e3", "true", "~", "", "y", "0x1F", "1.5", "-3", ".inf", "!!str on", "a b"],
)
def test_scalars_that_readers_agree_about_are_taken(scalar):
    assert disagreements(f"a: {scalar}\n", "conf/x.yaml") == []


@given(st.from_regex(r"[-+0-9.:_xobeEaynfYNF]{1,9}", fullmatch=True))
def test_a_scalar_is_refused_exactly_when_the_two_rules_differ(word):
    try:
        loaded = load(f"a: {word}")
    except ConfigError:
        assert disagreements(f"a: {word}", "x")
        return
    old, new = legacy_value(word, legacy_tag(word)), core_value(word, core_tag(word))
    if isinstance(loaded, dict) and list(loaded) == ["a"] and not isinstance(loaded["a"], dict | list):
        assert alike(loaded["a"], old) or old != old
        assert bool(disagreements(f"a: {word}", "x")) == (not alike(old, new) or old != old)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: .nan", "x.yaml:1: NaN is never equal"),
        ("a: 1\nb: 2\na: 3", "x.yaml:3: the key 'a' stands here and in line 1"),
        ("a:\n\t- b", "x.yaml:2: YAML can't start with a tab"),
        ("a: b: c", "x.yaml:1: this is no YAML"),
        ("a: [1", "x.yaml:1: this is no YAML"),
        ("- a", "x.yaml:1: the file holds a list"),
        ("just text", "x.yaml:1: the file holds a single value"),
        ("a: 1\n---\nb: 2", "x.yaml:2: the file has a second YAML document"),
        ("a: *b", "x.yaml:1: this is no YAML: found undefined alias"),
        ("a: &b [*b]", "x.yaml:1: an anchor that holds itself"),
        ("1: a", "x.yaml:1: a key that is no text"),
        ("~: a", "x.yaml:1: a key that is no text"),
        ("? [a]\n: b", "x.yaml:1: a key that is itself a list"),
        ("a: =", "x.yaml:1: a value that is no plain data"),
        ("a: !!python/object/apply:pathlib.Path [x]", "x.yaml:1: a tag that is no plain data"),
        ("a: !!binary aGk=", "x.yaml:1: a value that is no plain data"),
        ("a: " + "9" * 5000, "x.yaml:1: a number that can't be read"),
        ("a: " + "[" * 300 + "]" * 300, "x.yaml:1: nested more than"),
        ("a: \x00", "x.yaml: this is no YAML"),
        ("# licence\n# @package _global_\na: 1", "x.yaml:2: this @package line is not read"),
        ("\ufeff# @package _global_\na: 1", "x.yaml:1: the file starts with a byte order mark"),
        ("# @package a b\na: 1", "x.yaml:1: an @package line has one package"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(content, expected):
    (problem,) = disagreements(content, "x.yaml")
    assert str(problem).startswith(expected) or (content == "a: [1" and "this is no YAML" in str(problem))


def test_files_as_other_people_write_them_are_fine():
    for content in (
        "",
        "# nothing\n",
        "\ufeffa: 1\r\nb:\r\n  - x\r\n",
        "\n# @package a\nb: &x {c: 1}\nd: {<<: *x}\n",
        "---\na: 1\n",
    ):
        assert disagreements(content, "x.yaml") == []


def test_load_names_the_file_and_the_line():
    with pytest.raises(ConfigError, match=r"^params\.yaml:2: "):
        load("a: 1\nb: c: d", "params.yaml")


@given(st.text(max_size=60))
def test_no_text_makes_the_check_crash(content):
    disagreements(content, "x.yaml")
