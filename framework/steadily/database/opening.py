"""Opening the database of operations: the address, the engine of each kind, transactions, migrations.

A writing transaction is alone on SQLite (``BEGIN IMMEDIATE``); on PostgreSQL it is so
with those of the same ``alone``. A reading one sees one state of the database throughout.
"""

from __future__ import annotations

import functools
import json
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from steadily.database import migrations
from steadily.database.failures import failure, shown
from steadily.errors import DatabaseError

BUSY_SECONDS = 10
CONNECT_SECONDS = 5
POSTGRES = "postgresql+psycopg"
ALLOWED = "postgresql://USER@HOST/NAME, sqlite:///FILE"
WRITING = "steadily_writing"


@dataclass(frozen=True)
class Database:
    """A database that is open and up to date. ``shown`` is its address for messages, without passwords."""

    engine: Engine = field(repr=False)
    shown: str

    @contextmanager
    def begin(self, *, alone: str | None = None) -> Iterator[Connection]:
        """Begin a transaction that may write; it is committed at the end, or rolled back by an exception.

        Args:
            alone: A name; transactions with the same one come one after another, on PostgreSQL too.

        Raises:
            DatabaseAway: The database can't be reached or can't take anything now.
            DatabaseError: It refused.
        """
        with self.connected({WRITING: True}) as connection:
            if alone is not None and self.engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(alone)})
            yield connection

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that only reads, from one state of the database.

        Raises:
            DatabaseAway: The database can't be reached.
            DatabaseError: It refused.
        """
        postgres = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return self.connected(postgres if self.engine.dialect.name == "postgresql" else {})

    @contextmanager
    def connected(self, options: dict[str, Any]) -> Iterator[Connection]:
        """Take a connection in a transaction, and tell the database's errors as Steadily's."""
        try:
            with self.engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise failure(error, self.engine.url) from None  # its own words may hold the values of a statement

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_database(address: str, *, where: str = "database.url") -> Database:
    """Open a database by its URL, and bring its tables up to date.

    Args:
        address: ``sqlite:///FILE`` (made where it is not there) or ``postgresql://…``.
        where: What names the address in an error that may not show it.

    Raises:
        DatabaseAway: It can't be reached.
        DatabaseError: The address is none, its driver is not installed, or the database is newer than this code.
    """
    url = url_of(address, where)
    engine = sqlite_engine(url) if url.get_backend_name() == "sqlite" else postgres_engine(url)
    database = Database(engine, shown(url))
    try:
        with database.read() as connection:
            current = migrations.revision_of(connection)
        if current != migrations.known()[-1]:
            with database.begin(alone="migrations") as connection:
                migrations.upgrade(connection, database.shown)
    except BaseException:
        database.close()
        raise
    return database


def url_of(address: str, where: str) -> URL:
    """Read an address; an error does not show it, since it may hold a password.

    Raises:
        DatabaseError: It is none, or of a database that Steadily does not use.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise DatabaseError.at(where, "is no database address", allowed=ALLOWED) from None
    kind = url.get_backend_name()
    if kind in ("postgres", "postgresql"):
        return url.set(drivername=POSTGRES)
    if kind != "sqlite":
        raise DatabaseError.at(where, "names a database that Steadily does not use", given=kind, allowed=ALLOWED)
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseError.at(where, "several processes need the database: it has to be a file", allowed=ALLOWED)
    return url.set(drivername="sqlite", database=str(Path(url.database).absolute()))


def sqlite_engine(url: URL) -> Engine:
    """Make the engine of a SQLite file: write-ahead log, nothing lost on power failure, waiting for locks."""
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError.at(str(path.parent), f"can't be made: {error.strerror}") from error
    engine = create_engine(url, json_serializer=dumps, json_deserializer=loads, connect_args={"timeout": BUSY_SECONDS})

    def begun(connection: Connection) -> None:
        writing = connection.get_execution_options().get(WRITING)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine, "connect", prepare_sqlite)
    event.listen(engine, "begin", begun)
    return engine


def prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    """Prepare a new connection. Transactions are begun by us, so that the tables' changes are part of them too."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    end = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # the change of mode does not wait for others by itself
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def postgres_engine(url: URL) -> Engine:
    """Make the engine of a PostgreSQL database; a connection that died in the pool is replaced before it is used.

    Raises:
        DatabaseError: The driver is not installed.
    """
    more = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    try:
        return create_engine(url, json_serializer=dumps, json_deserializer=loads, pool_pre_ping=True, connect_args=more)
    except (ImportError, NoSuchModuleError) as error:
        hint = "pip install 'steadily[postgres]'"
        raise DatabaseError.at(shown(url), "PostgreSQL's driver, psycopg, is not installed", hint=hint) from error


dumps = functools.partial(json.dumps, allow_nan=False)  # SQLite would take NaN, and PostgreSQL refuse it


def loads(text: str | bytes) -> Any:
    r"""Read JSON, three times as fast as ``json`` does; half surrogates, which UTF-8 has no place for, as it does.

    >>> loads('{"a": [1, 0.1, null]}'), loads('"\\ud800"') == chr(0xD800)
    ({'a': [1, 0.1, None]}, True)
    """
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def lock_key(name: str) -> int:
    """Give the number that stands for a name among PostgreSQL's advisory locks.

    >>> lock_key("migrations") != lock_key("slots")
    True
    """
    return (0x57EAD117 << 32 | zlib.crc32(name.encode())) - (1 << 63)
