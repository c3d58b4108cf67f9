"""The service in one worker: what is open, what waits, and the way of one request from rows to a logged answer.

Owns the parts and their beginning and end. The forms of requests and replies are left to the routes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from steadily.bundle.replay import Refusal
from steadily.clock import Clock
from steadily.database import Database
from steadily.database.settings import RetentionSettings
from steadily.database.tables import SLOTS
from steadily.monitor.hourly import SHED
from steadily.rollout.freshness import Freshness
from steadily.serving.batches import Batches, Done, QueueFullError
from steadily.serving.counting import Counting
from steadily.serving.exposing import Exposing
from steadily.serving.freshness import text_of
from steadily.serving.labels import Listener as LabelListener
from steadily.serving.live import Fixed, Live, Open
from steadily.serving.measures import Measures
from steadily.serving.monitoring import Monitoring
from steadily.serving.prediction_log import Entry, Listener, PredictionLog
from steadily.serving.requests import RequestError, Row
from steadily.serving.scoring import ERROR, Answer, Release
from steadily.serving.settings import LIVE, ServeSettings
from steadily.serving.tokens import Guard
from steadily.serving.watching import Find, Watching

STUCK = 30.0  # seconds after which a batch is taken to hang
logger = logging.getLogger("steadily.serving")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its answers."""

    request_id: str
    release: Release
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Given:
    """A request on its way: its id, the release that answers it, when it came in, its rows as read and as they came."""

    request_id: str
    release: Release
    at_us: int
    start: int
    rows: Sequence[Row]
    raw: Sequence[Any]


