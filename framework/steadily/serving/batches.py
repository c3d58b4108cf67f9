"""Batches of whatever has queued: one thread answers, and takes all that came in while it was at work.

Owns the queue, its bound, and that a request is answered whole by one release. It never waits for a batch to
fill: with few clients it never would.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from steadily.serving.scoring import Answer, Release

Live = Callable[[], Release]


class QueueFullError(Exception):
    """The queue is full: the request is shed."""


@dataclass(slots=True)
class Job:
    """One request in the queue: its rows, and the future of its answers.

    ``given_up`` says that nobody waits for it any more.
    """

    rows: Sequence[Any]
    future: asyncio.Future[Done]
    release: Release
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A request's answers, or why there are none."""

    release: Release
    answers: list[Answer] = field(default_factory=list)
    failure: BaseException | None = None
    scored_us: float = 0.0


class Batches:
    """The queue and its thread.

    Args:
        most_rows: The most rows in a batch of several requests; a larger request goes alone.
        most_queued: The most rows that may wait.
    """

    def __init__(self, most_rows: int = 64, most_queued: int = 2_000) -> None:
        self.most_rows, self.most_queued = most_rows, most_queued
        self.queue: deque[Job] = deque()
        self.queued = 0
        self.wake = threading.Condition()
        self.closed = False
        self.busy_since: float | None = None
        self.thread = threading.Thread(target=self.work, name="scoring", daemon=True)
        self.thread.start()

    def submit(self, release: Release, rows: Sequence[Any]) -> Job:
        """Queue a request; its future is resolved on the running loop.

        Raises:
            QueueFullError: Too many rows wait already, or the end has come.
        """
        if self.queued and self.queued + len(rows) > self.most_queued:
            raise QueueFullError
        job = Job(rows, asyncio.get_running_loop().create_future(), release)
        with self.wake:
            if self.closed:
                raise QueueFullError
            self.queue.append(job)
            self.queued += len(rows)
            self.wake.notify()
        return job

    def stuck_for(self) -> float:
        """Give the seconds that the batch at work has taken so far."""
        since = self.busy_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """Answer what waits, and end."""
        with self.wake:
            self.closed = True
            self.wake.notify()
        self.thread.join(timeout=5)

    def take(self) -> list[Job]:
        """Take the next batch: requests of one release, in order; none where all is done and closed."""
        with self.wake:
            while not self.queue and not self.closed:
                self.wake.wait()
            taken: list[Job] = []
            rows = 0
            while self.queue:
                job = self.queue[0]
                if taken and (rows + len(job.rows) > self.most_rows or job.release is not taken[0].release):
                    break
                self.queue.popleft()
                rows += len(job.rows)
                taken.append(job)
            self.queued -= rows
            return taken

    def work(self) -> None:
        """Answer batch after batch."""
        while jobs := self.take():
            wanted = [job for job in jobs if not job.given_up]
            if wanted:
                self.busy_since = time.monotonic()
                done = scored(wanted)
                self.busy_since = None
                hand_back(wanted, done)


def scored(jobs: list[Job]) -> list[Done]:
    """Answer the rows of several requests together; whatever fails then is tried request by request."""
    release = jobs[0].release
    start = time.perf_counter_ns()
    try:
        answers = release.answer([row for job in jobs for row in job.rows])
    except BaseException as error:  # this thread must live as long as the worker does
        if len(jobs) > 1:
            return [done for job in jobs for done in scored([job])]
        return [Done(release, failure=error, scored_us=(time.perf_counter_ns() - start) / 1_000)]
    taken = (time.perf_counter_ns() - start) / 1_000
    found, first = [], 0
    for job in jobs:
        found.append(Done(release, answers[first : first + len(job.rows)], scored_us=taken))
        first += len(job.rows)
    return found


def hand_back(jobs: list[Job], found: list[Done]) -> None:
    """Resolve the futures of a batch on their loop, in one call."""

    def resolve() -> None:
        for job, done in zip(jobs, found, strict=True):
            if not job.future.done():
                job.future.set_result(done)

    try:
        jobs[0].future.get_loop().call_soon_threadsafe(resolve)
    except RuntimeError:  # the loop is gone: so is whoever waited
        return
