"""Plugins and their steps: found, kept, clashing, broken."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from steadily import catalog as module
from steadily import plugins
from steadily.catalog import CACHE, Catalog, StepEntry, read_cache
from steadily.commands.looking import own_modules
from steadily.errors import PluginError
from steadily.plugins import Plugin, hooks_of, import_steps, package_folder
from steadily.stories.steps import listing, parameter_lines, signature, type_of, whole
from unit.small import Small, forget_own_plugins

OWN = '''
import pandas as pd
from steadily import step, hookimpl

@step("own.one")
def one(frame: pd.DataFrame, *, names: list[str], way: str = "up") -> pd.DataFrame:
    """Do one thing.

    More of it.
    """
    return frame
'''


def catalog(*modules: str) -> Catalog:
    forget_own_plugins()
    return Catalog(Path(), modules)


@pytest.fixture
def alone(small: Small, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project without the first-party plugins."""
    monkeypatch.setattr(module, "installed_plugins", lambda: ())
    return small


def test_steps_of_the_project(alone: Small) -> None:
    alone.write("plugins/own.py", OWN)
    found = catalog("own")
    assert list(found.steps) == ["own.one"]
    entry = found.entry("own.one")
    assert (entry.summary, entry.distribution, entry.kind) == ("Do one thing.", "plugins/", "row")
    assert found.definition("own.one").name == "own.one"
    assert found.fingerprint_of_path("own.one") == found.fingerprints(found.plugins[0]).of("own", "one")
    assert found.fingerprint_of_path("sklearn.svm.SVC") is None
    assert (found.clashes, found.failures, found.listeners("stage_failed")) == ([], {}, [])


def test_what_is_known_is_kept_until_the_code_changes(alone: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.write("plugins/own.py", OWN)
    first = catalog("own")
    assert first.steps
    assert first.digest
    known = read_cache(CACHE)
    assert len(known) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "examine", None)  # nothing is imported again
        assert catalog("own").steps == first.steps
    alone.edit("plugins/own.py", "Do one thing", "Do a thing")
    assert catalog("own").entry("own.one").summary == "Do a thing."
    alone.write("plugins/data.txt", "x")  # whatever lies in plugins/ may matter
    assert catalog("own").digest != first.digest


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"a": 1}', '{"a": {"plugin": {}}}', '{"own": {"steps": [{}]}}', "\x00"]
)
def test_a_corrupt_cache_counts_as_none(alone: Small, text: str) -> None:
    alone.write("plugins/own.py", OWN)
    alone.write(str(CACHE), text)
    assert list(catalog("own").steps) == ["own.one"]
    assert len(read_cache(CACHE)) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero (plugins/own.py:1)"),
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
        (OWN + OWN.replace("def one", "def two"), "plugin 'own': has two steps called 'own.one'"),
        (OWN.replace("names: list[str]", "names"), "parameter 'names' has no type annotation"),
        (OWN.replace("list[str]", "object()"), "step 'own.one'"),
        (OWN + "\n@hookimpl\ndef stage_ended(record): ...\n", "stage_ended"),
        (
            OWN + "\n@hookimpl\ndef register_steps(register):\n    register(3)\n",
            "3 is not a step; decorate it with @step",
        ),
    ],
)
def test_a_plugin_that_fails_is_told_to_those_who_use_it(alone: Small, code: str, said: str) -> None:
    alone.write("plugins/own.py", code)
    found = catalog("own")
    assert said in found.failures["own"]
    with pytest.raises(PluginError) as caught:
        found.entry("own.one")
    assert "plugin 'own' failed at import" in str(caught.value)
    with pytest.raises(PluginError, match="or is it in plugin 'own', which failed at import"):
        found.entry("other.zzzz")
    assert any("failed at import" in line for line in listing(found))
    assert read_cache(CACHE) == {}  # it may go well next time


