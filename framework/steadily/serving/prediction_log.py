"""The prediction log: a record of each answer, written without holding up any.

Owns the buffer between the answers and the database, and its bound. An answer is on disk at most
``seconds`` after it was given (and the time of a write); that much is lost where a process is killed or power
fails. A clean stop loses nothing. Where the database is away, the buffer fills up to its bound; what comes
beyond is lost, counted and told. A write that is repeated changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from steadily.database import Database
from steadily.database.inserting import insert_into
from steadily.database.tables import predictions
from steadily.errors import DatabaseAway
from steadily.serving.scoring import ERROR, Answer

PIECE = 500  # rows in one transaction
WAIT_AT_MOST = 5.0
SECONDS_TO_CLOSE = 20.0
logger = logging.getLogger("steadily.serving")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as it was answered.

    Attributes:
        request_id: Its id.
        slot: The slot that answered.
        release: The release that answered.
        at_us: When it came in, microseconds since 1970.
        latency_us: How long the answer took.
        answers: The answer to each row.
        inputs: The rows, where they are kept.
        rows: The rows as they were scored, for those who count them; never written.
        raw: The rows as they came, for a release beside; never written.
        classes: The classes in the order of the probabilities.
        scored_us: How long scoring took, of the whole batch.
        slices: For each row its value of each slice that monitoring counts apart, where there are any.
    """

    request_id: str
    slot: str
    release: int
    at_us: int
    latency_us: int
    answers: Sequence[Answer]
    inputs: Sequence[Any] | None = None
    rows: Sequence[Any] = ()
    raw: Sequence[Any] = ()
    classes: Sequence[str] = ()
    scored_us: float = 0.0
    slices: Sequence[Any] | None = None


Listener = Callable[[Sequence[Entry]], None]


