"""A release beside the live one: each request goes to it, off the path of the answer, and both answers are compared.

Owns the queue, its bound, and the process that the other release runs in. Whatever that does (fail at each request,
hang, eat memory, die) costs the live one nothing: it has a low priority, a bound on memory, a time for each
request, and no part of the process that answers. What the queue has no room for is dropped and counted.
"""

from __future__ import annotations

import json
import logging
import select
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from steadily.bundle.replay import Refusal
from steadily.latency import Latencies
from steadily.ledger import kind_of
from steadily.rollout.pairs import PairCounts
from steadily.serving.prediction_log import Entry
from steadily.serving.scoring import ANSWERED, ERROR, Answer
from steadily.units import HOUR_US, MINUTE_US

TOGETHER = 8  # requests in one message
START_SECONDS = 180.0  # at its low priority, beside a live one that is at work
WAIT_AT_MOST = 30.0
EXAMPLES = 20  # kept between two flushes
CHUNK = 1 << 16
logger = logging.getLogger("steadily.serving")
Place = tuple[int, int]  # the release that was live, and when the hour of the request began, in microseconds


class LostError(Exception):
    """The other process died, or gave no answer in time."""


@dataclass(frozen=True)
class Other:
    """The release beside: its slot, number and since when it is there, and where its files lie.

    Attributes:
        slot: "shadow" or "previous".
        number: The release.
        since_us: Since when it has been in the slot.
        folder: Its files.
        way: How it answers rows.
        memory_mb: The memory that its process may have.
        seconds: How long it may take for a request.
        project: The project's folder, which says where feature sets are looked up; None looks them up in its files.
    """

    slot: str
    number: int
    since_us: int
    folder: Path
    way: str
    memory_mb: int
    seconds: float
    project: Path | None = None

    @property
    def command(self) -> list[str]:
        """The command that runs it."""
        given = {"number": self.number, "folder": str(self.folder), "way": self.way, "memory_mb": self.memory_mb}
        given["project"] = None if self.project is None else str(self.project)
        return [sys.executable, "-m", "steadily.serving.other", json.dumps(given)]


@dataclass(frozen=True, slots=True)
class Pair:
    """What both made of a request; ``release`` is the one that was live."""

    release: int
    at_us: int
    live: str | None
    other: str | None
    live_error: bool
    other_error: bool
    delta: float | None
    live_us: float
    other_us: float


