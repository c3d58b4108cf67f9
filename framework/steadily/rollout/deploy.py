"""What people do with releases: into the shadow, live, and back; each in one transaction with the record of it.

Owns what is refused and why. A decision names the revision of the slots that it was made on, so that of two at once one
wins and the other is told so. The judgement is ``gate``'s; how slots change is ``releases.slots``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, select

from steadily.clock import Clock, marked
from steadily.database import Database
from steadily.database.rollout import rule_states
from steadily.database.tables import deployments, load_tests
from steadily.errors import ReleaseError
from steadily.releases.records import release_in
from steadily.releases.slots import ALONE, Act, Slots, place_in, slots_in
from steadily.rollout import alerts
from steadily.rollout.alerts import Alert
from steadily.rollout.gate import WELL, Known, Limits, Line, LoadTest, checklist, overridden, passes
from steadily.rollout.pairs import PairCounts
from steadily.rollout.record import examples_in, pairs_in

Published = Callable[[str], tuple[bool | None, str]]
Peak = Callable[[], float | None]
LAST = 10
REASON = "--reason TEXT, which is kept for ever"


@dataclass(frozen=True)
class Asked:
    """What the checklist asks of others.

    Attributes:
        published: Tells of a feature-set version whether it is published, None where nobody can say; and what was
            seen, or why nothing was.
        peak: Gives the expected peak, requests a second; None where it is not known, and the load test's own is taken.
    """

    published: Published = lambda version: (None, "")
    peak: Peak = lambda: None


NOBODY = Asked()


@dataclass(frozen=True)
class Status:
    """How things stand.

    Attributes:
        slots: What serves where.
        checklist: The shadow's, or nothing without one.
        counts: What it and live made of the same requests.
        examples: The latest that they answered otherwise.
        rule: What the rollback rule said last of the live release, or None.
        alerts: The open ones.
        deployments: The last ones, newest first.
        simulated: Whether time is simulated here, so that nothing of it is real.
    """

    slots: Slots
    checklist: tuple[Line, ...]
    counts: PairCounts
    examples: list[dict[str, Any]]
    rule: Mapping[str, Any] | None
    alerts: list[dict[str, Any]]
    deployments: list[dict[str, Any]]
    simulated: bool

    @property
    def passes(self) -> bool:
        """Whether the shadow may be promoted."""
        return self.slots.shadow is not None and passes(self.checklist)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        confusion = [[live, other, count] for (live, other), count in sorted(self.counts.confusion.items())]
        return {
            "slots": asdict(self.slots),
            "passes": self.passes,
            "checklist": [line.to_json() for line in self.checklist],
            "confusion": confusion,
            "examples": self.examples,
            "rule": self.rule,
            "alerts": self.alerts,
            "deployments": self.deployments,
            "simulated": self.simulated,
        }


def status(database: Database, clock: Clock, limits: Limits, asked: Asked = NOBODY) -> Status:
    """Say how things stand, from one state of the database.

    Raises:
        DatabaseAway: The database can't be reached.
    """
    now_us = clock.now_us()
    feature_set = peak = None
    with database.read() as connection:
        slots = slots_in(connection)
        if slots.shadow is not None:
            feature_set = release_in(connection, slots.shadow).feature_set
    published = (None, "") if feature_set is None else asked.published(feature_set)
    peak = asked.peak() if slots.shadow is not None else None
    with database.read() as connection:
        slots = slots_in(connection)
        counts, examples = PairCounts(), []
        lines: tuple[Line, ...] = ()
        if slots.live is not None and slots.shadow is not None:
            since = slots.since_us["shadow"] or 0
            counts = pairs_in(connection, "shadow", slots.live, slots.shadow, since)
            examples = examples_in(connection, "shadow", slots.live, slots.shadow, since)
            lines = checklist(counts, known(connection, slots.shadow, published, peak), limits, now_us)
        return Status(
            slots,
            lines,
            counts,
            examples,
            rule_in(connection, slots),
            alerts.open_in(connection),
            deployments_in(connection),
            marked(connection),
        )


def known(connection: Connection, number: int, published: tuple[bool | None, str], peak: float | None) -> Known:
    """Gather what is known of a release beside its pairs."""
    release = release_in(connection, number)
    row = connection.execute(
        select(load_tests).where(load_tests.c.release == number).order_by(load_tests.c.id.desc()).limit(1)
    ).first()
    test = None if row is None else load_test_of(row.verdict, row.result)
    own = None if row is None else rate_of(row.result).get("peak")
    return Known(
        load_test=test,
        peak=own if peak is None else peak,
        feature_set=release.feature_set,
        published=published[0],
        told=published[1],
        verdicts=tuple(release.manifest.get("verdicts", ())),
    )


def load_test_of(outcome: str, result: Mapping[str, Any]) -> LoadTest:
    """Read a load test from its record: one that never ended has no figures."""
    verdict, figures = result.get("verdict") or {}, result.get("figures") or {}
    rate = figures.get("rate") or rate_of(result).get("per_second") or 0.0
    return LoadTest(outcome, float(rate), tuple(verdict.get("reasons", ())))


def rate_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find what a load test was to send; one that was broken off need not say."""
    rate = result.get("rate")
    return rate if isinstance(rate, Mapping) else {}


