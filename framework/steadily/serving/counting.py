"""Counts what a worker answers: from the prediction log's entries, on the log's thread, into hourly statistics.

Knows both sides: what the log keeps of a request, and what monitoring counts. Requests that are never logged, those
shed or refused with 4xx, are noted where they are answered, which is all that this costs the path of an answer.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from steadily.bundle.replay import Answers, Bundle
from steadily.clock import Clock
from steadily.database import Database
from steadily.errors import DatabaseError, SteadilyError
from steadily.features.online import looking_again
from steadily.monitor import hourly
from steadily.monitor.counting import Batch
from steadily.monitor.record import Recorder
from steadily.monitor.reference import Reference
from steadily.monitor.settings import MonitorSettings
from steadily.serving.live import Live
from steadily.serving.prediction_log import Entry
from steadily.serving.scoring import ANSWERED, ERROR, REFUSED, Answer, Release
from steadily.serving.settings import LIVE

TIME_OUT = "time-out"
MOST_NOTED = 100_000
MOST_HEARD = 50_000  # requests that wait to be counted
logger = logging.getLogger("steadily.serving")


class Counting:
    """Counts what a worker answers, and brings it into the database every few seconds.

    Args:
        recorder: Takes the counts.
        releases: Gives an open release by its number; None where it is open no more, and its features stay uncounted.
        clock: The time.
        seconds: How often counts are brought into the database.
    """

    def __init__(
        self, recorder: Recorder, releases: Callable[[int], Release | None], clock: Clock, seconds: float = 5.0
    ) -> None:
        self.recorder, self.releases, self.clock, self.seconds = recorder, releases, clock, seconds
        self.noted: deque[tuple[int, str, int, str]] = deque(maxlen=MOST_NOTED)
        self.heard: list[Entry] = []
        self.lock = threading.Lock()
        self.away = False
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.work, name="counting", daemon=True)

    def start(self) -> None:
        """Begin to bring counts into the database."""
        self.thread.start()

    def close(self) -> None:
        """Bring in what is left, and end."""
        self.closing.set()
        self.thread.join(timeout=20)
        self.flush()

    def work(self) -> None:
        """Flush now and then."""
        while not self.closing.wait(self.seconds):
            self.flush()

    def note(self, release: int, slot: str, outcome: str) -> None:
        """Note a request that was shed (``hourly.SHED``) or refused with 4xx (``hourly.CLIENT``): quick."""
        self.noted.append((release, slot, self.clock.now_us(), outcome))

    def slices(self, rows: Sequence[Any]) -> list[dict[str, str]] | None:
        """Give each row's value of each slice, for the log; None where none are counted apart."""
        names = self.recorder.slice_columns
        if not names:
            return None
        kept = {name: self.recorder.values.named(name, [str(row.get(name)) for row in rows]) for name in names}
        return [{name: kept[name][place] for name in names} for place in range(len(rows))]

    def __call__(self, entries: Sequence[Entry]) -> None:
        """Hear of logged requests, as a listener of the prediction log; many are counted at once, every few seconds."""
        with self.lock:
            self.heard += entries
            full = len(self.heard) > MOST_HEARD
        if full:
            self.count()

    def count(self) -> None:
        """Count what was heard and noted."""
        with self.lock:
            heard, self.heard = self.heard, []
        for (number, slot), members in grouped(heard):
            self.recorder.count(batch_of(number, slot, members, self.releases(number), self.recorder))
        while self.noted:
            release, slot, at_us, outcome = self.noted.popleft()
            self.recorder.count(Batch(release, slot, np.array([at_us]), np.zeros(1), [outcome]))

    def flush(self) -> None:
        """Bring counts into the database; where it is away they wait, and that is told once."""
        try:
            self.count()
            self.recorder.flush(self.clock.now_us())
            self.away = False
        except DatabaseError as error:
            if not self.away:
                logger.error("counts are kept in memory: %s", error)
            self.away = True
        except Exception:  # counting must live as long as the worker does
            logger.exception("some requests were not counted")


def counting_of(database: Database, settings: MonitorSettings, clock: Clock) -> Callable[[Live], Counting]:
    """Make what counts for a worker, once it is known what it serves."""

    def make(live: Live) -> Counting:
        def reference(number: int) -> Reference:
            release = live.opened.get(number)
            return Reference() if release is None else Reference.of_bundle(release.bundle.folder)

        recorder = Recorder(
            database,
            reference,
            slices=settings.slices,
            rows_per_minute=settings.rows_per_minute,
            worker=live.worker,
        )
        return Counting(recorder, live.opened.get, clock, settings.flush_seconds)

    return make


