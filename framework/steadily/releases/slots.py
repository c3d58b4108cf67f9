"""Which release serves in which slot, and the one way in which that changes: whole, recorded, and not twice at once.

Whether a change is right is decided by those who ask for it.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from steadily.clock import marked
from steadily.database import Database
from steadily.database.tables import SLOTS, deployments, slots
from steadily.errors import ReleaseError
from steadily.releases.records import release_in

ALONE = "slots"


@dataclass(frozen=True)
class Slots:
    """What the slots hold: the release's number or None, since when, and the count of all changes so far."""

    live: int | None
    shadow: int | None
    previous: int | None
    since_us: Mapping[str, int | None]
    revision: int


@dataclass(frozen=True)
class Act:
    """What is done to the slots and why, as ``deployments`` keeps it.

    Attributes:
        action: Such as "first", "shadow", "promote", "rollback".
        reason: In a person's words, or the rule's.
        who: Who did it.
        override: Whether it went over a checklist that was not passed.
        evidence: Plain values that speak for it.
    """

    action: str
    reason: str | None
    who: str
    override: bool = False
    evidence: Mapping[str, Any] | None = None


def read_slots(database: Database) -> Slots:
    """Give what the slots hold now."""
    with database.read() as connection:
        return slots_in(connection)


def slots_in(connection: Connection) -> Slots:
    """Give what the slots hold, within a transaction."""
    rows = {row.name: row for row in connection.execute(select(slots))}
    return Slots(
        **{name: rows[name].release for name in SLOTS},
        since_us={name: rows[name].since_us for name in SLOTS},
        revision=max(row.revision for row in rows.values()),
    )


def revision_of(database: Database) -> int:
    """Give the number that grows with every change of a slot: cheap, to be asked again and again."""
    with database.read() as connection:
        return int(connection.execute(select(func.max(slots.c.revision))).scalar() or 0)


def place(database: Database, wanted: Mapping[str, int | None], act: Act, *, seen: int, now_us: int) -> Slots:
    """Put releases into slots, in one transaction with the record of it.

    Args:
        database: The database.
        wanted: The releases by slot; None empties one. Slots that are not named stay.
        act: What is done, and why.
        seen: The revision that the decision was made on.
        now_us: The time now.

    Returns:
        What the slots hold then.

    Raises:
        ReleaseError: The slots have changed since; or there is no such release.
    """
    with database.begin(alone=ALONE) as connection:
        return place_in(connection, wanted, act, seen=seen, now_us=now_us)


def place_in(connection: Connection, wanted: Mapping[str, int | None], act: Act, *, seen: int, now_us: int) -> Slots:
    """Put releases into slots within a transaction that is alone in doing so."""
    before = slots_in(connection)
    if before.revision != seen:
        refuse_changed(connection, act)
    now_us = moment_of(connection, now_us)
    for name, number in wanted.items():
        if number is not None:
            release_in(connection, number)
        replaced = getattr(before, name)
        if number != replaced:
            values = {"release": number, "since_us": now_us, "revision": before.revision + 1}
            connection.execute(update(slots).where(slots.c.name == name).values(values))
            row = record(act, name, number, replaced, now_us) | {"simulated": marked(connection)}
            connection.execute(insert(deployments).values(row))
    return slots_in(connection)


def moment_of(connection: Connection, now_us: int) -> int:
    """Give the time of a change: no two have the same, also where a clock stands still, so that it names one."""
    last = select(func.max(deployments.c.at_us)).where(deployments.c.at_us.between(now_us, now_us + 1_000_000))
    found = connection.execute(last).scalar()
    return now_us if found is None else int(found) + 1


def record(act: Act, slot: str, number: int | None, replaced: int | None, now_us: int) -> dict[str, Any]:
    """Give the row that ``deployments`` keeps of a slot's change."""
    return {
        "at_us": now_us,
        "action": act.action,
        "slot": slot,
        "release": number,
        "replaced": replaced,
        "override": act.override,
        "reason": act.reason,
        "evidence": None if act.evidence is None else dict(act.evidence),
        "who": act.who,
    }


def refuse_changed(connection: Connection, act: Act) -> None:
    """Say who was quicker.

    Raises:
        ReleaseError: Always.
    """
    last = connection.execute(select(deployments).order_by(deployments.c.id.desc()).limit(1)).first()
    given = f"{last.action} of release {last.release} by {last.who}" if last else None
    hint = "`steadily deploy status` shows how things stand; decide again"
    raise ReleaseError.at(act.action, "the slots were changed by another at the same time", given=given, hint=hint)


def deployments_of(database: Database, most: int) -> list[dict[str, Any]]:
    """Give the last changes, newest first."""
    with database.read() as connection:
        rows = connection.execute(select(deployments).order_by(deployments.c.id.desc()).limit(most)).mappings()
        return [dict(row) for row in rows]


def person() -> str:
    """Name who runs this process, and where."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "?"
    return f"{user}@{socket.gethostname()}"
