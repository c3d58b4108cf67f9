from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from steadily.database import Database
from steadily.database.retention import FOR_EVER, RULES, Rule, prune, prune_table
from steadily.database.settings import RetentionSettings
from steadily.database.tables import labels, metadata, predictions, workers
from steadily.units import DAY_US

NOW = 400 * DAY_US


def answers(*times: int) -> list[dict[str, Any]]:
    rest = {"position": 0, "slot": "live", "release": 1, "outcome": "answered"}
    return [{"request_id": f"r{number}", "at_us": at, **rest} for number, at in enumerate(times)]


def count(database: Database, table: Any) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)


def test_each_table_has_a_rule_or_is_kept_for_ever() -> None:
    assert sorted([*FOR_EVER, *(rule.time.table.name for rule in RULES)]) == sorted(metadata.tables)
    assert {rule.setting for rule in RULES} == set(RetentionSettings.model_fields)


def test_what_is_too_old_goes_and_nothing_else(database: Database) -> None:
    edge = NOW - 90 * DAY_US
    worker = {"id": "w", "host": "h", "pid": 1, "started_us": 0, "seen_us": NOW - 7 * DAY_US - 1, "revision": 0}
    with database.begin() as connection:
        connection.execute(insert(predictions), answers(0, edge - 1, edge, NOW))
        connection.execute(insert(labels).values(request_id="r", position=0, label="x", at_us=edge))
        connection.execute(insert(workers).values(worker))
    went = prune(database, RetentionSettings(), NOW)
    assert {table: count for table, count in went.items() if count} == {"predictions": 2, "workers": 1}
    assert count(database, predictions) == 2
    assert count(database, labels) == 1


def test_one_call_does_a_bounded_part_of_much(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(insert(predictions), answers(*range(100)))
    assert prune(database, RetentionSettings(), NOW, piece=10, pieces=3)["predictions"] == 30
    assert count(database, predictions) == 70
    assert prune(database, RetentionSettings(), NOW, piece=10)["predictions"] == 70


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from databases import fresh_database

    with fresh_database("sqlite", tmp_path_factory.mktemp("retention")) as database:
        yield database


@given(times=st.lists(st.integers(0, 20), max_size=30), before=st.integers(0, 21), piece=st.integers(1, 10))
def test_any_rows_in_any_pieces(filled: Database, times: list[int], before: int, piece: int) -> None:
    with filled.begin() as connection:
        connection.execute(predictions.delete())
        if times:
            connection.execute(insert(predictions), answers(*times))
    gone = prune_table(filled, Rule(predictions.c.at_us, "predictions_days"), before, piece, 1_000)
    assert gone == sum(time < before for time in times)
    with filled.read() as connection:
        left = sorted(connection.execute(select(predictions.c.at_us)).scalars())
    assert left == sorted(time for time in times if time >= before)
