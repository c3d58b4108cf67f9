"""A service that is killed, with all its processes, at random moments of a deployment, and begun again.

Two workers answer steady traffic in simulated time, with another release beside them, while releases go into the
shadow, go live, fail, and are rolled back by the rule. Whatever is killed when: each answer is that of one release with
the feature set that this release names, and what is on record fits together.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from databases import KINDS, fresh_address
from reading import ROWS, Made, Reading, made_of, prepared
from serving import SECONDS, Operated, Running, kill_group
from sqlalchemy import func, select
from test_rollout_kill import refuse_halves

from steadily.clock import SimulatedClock, clock_of
from steadily.database import Database
from steadily.database.rollout import live_totals, pair_sums, served_hours
from steadily.database.tables import deployments, predictions
from steadily.releases.slots import read_slots
from steadily.rollout.deploy import promote, shadow
from steadily.rollout.gate import Limits
from steadily.rollout.pairs import PairCounts
from steadily.units import HOUR_US, MINUTE_US
from unit.features.stores import store_address

pytestmark = pytest.mark.service

PHASES = ("shadow", "promoted", "failing", "rolled back")
TICK = 0.25  # seconds in which a simulated minute passes
SETTINGS = {"workers": 2, "log_seconds": 0.1, "sample_inputs": 0.0, "beside_memory_mb": 4_096}
SENDERS = 3
Answered = tuple[int, str, int, dict[str, Any]]  # the row, the request's id, the release, the entry


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made_of(tmp_path_factory)


@contextmanager
def reading(kind: str, made: Made, folder: Path) -> Iterator[Reading]:
    """Give a project with a database and an online store of a kind."""
    with fresh_address(kind, folder) as address, store_address(kind, folder) as store:
        operated = Operated(folder / "with a space", address, SETTINGS)
        with prepared(made, operated, store, {"monitor": {"flush_seconds": 0.5, "every_seconds": 5}}) as found:
            yield found


@dataclass
class Deployment:
    """A service under traffic, which is deployed to and killed.

    Attributes:
        reading: The project.
        database: Its database.
        chance: Says how long after what it is killed.
        answered: What came back.
        failed: Requests that came to an error, by row.
        sent: Requests.
        minutes: Those in which any was sent.
        refused: Replies that there should not be.
        killed: How often it was killed.
    """

    reading: Reading
    database: Database
    chance: random.Random
    answered: list[Answered] = field(default_factory=list)
    failed: Counter[int] = field(default_factory=Counter)
    sent: int = 0
    minutes: set[int] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    killed: int = 0

    def __post_init__(self) -> None:
        clock = clock_of(self.database)
        assert isinstance(clock, SimulatedClock)
        self.clock, self.now_us = clock, clock.now_us()
        self.lock, self.stop = threading.Lock(), threading.Event()
        self.running = self.begin()
        self.threads = [threading.Thread(target=self.send, args=(one,)) for one in range(SENDERS)]
        self.threads.append(threading.Thread(target=self.tick))

    def __enter__(self) -> Deployment:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()
        self.running.stop()

    def begin(self) -> Running:
        return Running.start(self.reading.operated, (), {})

    def tick(self) -> None:
        """Let time pass."""
        while not self.stop.wait(TICK):
            self.now_us = self.clock.advance(MINUTE_US)

    def send(self, place: int) -> None:
        """Send a row after the other, and keep what comes back; while nothing listens, try again."""
        client = httpx.Client(timeout=30)
        while not self.stop.wait(0.02):
            place = (place + SENDERS) % len(ROWS)
            with self.lock:
                self.sent += 1
            begun = self.now_us // MINUTE_US
            try:
                reply = client.post(f"{self.running.url}/predict", json={"rows": [ROWS[place]]})
            except httpx.TransportError:
                client.close()
                client = httpx.Client(timeout=30)
                continue
            finally:
                with self.lock:  # it came in at some time between; the tick that is at work is not known here yet
                    self.minutes.update(range(begun, self.now_us // MINUTE_US + 2))
            self.keep(place, reply)
        client.close()

    def keep(self, place: int, reply: httpx.Response) -> None:
        """Keep what came back."""
        body = reply.json()
        with self.lock:
            if reply.status_code == 200:
                self.answered.append((place, body["request_id"], body["release"], body["answers"][0]))
            elif reply.status_code == 500 and ROWS[place]["order"] % 2 == 0:
                self.failed[place] += 1
            else:
                self.refused.append(reply.text)

    def kill(self) -> None:
        """Kill all processes of the service, and begin it again."""
        group = psutil.Process(self.running.process.pid)
        those = [group, *group.children(recursive=True)]
        kill_group(self.running.process)
        self.running.process.wait()
        _, alive = psutil.wait_procs(those, timeout=SECONDS)
        assert not alive, "a process of the service has outlived its group"
        self.running.stop()
        self.killed += 1
        self.running = self.begin()

    def maybe_kill(self, phase: str, kills: frozenset[str], longest: float) -> None:
        """Kill some time after a phase has begun, if it is to be."""
        if phase in kills:
            time.sleep(self.chance.uniform(0.0, longest))
            self.kill()

    def round(self, kills: frozenset[str]) -> None:
        """Take release 2 through the shadow into live traffic, release 3 after it, until the rule takes that off."""
        database, clock, off = self.database, self.clock, Limits()
        shadow(database, clock, 2, "a test")
        self.maybe_kill("shadow", kills, 6)
        self.until(lambda: self.attempted("shadow") >= 30)
        promote(database, clock, 2, "a test", off, override=True, reason="a test")
        self.maybe_kill("promoted", kills, 3)
        self.until(lambda: self.paired() >= 30)
        promote(database, clock, 3, "a test", off, override=True, reason="a test")
        self.maybe_kill("failing", kills, 4)
        self.until(lambda: sum(self.failed.values()) > 0)
        self.maybe_kill("rolled back", kills, 4)  # about when the rule decides
        self.until(lambda: read_slots(database).live == 2)
        self.until(lambda: self.last_answers(2))
        refuse_halves(database, self.reading.features)

    def back(self) -> None:
        """Put release 1 live again, as at the beginning."""
        promote(self.database, self.clock, 1, "a test", Limits(), override=True, reason="a test")
        self.until(lambda: self.last_answers(1))

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds."""
        self.running.wait_for(true)

    def attempted(self, slot: str) -> int:
        """Count what the release in a slot has attempted beside the live one since it is there."""
        slots = read_slots(self.database)
        return sum(one.attempted for one in self.pairs(slot, slots.since_us[slot] or 0))

    def pairs(self, slot: str | None = None, since_us: int | None = None) -> list[PairCounts]:
        """Give what is on record of pairs."""
        wanted = select(pair_sums.c.counts)
        if slot is not None:
            wanted = wanted.where(pair_sums.c.slot == slot, pair_sums.c.since_us == since_us)
        with self.database.read() as connection:
            return [PairCounts.from_json(one) for one in connection.execute(wanted).scalars()]

    def paired(self) -> int:
        """Count what the previous release attempted as well since the live one is live."""
        slots = read_slots(self.database)
        where = live_totals.c.release == slots.live, live_totals.c.since_us == slots.since_us["live"]
        with self.database.read() as connection:
            return int(connection.execute(select(live_totals.c.paired).where(*where)).scalar() or 0)

    def last_answers(self, number: int, count: int = 20) -> bool:
        """Tell whether the last answers all came from a release."""
        with self.lock:
            return [one[2] for one in self.answered[-count:]] == [number] * count