def rule_in(connection: Connection, slots: Slots) -> dict[str, Any] | None:
    """Give what the rule said last of the live release."""
    row = connection.execute(
        select(rule_states.c.verdict, rule_states.c.at_us).where(
            rule_states.c.release == slots.live, rule_states.c.since_us == slots.since_us["live"]
        )
    ).first()
    return None if row is None else {**row.verdict, "at_us": row.at_us}


def deployments_in(connection: Connection) -> list[dict[str, Any]]:
    """Give the last changes, newest first."""
    rows = connection.execute(select(deployments).order_by(deployments.c.id.desc()).limit(LAST)).mappings()
    return [dict(row) for row in rows]


def shadow(database: Database, clock: Clock, number: int | None, who: str) -> Slots:
    """Put a release into the shadow slot, or take out what is there.

    Args:
        database: The database.
        clock: Its clock.
        number: The release; None empties the slot.
        who: Who does it.

    Raises:
        ReleaseError: It is unknown, live, or there already; or nothing is live to compare it with.
    """
    now_us = clock.now_us()
    where = "steadily deploy shadow" if number is None else f"release {number}"
    with database.begin(alone=ALONE) as connection:
        slots = slots_in(connection)
        if number is not None:
            release_in(connection, number)
            if slots.live is None:
                hint = "`steadily release` puts the first one live"
                raise ReleaseError.at(where, "nothing is live that a shadow could be compared with", hint=hint)
            if number == slots.live:
                raise ReleaseError.at(where, "is live: a release is no shadow of itself")
        if number == slots.shadow:
            raise ReleaseError.at(
                where, "is in the shadow slot already" if number else "no shadow is there to take out"
            )
        act = Act("shadow", None, who)
        wanted = {"shadow": number} | ({"previous": None} if number is not None and number == slots.previous else {})
        return place_in(connection, wanted, act, seen=slots.revision, now_us=now_us)


