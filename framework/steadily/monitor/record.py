"""Brings counts into the database: small amounts of each worker, and labels that come later.

An amount carries its worker's name and a sequence number, and the database knows the last one that its sums hold:
sending one again changes nothing, however a connection broke. Labels are compared with those already counted, so that
each is counted once and a changed one in the place of the earlier, in whatever order and however often they come.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, Row, and_, select, tuple_

from steadily.database import Database
from steadily.database.inserting import insert_into
from steadily.database.monitoring import amounts, counted_labels
from steadily.database.monitoring import hourly as rows
from steadily.database.tables import labels, predictions
from steadily.monitor.counting import Batch, SliceValues, Whole, chosen, counted, labelled
from steadily.monitor.hourly import Hourly, Key, hour_of, merged
from steadily.monitor.reference import Reference
from steadily.units import HOUR_US, SECOND_US

if TYPE_CHECKING:
    import pandas as pd

PIECE = 500  # labels in one transaction


class Recorder:
    """Counts one worker's answers, and brings them into the database now and then.

    ``count`` is called where answers are logged, never where they are given. ``flush`` may fail and is tried again:
    until then counts add up in memory, which they fill no further than their hours and slices do.

    Args:
        database: The database of operations.
        references: Gives a release's reference by its number; asked once for each.
        slices: The columns by whose values rows are counted apart, too.
        rows_per_minute: How many rows a minute are counted into the features' bins; None counts all.
        worker: The worker's name, which no other has; None makes one.
    """

    def __init__(
        self,
        database: Database,
        references: Callable[[int], Reference],
        *,
        slices: Sequence[str] = (),
        rows_per_minute: int | None = None,
        worker: str | None = None,
    ) -> None:
        self.database, self.slice_columns, self.rows_per_minute = database, tuple(slices), rows_per_minute
        self.worker = worker or uuid.uuid4().hex
        self.give_reference = references
        self.known: dict[int, Reference] = {}
        self.values = SliceValues(self.slice_columns)
        self.waiting: dict[Key, Hourly] = {}
        self.sent: dict[Key, Hourly] = {}  # an amount that the database may or may not hold; it is not added to
        self.sequence = 1
        self.minute, self.room = -1, 0
        self.lock = threading.Lock()
        self.flushing = threading.Lock()

    def reference(self, release: int) -> Reference:
        """Give a release's reference."""
        if release not in self.known:
            self.known[release] = self.give_reference(release)
        return self.known[release]

    def slices(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """Give each row's value of each slice: for ``Batch.slices``, and for the prediction log (``slices``)."""
        return self.values.of(frame) if self.slice_columns else {}

    def count(self, batch: Batch) -> None:
        """Count answers; nothing is written."""
        if not len(batch.at_us):
            return
        found = counted(batch, self.reference(batch.release), self.looked_at(batch))
        with self.lock:
            self.waiting = merged(self.waiting, found)

    def looked_at(self, batch: Batch) -> int | None:
        """Say how many rows of a batch's features there is room for; those that were sampled have had theirs."""
        if self.rows_per_minute is None or batch.features is None or batch.sampled is not None:
            return None
        return self.taken(int(batch.at_us[-1]), len(batch.features))

    def sample(self, at_us: int, rows: int) -> Whole:
        """Choose the answered rows whose features are to be counted: for ``Batch.sampled``."""
        return chosen(rows, None if self.rows_per_minute is None else self.taken(at_us, rows))

    def taken(self, at_us: int, rows: int) -> int:
        """Take rows out of this minute's share."""
        assert self.rows_per_minute is not None  # noqa: S101 (for the type checker)
        minute = at_us // (60 * SECOND_US)
        if minute != self.minute:
            self.minute, self.room = minute, self.rows_per_minute
        found = min(self.room, rows)
        self.room -= found
        return found

    def flush(self, now_us: int) -> bool:
        """Bring what was counted into the database.

        Args:
            now_us: The time now.

        Returns:
            Whether anything was waiting.

        Raises:
            DatabaseAway: It can't be reached; nothing is lost, and the next flush takes all of it.
        """
        with self.flushing:
            any_ = False
            while self.take():
                write_amount(self.database, self.worker, self.sequence, self.sent, now_us)
                self.sent, any_ = {}, True
                self.sequence += 1
            return any_

    def take(self) -> bool:
        """Take what is waiting as the next amount, unless one is still on its way."""
        with self.lock:
            if not self.sent:
                self.sent, self.waiting = self.waiting, {}
            return bool(self.sent)


def write_amount(database: Database, worker: str, sequence: int, amount: Mapping[Key, Hourly], now_us: int) -> bool:
    """Add an amount to the hourly rows, once.

    Args:
        database: The database of operations.
        worker: Who counted it.
        sequence: The how-manieth of that worker's amounts it is, from 1.
        amount: What to add, by key.
        now_us: The time now.

    Returns:
        False where the database holds it already.
    """
    with database.begin(alone="hourly") as connection:
        held = connection.execute(select(amounts.c.sequence).where(amounts.c.worker == worker)).scalar()
        if held is not None and held >= sequence:
            return False
        put(connection, amounts, {"worker": worker}, {"sequence": sequence, "at_us": now_us})
        add(connection, amount)
    return True


def add(connection: Connection, amount: Mapping[Key, Hourly]) -> None:
    """Add amounts to the hourly rows, within a transaction that is alone in doing so."""
    keys = sorted(key for key, one in amount.items() if one)
    for key in keys:
        own = {"begin_us": key.hour * HOUR_US, "release": key.release, "slot": key.slot, "slice": key.slice}
        where = and_(*(rows.c[name] == value for name, value in own.items()))
        there = connection.execute(select(rows.c.tallies, rows.c.features).where(where)).one_or_none()
        before = Hourly() if there is None else Hourly.from_json(there._asdict())
        put(connection, rows, own, (before + amount[key]).to_json())


def put(connection: Connection, table: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Write a row, in the place of an earlier one of the same key."""
    statement = insert_into(table, connection.dialect.name).values({**key, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def count_labels(
    database: Database,
    *,
    since_us: int | None = None,
    only: Sequence[tuple[str, int]] | None = None,
) -> int:
    """Count labels that are not counted yet, and changed ones in the place of the earlier.

    Args:
        database: The database of operations.
        since_us: Looks at labels and predictions from then on; None looks at all.
        only: Looks at the labels of these rows (request id and position), such as those that have just come.

    Returns:
        How many labels the hourly rows hold now that they did not.
    """
    if since_us is None:
        return count_where(database, only, [])
    recent = (labels.c.at_us >= since_us, predictions.c.at_us >= since_us)  # one by one: each has an index of its own
    return sum(count_where(database, only, [one]) for one in recent)


def count_where(database: Database, only: Sequence[tuple[str, int]] | None, where: list[Any]) -> int:
    """Count the labels of some predictions, piece by piece."""
    changed = 0
    after: tuple[str, int, str] | None = None
    while True:
        with database.begin(alone="hourly") as connection:
            found = connection.execute(uncounted(where, only, after).limit(PIECE)).all()
            correct(connection, found)
        changed += len(found)
        if len(found) < PIECE:
            return changed
        after = (found[-1].request_id, found[-1].position, found[-1].slot)


def uncounted(where: list[Any], only: Sequence[tuple[str, int]] | None, after: Any) -> Any:
    """Ask for predictions whose label is another than the one that was counted, in an order that pieces follow."""
    of_row = [labels.c.request_id == predictions.c.request_id, labels.c.position == predictions.c.position]
    before = [counted_labels.c[name] == predictions.c[name] for name in ("request_id", "position", "slot")]
    key = (predictions.c.request_id, predictions.c.position, predictions.c.slot)
    asked = (
        select(
            *key,
            predictions.c.release,
            predictions.c.at_us,
            predictions.c.prediction,
            predictions.c.confidence,
            predictions.c.slices,
            labels.c.label,
            labels.c.at_us.label("labelled_us"),
            counted_labels.c.label.label("earlier"),
            counted_labels.c.labelled_us.label("earlier_us"),
        )
        .join_from(predictions, labels, and_(*of_row))
        .outerjoin(counted_labels, and_(*before))
        .where(predictions.c.outcome == "answered", predictions.c.prediction.is_not(None))
        .where(labels.c.label.is_distinct_from(counted_labels.c.label), *where)
        .order_by(*key)
    )
    if only is not None:
        asked = asked.where(tuple_(labels.c.request_id, labels.c.position).in_(list(only)))
    return asked if after is None else asked.where(tuple_(*key) > tuple_(*after))


def correct(connection: Connection, found: Sequence[Row[Any]]) -> None:
    """Count labels into the hours of their predictions, and note that they are."""
    add(connection, corrections(found))
    for row in found:
        key = {"request_id": row.request_id, "position": row.position, "slot": row.slot}
        if row.label is None:
            table = counted_labels
            connection.execute(table.delete().where(and_(*(table.c[name] == value for name, value in key.items()))))
        else:
            values = {"label": row.label, "labelled_us": row.labelled_us, "at_us": row.at_us}
            put(connection, counted_labels, key, values)


def corrections(found: Sequence[Row[Any]]) -> dict[Key, Hourly]:
    """Give what labels add to each hour: a label's own counts, less those of the one before it."""
    signed: dict[tuple[Key, bool], list[tuple[str, str, float, float]]] = {}
    for row in found:
        slices = ["", *(f"{name}={value}" for name, value in (row.slices or {}).items())]
        sure = np.nan if row.confidence is None else row.confidence
        for slice_ in slices:
            key = Key(row.release, row.slot, hour_of(row.at_us), slice_)
            for label, at_us, gone in ((row.label, row.labelled_us, False), (row.earlier, row.earlier_us, True)):
                if label is not None:
                    age = (at_us - row.at_us) / SECOND_US
                    signed.setdefault((key, gone), []).append((label, row.prediction, sure, age))
    amount: dict[Key, Hourly] = {}
    for (key, gone), entries in signed.items():
        truths, said, sure, ages = zip(*entries, strict=True)
        own = labelled(truths, said, np.array(sure), np.array(ages))
        amount[key] = amount.get(key, Hourly()) + (own.negative() if gone else own)
    return amount