class PredictionLog:
    """The buffer and the thread that writes it.

    Args:
        database: Where to write.
        seconds: How long an entry may wait.
        bound: The most rows that wait.
        listeners: Called on the log's thread with the entries of each piece, before they are written.
    """

    def __init__(
        self, database: Database, *, seconds: float = 0.5, bound: int = 100_000, listeners: Sequence[Listener] = ()
    ) -> None:
        self.database, self.seconds, self.bound, self.listeners = database, seconds, bound, list(listeners)
        self.waiting: deque[Entry] = deque()
        self.buffered = self.written = self.lost = 0
        self.failure: str | None = None
        self.told_lost = 0
        self.wake = threading.Event()
        self.closing = self.ended = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.work, name="prediction-log", daemon=True)
        self.thread.start()

    def add(self, entry: Entry) -> None:
        """Take an entry; where the buffer is full it is lost, and counted."""
        rows = len(entry.answers)
        with self.lock:
            if self.ended or (self.buffered and self.buffered + rows > self.bound):
                self.lost += rows
                return
            self.buffered += rows
            self.waiting.append(entry)
        if self.buffered >= PIECE and self.failure is None:
            self.wake.set()

    def close(self) -> None:
        """Write what waits, and end."""
        self.closing = True
        self.wake.set()
        self.thread.join(timeout=SECONDS_TO_CLOSE)
        with self.lock:
            self.ended = True
            self.lost += self.buffered
        if self.buffered:
            logger.error("prediction log: %d answers could not be written before the end", self.buffered)

    def work(self) -> None:
        """Write piece after piece; where the database is away, try again, later and later."""
        patience, given_up = self.seconds, time.monotonic() + SECONDS_TO_CLOSE
        heard = 0  # entries at the front that the listeners have had
        while True:
            self.wake.wait(timeout=patience)
            self.wake.clear()
            while piece := self.piece():
                for listener in self.listeners:
                    hear(listener, piece[heard:])
                heard = len(piece)
                try:
                    refused = self.refused_of(piece)
                except Exception as error:  # this thread must live as long as the worker does
                    self.tell_away(error)
                    patience = min(patience * 2, WAIT_AT_MOST)
                    break
                heard, patience = 0, self.seconds
                self.take(piece, refused)
            if not self.closing:
                given_up = time.monotonic() + SECONDS_TO_CLOSE
            elif not self.waiting or time.monotonic() > given_up:
                return

    def piece(self) -> list[Entry]:
        """Give the first entries that wait, up to a piece."""
        found: list[Entry] = []
        rows = 0
        with self.lock:
            for entry in self.waiting:
                if found and rows + len(entry.answers) > PIECE:
                    break
                found.append(entry)
                rows += len(entry.answers)
        return found

    def take(self, piece: Sequence[Entry], refused: int) -> None:
        """Take written entries out, and those of so many rows that can't be."""
        with self.lock:
            was_away, self.failure = self.failure is not None, None  # who sees them written sees no failure any more
            for entry in piece:
                self.waiting.popleft()
                self.buffered -= len(entry.answers)
                self.written += len(entry.answers)
            self.written -= refused
            self.lost += refused
        if was_away:
            logger.warning("prediction log: the database is back; %d answers were lost", self.lost - self.told_lost)
            self.told_lost = self.lost

    def refused_of(self, piece: Sequence[Entry]) -> int:
        """Write entries; where the database refuses them, each by itself, so that one keeps back no others.

        Returns:
            How many rows it refuses, while it takes others.

        Raises:
            DatabaseError: It takes nothing.
        """
        try:
            self.write(piece)
            return 0
        except DatabaseAway:
            raise
        except Exception as error:
            alone = [entry for entry in piece if not self.is_written(entry)]
            if len(alone) == len(piece):
                raise
            rows = sum(len(entry.answers) for entry in alone)
            logger.error("prediction log: %d answers can't be written, and are lost: %s", rows, error)
            return rows

    def is_written(self, entry: Entry) -> bool:
        """Write one entry; say whether the database takes it."""
        try:
            self.write([entry])
        except DatabaseAway:
            raise
        except Exception:
            return False
        return True

    def write(self, piece: Sequence[Entry]) -> None:
        """Write entries in one transaction; those that are there already are left as they are."""
        rows = [row for entry in piece for row in rows_of(entry)]
        with self.database.begin() as connection:
            connection.execute(insert_new(predictions, connection.dialect.name), rows)

    def tell_away(self, error: Exception) -> None:
        """Say once that the database takes nothing."""
        if self.failure is None:
            logger.error("prediction log: answers are kept in memory, %d at most: %s", self.bound, error)
        self.failure = str(error)


def hear(listener: Listener, piece: Sequence[Entry]) -> None:
    """Let a listener have entries; one that fails does not keep them from the log."""
    if not piece:
        return
    try:
        listener(piece)
    except Exception:
        logger.exception("prediction log: a listener failed")


def insert_new(table: Table, dialect: str) -> Any:
    """Give the statement that writes rows and leaves those alone whose key is there."""
    return insert_into(table, dialect).on_conflict_do_nothing()


def rows_of(entry: Entry) -> Iterator[dict[str, Any]]:
    """Give the rows of the table that an entry comes to."""
    for position, answer in enumerate(entry.answers):
        refusal = answer.refusal
        yield {
            "request_id": entry.request_id,
            "position": position,
            "slot": entry.slot,
            "release": entry.release,
            "at_us": entry.at_us,
            "outcome": answer.outcome,
            "prediction": None if answer.prediction is None else str(answer.prediction),
            "confidence": answer.confidence,
            "latency_us": entry.latency_us,
            "kind": refusal.told(refusal.kind) if refusal else None,
            "reason": reason_of(answer),
            "imputed": [vars_of(one) for one in answer.imputed] or None,
            "inputs": entry.inputs[position] if entry.inputs is not None else None,
            "slices": entry.slices[position] if entry.slices is not None else None,
        }


def reason_of(answer: Answer) -> str | None:
    """Say why a row has no answer; of an error also where."""
    refusal = answer.refusal
    if refusal is None:
        return None
    return refusal.told(refusal.reason) if answer.outcome == ERROR else refusal.reason


def vars_of(filled: Any) -> dict[str, str]:
    """Give a filled value as plain values."""
    return {"column": filled.column, "value": filled.value, "step": filled.step}
