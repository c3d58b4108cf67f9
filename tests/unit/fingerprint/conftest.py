"""A folder of sources that can be changed between two fingerprints."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from steadily.fingerprint import Fingerprint, fingerprint, source_finder

STEPS = "pkg/steps.py"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


class Project:
    """A folder of sources that can be changed between two fingerprints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, files: dict[str, str], qualname: str = "f", module: str = "pkg.steps") -> Fingerprint:
        write(self.folder, {"pkg/__init__.py": "", **files})
        return fingerprint(module, qualname, source_finder([self.folder]))

    def steps(self, text: str, qualname: str = "f") -> Fingerprint:
        return self.of({STEPS: text}, qualname)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
