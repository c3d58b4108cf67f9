"""What the serving processes write down: what live attempted, and what two releases made of the same requests.

A flush is counted once: a worker numbers its flushes, and one that is sent again, as after an answer that got lost,
changes nothing. ``worker`` names one process from its start to its end, never two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, and_, case, delete, func, insert, not_, select, update

from steadily.database import Database
from steadily.database.rollout import flushes, live_totals, pair_examples, pair_sums, served_hours
from steadily.database.tables import labels, predictions
from steadily.errors import DatabaseError
from steadily.rollout.pairs import PairCounts
from steadily.units import HOUR_US

ALONE = "pairs"
EXAMPLES = 50  # kept of each pair of releases


@dataclass(frozen=True)
class Beside:
    """What the release beside the live one made of the same requests.

    Attributes:
        slot: Where it is: "shadow" or "previous".
        release: Its number.
        since_us: Since when it has been in the slot.
        counts: Sums over the pairs.
        examples: A few pairs that were answered otherwise, as plain values; ``at_us`` is when the request came.
    """

    slot: str
    release: int
    since_us: int
    counts: PairCounts
    examples: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Flush:
    """What a worker has counted since its last flush, of one release and one hour.

    Attributes:
        worker: Names the process, and no other ever.
        sequence: Counts its flushes up, from 1.
        at_us: The time of the flush, by the clock of operations.
        live: The release that answered.
        live_since_us: Since when it has been live.
        requests: That it attempted: shed load and 4xx are none.
        errors: Of those: exceptions, time-outs, answers that are NaN or break their schema.
        beside: What the others made of them.
        hour_us: When the hour began in which the requests came; None is the flush's own hour.
    """

    worker: str
    sequence: int
    at_us: int
    live: int
    live_since_us: int
    requests: int
    errors: int
    beside: Sequence[Beside] = field(default_factory=tuple)
    hour_us: int | None = None


def record(database: Database, flush: Flush) -> bool:
    """Add a flush to the sums.

    Returns:
        Whether it was new; one that is on record already changes nothing.

    Raises:
        DatabaseAway: The database can't be reached: keep the flush, with its number, and send it again.
        DatabaseError: It can't be what a worker counted.
    """
    refuse(database, flush)
    with database.begin(alone=ALONE) as connection:
        if not is_new(connection, flush):
            return False
        hour = flush.at_us // HOUR_US * HOUR_US if flush.hour_us is None else flush.hour_us
        served = {"requests": flush.requests, "errors": flush.errors}
        add(connection, served_hours, {"release": flush.live, "hour_us": hour}, served)
        paired = PairCounts()
        for beside in flush.beside:
            merge(connection, flush, beside, hour)
            if beside.slot == "previous":
                paired = paired + beside.counts
        totals = served | {
            "paired": paired.attempted,
            "new_errors": paired.live_errors,
            "old_errors": paired.other_errors,
        }
        add(connection, live_totals, {"release": flush.live, "since_us": flush.live_since_us}, totals)
    return True


def refuse(database: Database, flush: Flush) -> None:
    """Refuse counts that can't be.

    Raises:
        DatabaseError: There are fewer requests than errors, or a pair of a release with itself.
    """
    pairs = [
        (beside.counts.attempted, beside.counts.live_errors, beside.counts.other_errors) for beside in flush.beside
    ]
    if not 0 <= flush.errors <= flush.requests or any(not 0 <= max(a, b) <= n for n, a, b in pairs):
        raise DatabaseError.at(database.shown, "more errors than requests were counted", given=f"worker {flush.worker}")
    if any(beside.release == flush.live for beside in flush.beside):
        raise DatabaseError.at(database.shown, "a release is compared with itself", given=f"release {flush.live}")


def is_new(connection: Connection, flush: Flush) -> bool:
    """Tell whether a flush is not on record yet, and put it there."""
    last = connection.execute(select(flushes.c.sequence).where(flushes.c.worker == flush.worker)).scalar()
    if last is not None and flush.sequence <= last:
        return False
    values = {"sequence": flush.sequence, "at_us": flush.at_us}
    upsert(connection, flushes, {"worker": flush.worker}, values, there=last is not None)
    return True


def add(connection: Connection, table: Table, key: Mapping[str, Any], amounts: Mapping[str, int]) -> None:
    """Add amounts to the row of a key."""
    where = [table.c[name] == value for name, value in key.items()]
    row = connection.execute(select(*(table.c[name] for name in amounts)).where(*where)).mappings().first()
    sums = {name: amount + (row[name] if row else 0) for name, amount in amounts.items()}
    upsert(connection, table, key, sums, there=row is not None)


def upsert(
    connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any], *, there: bool
) -> None:
    """Write the row of a key, in a transaction that is alone in doing so."""
    if there:
        connection.execute(
            update(table).where(*(table.c[name] == value for name, value in key.items())).values(**values)
        )
    else:
        connection.execute(insert(table).values(**key, **values))


def merge(connection: Connection, flush: Flush, beside: Beside, hour_us: int) -> None:
    """Merge the sums of an hour with more, and keep the latest examples."""
    pair = {"slot": beside.slot, "live": flush.live, "other": beside.release, "since_us": beside.since_us}
    key = pair | {"hour_us": hour_us}
    where = [pair_sums.c[name] == value for name, value in key.items()]
    found = connection.execute(select(pair_sums.c.counts).where(*where)).scalar()
    counts = beside.counts if found is None else PairCounts.from_json(found) + beside.counts
    upsert(connection, pair_sums, key, {"counts": counts.to_json()}, there=found is not None)
    if beside.examples:
        rows = [pair | example_in(flush, one) for one in beside.examples[-EXAMPLES:]]
        connection.execute(insert(pair_examples), rows)
        keep_latest(connection, pair)


def example_in(flush: Flush, one: Mapping[str, Any]) -> dict[str, Any]:
    """Give an example with its own time, or the flush's where it has none."""
    content = {name: value for name, value in one.items() if name != "at_us"}
    return {"at_us": one.get("at_us", flush.at_us), "content": content}


