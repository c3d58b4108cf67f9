"""Finding sources without importing them."""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from steadily.fingerprint import Fingerprints, installed_source, source_finder


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    for name in ("one/a.py", "two/a.py", "two/b/__init__.py", "two/b.py", "two/b/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / f"one/fast{EXTENSION_SUFFIXES[0]}").touch()
    find = source_finder([tmp_path / "one", tmp_path / "two", tmp_path / "absent"])
    assert find("a") == tmp_path / "one/a.py"
    assert find("b") == tmp_path / "two/b/__init__.py"
    assert find("b.c") == tmp_path / "two/b/c.py"
    assert find("fast") == tmp_path / f"one/fast{EXTENSION_SUFFIXES[0]}"
    assert find("b.d") is None


@pytest.mark.parametrize("name", ["nowhere_at_all", "nowhere_at_all.deep", "sys", "hydra_plugins", "__main__.x"])
def test_what_has_no_source(name: str) -> None:
    assert installed_source(name) is None


def test_installed_modules_are_found_and_not_imported() -> None:
    before = set(sys.modules)
    found = [installed_source(name) for name in ("pandas", "pandas.core.frame", "this", "steadily.steps")]
    assert [path.name for path in found if path] == ["__init__.py", "frame.py", "this.py", "steps.py"]
    assert {"this", "pandas.core.frame"} & (set(sys.modules) - before) == set()


def test_a_large_package_can_be_read() -> None:
    found = Fingerprints(installed_source, lambda top: top == "sklearn").of("sklearn.pipeline", "Pipeline")
    assert len(found.code) > 20
    assert "numpy" in found.packages
