from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from rolling import REQUESTS
from sqlalchemy import func, insert, select

from steadily.clock import simulate
from steadily.database import Database
from steadily.database.rollout import deployment_alerts, flushes, live_totals, rule_states, served_hours
from steadily.database.tables import SLOTS, deployments, releases
from steadily.releases.slots import Act, place, read_slots
from steadily.rollout.record import pairs_in

START = 1_700_000_000_000_000
ROLLING = Path(__file__).with_name("rolling.py")
WAITING = 120
FEATURES = {1: "fs-1", 2: "fs-2"}


def put_in(database: Database) -> None:
    """Put two releases into a database with simulated time, one of them live."""
    plain = {name: {} for name in ("manifest", "metrics", "latency", "config", "versions", "data")}
    clock = simulate(database, START)
    with database.begin() as connection:
        for number, feature_set in FEATURES.items():
            row = {"number": number, "digest": f"d{number}", "created_us": 1, "task": "t", "url": "u", **plain}
            connection.execute(insert(releases).values(row | {"feature_set": feature_set}))
    place(database, {"live": 1}, Act("first", None, "t"), seen=0, now_us=clock.now_us())


def roll_and_kill(address: str, names: list[str], seconds: float) -> None:
    """Let processes deploy at once, and kill them after some time."""
    running = [
        subprocess.Popen(
            [sys.executable, ROLLING, address, name],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for name in names
    ]
    try:
        for one in running:
            assert one.stdout is not None
            assert one.stdout.readline() == b"round\n"  # so that something was done before it is killed
        time.sleep(seconds)
        assert [one.poll() for one in running] == [None] * len(running)
    finally:
        for one in running:
            one.kill()
        for one in running:
            one.wait(WAITING)
            assert one.stdout is not None
            one.stdout.close()


def refuse_halves(database: Database, features: Mapping[int, str]) -> None:
    """Slots, decisions, alerts and sums fit together.

    Args:
        database: The database, in which time is simulated.
        features: What each release that may be live names as its feature sets.
    """
    slots = read_slots(database)
    assert slots.live in features
    assert slots.live not in (slots.shadow, slots.previous)
    with database.read() as connection:
        done = connection.execute(select(deployments).order_by(deployments.c.id)).all()
        alerts = connection.execute(select(deployment_alerts).order_by(deployment_alerts.c.id)).all()
        for name in SLOTS:
            last = [row for row in done if row.slot == name]
            assert getattr(slots, name) == (last[-1].release if last else None)
            assert slots.since_us[name] == (last[-1].at_us if last else None)
        back = [row for row in done if row.action == "rollback" and row.slot == "live"]
        told = [row for row in alerts if row.kind == "rollback"]
        assert [(row.replaced, row.release) for row in back] == [
            (row.release, row.evidence["restored"]["release"]) for row in told
        ]
        assert all(
            row.evidence["restored"]["feature_set"] == features[row.evidence["restored"]["release"]] for row in told
        )
        by_action = Counter((row.action, row.slot) for row in done)
        assert by_action["promote", "live"] == by_action["promote", "previous"]
        assert by_action["rollback", "live"] == by_action["rollback", "previous"]
        assert all(row.simulated for row in done)
        for row in connection.execute(select(rule_states)):
            total = connection.execute(
                select(live_totals.c.requests).where(
                    live_totals.c.release == row.release, live_totals.c.since_us == row.since_us
                )
            ).scalar()
            assert row.seen["requests"] <= (total or 0)
        if slots.previous is not None:
            pairs = pairs_in(connection, "previous", slots.live, slots.previous, slots.since_us["previous"] or 0)
            assert pairs.live_latency.count == pairs.attempted


def refuse_lost(database: Database) -> None:
    """Each flush was counted, once."""
    with database.read() as connection:
        flushed = sum(connection.execute(select(flushes.c.sequence)).scalars())
        for table in (served_hours, live_totals):
            assert (connection.execute(select(func.sum(table.c.requests))).scalar() or 0) == flushed * REQUESTS


def killed_at_random(database: Database, address: str, times: int, seed: int) -> None:
    chance = random.Random(seed)
    put_in(database)
    for number in range(times):
        roll_and_kill(address, [f"{seed}-{number}-{one}" for one in range(2)], chance.uniform(0.05, 1.0))
        refuse_halves(database, FEATURES)
        refuse_lost(database)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(deployments)).scalar()


def test_processes_that_are_killed_while_they_deploy_leave_nothing_half_done(
    database: Database, database_address: str
) -> None:
    killed_at_random(database, database_address, 2, seed=1)


@pytest.mark.soak
def test_processes_that_are_killed_at_many_random_moments(database: Database, database_address: str) -> None:
    killed_at_random(database, database_address, 20, seed=2)