class Beside:
    """The queue of one other release, and the thread that sends what waits in it.

    Args:
        other: The release.
        bound: The most requests that wait.
        log: Takes what it answered, to be kept beside what live did.
    """

    def __init__(self, other: Other, bound: int, log: Callable[[Entry], None] = lambda entry: None) -> None:
        self.other, self.bound, self.log = other, bound, log
        self.queue: deque[Entry] = deque()
        self.wake = threading.Event()
        self.lock = threading.Lock()
        self.pairs: list[Pair] = []
        self.examples: list[tuple[Place, dict[str, Any]]] = []
        self.dropped: Counter[Place] = Counter()
        self.failure: str | None = None
        self.closed = False
        self.process: Process | None = None
        self.thread = threading.Thread(target=self.work, name=other.slot, daemon=True)
        self.thread.start()

    def offer(self, entry: Entry) -> None:
        """Queue a request that live has answered; it is dropped where there is no room."""
        if len(self.queue) >= self.bound:
            with self.lock:
                self.dropped[place_of(entry)] += 1
            return
        self.queue.append(entry)
        self.wake.set()

    def taken(self) -> dict[Place, tuple[PairCounts, list[dict[str, Any]]]]:
        """Give what was counted since the last time, and a few that were other; by the release that was live, and hour.

        The hour is the requests' own: a queue that runs late, or a clock that jumps, puts none of them elsewhere.
        """
        with self.lock:
            pairs, self.pairs = self.pairs, []
            examples, self.examples = self.examples, []
            dropped, self.dropped = self.dropped, Counter()
        by_place: dict[Place, list[Pair]] = {place: [] for place in dropped}
        for pair in pairs:
            by_place.setdefault((pair.release, pair.at_us // HOUR_US * HOUR_US), []).append(pair)
        return {
            place: (summed(own, dropped[place]), [example for other, example in examples if other == place])
            for place, own in by_place.items()
        }

    def close(self) -> None:
        """End it."""
        self.closed = True
        self.wake.set()
        if self.process is not None:
            self.process.kill()
        self.thread.join(timeout=5)

    def work(self) -> None:
        """Send what waits; where the process is lost, begin another, later and later."""
        patience = 1.0
        while not self.closed:
            try:
                if self.process is None:
                    self.process = Process(self.other)
                    self.failure = None
                self.wake.wait(timeout=1.0)
                self.wake.clear()
                while self.queue and not self.closed:
                    self.send([self.queue.popleft() for _ in range(min(TOGETHER, len(self.queue)))])
                    patience = 1.0
            except (LostError, OSError, ValueError) as error:
                if self.closed:
                    return
                self.lost(error)
                time.sleep(min(patience, WAIT_AT_MOST))
                patience *= 2
        if self.process is not None:
            self.process.kill()

    def lost(self, error: Exception) -> None:
        """Take the process for lost, and say so once."""
        if self.failure is None:
            logger.error("the release beside (%s, %d): %s", self.other.slot, self.other.number, error)
        self.failure = str(error)
        if self.process is not None:
            self.process.kill()
            self.process = None
        with self.lock:  # what waited meanwhile was not attempted
            self.dropped.update(place_of(entry) for entry in self.queue)
        self.queue.clear()

    def send(self, entries: Sequence[Entry]) -> None:
        """Let the other release answer requests, and compare.

        Raises:
            LostError: It gave no answer: each of them is an error of its own.
        """
        assert self.process is not None  # noqa: S101 (for the type checker)
        try:
            found = self.process.ask([entry.raw for entry in entries], self.other.seconds * len(entries))
        except (LostError, OSError, ValueError):
            self.keep([(entry, None, self.other.seconds * 1e6) for entry in entries])
            raise
        self.keep([(entry, one["answers"], one["us"]) for entry, one in zip(entries, found, strict=True)])

    def keep(self, found: Sequence[tuple[Entry, list[Any] | None, float]]) -> None:
        """Count pairs, and keep a few that were answered otherwise."""
        made = [(entry, pair_of(entry, answers, us)) for entry, answers, us in found]
        for entry, answers, us in found:
            self.log(logged(self.other, entry, answers, us))
        with self.lock:
            self.pairs += [pair for _, pair in made]
            for entry, pair in made:
                if pair.live != pair.other and len(self.examples) < EXAMPLES:
                    self.examples.append((place_of(entry), example_of(entry, pair)))


def place_of(entry: Entry) -> Place:
    """Say where a request is counted."""
    return entry.release, entry.at_us // HOUR_US * HOUR_US


def logged(other: Other, entry: Entry, answers: list[Any] | None, us: float) -> Entry:
    """Give what the other release made of a request as the log keeps it."""
    lost: list[Any] = [ERROR, "it was lost, or gave no answer in time", None]
    found = [answer_of(*one) for one in ([lost] * len(entry.answers) if answers is None else answers)]
    shares: Mapping[str, float] = next((one[2] for one in answers or () if one[2]), {})
    return Entry(
        entry.request_id, other.slot, other.number, entry.at_us, round(us), found, rows=entry.rows, classes=list(shares)
    )


def answer_of(outcome: str, said: str, shares: Mapping[str, float] | None) -> Answer:
    """Give the other release's answer to a row in the one form."""
    if outcome == ANSWERED:
        return Answer(outcome, said, list(shares.values()) if shares else None)
    return Answer(outcome, refusal=Refusal("", "beside", None, said, kind_of(said), fault=outcome == ERROR))


def example_of(entry: Entry, pair: Pair) -> dict[str, Any]:
    """Give a pair that was answered otherwise as people look at it; inputs only where the log may keep them."""
    found: dict[str, Any] = {"at_us": entry.at_us, "request_id": entry.request_id}
    found |= {"live": pair.live, "other": pair.other}
    if entry.inputs:
        found["inputs"] = dict(entry.inputs[0])
    return found


def pair_of(entry: Entry, answers: list[Any] | None, us: float) -> Pair:
    """Compare what both made of a request; of several rows, at the first that was answered otherwise.

    Args:
        entry: The request as live answered it.
        answers: Of each row ``[outcome, prediction or reason, {class: probability} or None]``; None: there are none.
        us: How long the other release took.
    """
    live_error = any(answer.outcome == ERROR for answer in entry.answers)
    other_error = answers is None or any(outcome == ERROR for outcome, _, _ in answers)
    said = [said_by(answer) for answer in entry.answers]
    if answers is None or live_error or other_error:
        first = None if live_error else said[0]
        second = None if other_error or answers is None else str(answers[0][1])
        return Pair(entry.release, entry.at_us, first, second, live_error, other_error, None, entry.scored_us, us)
    told = [str(word) for _, word, _ in answers]
    place = next((place for place, (one, two) in enumerate(zip(said, told, strict=False)) if one != two), 0)
    delta = difference(entry.answers[place], entry.classes, answers[place][2] if place < len(answers) else None)
    return Pair(entry.release, entry.at_us, said[place], told[place], False, False, delta, entry.scored_us, us)


def said_by(answer: Answer) -> str:
    """Give what a row was answered with: the class, or why it was refused."""
    return str(answer.prediction) if answer.outcome == ANSWERED or answer.refusal is None else answer.refusal.reason


def difference(answer: Answer, classes: Sequence[str], other: dict[str, float] | None) -> float | None:
    """Give |Δp|, the difference of the probability of live's class."""
    if answer.probabilities is None or other is None:
        return None
    own = dict(zip(classes, answer.probabilities, strict=False))
    name = str(answer.prediction)
    return abs(own[name] - other[name]) if name in own and name in other else None


def summed(pairs: Sequence[Pair], dropped: int) -> PairCounts:
    """Sum pairs up."""
    answered = [pair for pair in pairs if not pair.live_error and not pair.other_error]
    deltas = [pair.delta for pair in answered if pair.delta is not None]
    return PairCounts(
        attempted=len(pairs),
        answered=len(answered),
        agree=sum(pair.live == pair.other for pair in answered),
        live_errors=sum(pair.live_error for pair in pairs),
        other_errors=sum(pair.other_error for pair in pairs),
        only_live_errors=sum(pair.live_error and not pair.other_error for pair in pairs),
        only_other_errors=sum(pair.other_error and not pair.live_error for pair in pairs),
        dropped=dropped,
        deltas=len(deltas),
        delta_sum=sum(deltas),
        confusion=dict(Counter((str(pair.live), str(pair.other)) for pair in answered)),
        live_latency=Latencies.of([pair.live_us for pair in answered]),
        other_latency=Latencies.of([pair.other_us for pair in answered]),
        minutes=frozenset(pair.at_us // MINUTE_US for pair in pairs),
    )


class Process:
    """The process of another release: messages in, answers out, a line of JSON each.

    Raises:
        LostError: It can't open its release.
    """

    def __init__(self, other: Other) -> None:
        self.process = subprocess.Popen(
            other.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        self.rest = b""
        opened = self.line(START_SECONDS)
        if not opened.get("ready"):
            self.kill()
            raise LostError(str(opened.get("error") or "it did not start"))

    def ask(self, rows: Sequence[Sequence[Any]], seconds: float) -> list[dict[str, Any]]:
        """Give the answers to some requests.

        Raises:
            LostError: There are none in time.
        """
        assert self.process.stdin is not None  # noqa: S101 (for the type checker)
        self.process.stdin.write(to_json(rows) + b"\n")
        found: list[dict[str, Any]] = self.line(seconds)["requests"]
        return found

    def line(self, seconds: float) -> dict[str, Any]:
        """Read a line.

        Raises:
            LostError: The process ended, or said nothing in time.
        """
        assert self.process.stdout is not None  # noqa: S101 (for the type checker)
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise LostError(f"no answer within {seconds:g} seconds")
            piece = self.process.stdout.read(CHUNK)
            if not piece:
                raise LostError(f"its process ended with status {self.process.wait()}")
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        found: dict[str, Any] = from_json(line)
        return found

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
