"""A release beside the live one, and the rollback rule in the service: real processes, and none that harms live."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Operated, Running, copied
from sqlalchemy import select
from test_serving import GOOD

from steadily.bundle import manifest as manifests
from steadily.clock import Clock
from steadily.database.rollout import pair_examples, pair_sums
from steadily.database.tables import deployments
from steadily.releases.slots import read_slots
from steadily.rollout.deploy import rollback
from steadily.rollout.pairs import PairCounts
from steadily.rollout.record import pairs_in
from unit.small import Small
from unit.test_bundle import BUNDLE
from unit.test_evaluate import judged

pytestmark = pytest.mark.service

MODES = ("other", "fails", "crashes", "hangs", "dies", "eats")
# What the shop's own step does where it serves, by a file beside it: what training did is the same for all.
LINES = """
    import os, time
    from pathlib import Path

    mode = (Path(__file__).parent / "shop_mode.txt").read_text()
    if mode == "crashes" or (mode == "fails" and (frame["order"] % 10 == 0).any()):
        raise ValueError("order")
    if mode == "hangs":
        time.sleep(3600)
    if mode == "dies":
        os._exit(3)
    if mode == "eats":
        held = [bytearray(1 << 24) for _ in range(100_000)]
"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles of the shop, whose own step behaves in one way each."""
    folder = tmp_path_factory.mktemp("made") / "a project"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        small = judged(Small(), more=BUNDLE)
        text = Path("plugins/shop.py").read_text("utf-8")
        line = next(one for one in text.splitlines() if "return frame.assign" in one)
        small.write("plugins/shop.py", text.replace(line, f"{LINES}{line}"))
        small.write("plugins/shop_mode.txt", "good")
        small.run()
    found = {"good": folder / "bundle"}
    for mode in MODES:
        found[mode] = copied(folder / "bundle", folder / "made" / mode)
        (found[mode] / "plugins/shop_mode.txt").write_text(mode, "utf-8")
        manifests.write(found[mode], manifests.Manifest.from_json(manifests.content_of(found[mode])))
    return found


@pytest.fixture
def operated(bundles: dict[str, Path], tmp_path: Path) -> Operated:
    settings = {"log_seconds": 0.1, "answer_seconds": 2.0, "beside_memory_mb": 2_000, "sample_inputs": 0.0}
    found = Operated(tmp_path, f"sqlite:///{tmp_path / 'operate.db'}", settings).prepare()
    found.register(bundles["good"])
    return found


@pytest.fixture
def running(operated: Operated) -> Iterator[Running]:
    with operated.serving() as found:
        yield found


def pairs(operated: Operated) -> PairCounts:
    with operated.open() as database, database.read() as connection:
        rows = connection.execute(select(pair_sums.c.counts)).scalars().all()
    return sum((PairCounts.from_json(row) for row in rows), PairCounts())


def send(running: Running, requests: int, pause: float = 0.01) -> None:
    """Send requests one after another; each has to be answered."""
    with httpx.Client(timeout=30) as client:
        for order in range(requests):
            reply = client.post(f"{running.url}/predict", json={"rows": [GOOD | {"order": order}]})
            assert reply.status_code == 200, reply.text
            assert reply.json()["release"] == 1
            assert "prediction" in reply.json()["answers"][0]
            time.sleep(pause)


def test_both_answers_are_compared(bundles: dict[str, Path], operated: Operated, running: Running) -> None:
    operated.put(shadow=operated.register(bundles["other"]))
    running.wait_for(lambda: "shadow" in running.get("/state").json()["watching"]["beside"])
    running.wait_for(lambda: (send(running, 5), pairs(operated).attempted >= 50)[1])
    found = pairs(operated)
    assert found.answered == found.agree == found.attempted
    assert found.live_errors == found.other_errors == 0
    assert found.delta_sum == pytest.approx(0, abs=1e-9)
    assert found.other_latency.count == found.answered
    by_slot = {slot: [row for row in operated.logged() if row.slot == slot] for slot in ("live", "shadow")}
    live = {(row.request_id, row.position): row for row in by_slot["live"]}
    assert len(by_slot["shadow"]) >= 50
    for row in by_slot["shadow"]:
        assert (row.release, row.outcome) == (2, "answered")
        assert row.prediction == live[row.request_id, row.position].prediction
        assert row.confidence == pytest.approx(live[row.request_id, row.position].confidence)
    one, two = by_slot["shadow"][:2]
    right = {"request_id": one.request_id, "label": one.prediction}
    wrong = {"request_id": two.request_id, "label": "neither"}
    assert running.post("/labels", {"labels": [right, wrong]}).status_code == 200
    with operated.open() as database, database.read() as connection:
        since = read_slots(database).since_us["shadow"] or 0
        joined = pairs_in(connection, "shadow", 1, 2, since)
    assert (joined.labelled, joined.only_live_right, joined.only_other_right) == (2, 0, 0)


