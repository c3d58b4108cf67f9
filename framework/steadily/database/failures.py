"""What goes wrong with a database, in Steadily's own errors, without any password."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from steadily.errors import DatabaseAway, DatabaseError

HIDDEN = "***"
SECRET = re.compile("pass|secret|token|key", re.IGNORECASE)
# What may be otherwise in a moment: locks, disks, permissions; connections, resources, shut-downs, lost races.
AWAY_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_READONLY")
AWAY_POSTGRES = ("08", "53", "57", "58", "40", "55P03", "25006")
WAIT = "check that it runs, its address, network and access"


def shown(url: URL) -> str:
    """Give an address without passwords, a file by its path.

    >>> from sqlalchemy import make_url
    >>> shown(make_url("postgresql+psycopg://ann:s3cret@db/shop?sslpassword=x"))
    'postgresql+psycopg://ann:***@db/shop?sslpassword=***'
    """
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    plain = url.difference_update_query([name for name in url.query if SECRET.search(name)])
    hidden = [f"{name}={HIDDEN}" for name in url.query if SECRET.search(name)]
    text = plain.render_as_string(hide_password=True)
    return text + "".join(("&" if "?" in text or number else "?") + one for number, one in enumerate(hidden))


def failure(error: SQLAlchemyError, url: URL) -> DatabaseError:
    """Make Steadily's error of SQLAlchemy's: away, or refused."""
    if is_away(error):
        return DatabaseAway.at(shown(url), f"the database can't be reached: {said(error, url)}", hint=WAIT)
    return DatabaseError.at(shown(url), f"the database refused: {said(error, url)}")


def is_away(error: SQLAlchemyError) -> bool:
    """Tell whether the same may succeed later, nothing being wrong with what was asked."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(AWAY_SQLITE)
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(AWAY_POSTGRES)
    return type(error.orig).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")


def said(error: Exception, url: URL) -> str:
    """Give what the driver says, on one line and without passwords; never the values of a statement."""
    words = " ".join(str(getattr(error, "orig", None) or type(error).__name__).split())
    secrets = [url.password, *(value for name, value in url.query.items() if SECRET.search(name))]
    for secret in filter(None, map(str, filter(None, secrets))):
        for spelling in {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}:
            words = words.replace(spelling, HIDDEN)
    return words
