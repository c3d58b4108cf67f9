"""Makes a release of the bundle that stands: checked, copied to the store, numbered, and put live if nothing is yet.

Two that register at once get two numbers, or one where the bundle is the same. How the
latency is measured is given by the caller.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select

from steadily import layout
from steadily.clock import Clock
from steadily.database import Database
from steadily.database.tables import releases
from steadily.errors import ReleaseError
from steadily.lastgood import read_yaml
from steadily.releases.ready import check_ready
from steadily.releases.records import folder_name
from steadily.releases.slots import ALONE, Act, place_in, slots_in
from steadily.releases.store import Store

TRIES = 20
FIRST = "first release: there is nothing to compare it with"
Measure = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Registered:
    """What came of it: the number, whether it is a new one, whether it went live, and where its files lie."""

    number: int
    new: bool
    live: bool
    url: str


def register(project: Path, database: Database, store: Store, clock: Clock, measure: Measure, who: str) -> Registered:
    """Register the bundle of the last complete run.

    Args:
        project: The project's folder.
        database: Where releases are numbered.
        store: Where their files go.
        clock: Tells when it was made.
        measure: Measures how long one row takes with the bundle that stands.
        who: Who does it.

    Raises:
        ReleaseError: All that is in the way; or the store can't be used.
    """
    content = check_ready(project)
    digest = str(content["digest"])
    known = number_of(database, digest)
    if known is not None:
        return known
    row = described(project, content) | {"latency": dict(measure()), "created_us": clock.now_us()}
    for _ in range(TRIES):
        row |= {"number": next_number(database)}
        found = put_and_enter(project, database, store, clock, row, who)
        if found is not None:
            return found
    raise ReleaseError.at("steadily release", "others keep taking the next number", hint="try again")


def put_and_enter(
    project: Path, database: Database, store: Store, clock: Clock, row: dict[str, Any], who: str
) -> Registered | None:
    """Copy a bundle under its number and write it down; None where another has taken the number meanwhile.

    Another who registers the same bundle may take away what lies under a number that is lost, while it is put there.
    """
    name, found = folder_name(row["number"], row["digest"]), None
    try:
        row["url"] = store.put(project / layout.BUNDLE, name)
        found = enter(database, row, clock, who)
    except ReleaseError:
        if next_number(database) == row["number"]:
            raise
        found = number_of(database, row["digest"])
    if found is None or found.number != row["number"]:
        store.take_away(name)
    return found


def enter(database: Database, row: Mapping[str, Any], clock: Clock, who: str) -> Registered | None:
    """Write a release down under its number; None where another has taken that meanwhile."""
    with database.begin(alone=ALONE) as connection:
        known = known_in(connection, row["digest"])
        if known is not None:
            return known
        if number_in(connection) != row["number"]:
            return None
        connection.execute(insert(releases).values(row))
        slots = slots_in(connection)
        if slots.live is None:
            act = Act("first", FIRST, who)
            place_in(connection, {"live": row["number"]}, act, seen=slots.revision, now_us=clock.now_us())
        return Registered(row["number"], True, slots.live is None, row["url"])


def number_of(database: Database, digest: str) -> Registered | None:
    """Give the release that has a bundle already, if there is one."""
    with database.read() as connection:
        return known_in(connection, digest)


def known_in(connection: Connection, digest: str) -> Registered | None:
    """Give the release that has a bundle already, within a transaction."""
    row = connection.execute(select(releases.c.number, releases.c.url).where(releases.c.digest == digest)).first()
    return Registered(row.number, False, slots_in(connection).live == row.number, row.url) if row else None


def next_number(database: Database) -> int:
    """Give the number that is next."""
    with database.read() as connection:
        return number_in(connection)


def number_in(connection: Connection) -> int:
    """Give the number that is next, within a transaction."""
    return (connection.execute(select(func.max(releases.c.number))).scalar() or 0) + 1


def described(project: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the database keeps of a bundle."""
    versions = read_yaml(project / layout.VERSIONS)
    figures = json.loads((project / layout.BUNDLE / "figures.json").read_text(encoding="utf-8"))
    commit, dirty = git_state(project)
    return {
        "digest": content["digest"],
        "git_commit": commit,
        "git_dirty": dirty,
        "feature_set": ", ".join(f"{name} {version}" for name, version in content["feature_sets"].items()) or None,
        "task": content["task"],
        "manifest": dict(content),
        "metrics": figures["figures"],
        "config": storable(read_yaml(project / layout.PARAMS)),
        "versions": storable(versions),
        "data": {**content["data"], "rows": figures["rows"], "sources": sources_in(versions)},
    }


def sources_in(versions: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the sources held, by stage, from the versions of the steps that read them."""
    return {
        stage: storable(step["source"])
        for stage, found in versions.items()
        if isinstance(found, Mapping)
        for step in (found.get("steps") or {}).values()
        if isinstance(step, Mapping) and "source" in step
    }


def storable(value: Any) -> Any:
    """Give YAML's values as JSON has them: infinities and what is no number as text, keys as text.

    >>> storable({1: [float("inf"), 2.5, None]})
    {'1': ['inf', 2.5, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def git_state(project: Path) -> tuple[str | None, bool | None]:
    """Give the commit that stands and whether the project's files differ from it; None and None outside git."""
    commit = git(project, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return None, None
    return commit.strip(), bool((git(project, "status", "--porcelain", "--", ".") or "").strip())


def git(project: Path, *words: str) -> str | None:
    """Ask git; None where it is not there or refuses."""
    try:
        done = subprocess.run(["git", *words], cwd=project, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