class Service:
    """One worker's parts.

    Args:
        settings: How requests are answered.
        database: Where slots are read and answers are kept.
        clock: The time that answers are logged with.
        opens: Opens a release by its number.
        listeners: Hear of each logged request, on the log's thread.
        label_listeners: Hear of labels that changed something.
        find: Gives the releases that run beside the live one; without it none does, and no rule decides.
        counting: Counts what is answered, for monitoring.
        monitoring: Looks at what was counted.
        exposing: Gives what was counted to Prometheus.
        kept: How long rows of the database are kept.
        trial: A release that answers whatever is live, to be tried; nothing of it is logged.
        measures: The figures for Prometheus.
        freshness: Tells how old the features are that releases read.
    """

    def __init__(
        self,
        settings: ServeSettings,
        database: Database,
        clock: Clock,
        opens: Open,
        listeners: Sequence[Listener] = (),
        label_listeners: Sequence[LabelListener] = (),
        find: Find | None = None,
        counting: Callable[[Live], Counting] | None = None,
        monitoring: Monitoring | None = None,
        exposing: Exposing | None = None,
        kept: RetentionSettings | None = None,
        trial: int | None = None,
        measures: Measures | None = None,
        freshness: Freshness | None = None,
    ) -> None:
        self.settings, self.database, self.clock = settings, database, clock
        self.label_listeners = label_listeners
        self.guard = Guard.of(settings.tokens.get_secret_value() if settings.tokens else None)
        self.measures = measures or Measures()
        self.freshness, self.reading = freshness, threading.Lock()
        self.trial = trial
        self.live = Live(database, clock, opens) if trial is None else Fixed(database, clock, opens, trial)
        self.batches = Batches(settings.batch_rows, settings.queued_rows)
        heard = listeners
        self.watching: Watching | None = None
        if find is not None:
            self.watching = Watching(database, clock, self.live, find, settings.beside_queue, kept)
            heard = (self.watching.hear, *listeners)
        self.monitoring, self.exposing = monitoring, exposing
        self.counting = None if counting is None else counting(self.live)
        if self.counting is not None:
            heard = (*heard, self.counting)
        self.log = PredictionLog(database, seconds=settings.log_seconds, bound=settings.log_buffer, listeners=heard)
        if self.watching is not None:
            self.watching.log = self.log.add
        self.chance = random.Random()  # noqa: S311 (which inputs are kept, no secret)
        self.closing = False

    def start(self) -> None:
        """Begin to follow the slots."""
        self.live.start()
        if self.watching is not None:
            self.watching.start()
        if self.counting is not None:
            self.counting.start()
        if self.monitoring is not None:
            self.monitoring.start()

    def noted(self, outcome: str) -> None:
        """Note a request that came to no answer and is not logged: shed, or refused with 4xx."""
        if self.counting is not None:
            self.counting.note(self.live.release.number, LIVE, outcome)

    def close(self) -> None:
        """Answer what waits, write what is logged, and end."""
        self.closing = True
        self.batches.close()
        if self.watching is not None:
            self.watching.close()
        self.log.close()
        if self.counting is not None:
            self.counting.close()
        if self.monitoring is not None:
            self.monitoring.close()
        if self.watching is not None:
            self.watching.end()  # with what the log told of at its own end
        self.live.close()

    async def ask(self, release: Release, rows: Sequence[Row], raw: Sequence[Any]) -> Asked:
        """Answer rows that the release's reader has read, and log it.

        Args:
            release: The release.
            rows: The rows as it reads them.
            raw: The rows as they came.

        Raises:
            RequestError: 503 where too many rows wait, 504 where no answer came in time, 500 where answering failed.
        """
        given = Given(new_id(), release, self.now_us(), time.perf_counter_ns(), rows, raw)
        try:
            job = self.batches.submit(release, rows)
        except QueueFullError:
            self.measures.shed.inc()
            self.noted(SHED)
            raise RequestError(503, "too many requests wait; try again") from None
        try:
            async with asyncio.timeout(self.settings.answer_seconds):
                done: Done = await job.future
        except TimeoutError:
            job.given_up = True
            self.measures.timeouts.inc()
            what = f"no answer within {self.settings.answer_seconds:g} seconds"
            self.keep(given, failed(rows, what, "time-out"), self.settings.answer_seconds * 1e6)
            raise RequestError(504, what) from None
        if done.failure is not None:
            kind = type(done.failure).__name__
            logger.error("release %d failed on request %s", release.number, given.request_id, exc_info=done.failure)
            self.keep(given, failed(rows, f"{kind}: {done.failure}", kind), done.scored_us)
            raise RequestError(500, "the model failed") from done.failure
        self.keep(given, done.answers, done.scored_us)
        return Asked(given.request_id, release, done.answers)

    def now_us(self) -> int:
        """Give the time at which a request came in."""
        return self.live.time_us()

    def keep(self, given: Given, answers: Sequence[Answer], scored_us: float) -> None:
        """Log a request, and count it."""
        taken, release = time.perf_counter_ns() - given.start, given.release
        share = self.settings.sample_inputs
        inputs = [self.redacted(row) for row in given.rows] if share and self.chance.random() < share else None
        entry = Entry(
            given.request_id,
            LIVE,
            release.number,
            given.at_us,
            taken // 1_000,
            answers,
            inputs,
            given.rows,
            given.raw,
            release.classes,
            scored_us,
            None if self.counting is None else self.counting.slices(given.rows),
        )
        if self.trial is None:
            self.log.add(entry)
        self.measures.seconds.labels(str(release.number)).observe(taken / 1e9)
        outcomes: dict[str, int] = {}
        for answer in answers:
            outcomes[answer.outcome] = outcomes.get(answer.outcome, 0) + 1
        for outcome, count in outcomes.items():
            self.measures.rows.labels(str(release.number), outcome).inc(count)

    def redacted(self, row: Row) -> Row:
        """Give a row as the log may keep it."""
        return {name: value for name, value in row.items() if name not in self.settings.redact}

    def stuck(self) -> bool:
        """Tell whether a batch hangs."""
        return self.batches.stuck_for() > max(STUCK, 3 * self.settings.answer_seconds)

    def figures(self) -> bytes:
        """Give all figures for Prometheus; database and online store are asked, so never where answers would wait."""
        with self.reading:
            self.refresh()
        fresh = b"" if self.freshness is None else text_of(self.freshness, self.now_us())
        watched = b"" if self.exposing is None else self.exposing.text()
        return self.measures.text() + watched + fresh

    def refresh(self) -> None:
        """Bring figures up to date that are not counted where they happen."""
        self.measures.queued.set(self.batches.queued)
        self.measures.release.set(self.live.release.number)
        self.measures.log_waiting.set(self.log.buffered)
        for counter, value in ((self.measures.log_written, self.log.written), (self.measures.log_lost, self.log.lost)):
            counter.inc(value - counter._value.get())

    def state(self) -> dict[str, Any]:
        """Say how the worker is."""
        release = self.live.release
        return {
            "release": release.number,
            "slots": {name: getattr(self.live.slots, name) for name in SLOTS},
            "way": release.way,
            "slow_because": release.slow_because,
            "not_taken_up": self.live.failure,
            "database": self.live.away or self.log.failure or "reached",
            "queued_rows": self.batches.queued,
            "log": {"waiting": self.log.buffered, "written": self.log.written, "lost": self.log.lost},
            "watching": None if self.watching is None else self.watching.state(),
            "monitoring": None if self.monitoring is None else self.monitoring.failure or "looks",
            "pid": os.getpid(),
        }


def failed(rows: Sequence[Any], what: str, kind: str) -> list[Answer]:
    """Give the answers of a request that came to nothing."""
    refusal = Refusal("", "serving", None, what, kind, fault=True)
    return [Answer(ERROR, refusal=refusal)] * len(rows)


def new_id() -> str:
    """Make a request's id: the time it came in, then chance, so that ids made together lie together in an index."""
    return f"{time.time_ns() // 1_000:014x}{os.urandom(9).hex()}"