def refuse_mixed(found: Deployment) -> None:
    """Each answer is what one release says with the feature set that it names."""
    assert found.refused == []
    for place, _, release, entry in found.answered:
        wanted = found.reading.expected[release][place]
        assert entry == alike(wanted, entry), (release, ROWS[place])
    assert {release for _, _, release, _ in found.answered} == {1, 2, 3}


def alike(wanted: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Give what was wanted, with numbers that are the same but for the last bits as they were given."""
    near = all(
        abs(entry.get("probabilities", {}).get(name, 2.0) - share) < 1e-9
        for name, share in wanted["probabilities"].items()
    )
    return wanted | ({name: entry[name] for name in ("confidence", "probabilities")} if near else {})


def refuse_invented(found: Deployment) -> None:
    """What is on record of hours, minutes, pairs and requests is of requests that were sent, each counted once."""
    with found.database.read() as connection:
        served = connection.execute(select(served_hours.c.hour_us, served_hours.c.requests)).all()
        totals = connection.execute(select(live_totals)).all()
        logged = connection.execute(select(predictions).where(predictions.c.slot == "live")).all()
        lasting = {(row.release, row.at_us) for row in connection.execute(select(deployments)) if row.slot == "live"}
    hours = {minute * MINUTE_US // HOUR_US * HOUR_US for minute in found.minutes}
    assert {row.hour_us for row in served} <= hours
    assert sum(row.requests for row in served) == sum(row.requests for row in totals) <= found.sent
    assert {(row.release, row.since_us) for row in totals} <= lasting
    for counts in found.pairs():
        assert counts.minutes <= found.minutes, "an hour was invented"
        assert counts.live_latency.count == counts.other_latency.count == counts.attempted
        assert 0 <= counts.agree <= counts.answered <= counts.attempted
        assert counts.only_other_errors <= counts.other_errors <= counts.attempted
    assert len(logged) <= found.sent
    said = {request_id: (release, entry) for _, request_id, release, entry in found.answered}
    of_known = [row for row in logged if row.request_id in said]
    assert len(of_known) > 50
    for row in of_known:
        release, entry = said[row.request_id]
        assert (row.release, row.prediction) == (release, entry["prediction"])
        assert row.confidence == pytest.approx(entry["confidence"], abs=1e-9)


def killed(kind: str, made: Made, folder: Path, rounds: list[frozenset[str]], seed: int) -> None:
    """Go some rounds, killing in the phases that each names, and look at what is left."""
    with reading(kind, made, folder) as found, found.operated.open() as database:
        with Deployment(found, database, random.Random(seed)) as deployment:
            deployment.round(rounds[0])
            for kills in rounds[1:]:
                deployment.back()
                deployment.round(kills)
        assert deployment.killed == sum(map(len, rounds))
        refuse_mixed(deployment)
        refuse_halves(database, found.features)
        refuse_invented(deployment)
        with database.read() as connection:
            rolled = (
                select(func.count())
                .select_from(deployments)
                .where(deployments.c.action == "rollback", deployments.c.slot == "live")
            )
            assert connection.execute(rolled).scalar() == len(rounds)


@pytest.mark.parametrize(
    ("kind", "phases"), [("sqlite", ["rolled back"]), pytest.param("postgresql", ["promoted"], marks=pytest.mark.soak)]
)
def test_a_service_that_is_killed_while_it_is_deployed_to(
    kind: str, phases: list[str], made: Made, tmp_path: Path
) -> None:
    killed(kind, made, tmp_path, [frozenset(phases)], seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_service_that_is_killed_at_many_moments(kind: str, made: Made, tmp_path: Path) -> None:
    killed(kind, made, tmp_path, [frozenset(PHASES)] * 5, seed=2)
