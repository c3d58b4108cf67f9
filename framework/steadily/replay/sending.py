"""One replay: step after step time passes, the rows that are due are sent, and their answers waited for.

Time waits for the answers, so that each request is answered, logged and compared at the time that it was sent at,
however quickly time passes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from steadily.errors import RunError
from steadily.loadtest.heard import Heard
from steadily.loadtest.sender import DISCONNECTED, KINDS, OK, REJECTED, TIMED_OUT, kind_of, request_of
from steadily.loadtest.target import Target, resolved, words
from steadily.replay.pace import Pace
from steadily.replay.post import Post
from steadily.replay.recording import Recording
from steadily.replay.schedule import Due, steps

TOGETHER = 16  # requests that wait for answers at a time
LABELS = 500  # in one request
GONE = 50  # requests in a row without a connection, after which nobody is there any more
Tell = Callable[[int, int], None]


@dataclass
class Sent:
    """What came of a replay so far.

    Attributes:
        sent: Requests.
        heard: What their answers said.
        rejected: Requests that were refused as a whole, with 4xx.
        rejection: What the first of those was answered with.
        errors: Requests without a good answer, by kind.
        labels: Labels that were taken.
        passed_us: Time of the replay that has passed.
    """

    sent: int = 0
    heard: Heard = field(default_factory=Heard)
    rejected: int = 0
    rejection: str = ""
    errors: Counter[str] = field(default_factory=Counter)
    labels: int = 0
    passed_us: int = 0

    @property
    def refused(self) -> int:
        """Rows and requests that were refused."""
        return self.rejected + sum(self.heard.refused.values())

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {
            "sent": self.sent,
            "answered": self.heard.predicted,
            "refused": self.refused,
            "reasons": dict(self.heard.refused),
            "rejected": self.rejected,
            "errors": dict(self.errors),
            "labels": self.labels,
            "releases": dict(self.heard.releases),
            "passed_seconds": self.passed_us / 1e6,
        }


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        target: Where to send.
        headers: Further headers of each request.
        timeout: Seconds that an answer may take.
        length_us: How long the replay lasts at least; None: until its last row.
        labels_after_us: How long after a row its label is sent; None: never.
    """

    target: Target
    headers: dict[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    length_us: int | None = None
    labels_after_us: int | None = None


class Sending:
    """One replay in an event loop; ``sent`` can be read at any time."""

    def __init__(self, plan: Plan, recording: Recording, pace: Pace, tell: Tell) -> None:
        self.plan, self.recording, self.pace, self.tell = plan, recording, pace, tell
        self.requests: dict[int, bytes] = {}
        self.post = Post(resolved(plan.target), plan.target.port, plan.timeout)
        self.sent = Sent()
        self.owed: deque[tuple[int, str, str]] = deque()  # labels: when due, of which request, which
        self.gone = 0
        self.room = asyncio.Semaphore(TOGETHER)

    async def run(self, due: Sequence[Due]) -> None:
        """Send all of it.

        Raises:
            RunError: Nobody answers any more.
        """
        try:
            for offset_us, members in steps(due):
                await self.move(offset_us)
                async with asyncio.TaskGroup() as group:
                    for one in members:
                        group.create_task(self.send(one))
                if self.gone >= GONE:
                    raise RunError.at(self.plan.target.url, "nobody is there any more", given=f"{self.gone} times")
                self.tell(self.sent.sent, self.pace.passed_us)
            if self.plan.length_us is not None:
                await self.move(self.plan.length_us)
            await self.send_labels(all_of_them=True)
        finally:
            self.post.close()

    async def move(self, offset_us: int) -> None:
        """Let time pass, and send the labels that have become due."""
        await self.pace.until(offset_us)
        self.sent.passed_us = self.pace.passed_us
        await self.send_labels()

    async def send(self, due: Due) -> None:
        """Send one row, and note what comes of it."""
        async with self.room:
            self.sent.sent += 1
            request = request_of(self.plan.target, "/predict", self.recording.bodies[due.place], self.plan.headers)
            kind, body = await self.asked(request)
        if kind == OK:
            self.sent.heard.hear(self.sent.sent, 200, body)
            self.owe(due, body)
        elif kind == REJECTED:
            self.sent.rejected += 1
            self.sent.rejection = self.sent.rejection or words(body)
        else:
            self.sent.errors[KINDS[kind].replace("_", " ")] += 1

    async def asked(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; give the kind of its answer, and its body."""
        try:
            status, body = await self.post.ask(request)
        except TimeoutError:
            return TIMED_OUT, b""
        except OSError:
            self.gone += 1
            return DISCONNECTED, b""
        self.gone = 0
        return kind_of(status), body

    def owe(self, due: Due, body: bytes) -> None:
        """Keep the label of a row that was answered until it is due."""
        label = self.recording.labels[due.place]
        if self.plan.labels_after_us is None or label is None:
            return
        with contextlib.suppress(ValueError, LookupError, TypeError):  # an answer that says nothing: it was counted
            said = json.loads(body)
            if "prediction" in said["answers"][0]:
                self.owed.append((due.offset_us + self.plan.labels_after_us, str(said["request_id"]), label))

    async def send_labels(self, *, all_of_them: bool = False) -> None:
        """Send the labels that are due, or all that are left."""
        while self.owed and (all_of_them or self.owed[0][0] <= self.pace.passed_us):
            found: list[dict[str, Any]] = []
            while self.owed and len(found) < LABELS and (all_of_them or self.owed[0][0] <= self.pace.passed_us):
                _, request_id, label = self.owed.popleft()
                found.append({"request_id": request_id, "position": 0, "label": label})
            body = json.dumps({"labels": found}).encode()
            kind, _ = await self.asked(request_of(self.plan.target, "/labels", body, self.plan.headers))
            if kind == OK:
                self.sent.labels += len(found)
            else:
                self.sent.errors[f"labels {KINDS[kind].replace('_', ' ')}"] += len(found)
