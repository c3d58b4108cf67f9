"""Online stores for tests: SQLite files, schemas of a real PostgreSQL, prefixes in a real Redis."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

STORES = ("sqlite", "postgresql", "redis")
POSTGRES = os.environ.get("STEADILY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("STEADILY_TEST_REDIS", "redis://127.0.0.1:6379/9")


@contextmanager
def store_address(kind: str, folder: Path) -> Iterator[str]:
    """Give the address of an empty store, and take it away at the end; a test that can't have it is skipped."""
    name = f"t_{secrets.token_hex(8)}"
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'stores' / 'online.db'}"
    elif kind == "postgresql":
        run_there(f"CREATE SCHEMA {name}")
        try:
            yield make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(False)
        finally:
            run_there(f"DROP SCHEMA {name} CASCADE")
    else:
        with redis_prefix(name) as url:
            yield url


def run_there(statement: str) -> None:
    """Run a statement in the PostgreSQL."""
    url = make_url(POSTGRES).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 3})
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except SQLAlchemyError as error:
        pytest.skip(f"no PostgreSQL at {url.render_as_string()}: {type(error).__name__}")


@contextmanager
def redis_prefix(name: str) -> Iterator[str]:
    """Give an address whose keys have a prefix of their own."""
    from redis import ConnectionError as Refused
    from redis import Redis

    client = Redis.from_url(REDIS)
    try:
        client.ping()
    except Refused as error:
        pytest.skip(f"no Redis at {REDIS}: {error}")
    try:
        yield f"{REDIS}?prefix={name}"
    finally:
        for key in client.scan_iter(f"{name}:*"):
            client.delete(key)
        client.close()


def away(kind: str, folder: Path) -> str:
    """Give an address at which nothing answers."""
    return {
        "sqlite": f"sqlite:///{folder / 'nowhere.db'}",
        "postgresql": "postgresql://ann:secret@127.0.0.1:9/none",
        "redis": "redis://:secret@127.0.0.1:9/0",
    }[kind]
