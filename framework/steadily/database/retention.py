"""Deletes what is older than it is to be kept, in bounded pieces, so that nobody waits long for a lock.

Every table that grows has a rule here, or a reason to be kept for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, delete, select

from steadily.database.monitoring import alert_events, alerts, amounts, counted_labels, hourly, posts, silences, watches
from steadily.database.opening import Database
from steadily.database.rollout import flushes, pair_examples, pair_sums, served_hours
from steadily.database.settings import RetentionSettings
from steadily.database.tables import labels, load_tests, predictions, workers
from steadily.units import DAY_US

PIECE = 5_000
PIECES = 200
# Small, and what happened is to be known years later.
FOR_EVER = (
    "releases", "slots", "deployments", "clock", "live_totals", "rule_states", "leases", "deployment_alerts"
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """How long a table's rows are kept: by which time of theirs, and which setting says so."""

    time: Column[int]
    setting: str


RULES = (
    Rule(predictions.c.at_us, "predictions_days"),
    Rule(labels.c.at_us, "labels_days"),
    Rule(load_tests.c.at_us, "load_tests_days"),
    Rule(workers.c.seen_us, "workers_days"),
    Rule(flushes.c.at_us, "workers_days"),
    Rule(pair_sums.c.hour_us, "comparisons_days"),
    Rule(pair_examples.c.at_us, "comparisons_days"),
    Rule(served_hours.c.hour_us, "comparisons_days"),
    Rule(amounts.c.at_us, "workers_days"),  # a worker sends its last amount again within minutes, or never
    Rule(counted_labels.c.at_us, "predictions_days"),
    Rule(hourly.c.begin_us, "monitoring_days"),
    Rule(watches.c.seen_us, "monitoring_days"),
    Rule(alerts.c.resolved_us, "monitoring_days"),  # those that fire have none, and stay
    Rule(alert_events.c.at_us, "monitoring_days"),
    Rule(silences.c.ends_us, "monitoring_days"),
    Rule(posts.c.delivered_us, "monitoring_days"),  # what waits has none, and stays
)


def prune(
    database: Database, kept: RetentionSettings, now_us: int, *, piece: int = PIECE, pieces: int = PIECES
) -> dict[str, int]:
    """Delete the rows that are older than the settings say.

    Args:
        database: The database.
        kept: For how many days.
        now_us: The time now, in microseconds.
        piece: About how many rows one transaction deletes; rows of one microsecond go together.
        pieces: After how many transactions for a table the rest is left to the next time.

    Returns:
        How many rows went, by table.
    """
    return {
        rule.time.table.name: prune_table(database, rule, now_us - getattr(kept, rule.setting) * DAY_US, piece, pieces)
        for rule in RULES
    }


def prune_table(database: Database, rule: Rule, before_us: int, piece: int, pieces: int) -> int:
    """Delete a table's rows from before a time."""
    gone = 0
    for _ in range(pieces):
        went = prune_piece(database, rule.time, before_us, piece)
        gone += went
        if went < piece:
            break
    return gone


def prune_piece(database: Database, time: Column[int], before_us: int, piece: int) -> int:
    """Delete the oldest rows, up to that of number ``piece`` and those of its microsecond."""
    oldest = select(time).where(time < before_us).order_by(time).offset(piece - 1).limit(1)
    with database.begin() as connection:
        last = connection.execute(oldest).scalar()
        old = time < before_us if last is None else time <= last
        return connection.execute(delete(time.table).where(old)).rowcount
