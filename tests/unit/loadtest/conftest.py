from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.loadtest.answering import Server, started
from unit.small import Small
from unit.test_bundle import BUNDLE
from unit.test_evaluate import judged

LOCK = """\
schema: '2.0'
stages:
  bundle:
    cmd: exec steadily run bundle
    outs:
    - {path: bundle, hash: md5, md5: 0.dir, size: 0}
"""


@pytest.fixture(scope="session")
def ran_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop after a whole run."""
    folder = tmp_path_factory.mktemp("loaded") / "my project"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        small = judged(Small(), more=BUNDLE)
        small.run()
        small.write("dvc.lock", LOCK)
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A small server in a process of its own."""
    with started() as found:
        yield found
