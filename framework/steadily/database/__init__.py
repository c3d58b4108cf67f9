"""The database of operations: what is released and served, what was answered, when, and by what right.

Owns the tables, their migrations, the transactions and how long rows are kept.
SQLite or PostgreSQL, by URL; the same answers with either.
"""

from __future__ import annotations

from pathlib import Path

from steadily.database import monitoring as monitoring  # its tables belong to the metadata, too
from steadily.database import rollout as rollout  # its tables belong to the metadata
from steadily.database.opening import Database, open_database
from steadily.database.settings import DatabaseSettings
from steadily.settings import settings

__all__ = ["Database", "open_database", "open_project"]


def open_project(project: Path) -> Database:
    """Open the database that ``conf/operate.yaml`` names, or the file under ``.steadily/``.

    Raises:
        ConfigError: ``conf/operate.yaml`` can't be read.
        DatabaseError: The database can't be used.
    """
    return open_database(settings(project, DatabaseSettings).address(project))
