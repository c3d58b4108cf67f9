"""What a worker does beside answering: count what live attempted, feed the releases beside, and let the rule decide.

Owns the worker's flushes: numbered, and sent again until they are taken. It hears of requests on the log's thread, and
works on one of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from steadily.clock import Clock
from steadily.database import Database
from steadily.database.retention import prune
from steadily.database.settings import RetentionSettings
from steadily.errors import DatabaseAway, DatabaseError, SteadilyError
from steadily.releases.slots import Slots
from steadily.rollout.lease import take
from steadily.rollout.record import Beside as Counted
from steadily.rollout.record import Flush, record
from steadily.rollout.watch import decide_once
from steadily.serving.beside import Beside, Other, Place, place_of
from steadily.serving.live import Live
from steadily.serving.prediction_log import Entry
from steadily.serving.scoring import ERROR
from steadily.serving.settings import LIVE

PACE = 1.0  # seconds
PRUNE_EVERY = 3_600.0  # seconds
RETENTION = "retention"
KEPT = 600  # flushes that wait for a database that is away
logger = logging.getLogger("steadily.serving")
Find = Callable[[str, int, int], Other]


class Watching:
    """The worker's counting and deciding.

    Args:
        database: Where counts go, and slots are.
        clock: The clock of operations.
        live: What the worker serves.
        find: Gives the release of a slot: of the slot's name, the number, and since when.
        bound: The most requests that wait for a release beside.
        kept: How long rows are kept; one of the workers deletes what is older, every hour.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        live: Live,
        find: Find,
        bound: int,
        kept: RetentionSettings | None = None,
    ) -> None:
        self.database, self.clock, self.live, self.find, self.bound = database, clock, live, find, bound
        self.kept, self.pruned = kept or RetentionSettings(), time.monotonic()
        self.counts: dict[tuple[int, int, int], list[int]] = {}  # by release, since when it is live, and hour
        self.since: dict[int, int] = {}
        self.besides: dict[str, Beside] = {}
        self.waiting: deque[Flush] = deque()
        self.sequence = 0
        self.lock = threading.Lock()
        self.failure: str | None = None
        self.decision: str | None = None
        self.log: Callable[[Entry], None] = lambda entry: None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.work, name="watching", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.follow()
        self.thread.start()

    def close(self) -> None:
        """Send what was counted, and end."""
        self.stop.set()
        self.thread.join(timeout=10)
        for beside in self.besides.values():
            beside.close()

    def hear(self, entries: Sequence[Entry]) -> None:
        """Count requests, and offer them to the releases beside."""
        besides, own = list(self.besides.values()), [entry for entry in entries if entry.slot == LIVE]
        self.learn(self.live.slots)  # entries of a release that was just taken up come before the next look
        with self.lock:
            for entry in own:
                release, hour = place_of(entry)
                key = release, self.since.get(release, 0), hour
                found = self.counts.setdefault(key, [0, 0])
                found[0] += 1
                found[1] += any(answer.outcome == ERROR for answer in entry.answers)
        for entry in own:
            for beside in besides:
                if beside.other.number != entry.release:
                    beside.offer(entry)

    def work(self) -> None:
        """Count, send and decide, again and again."""
        while not self.stop.wait(PACE):
            try:
                self.follow()
                self.flush()
                self.decide()
                self.prune()
                self.failure = None
            except DatabaseAway as error:
                self.failure = str(error)
            except Exception:  # this thread must live as long as the worker does
                logger.exception("watching goes on")

    def follow(self) -> None:
        """Run the releases that the slots name, and no others."""
        slots = self.live.slots
        self.learn(slots)
        for name, wanted in wanted_of(slots).items():
            there = self.besides.get(name)
            if there is not None and (there.other.number, there.other.since_us) != wanted:
                self.flush()
                self.besides.pop(name).close()
            if wanted is not None and name not in self.besides:
                try:
                    self.besides[name] = Beside(self.find(name, *wanted), self.bound, self.log)
                except SteadilyError as error:
                    self.failure = f"release {wanted[0]} can't run beside: {error}"
                    logger.error("%s", self.failure)

    def learn(self, slots: Slots) -> None:
        """Learn since when a release is live."""
        since = slots.since_us["live"]
        if slots.live is not None and since is not None:
            self.since[slots.live] = since

    def flush(self) -> None:
        """Send what was counted.

        Raises:
            DatabaseAway: The database can't be reached; it is sent again later.
        """
        self.gather()
        while self.waiting:
            record(self.database, self.waiting[0])
            self.waiting.popleft()

    def end(self) -> None:
        """Send the last counts, if the database takes them."""
        try:
            self.flush()
        except DatabaseError as error:
            logger.error("the last counts could not be sent: %s", error)

    def gather(self) -> None:
        """Put what was counted since the last time into flushes, each with its number."""
        if len(self.waiting) >= KEPT:
            return  # counts go on adding up
        with self.lock:
            counts, self.counts = self.counts, {}
        beside = self.beside_counts()
        for release, hour in beside:
            counts.setdefault((release, self.since.get(release, 0), hour), [0, 0])
        worker, now_us = self.live.worker, self.clock.now_us()
        for (release, since_us, hour), (requests, errors) in counts.items():
            self.sequence += 1
            own = tuple(beside.pop((release, hour), ()))
            self.waiting.append(Flush(worker, self.sequence, now_us, release, since_us, requests, errors, own, hour))

    def beside_counts(self) -> dict[Place, list[Counted]]:
        """Take what was counted of the releases beside, by the release that was live and the hour."""
        found: dict[Place, list[Counted]] = {}
        for beside in self.besides.values():
            other = beside.other
            for place, (counts, examples) in beside.taken().items():
                found.setdefault(place, []).append(Counted(other.slot, other.number, other.since_us, counts, examples))
        return found

    def decide(self) -> None:
        """Let the rule look, if it is this worker's turn."""
        decision = decide_once(self.database, self.clock, self.live.worker)
        self.decision = decision.why
        if decision.state == "rollback":
            logger.error("rolled back: %s", decision.why)

    def prune(self) -> None:
        """Delete what is older than it is to be kept, if an hour has passed and it is this worker's turn."""
        if time.monotonic() - self.pruned < PRUNE_EVERY:
            return
        self.pruned, now_us = time.monotonic(), self.clock.now_us()
        with self.database.begin(alone=RETENTION) as connection:
            mine = take(connection, RETENTION, self.live.worker, now_us, int(PRUNE_EVERY * 1e6))
        if mine:
            gone = prune(self.database, self.kept, now_us)
            logger.info("deleted what is older than it is to be kept: %s", gone)

    def state(self) -> dict[str, Any]:
        """Say how the releases beside are."""
        besides = {
            name: {"release": one.other.number, "waiting": len(one.queue), "failure": one.failure}
            for name, one in self.besides.items()
        }
        return {"beside": besides, "rule": self.decision, "waiting": len(self.waiting), "failure": self.failure}


def wanted_of(slots: Slots) -> dict[str, tuple[int, int] | None]:
    """Say which releases run beside the live one, and since when."""
    found: dict[str, tuple[int, int] | None] = {}
    for name in ("shadow", "previous"):
        number, since = getattr(slots, name), slots.since_us[name]
        found[name] = None if number is None or number == slots.live else (number, since or 0)
    return found
