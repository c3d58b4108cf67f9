"""Asking local files for their version imports nothing heavy, since composing does it each time."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing

import pydantic
import pytest

from steadily_files.steps import CsvFiles, JsonLinesFiles, ParquetFiles, SqlRows

CODE = """
import sys
from steadily_files.steps import CsvFiles, JsonLinesFiles, ParquetFiles, SqlRows
CsvFiles.check(path="a.csv")
for source in (CsvFiles, JsonLinesFiles, ParquetFiles):
    assert list(source(path="*.csv").version()) == ["a.csv"]
SqlRows.check(url="sqlite:///a.db", table="t")
heavy = {"pandas", "numpy", "pyarrow", "fsspec", "sqlalchemy", "pydantic"} & set(sys.modules)
assert not heavy, heavy
"""


def test_nothing_heavy_is_imported(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, check=True)


@pytest.mark.parametrize("source", [CsvFiles, JsonLinesFiles, ParquetFiles, SqlRows])
def test_parameters_make_a_model_and_are_documented(source):
    types = typing.get_type_hints(source.__init__)
    types.pop("return")
    fields = {name: (kind, None) for name, kind in types.items()}
    pydantic.create_model("Parameters", **fields)  # a name that pydantic itself uses would warn
    assert list(types) == list(inspect.signature(source).parameters)
    for name in types:
        assert f"\n    {name}: " in inspect.getdoc(source)
    source.check(**({"url": "sqlite:///a.db", "table": "t"} if source is SqlRows else {"path": "a.csv"}))
