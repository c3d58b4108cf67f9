"""Takes over what deploying has to tell, such as a rollback, so that people find all alerts in one place.

Deploying raises its alerts in a table of its own, within its own transactions; each becomes an alert
here, told and acknowledged like any other. Whoever acknowledges the one acknowledges the other.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from steadily.database.monitoring import alerts
from steadily.database.rollout import deployment_alerts as raised
from steadily.monitor.alertlog import note_event
from steadily.monitor.alerts import FIRED, RESOLVED

RULE, PANEL, SLOT = "deployment", "releases", "live"
SEVERITIES = {"critical": "page"}


def take_over(connection: Connection, now_us: int) -> list[int]:
    """Take over new alerts of deploying, and what became of those that were.

    Args:
        connection: In a transaction that is alone in looking.
        now_us: The time now.

    Returns:
        The alerts that are over.
    """
    new = select(raised).outerjoin(alerts, alerts.c.deployment == raised.c.id).where(alerts.c.id.is_(None))
    for row in connection.execute(new.order_by(raised.c.id)).all():
        make = insert(alerts).values(values_of(row))
        number = connection.execute(make).inserted_primary_key
        note_event(connection, int(number[0]) if number else 0, row.at_us, FIRED, evidence=dict(row.evidence))
    return follow(connection, now_us)


def values_of(row: Any) -> dict[str, Any]:
    """Make an alert of what deploying raised."""
    return {
        "rule": RULE,
        "what": row.kind,
        "release": row.release,
        "slot": SLOT,
        "slice": "",
        "severity": SEVERITIES.get(row.severity, "warn"),
        "group_name": f"{RULE} {row.kind}",
        "panel": PANEL,
        "evidence": {"message": row.message, **row.evidence},
        "fired_us": row.at_us,
        "deployment": row.id,
    }


def follow(connection: Connection, now_us: int) -> list[int]:
    """Carry over what is over, and acknowledgements in both ways."""
    joined = select(
        alerts.c.id,
        alerts.c.deployment,
        *(alerts.c[name].label(f"own_{name}") for name in ("acknowledged_us", "acknowledged_by", "note")),
        *(raised.c[name] for name in ("acknowledged_us", "acknowledged_by", "note", "cleared_us")),
    ).join_from(alerts, raised, alerts.c.deployment == raised.c.id)
    over = []
    for row in connection.execute(joined.where(alerts.c.resolved_us.is_(None))).all():
        theirs = {name: getattr(row, name) for name in ("acknowledged_us", "acknowledged_by", "note")}
        own = {name: getattr(row, f"own_{name}") for name in theirs}
        if row.acknowledged_us is None and row.own_acknowledged_us is not None:
            connection.execute(update(raised).where(raised.c.id == row.deployment).values(own))
        if row.acknowledged_us is not None and row.own_acknowledged_us is None:
            connection.execute(update(alerts).where(alerts.c.id == row.id).values(theirs))
        seen = row.acknowledged_us is not None or row.own_acknowledged_us is not None
        if row.cleared_us is not None or seen:  # what happened once is over when somebody has seen it
            connection.execute(update(alerts).where(alerts.c.id == row.id).values(resolved_us=now_us))
            note_event(connection, row.id, now_us, RESOLVED)
            over += [row.id] if row.cleared_us is not None else []
    return over
