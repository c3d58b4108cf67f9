"""A connection to a SQL database: opened for reading only, and errors that never show a password.

Owns the address and what goes wrong in connecting and asking. SQLAlchemy is imported here alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from steadily import DataError, SourceUnreachable
from steadily_files.secrets import hidden, refuse_password, scrub

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine


@dataclass(frozen=True)
class Database:
    """Where a database is: an address, or the environment variable that holds one."""

    url: str | None
    url_env: str | None

    def check(self) -> None:
        """Refuse what can't be an address, before anything is asked."""
        if (self.url is None) == (self.url_env is None):
            raise DataError.at("url, url_env", "one of the two has to be given, and only one")
        if self.url is not None:
            refuse_password(self.url, hint="put the address into an environment variable and name it: url_env: NAME")
        if self.url_env is not None and "://" in self.url_env:
            raise DataError.at("url_env", "is an address", allowed="the name of an environment variable")

    def address(self) -> str:
        """Give the address, from the environment if it is there."""
        self.check()
        if self.url is not None:
            return self.url
        found = os.environ.get(str(self.url_env))
        if not found:
            raise SourceUnreachable.at(
                f"url_env: {self.url_env}", "the environment variable is not set", hint="set it to the database's URL"
            )
        return found


@contextmanager
def connected(database: Database) -> Iterator[Connection]:
    """Connect for reading; nothing is ever committed.

    Raises:
        DataError: The address is none, a driver is missing, or the database refuses the query.
        SourceUnreachable: The database does not answer, or stopped to.
    """
    address = database.address()
    refuse_without_sqlalchemy()
    from sqlalchemy.exc import SQLAlchemyError

    url = url_of(address, database)
    engine = engine_of(url_for_reading(url) if url.get_backend_name() == "sqlite" else url)
    try:
        with reached(engine, url) as connection:
            yield connection
    except SQLAlchemyError as error:
        kind = SourceUnreachable if getattr(error, "connection_invalidated", False) else DataError
        raise kind.at(shown(url), f"the database refused: {said(error, url)}") from None
    finally:
        engine.dispose()


def refuse_without_sqlalchemy() -> None:
    """Say how to get SQLAlchemy, if it is not installed."""
    try:
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise DataError.at("files.sql", "SQLAlchemy is not installed", hint="pip install steadily[sql]") from error


def url_of(address: str, database: Database) -> URL:
    """Read the address; an error does not show it, since it may hold a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(address)
    except (ArgumentError, ValueError):
        where = f"url_env: {database.url_env}" if database.url_env else "url"
        raise DataError.at(
            where, "is no database address", allowed="postgresql+psycopg://host/name, sqlite:///file.db"
        ) from None


def url_for_reading(url: URL) -> URL:
    """Open a SQLite file for reading only; without that, a name that is not there would become an empty database."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return url
    if not Path(url.database).is_file():
        raise DataError.at(shown(url), "no such database file", given=url.database)
    path = quote(str(Path(url.database).absolute()))
    return url.set(database=f"file:{path}").update_query_dict({"mode": "ro", "uri": "true"})


def engine_of(url: URL) -> Engine:
    """Make the engine, and say which driver is missing."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError
    from sqlalchemy.pool import NullPool

    try:
        return create_engine(url, poolclass=NullPool)
    except NoSuchModuleError:
        raise DataError.at(shown(url), "SQLAlchemy knows no such database", given=url.drivername) from None
    except ImportError as error:
        raise DataError.at(
            shown(url), f"the database's driver is not installed: {error}", hint=f"pip install {error.name or 'it'}"
        ) from error


@contextmanager
def reached(engine: Engine, url: URL) -> Iterator[Connection]:
    """Connect, read-only where the database can; that it can't be reached is told apart from its other refusals."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        raise SourceUnreachable.at(
            shown(url), f"the database can't be reached: {said(error, url)}", hint="check address, network and access"
        ) from None
    with connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
        yield connection


def shown(url: URL) -> str:
    """Give the address without passwords."""
    return hidden(url.render_as_string(hide_password=True))


def said(error: Exception, url: URL) -> str:
    """Give what the driver says, on one line and without passwords."""
    secrets = [str(url.password or ""), *(str(value) for key, value in url.query.items() if "pass" in key.lower())]
    return " ".join(hidden(scrub(str(getattr(error, "orig", None) or error), secrets)).split())
