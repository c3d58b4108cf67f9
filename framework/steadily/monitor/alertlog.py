"""Keeps alerts: what was seen of each subject, what fired and was over, who acknowledged and who silenced what.

A look at all subjects is one transaction: what fires stands in it together with the posts that tell it, so that a
process that dies in between loses neither. Deciding is the matter of ``steadily.monitor.alerts``, posting of
``steadily.monitor.posting``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from steadily.database import Database
from steadily.database.monitoring import alert_events, alerts, silences, watches
from steadily.errors import DataError
from steadily.monitor.alerts import FIRED, FIRING, RESOLVED, Life, Seen, Silence, Subject, silenced, step
from steadily.monitor.record import put
from steadily.monitor.settings import AlertSettings
from steadily.monitor.wording import text_of, title_of
from steadily.units import MINUTE_US

ACKNOWLEDGED, WITHDRAWN, SILENCED = "acknowledged", "withdrawn", "silenced"


def look(
    connection: Connection,
    seen: Sequence[Seen],
    serving: Iterable[tuple[int, str]],
    now_us: int,
    settings: AlertSettings,
) -> dict[str, list[int]]:
    """Go on by one look at all subjects, and write down what happened.

    Args:
        connection: In a transaction that is alone in looking.
        seen: What was seen of each subject.
        serving: The releases that serve now, and where: alerts of others are over.
        now_us: The time now.
        settings: How long a step between looks may be.

    Returns:
        The alerts that fired, and those that are over, by what happened.
    """
    happened: dict[str, list[int]] = {FIRED: [], RESOLVED: []}
    before = {subject_of(row): row for row in connection.execute(select(watches))}
    longest = settings.longest_step_minutes * MINUTE_US
    for one in seen:
        row = before.get(one.subject)
        life = Life(**row.life) if row is not None else Life()
        alert = row.alert if row is not None else None
        after, events = step(life, one, now_us, longest)
        for what in events:
            alert = write_down(connection, what, one, alert, now_us)
            if what in happened and alert is not None:
                happened[what].append(alert)
        if alert is not None and after.phase == FIRING:
            values = {"value": one.value, "level": one.level, "evidence": dict(one.evidence)}
            connection.execute(update(alerts).where(alerts.c.id == alert).values(values))
        keep(connection, one, after, alert if after.phase == FIRING else None, now_us)
    happened[RESOLVED] += withdraw(connection, before.values(), set(serving), now_us)
    return happened


def subject_of(row: Any) -> Subject:
    """Read a subject from a row."""
    return Subject(row.rule, row.what, row.release, row.slot, row.slice)


def keep(connection: Connection, seen: Seen, life: Life, alert: int | None, now_us: int) -> None:
    """Keep what was last seen of a subject."""
    values = {"seen_us": now_us, "side": seen.side, "life": life.to_json(), "alert": alert}
    put(connection, watches, seen.subject._asdict(), values)


def write_down(connection: Connection, what: str, seen: Seen, alert: int | None, now_us: int) -> int | None:
    """Write down that something happened to an alert; one that fires is a new one."""
    if what == FIRED:
        alert = raised(connection, seen, now_us)
    elif alert is not None:
        if what == RESOLVED:
            connection.execute(update(alerts).where(alerts.c.id == alert).values(resolved_us=now_us))
        note_event(connection, alert, now_us, what, evidence={"value": seen.value, **seen.evidence})
    return alert


def raised(connection: Connection, seen: Seen, now_us: int) -> int:
    """Write down a new alert.

    Returns:
        Its number.
    """
    values = {
        **seen.subject._asdict(),
        "severity": seen.severity,
        "group_name": seen.group,
        "panel": seen.panel,
        "value": seen.value,
        "level": seen.level,
        "evidence": dict(seen.evidence),
        "fired_us": now_us,
    }
    alert = int(connection.execute(insert(alerts).values(values)).inserted_primary_key[0])  # type: ignore[index]
    note_event(connection, alert, now_us, FIRED, evidence={"value": seen.value, **seen.evidence})
    return alert


def note_event(
    connection: Connection,
    alert: int,
    now_us: int,
    what: str,
    *,
    who: str | None = None,
    note: str | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Add to an alert's history."""
    values = {"alert": alert, "at_us": now_us, "what": what, "who": who, "note": note, "evidence": evidence}
    connection.execute(insert(alert_events).values(values))


def withdraw(connection: Connection, rows: Iterable[Any], serving: set[tuple[int, str]], now_us: int) -> list[int]:
    """End what is watched of releases that no longer serve where they did."""
    found = []
    for row in rows:
        if (row.release, row.slot) in serving:
            continue
        if row.alert is not None:
            connection.execute(update(alerts).where(alerts.c.id == row.alert).values(resolved_us=now_us))
            note_event(connection, row.alert, now_us, WITHDRAWN, note="the release no longer serves there")
            found.append(row.alert)
        key = and_(*(watches.c[name] == value for name, value in subject_of(row)._asdict().items()))
        connection.execute(delete(watches).where(key))
    return found