def test_steps_made_while_it_runs(alone: Small) -> None:
    made = """
@hookimpl
def register_steps(register):
    for n in range(2):
        def f(frame: pd.DataFrame, *, x: int = n) -> pd.DataFrame:
            return frame
        register(step(f"own.made{n}")(f))

@hookimpl
def stage_finished(record): ...
"""
    alone.write("plugins/own.py", OWN + made)
    found = catalog("own")
    assert {"own.one", "own.made0", "own.made1"} <= set(found.steps), found.failures
    assert found.listeners("stage_finished") == ["own"]
    assert found.listeners("stage_failed") == []


def test_clashing_names(alone: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.write("plugins/own.py", OWN)
    alone.write("plugins/more.py", OWN)
    told = str(catalog("own", "more").clashes[0])
    assert "step 'own.one': two plugins have a step of this name; given: own (plugins/: own.one) and more (" in told
    assert "rename one, or uninstall one of the plugins" in told
    points = [
        SimpleNamespace(
            name="text", value=value, module=value.partition(":")[0], dist=SimpleNamespace(name=name, version="1")
        )
        for name, value in (("a", "a.steps"), ("b", "b.steps"), ("a", "a.steps"))
    ]
    monkeypatch.undo()
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: points)
    assert [plugin.distribution for plugin in module.installed_plugins()] == ["a 1", "b 1"]
    assert "plugin 'text': two plugins have this name; given: a 1: a.steps and b 1: b.steps" in str(
        Catalog(Path()).clashes[0]
    )


def test_near_names_of_steps(alone: Small) -> None:
    alone.write("plugins/own.py", OWN)
    found = catalog("own")
    with pytest.raises(
        PluginError, match=r"no plugin has a step of this name; allowed: own.one; did you mean 'own.one'"
    ):
        found.entry("own.onne")
    gone = Plugin("own", "own", "plugins/", "plugins")
    assert [item.name for item in import_steps(gone)] == ["own.one"]


def test_a_step_that_went_since_it_was_seen(alone: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    alone.write("plugins/own.py", OWN)
    found = catalog("own")
    assert found.steps
    monkeypatch.setattr(module, "import_steps", lambda plugin: [])
    with pytest.raises(PluginError, match="is gone from own; run dvc repro again"):
        found.definition("own.one")


def test_folders_of_packages() -> None:
    folder = package_folder("steadily_rows")
    assert folder is not None
    assert folder.name == "steadily_rows"
    single = package_folder("pluggy._hooks") or package_folder("six")
    assert single is None or single.exists()
    assert package_folder("no_such_package") is None
    assert package_folder(".odd") is None
    assert package_folder("sys") is None or package_folder("sys") == Path("built-in")


def test_hooks_are_named() -> None:
    from steadily import console

    assert hooks_of(console) == ("stage_failed", "stage_finished")


def entry(schema: dict[str, Any]) -> StepEntry:
    return StepEntry("a.b", "row", "a", "a 1", "a", "b", "Do.", "Do.\n\nMore.", schema)


def test_steps_are_shown_to_people(alone: Small) -> None:
    alone.write("plugins/own.py", OWN)
    found = catalog("own")
    assert listing(found) == ["own  (plugins/)", '  own.one  names, way="up"', "    Do one thing."]
    shown = whole(found.entry("own.one"))
    assert shown[0] == "own.one  (row step of plugins/, own.one)"
    assert shown[-2:] == ["  names: list of string, required", '  way: string, default "up"']
    assert whole(entry({})) == ["a.b  (row step of a 1, a.b)", "", "Do.", "", "More."]
    assert signature(entry({})) == ""


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"$ref": "#/$defs/R"}, "integer"),
        ({"enum": ["a", 1]}, '"a" | 1'),
        ({"const": "a"}, '"a"'),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({"type": "array"}, "list of anything"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "mapping to number"),
        ({"type": "object"}, "object"),
        ({}, "anything"),
    ],
)
def test_types_in_short(item: dict[str, Any], said: str) -> None:
    schema = {"$defs": {"R": {"type": "integer"}}}
    assert type_of(item, schema) == said
    assert list(parameter_lines({**schema, "properties": {"x": item}})) == [f"  x: {said}, default null"]


def test_no_project_has_no_modules(small: Small) -> None:
    assert own_modules() == ()
    small.orders()
    assert own_modules() == ("shop",)
