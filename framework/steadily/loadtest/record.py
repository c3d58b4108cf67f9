"""The record of load tests, each with the release that answered: kept from the first request on.

A test that was killed stays there as unfinished, so that its traffic is never taken for a peak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from steadily.database import Database
from steadily.database.tables import load_tests, releases

UNFINISHED = "unfinished"


@dataclass(frozen=True)
class LoadTest:
    """A load test on record.

    Attributes:
        id: Its number.
        release: The release that answered.
        at_us: When it began.
        verdict: passed, failed, invalid or unfinished.
        result: Its figures, verdict and latencies, as ``trial.Outcome`` has them.
    """

    id: int
    release: int
    at_us: int
    verdict: str
    result: Mapping[str, Any]


def begin(database: Database, release: int | None, at_us: int, result: Mapping[str, Any]) -> int | None:
    """Put a load test on record that is about to run.

    Args:
        database: The database of operations.
        release: The release that answers.
        at_us: When it begins, in microseconds.
        result: What is known of it: ``began_us`` and ``until_us``, between which it sends, at least.

    Returns:
        Its number; None where the release is not one of this database's, so that there is nothing to keep it with.
    """
    with database.begin() as connection:
        known = select(releases.c.number).where(releases.c.number == release)
        if release is None or connection.execute(known).first() is None:
            return None
        row = {"release": release, "at_us": at_us, "verdict": UNFINISHED, "result": dict(result)}
        key = connection.execute(insert(load_tests).values(**row)).inserted_primary_key
        return None if key is None else int(key[0])


def finish(database: Database, number: int, verdict: str, result: Mapping[str, Any]) -> None:
    """Write down what came of a load test."""
    with database.begin() as connection:
        there = update(load_tests).where(load_tests.c.id == number)
        connection.execute(there.values(verdict=verdict, result=dict(result)))


def latest(database: Database, release: int) -> LoadTest | None:
    """Give the last load test of a release, whatever its verdict."""
    wanted = select(load_tests).where(load_tests.c.release == release).order_by(load_tests.c.id.desc()).limit(1)
    with database.read() as connection:
        row = connection.execute(wanted).mappings().first()
    return None if row is None else LoadTest(**row)