SOAKED = [pytest.param(kind, marks=pytest.mark.soak) for kind in ("crashes", "dies")]


@pytest.mark.parametrize("kind", ["fails", "hangs", "eats", *SOAKED])
def test_whatever_the_shadow_does_live_is_untouched(
    bundles: dict[str, Path], operated: Operated, running: Running, kind: str
) -> None:
    operated.put(shadow=operated.register(bundles[kind]))
    running.wait_for(lambda: "shadow" in running.get("/state").json()["watching"]["beside"])
    running.wait_for(lambda: (send(running, 15), pairs(operated).other_errors >= 1)[1], 90)
    found = pairs(operated)
    assert found.live_errors == 0
    assert found.only_other_errors == found.other_errors >= 1
    if kind == "fails":  # one in ten of its requests, and the others are answered
        running.wait_for(lambda: (send(running, 50), pairs(operated).attempted >= 200)[1])
        found = pairs(operated)
        assert found.answered >= 3 * found.other_errors
    assert running.get("/health/live").status_code == 200
    with operated.open() as database, database.read() as connection:
        assert connection.execute(select(pair_examples)).first() is not None


class Traffic:
    """Requests at a rate, from threads, until it is stopped."""

    def __init__(self, running: Running, rate: float) -> None:
        self.running, self.rate, self.stop = running, rate, threading.Event()
        self.seen: list[tuple[float, int, int]] = []
        self.threads = [threading.Thread(target=self.send, args=(one,)) for one in range(5)]

    def __enter__(self) -> Traffic:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def send(self, order: int) -> None:
        """Send a request after the other."""
        with httpx.Client(timeout=30) as client:
            while not self.stop.wait(len(self.threads) / self.rate):
                order += len(self.threads)
                body: dict[str, Any] = {"rows": [GOOD | {"order": order}]}
                reply = client.post(f"{self.running.url}/predict", json=body)
                self.seen.append((time.monotonic(), reply.json().get("release", 0), reply.status_code))


def test_a_release_that_begins_to_fail_is_taken_off(
    bundles: dict[str, Path], operated: Operated, running: Running
) -> None:
    operated.put(live=operated.register(bundles["fails"]), previous=1)
    running.wait_for(lambda: running.get("/health/ready").json()["release"] == 2)
    running.wait_for(lambda: "previous" in running.get("/state").json()["watching"]["beside"])
    with Traffic(running, 50) as traffic:
        running.wait_for(lambda: running.get("/health/ready").json()["release"] == 1, 300)
        sent = len(traffic.seen)
        time.sleep(1)
    assert sent <= 60 * 50, "it takes as many requests as come in a minute, on a busy machine too"
    assert {status for _, _, status in traffic.seen} <= {200, 500}
    with operated.open() as database, database.read() as connection:
        last = connection.execute(select(deployments).order_by(deployments.c.id.desc())).first()
    assert last is not None
    assert (last.action, last.who) == ("rollback", "the rollback rule")
    assert traffic.seen[-1][1:] == (1, 200)


def test_without_errors_nothing_is_taken_off(bundles: dict[str, Path], operated: Operated, running: Running) -> None:
    operated.put(live=operated.register(bundles["other"]), previous=1)
    running.wait_for(lambda: running.get("/health/ready").json()["release"] == 2)
    with Traffic(running, 50) as traffic:
        time.sleep(8)
    assert {status for _, _, status in traffic.seen} == {200}
    with operated.open() as database:
        assert read_slots(database).live == 2


def test_an_outage_that_hits_both_takes_nothing_off(
    bundles: dict[str, Path], operated: Operated, running: Running
) -> None:
    other = operated.register(bundles["fails"])
    both = copied(bundles["fails"], operated.folder / "both")
    operated.put(live=other, previous=operated.register(twin(both)))
    running.wait_for(lambda: running.get("/health/ready").json()["release"] == other)
    running.wait_for(lambda: "previous" in running.get("/state").json()["watching"]["beside"])
    with Traffic(running, 50) as traffic:
        time.sleep(12)
    assert {status for _, _, status in traffic.seen} == {200, 500}
    with operated.open() as database:
        assert read_slots(database).live == other


def twin(folder: Path) -> Path:
    """Make a bundle another one, that does the same."""
    (folder / "plugins/more.txt").write_text("more", "utf-8")
    manifests.write(folder, manifests.Manifest.from_json(manifests.content_of(folder)))
    return folder


def test_a_rollback_by_hand_is_taken_up(bundles: dict[str, Path], operated: Operated, running: Running) -> None:
    operated.put(live=operated.register(bundles["other"]), previous=1)
    running.wait_for(lambda: running.get("/health/ready").json()["release"] == 2)
    with operated.open() as database:
        rollback(database, Clock(), "somebody", "as a test")
    running.wait_for(lambda: running.get("/health/ready").json()["release"] == 1)
    assert running.post("/predict", {"rows": [GOOD]}).json()["release"] == 1