def keep_latest(connection: Connection, pair: Mapping[str, Any]) -> None:
    """Forget all examples of a pair of releases but the latest."""
    where = [pair_examples.c[name] == value for name, value in pair.items()]
    kept = select(pair_examples.c.id).where(*where).order_by(pair_examples.c.id.desc()).limit(EXAMPLES)
    last = connection.execute(kept).scalars().all()
    connection.execute(delete(pair_examples).where(*where, pair_examples.c.id < min(last)))


def pairs_in(connection: Connection, slot: str, live: int, other: int, since_us: int) -> PairCounts:
    """Sum the pairs of two releases since one of them came into its slot, within a transaction."""
    rows = connection.execute(
        select(pair_sums.c.counts)
        .where(
            pair_sums.c.slot == slot,
            pair_sums.c.live == live,
            pair_sums.c.other == other,
            pair_sums.c.since_us == since_us,
        )
        .order_by(pair_sums.c.hour_us)
    ).scalars()
    return sum((PairCounts.from_json(row) for row in rows), labelled_in(connection, slot, live, other, since_us))


def labelled_in(connection: Connection, slot: str, live: int, other: int, since_us: int) -> PairCounts:
    """Count the answered pairs of which the truth has come, from the log: a late label counts when it is there."""
    one, two = predictions.alias("one"), predictions.alias("two")
    same = [labels.c.request_id == one.c.request_id, labels.c.position == one.c.position]
    same += [two.c.request_id == one.c.request_id, two.c.position == one.c.position]
    both = [one.c.slot == "live", one.c.release == live, two.c.slot == slot, two.c.release == other]
    answered = [one.c.outcome == "answered", two.c.outcome == "answered", one.c.at_us >= since_us]
    right, other_right = one.c.prediction == labels.c.label, two.c.prediction == labels.c.label
    alone = [
        func.sum(case((and_(yes, not_(no)), 1), else_=0)) for yes, no in ((right, other_right), (other_right, right))
    ]
    found = connection.execute(select(func.count(), *alone).where(*same, *both, *answered)).one()
    return PairCounts(labelled=found[0], only_live_right=int(found[1] or 0), only_other_right=int(found[2] or 0))


def examples_in(connection: Connection, slot: str, live: int, other: int, since_us: int) -> list[dict[str, Any]]:
    """Give the latest examples of what two releases answered otherwise, the newest first."""
    rows = connection.execute(
        select(pair_examples.c.at_us, pair_examples.c.content)
        .where(
            pair_examples.c.slot == slot,
            pair_examples.c.live == live,
            pair_examples.c.other == other,
            pair_examples.c.since_us == since_us,
        )
        .order_by(pair_examples.c.id.desc())
    )
    return [{"at_us": row.at_us, **row.content} for row in rows]