def grouped(entries: Sequence[Entry]) -> Iterator[tuple[tuple[int, str], list[Entry]]]:
    """Give the entries of each release and slot."""
    found: dict[tuple[int, str], list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry.release, entry.slot), []).append(entry)
    yield from found.items()


def batch_of(number: int, slot: str, entries: Sequence[Entry], release: Release | None, recorder: Recorder) -> Batch:
    """Give what monitoring counts of logged requests."""
    placed = [
        (place, answer, entry.rows[position] if position < len(entry.rows) else None)
        for place, entry in enumerate(entries)
        for position, answer in enumerate(entry.answers)
    ]
    answered = [one for one in placed if one[1].outcome == ANSWERED]
    refused = [one for one in placed if one[1].outcome == REFUSED]
    rows = [row for _, _, row in answered]
    sampled = recorder.sample(entries[-1].at_us, len(rows))
    features = None if release is None or slot != LIVE else features_of(release, [rows[place] for place in sampled])
    return Batch(
        release=number,
        slot=slot,
        at_us=np.array([entry.at_us for entry in entries], dtype=np.int64),
        latency_us=np.array([entry.latency_us for entry in entries], dtype=np.float64),
        outcomes=[outcome_of(entry.answers) for entry in entries],
        rows=np.array([place for place, _, _ in answered], dtype=np.int64),
        predicted=[str(answer.prediction) for _, answer, _ in answered],
        probabilities=probabilities_of([answer for _, answer, _ in answered]),
        features=features,
        sampled=None if features is None else sampled,
        refused=np.array([place for place, _, _ in refused], dtype=np.int64),
        reasons=[str(answer.refusal and answer.refusal.kind) for _, answer, _ in refused],
        slices=slices_of(entries),
        imputed=imputed_of([answer for _, answer, _ in answered]),
    )


def slices_of(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Give the value of each slice of each answered row, as the log keeps it."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        for values, answer in zip(entry.slices or (), entry.answers, strict=False):
            if answer.outcome == ANSWERED:
                for name, value in values.items():
                    found.setdefault(name, []).append(value)
    return found


def outcome_of(answers: Sequence[Answer]) -> str:
    """Say what became of a request: an error where any row's is, since the request then came to no whole answer."""
    errors = [answer for answer in answers if answer.outcome == ERROR]
    if not errors:
        return hourly.ANSWERED
    kinds = {answer.refusal.kind for answer in errors if answer.refusal is not None}
    return "timeout" if kinds == {TIME_OUT} else "exception"


def probabilities_of(answers: Sequence[Answer]) -> Any:
    """Give the probabilities of answered rows as one array; None where there are none."""
    if not answers or any(answer.probabilities is None for answer in answers):
        return None
    return np.array([answer.probabilities for answer in answers], dtype=np.float64)


def imputed_of(answers: Sequence[Answer]) -> dict[str, list[int]]:
    """Give the positions of the answered rows in which each column was filled in."""
    found: dict[str, list[int]] = {}
    for place, answer in enumerate(answers):
        for column in dict.fromkeys(filled.column for filled in answer.imputed):
            found.setdefault(column, []).append(place)
    return found


def features_of(release: Release, rows: Sequence[Any]) -> pd.DataFrame | None:
    """Give rows as the model saw them, or None where they can't be had together."""
    if not rows:
        return None
    try:
        with looking_again():
            frame = prepared(release.bundle, release.reader.frame(list(rows)))
    except SteadilyError:
        return None
    return frame if len(frame) == len(rows) else None


def prepared(bundle: Bundle, frame: pd.DataFrame) -> pd.DataFrame:
    """Take rows through all that is repeated of training, up to the model."""
    from steadily.bundle.replay import keep_contract

    found = Answers(len(frame), pd.DataFrame())
    rows = frame.set_axis(pd.RangeIndex(len(frame)).astype("int64").rename("row_id"), axis=0)
    rows = rows.drop(columns=[name for name in bundle.manifest.training_only if name in rows.columns])
    for number, leg in enumerate(bundle.legs):
        rows = leg.chain.apply(rows, "rows", "rows")
        if leg.boundary is not None:
            rows = keep_contract(found, leg, rows, first=number == 0)
    return rows
