"""What holds for all tests: databases of one's own; and those that take long begin first, so that all workers end
at about the same time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import KINDS, fresh_address

from steadily.database import Database, open_database
from steadily.process import ONE_THREAD

# What a command sets for its own process, before numpy is loaded, would change what processes of later tests compute.
SET_BY_COMMANDS = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "ARROW_DEFAULT_MEMORY_POOL", *ONE_THREAD)
BEFORE = {name: os.environ.get(name) for name in SET_BY_COMMANDS}


@pytest.fixture(autouse=True)
def computing_as_before() -> None:
    """Take back what an earlier test's command set."""
    for name, value in BEFORE.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(params=KINDS)
def database_address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of one's own: once a SQLite file, once a PostgreSQL schema."""
    with fresh_address(request.param, tmp_path) as address:
        yield address


@pytest.fixture
def database(database_address: str) -> Iterator[Database]:
    """A database of one's own that is open and has its tables: once SQLite, once PostgreSQL."""
    with open_database(database_address) as found:
        yield found
