"""Fresh databases for tests: SQLite files, and schemas of a real PostgreSQL.

Which PostgreSQL, ``STEADILY_TEST_POSTGRES`` says (one of this machine unless it does); where none answers, tests
that need one are skipped and say why.
"""

from __future__ import annotations

import functools
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from steadily.database import Database, open_database

KINDS = ("sqlite", "postgresql")
POSTGRES = os.environ.get("STEADILY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


@functools.cache
def why_no_postgres() -> str | None:
    """Tell why there is no PostgreSQL, or None where one answers."""
    try:
        run_there("SELECT 1")
    except (SQLAlchemyError, ImportError) as error:
        return f"no PostgreSQL at {make_url(POSTGRES).render_as_string()}: {type(error).__name__}"
    return None


def run_there(statement: str) -> None:
    """Run a statement of one's own in the PostgreSQL."""
    url = make_url(POSTGRES).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 3})
    with engine.begin() as connection:
        connection.execute(text(statement))


@contextmanager
def fresh_address(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty database, and take it away at the end.

    Args:
        kind: One of KINDS.
        folder: For the file, where it is one.
    """
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'operate.db'}"
        return
    if reason := why_no_postgres():
        pytest.skip(reason)
    schema = f"t_{secrets.token_hex(8)}"
    run_there(f"CREATE SCHEMA {schema}")
    try:
        url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
        yield url.render_as_string(hide_password=False)
    finally:
        run_there(f"DROP SCHEMA {schema} CASCADE")


@contextmanager
def fresh_database(kind: str, folder: Path) -> Iterator[Database]:
    """Give an empty database that is open and has its tables."""
    with fresh_address(kind, folder) as address, open_database(address) as database:
        yield database
