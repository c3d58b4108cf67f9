from __future__ import annotations

import inspect
import re
import sys
import tomllib
from types import SimpleNamespace

import pytest
from pages import ROOT

from steadily import hookspecs, layout, operate, settings, spec
from steadily.catalog import Catalog
from steadily.contract.constraints import ALIASES, SPECS
from steadily.dtypes import DTYPES
from steadily.ledger import COLUMNS
from steadily.stage.report import summarize
from steadily.stage.run import tell

REFERENCE = ROOT / "docs/reference"
HOOKS = [name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.GROUP}_spec")]
KEYS = [
    *spec.STAGE_KEYS,
    *spec.DATASET_KEYS,
    *spec.ROLE_KEYS,
    "task",
    "roles",
    "plugins",
    "stages",
    "datasets",
    "use",
    "at",
]
OPERATING = [f"{section}.{key}" for section, keys in operate.KNOWN.items() for key in keys]
OPERATING += [f"{name}.{key}" for name, kind in settings.section_kinds().items() for key in kind.model_fields]


def text(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_documented_with_its_exact_arguments(hook: str) -> None:
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"\n## {hook}({arguments})\n" in text("hooks.md")


def test_no_hook_is_documented_that_does_not_exist() -> None:
    assert re.findall(r"^## (\w+)\(", text("hooks.md"), re.MULTILINE) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_test_of_its_own(hook: str) -> None:
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    assert any(re.search(rf"def test_\w*{hook}", content) for content in tests), f"no test is named after {hook}"


@pytest.mark.parametrize("key", [*KEYS, *OPERATING, *DTYPES, *SPECS, *ALIASES])
def test_each_key_of_the_configuration_is_documented(key: str) -> None:
    assert f"`{key}`" in text("configuration.md")


def test_each_environment_variable_is_documented() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "framework").rglob("*.py")]
    used = {name for source in sources for name in re.findall(r"environ\S*\(?[\"'](STEADILY_\w+)", source)}
    told = set(re.findall(r"`(STEADILY_\w+)`", text("configuration.md")))
    assert used <= told <= {*used, *(name for name in told if any(name in source for source in sources))}


def test_each_kind_of_file_is_documented() -> None:
    for path in (layout.PARAMS, layout.VERSIONS, layout.PIPELINE, layout.LOCK):
        assert f"`{path}`" in text("files.md")
    for folder in (layout.DATA, layout.LEARNED, layout.MODELS, layout.REPORTS, layout.STATE):
        assert f"`{folder}/" in text("files.md")
    for path in layout.report_files("STAGE"):
        assert f"`{path.name}`" in text("files.md")
    for key in (*COLUMNS, *summarize("s", 0, {}, {}, ())):
        assert f"`{key}`" in text("files.md")


DYNAMIC = '''\
from steadily import hookimpl, step


def drop_column(name):
    @step(f"shop.drop_{name}")
    def drop(frame):
        """Drop one column."""
        return frame.drop(columns=[name])

    return drop


@hookimpl
def register_steps(register):
    for name in ("remark", "phone"):
        register(drop_column(name))
'''
LISTENING = """\
from steadily import hookimpl

heard = []


@hookimpl
def stage_finished(record):
    heard.append(("finished", record["stage"]))


@hookimpl
def stage_failed(record):
    heard.append(("failed", record["error"]))
"""


def catalog_of(tmp_path, monkeypatch, name, source):
    monkeypatch.syspath_prepend(str(tmp_path / "plugins"))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / f"{name}.py").write_text(source, encoding="utf-8")
    return Catalog(tmp_path, (name,))


def test_register_steps_adds_steps_that_no_name_holds(tmp_path, monkeypatch):
    catalog = catalog_of(tmp_path, monkeypatch, "docs_dynamic", DYNAMIC)
    assert not catalog.failures
    assert {"shop.drop_remark", "shop.drop_phone"} <= set(catalog.steps)
    assert catalog.steps["shop.drop_phone"].code
    assert catalog.definition("shop.drop_phone").name == "shop.drop_phone"


def test_the_page_on_hooks_shows_the_register_steps_that_is_tested():
    assert DYNAMIC in text("hooks.md")


def test_stage_finished_and_stage_failed_reach_a_listener(tmp_path, monkeypatch):
    catalog = catalog_of(tmp_path, monkeypatch, "docs_listening", LISTENING)
    assert catalog.listeners("stage_finished") == ["docs_listening"]
    assert "docs_listening" in catalog.listeners("stage_failed")
    counts = {"in": 1, "out": 1, "dropped": 0, "quarantined": 0, "imputed": 0, "lost": 0}
    finished = {"stage": "clean", "seconds": 0.1, **counts, "notes": []}
    tell(SimpleNamespace(catalog=catalog), "stage_finished", finished)
    tell(SimpleNamespace(catalog=catalog), "stage_failed", {"stage": "clean", "seconds": 0.1, "error": "why"})
    assert sys.modules["docs_listening"].heard == [("finished", "clean"), ("failed", "why")]


def test_stage_failed_that_is_misspelt_is_refused(tmp_path, monkeypatch):
    source = LISTENING.replace("def stage_failed", "def stage_fail")
    catalog = catalog_of(tmp_path, monkeypatch, "docs_misspelt", source)
    assert "stage_fail" in catalog.failures["docs_misspelt"]
    assert "stage_failed" in catalog.failures["docs_misspelt"]


def test_each_dependency_says_why_it_earns_its_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    page = (ROOT / "docs/explanation/decisions/0002-dependencies.md").read_text(encoding="utf-8")
    names = {re.match(r"[\w.-]+", one)[0] for one in wanted}
    assert not [name for name in names if f"| {name} |" not in page and f"`{name}`" not in page]
