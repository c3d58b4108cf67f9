"""What holds for all tests: databases of one's own; and those that take long begin first, so that all workers end
at about the same time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import KINDS, fresh_address

from steadily.database import Database, open_database


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
