"""Packages, own code, sources that can't be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from steadily import PluginError
from steadily.fingerprint import fingerprint, source_finder

if TYPE_CHECKING:
    from tests.unit.fingerprint.conftest import Project

STEPS = "pkg/steps.py"


def test_packages_are_those_which_the_step_mentions(project: Project) -> None:
    found = project.steps("""
        import json, numpy as np, pandas as pd, polars, sklearn.linear_model
        from google.cloud import storage
        from steadily import step
        from scipy.stats import *
        try:
            import ujson as fast
        except ImportError:
            import json as fast
        def helper():
            import requests.adapters
            return sklearn.linear_model.LogisticRegression
        def f(frame: pd.DataFrame):
            return helper(), fast, json, storage, zscore
        def g(): return polars, np
    """)
    assert found.packages == {"pandas", "requests", "sklearn", "ujson", "google", "scipy"}


def test_what_is_own_may_be_more_than_one_module(tmp_path: Path) -> None:
    (tmp_path / "my_steps.py").write_text("from my_lib import g\ndef f(): return g()")
    (tmp_path / "my_lib.py").write_text("def g(): return 1")
    find = source_finder([tmp_path])
    both = fingerprint("my_steps", "f", find, own=lambda name: name.startswith("my_"))
    alone = fingerprint("my_steps", "f", find)
    assert set(both.code) == {"my_steps.py", "my_lib.py"}
    assert set(alone.code) == {"my_steps.py"}
    assert alone.packages == {"my_lib"}


def test_a_compiled_module_counts_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / STEPS).write_text("from ._fast import g\ndef f(): return g()")
    (tmp_path / "pkg/_fast.so").write_bytes(b"\x7fELF 1")
    plain = source_finder([tmp_path])

    def find(name: str) -> Path | None:
        return tmp_path / "pkg/_fast.so" if name == "pkg._fast" else plain(name)

    before = fingerprint("pkg.steps", "f", find)
    (tmp_path / "pkg/_fast.so").write_bytes(b"\x7fELF 2")
    assert set(before.code) == {STEPS, "pkg/_fast.so"}
    assert before != fingerprint("pkg.steps", "f", find)


def test_unresolved_names_are_told(project: Project) -> None:
    found = project.steps("from .lost import h\nfrom . import gone\ndef f(): return nowhere, h, gone.x, len, __name__")
    assert found.unresolved == ("pkg.gone", "pkg.lost.h", "pkg.steps.nowhere")


@pytest.mark.parametrize("qualname", ["make.<locals>.inner", "<lambda>", "Missing"])
def test_what_has_no_definition_of_its_own_takes_its_module(project: Project, qualname: str) -> None:
    text = "X = 1\nprint('a')\ndef make():\n    def inner(): pass\n    return inner"
    before = project.steps(text, qualname)
    assert before != project.steps(text.replace("1", "2"), qualname)
    assert before != project.steps(text.replace("'a'", "'b'"), qualname)


def test_a_nested_class_counts_with_the_outer(project: Project) -> None:
    text = "class Outer:\n    x = 1\n    class Inner: pass\n"
    assert project.steps(text, "Outer.Inner") != project.steps(text.replace("1", "2"), "Outer.Inner")


def test_a_syntax_error_names_file_and_line(project: Project) -> None:
    with pytest.raises(PluginError, match=r"steps\.py:2: this is not valid Python.*given: def f\(: pass"):
        project.steps("x = 1\ndef f(: pass\n")


@pytest.mark.parametrize("content", [b"x = 1\0", b"x = '\xff'", b"# coding: nonsense\n"])
def test_what_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.py").write_bytes(content)
    with pytest.raises(PluginError, match=r"odd\.py"):
        fingerprint("odd", "f", source_finder([tmp_path]))


def test_a_missing_module_is_told(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"module pkg\.steps: its source can't be found"):
        fingerprint("pkg.steps", "f", source_finder([tmp_path]))


def test_encodings_line_ends_and_escapes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("def f(): return 'ä'\n".encode())
    (tmp_path / "b.py").write_bytes("# coding: latin-1\r\ndef f(): return 'ä'\r\n".encode("latin-1"))
    (tmp_path / "c.py").write_bytes(b"\xef\xbb\xbfdef f(): return '\\xe4'\n")
    find = source_finder([tmp_path])
    digests = {next(iter(fingerprint(name, "f", find).code.values())) for name in "abc"}
    assert len(digests) == 1


def test_an_invalid_escape_warns_nobody(project: Project) -> None:
    assert project.steps("def f(): return '\\d'").code


def test_a_sum_of_hundreds_is_read(project: Project) -> None:
    text = "def f(): return " + " + ".join(["x"] * 900)
    assert project.steps(text) != project.steps(text + " + 1")


def test_a_huge_number_is_read(project: Project) -> None:
    assert project.steps(f"def f(): return 0x{'f' * 20000}").code


def test_import_cycles_end(project: Project) -> None:
    files = {
        STEPS: "from .a import x\ndef f(): return x",
        "pkg/a.py": "from .b import x",
        "pkg/b.py": "from .a import *",
    }
    assert project.of(files).unresolved == ()
    assert set(project.of({"pkg/a.py": "from . import a\nx = a.x"}).code) == {STEPS, "pkg/a.py"}


def test_too_many_dots_are_unresolved(project: Project) -> None:
    assert project.steps("from ....x import y\ndef f(): return y").code
