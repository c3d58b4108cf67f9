"""What deploying has to tell people: raised with its evidence, told once, acknowledged by a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from steadily.database import Database
from steadily.database.rollout import deployment_alerts as alerts
from steadily.errors import ReleaseError

HINT = "`steadily deploy status` shows the open ones"


@dataclass(frozen=True)
class Alert:
    """Something that people have to know.

    Attributes:
        kind: "rollback", "no_earlier_release" or "inconclusive".
        key: What it is about; one of a kind and key is open at a time.
        severity: "critical" or "warning".
        message: In words.
        evidence: What speaks for it, as plain values.
        release: The release that it is about.
    """

    kind: str
    key: str
    severity: str
    message: str
    evidence: Mapping[str, Any]
    release: int


def fire(connection: Connection, alert: Alert, now_us: int) -> int | None:
    """Raise an alert within a transaction; None where one of its kind and key is open already."""
    if open_id(connection, alert.kind, alert.key) is not None:
        return None
    row = {**vars(alert), "evidence": dict(alert.evidence), "at_us": now_us}
    made = connection.execute(insert(alerts).values(row)).inserted_primary_key
    return None if made is None else int(made[0])


def clear(connection: Connection, kind: str, key: str, now_us: int) -> None:
    """Say that what an alert told of is over; nothing happens where none is open."""
    found = open_id(connection, kind, key)
    if found is not None:
        connection.execute(update(alerts).where(alerts.c.id == found).values(cleared_us=now_us))


def open_id(connection: Connection, kind: str, key: str) -> int | None:
    """Find the alert of a kind and key that is not over; one that was acknowledged is not raised again."""
    wanted = select(alerts.c.id).where(alerts.c.kind == kind, alerts.c.key == key, alerts.c.cleared_us.is_(None))
    return connection.execute(wanted).scalar()


def open_in(connection: Connection) -> list[dict[str, Any]]:
    """List the alerts that are neither over nor acknowledged, newest first."""
    wanted = select(alerts).where(alerts.c.cleared_us.is_(None), alerts.c.acknowledged_us.is_(None))
    return [dict(row) for row in connection.execute(wanted.order_by(alerts.c.id.desc())).mappings()]


def acknowledge(database: Database, number: int, who: str, note: str | None, now_us: int) -> None:
    """Write down that a person has seen an alert.

    Raises:
        ReleaseError: There is no such alert.
    """
    with database.begin(alone="slots") as connection:
        if connection.execute(select(alerts.c.id).where(alerts.c.id == number)).scalar() is None:
            raise ReleaseError.at(f"alert {number}", "there is no such alert", hint=HINT)
        values = {"acknowledged_by": who, "acknowledged_us": now_us, "note": note}
        unseen = alerts.c.acknowledged_us.is_(None)  # the first to acknowledge it stays on record
        connection.execute(update(alerts).where(alerts.c.id == number, unseen).values(values))