def untold(connection: Connection, now_us: int) -> list[dict[str, Any]]:
    """Give the alerts that fire, were not told yet, and are not silenced now."""
    quiet = silences_at(connection, now_us)
    asked = select(alerts).where(alerts.c.told_us.is_(None), alerts.c.resolved_us.is_(None)).order_by(alerts.c.id)
    rows = [dict(row._mapping) for row in connection.execute(asked)]
    return [row for row in rows if not silenced(quiet, subject_in(row), now_us)]


def subject_in(alert: Mapping[str, Any]) -> Subject:
    """Give the subject of an alert."""
    return Subject(alert["rule"], alert["what"], alert["release"] or 0, alert["slot"] or "", alert["slice"] or "")


def messages(found: Sequence[Mapping[str, Any]], what: str, url: str | None) -> list[dict[str, Any]]:
    """Make one message of the alerts of each group, release and slot."""

    def group(alert: Mapping[str, Any]) -> tuple[str, str, int, str]:
        return alert["severity"], alert["group_name"], alert["release"] or 0, alert["slot"] or ""

    made = []
    for (severity, *_), members in groupby(sorted(found, key=group), key=group):
        together = list(members)
        text = "\n\n".join(text_of(alert, url) for alert in together)
        ids = [alert["id"] for alert in together]
        made.append(
            {"title": title_of(together, what), "text": text, "severity": severity, "state": what, "alerts": ids}
        )
    return made


def acknowledge(database: Database, alert: int, who: str, note: str, now_us: int) -> None:
    """Note that somebody has seen an alert, and what he says of it; doing so again replaces neither.

    Raises:
        DataError: There is no such alert, or who or note is empty.
    """
    if not who.strip() or not note.strip():
        raise DataError.at(f"alert {alert}", "an acknowledgement needs a name and a note")
    with database.begin(alone="alerts") as connection:
        there = connection.execute(select(alerts.c.acknowledged_us).where(alerts.c.id == alert)).one_or_none()
        if there is None:
            raise DataError.at(f"alert {alert}", "there is no such alert", hint="`steadily alerts` lists them")
        if there.acknowledged_us is None:
            values = {"acknowledged_us": now_us, "acknowledged_by": who, "note": note}
            connection.execute(update(alerts).where(alerts.c.id == alert).values(values))
        note_event(connection, alert, now_us, ACKNOWLEDGED, who=who, note=note)


def silence(database: Database, given: Silence) -> int:
    """Tell nobody of what a silence covers, until it ends. What fires is written down all the same.

    Returns:
        The silence's number.

    Raises:
        DataError: It ends before it begins, or nobody answers for it.
    """
    if given.ends_us <= given.begins_us:
        raise DataError.at("silence", "ends before it begins")
    if not given.by.strip() or not given.note.strip():
        raise DataError.at("silence", "needs a name and a note")
    values = {key: value for key, value in vars(given).items() if key != "by"} | {"who": given.by}
    with database.begin(alone="alerts") as connection:
        return int(connection.execute(insert(silences).values(values)).inserted_primary_key[0])  # type: ignore[index]


def end_silence(database: Database, number: int, now_us: int) -> None:
    """End a silence now.

    Raises:
        DataError: There is none of this number that holds now.
    """
    with database.begin(alone="alerts") as connection:
        change = update(silences).where(silences.c.id == number, silences.c.ends_us > now_us).values(ends_us=now_us)
        if not connection.execute(change).rowcount:
            raise DataError.at(f"silence {number}", "there is none that holds now")


def silences_at(connection: Connection, now_us: int) -> list[Silence]:
    """Give the silences that hold now."""
    asked = select(silences).where(silences.c.begins_us <= now_us, silences.c.ends_us > now_us)
    return [
        Silence(row.rule, row.what, row.slot, row.begins_us, row.ends_us, row.who, row.note)
        for row in connection.execute(asked)
    ]


def listed_alerts(database: Database, *, all_: bool = False, most: int = 200) -> list[dict[str, Any]]:
    """List alerts, the latest first, each with its history.

    Args:
        database: The database of operations.
        all_: Those that are over, too.
        most: The most that are listed.
    """
    asked = select(alerts).order_by(alerts.c.fired_us.desc(), alerts.c.id.desc()).limit(most)
    with database.read() as connection:
        rows = connection.execute(asked if all_ else asked.where(alerts.c.resolved_us.is_(None)))
        found = {row.id: dict(row._mapping) | {"events": []} for row in rows}
        history = select(alert_events).where(alert_events.c.alert.in_(list(found))).order_by(alert_events.c.id)
        for event in connection.execute(history):
            found[event.alert]["events"].append(dict(event._mapping))
    return list(found.values())


def listed_silences(database: Database, now_us: int) -> list[dict[str, Any]]:
    """List the silences that have not ended."""
    with database.read() as connection:
        asked = select(silences).where(silences.c.ends_us > now_us).order_by(silences.c.id)
        return [dict(row._mapping) for row in connection.execute(asked)]


def last_look(database: Database) -> int | None:
    """Give when anything was last looked at; None if never."""
    with database.read() as connection:
        found = connection.execute(select(func.max(watches.c.seen_us))).scalar()
    return None if found is None else int(found)
