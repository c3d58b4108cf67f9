"""Releases as the database has them: one by its number, or a line of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from steadily.database import Database
from steadily.database.tables import releases
from steadily.errors import ReleaseError

SHORT = 12
BRIEF = ("number", "digest", "created_us", "git_commit", "git_dirty", "feature_set", "task", "latency", "url")


@dataclass(frozen=True)
class Release:
    """A bundle that was registered.

    Attributes:
        number: Its number, from 1.
        digest: That of the bundle's manifest.
        created_us: When it was registered.
        git_commit: The commit that stood then, or None outside git.
        git_dirty: Whether files differed from that commit.
        feature_set: The feature sets that it reads, each with its version, or None; the manifest has them by name.
        task: What it predicts.
        manifest: The bundle's manifest.
        metrics: The figures of its evaluation.
        latency: How long one row takes on the serving path.
        config: ``params.yaml`` as composed.
        versions: ``versions.yaml``.
        data: Digests of the data that it learned from and was judged on, and the sources' versions.
        url: Where its files lie.
    """

    number: int
    digest: str
    created_us: int
    git_commit: str | None
    git_dirty: bool | None
    feature_set: str | None
    task: str
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]
    latency: Mapping[str, Any]
    config: Mapping[str, Any]
    versions: Mapping[str, Any]
    data: Mapping[str, Any]
    url: str

    @property
    def name(self) -> str:
        """The name of its folder."""
        return folder_name(self.number, self.digest)


def folder_name(number: int, digest: str) -> str:
    """Name the folder of a release's files.

    >>> folder_name(3, "0123456789abcdef")
    '3-0123456789ab'
    """
    return f"{number}-{digest[:SHORT]}"


def find_release(database: Database, number: int) -> Release:
    """Give the release of a number.

    Raises:
        ReleaseError: There is none.
    """
    with database.read() as connection:
        return release_in(connection, number)


def release_in(connection: Connection, number: int) -> Release:
    """Give the release of a number, within a transaction.

    Raises:
        ReleaseError: There is none.
    """
    row = connection.execute(select(releases).where(releases.c.number == number)).mappings().first()
    if row is None:
        known = connection.execute(select(releases.c.number).order_by(releases.c.number)).scalars().all()
        allowed = f"{known[0]} to {known[-1]}" if known else None
        hint = "`steadily release list` shows them" if known else "`steadily release` makes the first"
        raise ReleaseError.at(f"release {number}", "there is no such release", allowed=allowed, hint=hint)
    return Release(**{field.name: row[field.name] for field in fields(Release)})


def list_releases(database: Database) -> list[dict[str, Any]]:
    """Give what is short about each release, by number."""
    columns = [releases.c[name] for name in BRIEF]
    with database.read() as connection:
        rows = connection.execute(select(*columns).order_by(releases.c.number)).mappings()
        return [dict(row) for row in rows]


def moment(time_us: int | None) -> str:
    """Write a time for people.

    >>> moment(1_700_000_000_000_000), moment(None)
    ('2023-11-14 22:13:20Z', '')
    """
    if time_us is None:
        return ""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
