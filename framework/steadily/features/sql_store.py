"""An online store in a SQL database: SQLite or PostgreSQL, in two tables of its own.

Owns the tables, which it makes when something is first published. A publication is one
transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from steadily.errors import ConfigError, Problem
from steadily.features.store import CHUNK, Head, StoreAway, in_batches, newer, shown

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

LOCK = 7_395_112_084_233_011  # one number for all publications in a PostgreSQL
WRITING = 60.0  # seconds
UNDEFINED_TABLE = "42P01"  # PostgreSQL's word for it
metadata = MetaData()
HEADS = Table(
    "feature_heads",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("head", Text, nullable=False),
    Column("materialisation", BigInteger, nullable=False),
    Column("previous", BigInteger),
)
BLOCKS = Table(
    "feature_blocks",
    metadata,
    Column("materialisation", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("block", Text, nullable=False),
)


class SqlStore:
    """The store; see ``Store``."""

    def __init__(self, url: str, timeout: float) -> None:
        self.shown = shown(url)
        self.url = url_of(url)
        self.reading = engine_of(self.url, timeout)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Connect for reading.

        Raises:
            StoreAway: The database does not answer, or has no tables.
        """
        file = self.url.database
        if self.url.get_backend_name() == "sqlite" and file and not Path(file).is_file():
            raise StoreAway.at(self.shown, "nothing is published there: there is no such file")
        try:
            with self.reading.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise self.away(error) from None

    def away(self, error: SQLAlchemyError) -> StoreAway:
        """Say what the database said, without what was asked and where."""
        orig = getattr(error, "orig", None)
        if getattr(orig, "sqlstate", None) == UNDEFINED_TABLE or "no such table" in str(orig):
            return StoreAway(Problem(self.shown, "nothing is published there: it has no tables yet"))
        said = " ".join(str(orig or type(error).__name__).split())
        secret = self.url.password
        what = f"the store does not answer: {said.replace(str(secret), '***') if secret else said}"
        return StoreAway(Problem(self.shown, what))

    def head(self, version: str) -> Head | None:
        """Give the head of a version."""
        with self.read() as connection:
            found = connection.scalar(select(HEADS.c.head).where(HEADS.c.version == version))
        return None if found is None else Head.from_json(json.loads(found))

    def heads(self) -> list[Head]:
        """Give all heads."""
        with self.read() as connection:
            found = connection.scalars(select(HEADS.c.head).order_by(HEADS.c.version)).all()
        return [Head.from_json(json.loads(one)) for one in found]

    def blocks(self, head: Head, keys: Sequence[str]) -> dict[str, str] | None:
        """Give the blocks of some keys."""
        number = head.materialisation
        found: dict[str, str] = {}
        with self.read() as connection:
            for some in in_batches(keys, CHUNK // 2):
                wanted = select(BLOCKS.c.key, BLOCKS.c.block).where(
                    BLOCKS.c.materialisation == number, BLOCKS.c.key.in_(some)
                )
                found |= {row.key: row.block for row in connection.execute(wanted)}
            if len(found) < len(set(keys)):
                known = select(HEADS.c.version).where(
                    or_(HEADS.c.materialisation == number, HEADS.c.previous == number)
                )
                if connection.scalar(known) is None:
                    return None
        return found

    def publish(self, head: Head, blocks: Iterator[tuple[str, str]]) -> Head:
        """Write a materialisation, in one transaction."""
        writing = engine_of(self.url, WRITING, folder=True)
        try:
            with writing.begin() as connection:
                if self.url.get_backend_name() == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                metadata.create_all(connection)
                return written(connection, head, blocks)
        except SQLAlchemyError as error:
            raise self.away(error) from None
        finally:
            writing.dispose()

    def close(self) -> None:
        """Let go of connections."""
        self.reading.dispose()


def written(connection: Connection, head: Head, blocks: Iterator[tuple[str, str]]) -> Head:
    """Write a materialisation, and take the one before the last away."""
    connection.execute(update(HEADS).values(version=head.set.version).where(HEADS.c.version == head.set.version))
    row = connection.execute(
        select(HEADS.c.head, HEADS.c.materialisation, HEADS.c.previous).where(HEADS.c.version == head.set.version)
    ).one_or_none()  # what the line before locked: SQLite's file, or PostgreSQL's row
    there = None if row is None else Head.from_json(json.loads(row.head))
    if there is not None and (newer(there, head) or there.digest == head.digest):
        return there
    for some in in_batches(blocks, CHUNK):
        rows = [{"materialisation": head.materialisation, "key": key, "block": block} for key, block in some]
        connection.execute(insert(BLOCKS), rows)
    values = {"head": json.dumps(head.to_json()), "materialisation": head.materialisation}
    if row is None:
        connection.execute(insert(HEADS).values(version=head.set.version, previous=None, **values))
    else:
        connection.execute(
            update(HEADS).where(HEADS.c.version == head.set.version).values(previous=row.materialisation, **values)
        )
        connection.execute(delete(BLOCKS).where(BLOCKS.c.materialisation == row.previous))
    return head


def url_of(url: str) -> URL:
    """Read an address; PostgreSQL is asked through psycopg unless it says otherwise.

    Raises:
        ConfigError: It is none.
    """
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError.at("features.store", "is no database address", given=shown(url)) from None
    if found.get_backend_name() == "sqlite" and found.database in (None, "", ":memory:"):
        raise ConfigError.at("features.store", "has to be a file", given=shown(url), allowed="sqlite:///PATH")
    return found.set(drivername="postgresql+psycopg") if found.drivername == "postgresql" else found


def engine_of(url: URL, timeout: float, *, folder: bool = False) -> Engine:
    """Make an engine whose questions end in time.

    Args:
        url: The address.
        timeout: Seconds.
        folder: Whether to make the folder of a SQLite file, and keep it so that readers never wait for a writer.

    Raises:
        ConfigError: The driver is not installed.
    """
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and folder:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    arguments: dict[str, Any] = {"timeout": timeout} if sqlite else {"connect_timeout": max(2, int(timeout))}
    try:
        engine = create_engine(url, poolclass=QueuePool, pool_size=4, pool_timeout=timeout, connect_args=arguments)
    except ImportError as error:
        hint = "pip install 'steadily[postgres]'"
        raise ConfigError.at("features.store", f"the driver is not installed: {error}", hint=hint) from error

    def begin(connection: Any, _: object) -> None:
        if sqlite and folder:
            connection.execute("PRAGMA journal_mode=WAL")
        elif not sqlite:
            connection.execute(f"SET statement_timeout = {int(timeout * 1000)}")
            connection.commit()

    event.listen(engine, "connect", begin)
    return engine
