from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from steadily.database import Database
from steadily.database.retention import prune
from steadily.database.rollout import live_totals, pair_examples, pair_sums, served_hours
from steadily.database.settings import RetentionSettings
from steadily.errors import DatabaseError
from steadily.rollout.pairs import PairCounts
from steadily.rollout.record import EXAMPLES, Beside, Flush, examples_in, pairs_in, record
from steadily.units import HOUR_US
from unit.rollout.serving import START, pairs


def flush(sequence: int, *, worker: str = "w1", at_us: int = START, slot: str = "shadow", examples: int = 0) -> Flush:
    given = [{"request_id": f"r{sequence}-{number}"} for number in range(examples)]
    beside = Beside(slot, 2, START, pairs(at_us, 10, live=1, both=1), given)
    return Flush(worker, sequence, at_us, 1, START, 10, 2, [beside])


def summed(database: Database, slot: str = "shadow") -> PairCounts:
    with database.read() as connection:
        return pairs_in(connection, slot, 1, 2, START)


def totals(database: Database) -> tuple[int, ...]:
    with database.read() as connection:
        return tuple(connection.execute(select(live_totals)).one())


def test_a_flush_that_is_sent_again_changes_nothing(database: Database) -> None:
    assert record(database, flush(1))
    assert record(database, flush(2))
    assert not record(database, flush(2))
    assert not record(database, flush(1))
    assert (summed(database).attempted, summed(database).live_errors) == (20, 4)
    assert totals(database) == (1, START, 20, 4, 0, 0, 0)


def test_only_pairs_with_the_previous_release_are_the_rules(database: Database) -> None:
    assert record(database, flush(1))
    assert record(database, flush(2, slot="previous"))
    assert totals(database) == (1, START, 20, 4, 10, 2, 1)


def test_workers_that_flush_at_once_lose_nothing(database: Database) -> None:
    def work(worker: str) -> None:
        for sequence in range(1, 6):
            record(database, flush(sequence, worker=worker, at_us=START + sequence * HOUR_US // 2, examples=1))

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = summed(database)
    assert (found.attempted, found.agree, found.live_latency.count) == (150, 120, 150)
    assert totals(database)[2:4] == (150, 30)
    with database.read() as connection:
        assert len(connection.execute(select(pair_sums)).all()) == 3
        assert sorted(connection.execute(select(served_hours.c.requests)).scalars()) == [30, 60, 60]
        assert len(connection.execute(select(pair_examples)).all()) == 15


def test_examples_are_few_and_the_latest(database: Database) -> None:
    for sequence in range(1, 5):
        record(database, flush(sequence, examples=30))
    with database.read() as connection:
        found = examples_in(connection, "shadow", 1, 2, START)
    assert len(found) == EXAMPLES
    assert found[0] == {"at_us": START, "request_id": "r4-29"}


def test_counts_that_can_not_be_are_refused(database: Database) -> None:
    with pytest.raises(DatabaseError, match="more errors than requests"):
        record(database, Flush("w", 1, START, 1, START, 1, 2))
    with pytest.raises(DatabaseError, match="compared with itself"):
        record(database, Flush("w", 1, START, 1, START, 1, 0, [Beside("shadow", 1, START, PairCounts())]))
    assert record(database, flush(1, worker="w"))


def test_hours_that_are_old_go(database: Database) -> None:
    record(database, flush(1, examples=2))
    kept = RetentionSettings(comparisons_days=1, workers_days=1)
    gone = prune(database, kept, START + 3 * 24 * HOUR_US)
    assert {name: gone[name] for name in ("pair_sums", "pair_examples", "served_hours", "flushes")} == {
        "pair_sums": 1, "pair_examples": 2, "served_hours": 1, "flushes": 1,
    }  # fmt: skip
