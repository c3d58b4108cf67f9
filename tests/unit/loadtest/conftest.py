from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from packed import packed_shop
from unit.loadtest.answering import Server, started

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
    shutil.copytree(packed_shop(tmp_path_factory), folder, symlinks=True)
    (folder / "dvc.lock").write_text(LOCK, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A small server in a process of its own."""
    with started() as found:
        yield found
