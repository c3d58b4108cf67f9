"""The statement that inserts a row, or says what becomes of one whose key is there: each database has its own form."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(table: Table, dialect: str) -> Any:
    """Give an INSERT that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    kind: Any = postgresql if dialect == "postgresql" else sqlite
    return kind.insert(table)
