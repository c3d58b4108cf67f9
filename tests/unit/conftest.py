from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from unit.small import Small, forget_own_plugins

settings.register_profile("steadily", deadline=None)  # a busy machine is no failure
settings.load_profile("steadily")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """An empty project, which this process is in."""
    for name in list(os.environ):
        if name.startswith(("DVC_", "STEADILY_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "my project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Small()
    forget_own_plugins()
