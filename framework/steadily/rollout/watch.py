"""The rollback rule at work: reads what was counted, brings the rule's state on, and rolls back when it says so.

Called every second or so by each process that serves. One of them decides, by a lease; the others learn at the next
look that it is not their turn, and take over when the one that decides is gone. All that the rule knows stands in the
database, so a restart loses nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from steadily.clock import Clock
from steadily.database import Database
from steadily.database.rollout import live_totals, rule_states, served_hours
from steadily.database.tables import deployments
from steadily.errors import DatabaseAway
from steadily.releases.slots import ALONE, slots_in
from steadily.rollout import alerts
from steadily.rollout.alerts import Alert
from steadily.rollout.deploy import rollback_in
from steadily.rollout.lease import held_by_another, take
from steadily.rollout.rule import Baseline, RuleState, Verdict, begin, judged, updated
from steadily.rollout.windows import NOTHING, Counts
from steadily.units import HOUR_US, SECOND_US

LEASE = "rollback"
LEASE_US = 10 * SECOND_US
BASELINE_US = 7 * 24 * HOUR_US
WHO = "the rollback rule"


@dataclass(frozen=True)
class Decision:
    """What came of looking.

    Attributes:
        deciding: Whether it was this process's turn.
        state: "healthy", "insufficient", "inconclusive" or "rollback"; None where it was another's turn.
        why: In words.
        verdict: All that the rule said, or None where it had nothing to judge.
        restored: The release that is live again, where one was taken off.
    """

    deciding: bool
    state: str | None
    why: str
    verdict: Verdict | None = None
    restored: int | None = None


def decide_once(database: Database, clock: Clock, holder: str) -> Decision:
    """Look once, and roll back if the rule says so.

    Args:
        database: The database.
        clock: Its clock.
        holder: Names this process, and no other ever.

    Returns:
        What came of it. A database that is away says nothing of the release: ``insufficient``.
    """
    try:
        now_us = clock.now_us()
        with database.read() as connection:
            if held_by_another(connection, LEASE, holder, now_us, LEASE_US):
                return Decision(False, None, "another process decides")
        with database.begin(alone=ALONE) as connection:
            if not take(connection, LEASE, holder, now_us, LEASE_US):
                return Decision(False, None, "another process decides")
            return decided(connection, now_us)
    except DatabaseAway as error:
        return Decision(True, "insufficient", f"nothing is known: {error}")


def decided(connection: Connection, now_us: int) -> Decision:
    """Decide, within a transaction that is alone in changing slots."""
    slots = slots_in(connection)
    live, since_us = slots.live, slots.since_us["live"]
    if live is None or since_us is None:
        return Decision(True, "insufficient", "nothing is live")
    memory = remembered(connection, live, since_us)
    if memory is None:
        start = begin(min(since_us, now_us), paired=slots.previous is not None)
        memory = Memory(start, baseline_in(connection, live, since_us), NOTHING)
    totals = totals_in(connection, live, since_us)
    state = updated(memory.state, less(totals, memory.seen), now_us, memory.baseline)
    verdict = judged(state, memory.baseline, now_us)
    keep(connection, live, since_us, Memory(state, memory.baseline, totals), verdict, now_us)
    evidence = {"verdict": told(verdict), "baseline": asdict(memory.baseline), "totals": asdict(totals)}
    if verdict.state == "rollback":
        done = rollback_in(connection, slots, WHO, verdict.why, evidence, now_us)
        return Decision(True, "rollback", verdict.why, verdict, None if done is None else done.live)
    tell(connection, live, since_us, verdict, evidence, now_us)
    return Decision(True, verdict.state, verdict.why, verdict)


def tell(
    connection: Connection, live: int, since_us: int, verdict: Verdict, evidence: dict[str, Any], now_us: int
) -> None:
    """Alert where a person has to decide, and say when that is over."""
    key = f"{live}@{since_us}"
    if verdict.state == "inconclusive" and verdict.evidence >= verdict.threshold:
        message = f"release {live}: {verdict.why}"
        alerts.fire(connection, Alert("inconclusive", key, "warning", message, evidence, live), now_us)
    elif verdict.state == "healthy":
        alerts.clear(connection, "inconclusive", key, now_us)
        alerts.clear(connection, "no_earlier_release", key, now_us)


@dataclass(frozen=True)
class Memory:
    """What is kept of the rule for a time that a release was live; ``seen`` are the counts that its state has."""

    state: RuleState
    baseline: Baseline
    seen: Counts


def remembered(connection: Connection, live: int, since_us: int) -> Memory | None:
    """Read what is kept, or None before the first look."""
    row = connection.execute(
        select(rule_states).where(rule_states.c.release == live, rule_states.c.since_us == since_us)
    ).first()
    if row is None:
        return None
    baseline = Baseline(row.baseline_requests, row.baseline_errors)
    return Memory(RuleState.from_json(row.state), baseline, Counts(**row.seen))


def baseline_in(connection: Connection, live: int, since_us: int) -> Baseline:
    """Sum what was attempted in the seven days before the release went live, by the one that it replaced.

    After a rollback it is what the release itself did when it was live before: the one taken off is no measure.
    """
    change = connection.execute(
        select(deployments.c.action, deployments.c.replaced)
        .where(deployments.c.slot == "live", deployments.c.release == live, deployments.c.at_us == since_us)
        .order_by(deployments.c.id.desc())
        .limit(1)
    ).first()
    measure = live if change is not None and change.action == "rollback" else change and change.replaced
    hours = select(func.sum(served_hours.c.requests), func.sum(served_hours.c.errors)).where(
        served_hours.c.release == measure,
        served_hours.c.hour_us > since_us - BASELINE_US,
        served_hours.c.hour_us <= since_us,
    )
    requests, errors = connection.execute(hours).one()
    return Baseline(int(requests or 0), int(errors or 0))


def totals_in(connection: Connection, live: int, since_us: int) -> Counts:
    """Give all that was counted since the release went live."""
    row = connection.execute(
        select(live_totals).where(live_totals.c.release == live, live_totals.c.since_us == since_us)
    ).first()
    return NOTHING if row is None else Counts(row.requests, row.errors, row.paired, row.new_errors, row.old_errors)


def less(totals: Counts, seen: Counts) -> Counts:
    """Give what came since; sums only grow."""
    return Counts(*(max(0, now - before) for now, before in zip(totals.values(), seen.values(), strict=True)))


def keep(connection: Connection, live: int, since_us: int, memory: Memory, verdict: Verdict, now_us: int) -> None:
    """Write down what the rule goes on from, and what it said."""
    values = {
        "seen": asdict(memory.seen),
        "state": memory.state.to_json(),
        "verdict": told(verdict),
        "at_us": now_us,
        "baseline_requests": memory.baseline.requests,
        "baseline_errors": memory.baseline.errors,
    }
    here = (rule_states.c.release == live, rule_states.c.since_us == since_us)
    if not connection.execute(update(rule_states).where(*here).values(values)).rowcount:
        connection.execute(insert(rule_states).values(release=live, since_us=since_us, **values))


def told(verdict: Verdict) -> dict[str, Any]:
    """Give a verdict as plain values; an infinite ratio, of errors to none, as text."""
    ratio = verdict.ratio
    return asdict(verdict) | {"ratio": ratio if ratio is None or isfinite(ratio) else "infinite"}
