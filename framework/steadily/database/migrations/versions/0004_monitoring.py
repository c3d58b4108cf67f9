"""Hourly statistics, what of them was counted, alerts and the messages about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"

COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.add_column("predictions", sa.Column("slices", sa.JSON))
    make_counting()
    make_alerting()
    make_telling()


def make_counting() -> None:
    """Make the tables of what was counted."""
    op.create_table(
        "hourly",
        sa.Column("begin_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("release", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("slice", sa.Text, nullable=False),
        sa.Column("tallies", sa.JSON, nullable=False),
        sa.Column("features", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("begin_us", "release", "slot", "slice", name="pk_hourly"),
    )
    op.create_table(
        "amounts",
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("worker", name="pk_amounts"),
    )
    op.create_index("ix_amounts_at_us", "amounts", ["at_us"])
    op.create_table(
        "counted_labels",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("labelled_us", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "position", "slot", name="pk_counted_labels"),
    )
    op.create_index("ix_counted_labels_at_us", "counted_labels", ["at_us"])


def make_alerting() -> None:
    """Make the tables of what is seen and what fires."""
    op.create_table(
        "watches",
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("release", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("slice", sa.Text, nullable=False),
        sa.Column("seen_us", sa.BigInteger, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("life", sa.JSON, nullable=False),
        sa.Column("alert", sa.BigInteger),
        sa.PrimaryKeyConstraint("rule", "what", "release", "slot", "slice", name="pk_watches"),
    )
    op.create_index("ix_watches_seen_us", "watches", ["seen_us"])
    op.create_table(
        "alerts",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("release", sa.Integer),
        sa.Column("slot", sa.Text),
        sa.Column("slice", sa.Text),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("panel", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("level", sa.Double),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("fired_us", sa.BigInteger, nullable=False),
        sa.Column("told_us", sa.BigInteger),
        sa.Column("resolved_us", sa.BigInteger),
        sa.Column("acknowledged_us", sa.BigInteger),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("deployment", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_deployment", "alerts", ["deployment"])
    op.create_index("ix_alerts_fired_us", "alerts", ["fired_us"])
    op.create_index("ix_alerts_resolved_us", "alerts", ["resolved_us"])
    op.create_table(
        "alert_events",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("alert", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("who", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("evidence", sa.JSON),
        sa.PrimaryKeyConstraint("id", name="pk_alert_events"),
    )
    op.create_index("ix_alert_events_alert", "alert_events", ["alert"])
    op.create_index("ix_alert_events_at_us", "alert_events", ["at_us"])


def make_telling() -> None:
    """Make the tables of who is told, and who is not."""
    op.create_table(
        "silences",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("begins_us", sa.BigInteger, nullable=False),
        sa.Column("ends_us", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
    )
    op.create_index("ix_silences_ends_us", "silences", ["ends_us"])
    op.create_table(
        "posts",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_us", sa.BigInteger, nullable=False),
        sa.Column("delivered_us", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_posts"),
    )
    op.create_index("ix_posts_at_us", "posts", ["at_us"])
    op.create_index("ix_posts_delivered_us_next_us", "posts", ["delivered_us", "next_us"])
