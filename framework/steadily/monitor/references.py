"""References of releases, from where their files lie, held against the digests that the database has."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from steadily.database import Database
from steadily.database.tables import releases
from steadily.errors import DatabaseError, DataError, SteadilyError
from steadily.monitor.reference import FIGURES, REFERENCE, Reference

logger = logging.getLogger("steadily.monitor.references")


class References:
    """Gives a release's reference by its number; each is read once.

    A release whose files can't be read has none for now: what needs no reference is
    watched all the same, and the rest says that it has not enough data.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.known: dict[int, Reference] = {}

    def __call__(self, release: int) -> Reference:
        """Give a release's reference."""
        if release not in self.known:
            try:
                self.known[release] = read_reference(self.database, release)
            except DatabaseError:
                raise
            except SteadilyError as error:
                logger.warning("release %s is watched without its reference: %s", release, error)
                return Reference()
        return self.known[release]


def read_reference(database: Database, release: int) -> Reference:
    """Read a release's reference from the store.

    Raises:
        DataError: There is no such release, or its files are not there, or not those that were registered.
    """
    with database.read() as connection:
        asked = select(releases.c.url, releases.c.manifest).where(releases.c.number == release)
        row = connection.execute(asked).one_or_none()
    if row is None:
        raise DataError.at(f"release {release}", "there is no such release")
    files = (row.manifest or {}).get("files", {})
    return Reference.from_json(*(read_json(row.url, name, files) for name in (REFERENCE, FIGURES)))


def read_json(url: str, name: str, files: Mapping[str, Any]) -> Any:
    """Read one file of a release."""
    import fsspec

    place = f"{url.rstrip('/')}/{name}"
    try:
        with fsspec.open(place, "rb") as stream:
            content = stream.read()
        wanted = files.get(name, {}).get("sha256")
        if wanted and hashlib.sha256(content).hexdigest() != wanted:
            raise DataError.at(place, "is not what was registered")
        return json.loads(content)
    except SteadilyError:
        raise
    except Exception as error:  # each protocol's library has errors of its own
        raise DataError.at(place, f"can't be read: {type(error).__name__}") from error
