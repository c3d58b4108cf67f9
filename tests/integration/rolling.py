"""A process that deploys and rolls back without end, for tests that kill it: ``python rolling.py ADDRESS WORKER``.

Every flush has ten requests, each attempted by the release beside the live one, so that the sums can be checked.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from steadily.clock import SimulatedClock, clock_of
from steadily.database import Database, open_database
from steadily.errors import DatabaseAway, ReleaseError
from steadily.latency import Latencies
from steadily.releases.slots import read_slots
from steadily.rollout.deploy import promote, rollback, shadow
from steadily.rollout.gate import Limits
from steadily.rollout.pairs import PairCounts
from steadily.rollout.record import Beside, Flush, record
from steadily.rollout.watch import decide_once
from steadily.units import MINUTE_US

REQUESTS = 10


def main(address: str, worker: str) -> None:
    """Go round and round."""
    with open_database(address) as database:
        clock = clock_of(database)
        assert isinstance(clock, SimulatedClock)
        sequence = 0
        while True:
            with suppress(ReleaseError, DatabaseAway):  # somebody was quicker, or holds the database for too long
                sequence = go_round(database, clock, worker, sequence)
            print("round", flush=True)  # noqa: T201


def go_round(database: Database, clock: SimulatedClock, worker: str, sequence: int) -> int:
    """Take a release through the shadow into live traffic and off again, by hand or by the rule."""
    slots = read_slots(database)
    if slots.previous is not None:
        rollback(database, clock, worker, "back again")
        slots = read_slots(database)
    number = 2 if slots.live == 1 else 1
    if slots.shadow is None:
        shadow(database, clock, number, worker)
    sequence = flush(database, clock, worker, sequence + 1, errors=0)
    promote(database, clock, number, worker, Limits(), override=True, reason="round and round")
    for _ in range(3):
        sequence = flush(database, clock, worker, sequence + 1, errors=REQUESTS)
        clock.advance(10_000_000)
        if decide_once(database, clock, worker).restored:
            break
    return sequence


def flush(database: Database, clock: SimulatedClock, worker: str, sequence: int, errors: int) -> int:
    """Count ten requests, and count them again as if the answer had been lost."""
    slots, at_us = read_slots(database), clock.now_us()
    counts = PairCounts(
        attempted=REQUESTS,
        answered=REQUESTS - errors,
        agree=REQUESTS - errors,
        live_errors=errors,
        only_live_errors=errors,
        live_latency=Latencies.of([1_000.0] * REQUESTS),
        other_latency=Latencies.of([1_000.0] * REQUESTS),
        minutes=frozenset([at_us // MINUTE_US]),
    )
    beside = [
        Beside(slot, number, slots.since_us[slot] or 0, counts)
        for slot, number in (("shadow", slots.shadow), ("previous", slots.previous))
        if number is not None and number != slots.live
    ]
    assert slots.live is not None
    one = Flush(worker, sequence, at_us, slots.live, slots.since_us["live"] or 0, REQUESTS, errors, beside)
    record(database, one)
    assert not record(database, one)
    return sequence


if __name__ == "__main__":
    main(*sys.argv[1:])