def promote(
    database: Database,
    clock: Clock,
    number: int,
    who: str,
    limits: Limits,
    *,
    override: bool = False,
    reason: str | None = None,
    asked: Asked = NOBODY,
) -> Slots:
    """Put the shadow live, if its checklist passes; the release before it stays warm as the previous one.

    Args:
        database: The database.
        clock: Its clock.
        number: The release.
        who: Who does it.
        limits: What the shadow has to keep.
        override: Go over what was not passed.
        reason: Why; an override needs one, and it is kept for ever.
        asked: Whom the checklist asks.

    Returns:
        What the slots hold then.

    Raises:
        ReleaseError: It is unknown, live already, no shadow, did not pass, an override has no reason, or somebody else
            changed the slots meanwhile.
        DatabaseAway: The database can't be reached; nothing was changed.
    """
    where = f"release {number}"
    with database.read() as connection:
        release_in(connection, number)
    found = status(database, clock, limits, asked)
    slots, given = found.slots, (reason or "").strip()
    if number == slots.live:
        raise ReleaseError.at(where, "is live already")
    if override and not given:
        raise ReleaseError.at(where, "an override needs a reason", hint=REASON)
    lines = found.checklist if number == slots.shadow else ()
    if not override:
        refuse_unpassed(where, lines, shadow=slots.shadow, number=number)
    evidence: dict[str, Any] = {"checklist": [line.to_json() for line in (overridden(lines) if override else lines)]}
    if not lines:
        evidence["never"] = "was in no shadow"
    act = Act("promote", given or None, who, override=override, evidence=evidence)
    wanted = {"live": number, "previous": slots.live} | ({"shadow": None} if slots.shadow == number else {})
    with database.begin(alone=ALONE) as connection:
        return place_in(connection, wanted, act, seen=slots.revision, now_us=clock.now_us())


def refuse_unpassed(where: str, lines: tuple[Line, ...], *, shadow: int | None, number: int) -> None:
    """Refuse a release that is no shadow, or did not pass.

    Raises:
        ReleaseError: With each line that was not passed.
    """
    over = "--override --reason TEXT goes over it, and is kept for ever"
    if not lines:
        given = "no shadow" if shadow is None else f"release {shadow} is the shadow"
        hint = f"`steadily deploy shadow {number}` begins; {over}"
        raise ReleaseError.at(where, "the checklist is not passed: it has not been in shadow", given=given, hint=hint)
    missed = [line for line in lines if line.state not in WELL]
    if missed:
        told = "\n".join(f"  {line.name}: {line.state}: {line.evidence}; needed: {line.needed}" for line in missed)
        raise ReleaseError.at(where, f"the checklist is not passed ({over}):\n{told}")


def rollback(database: Database, clock: Clock, who: str, reason: str | None) -> Slots:
    """Put the previous release back, as a person wants it.

    Raises:
        ReleaseError: There is no previous release; the live one stays, and an alert says so.
    """
    now_us = clock.now_us()
    with database.begin(alone=ALONE) as connection:
        slots = slots_in(connection)
        done = rollback_in(connection, slots, who, reason or "a person asked for it", {}, now_us)
    if done is None:
        live = "nothing is live" if slots.live is None else f"release {slots.live} stays live"
        hint = "`steadily deploy shadow N` and `promote N` put another release there"
        raise ReleaseError.at(
            "steadily deploy rollback", f"there is no earlier release to go back to: {live}", hint=hint
        )
    return done


def rollback_in(
    connection: Connection, slots: Slots, who: str, reason: str, evidence: Mapping[str, Any], now_us: int
) -> Slots | None:
    """Put the previous release back, and raise an alert, within a transaction that is alone in changing slots.

    A release names its transforms and its feature-set version, so they go back with it. The one that is taken off is
    not kept as the previous one: nothing rolls back to what was just rolled back.

    Returns:
        What the slots hold then; None where there is no earlier release, of which an alert tells as well.
    """
    key = f"{slots.live}@{slots.since_us['live']}"
    if slots.live is None:
        return None
    if slots.previous is None:
        message = f"release {slots.live} should be rolled back, and there is no earlier one: it stays live ({reason})"
        alerts.fire(connection, Alert("no_earlier_release", key, "critical", message, evidence, slots.live), now_us)
        return None
    act = Act("rollback", reason, who, evidence=evidence)
    wanted = {"live": slots.previous, "previous": None}
    if slots.shadow == slots.previous:
        wanted["shadow"] = None
    done = place_in(connection, wanted, act, seen=slots.revision, now_us=now_us)
    message = f"release {slots.live} was rolled back, release {slots.previous} is live again: {reason}"
    restored = {"release": slots.previous, "feature_set": release_in(connection, slots.previous).feature_set}
    told = {**evidence, "restored": restored}
    alerts.fire(connection, Alert("rollback", key, "critical", message, told, slots.live), now_us)
    return done
