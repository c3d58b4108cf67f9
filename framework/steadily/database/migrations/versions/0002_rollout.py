"""Pairs of releases, the rollback rule's state, leases, alerts of deployments, and the mark of simulated ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.add_column("deployments", sa.Column("simulated", sa.Boolean, nullable=False, server_default=sa.false()))
    make_comparing()
    make_deciding()


def make_comparing() -> None:
    """Make the tables of what releases made of requests."""
    op.create_table(
        "pair_sums",
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("live", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("other", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("since_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("hour_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("slot", "live", "other", "since_us", "hour_us", name="pk_pair_sums"),
    )
    op.create_index("ix_pair_sums_hour_us", "pair_sums", ["hour_us"])
    op.create_table(
        "pair_examples",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("live", sa.Integer, nullable=False),
        sa.Column("other", sa.Integer, nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pair_examples"),
    )
    op.create_index("ix_pair_examples_at_us", "pair_examples", ["at_us"])
    op.create_table(
        "served_hours",
        sa.Column("release", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("hour_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("errors", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("release", "hour_us", name="pk_served_hours"),
    )
    op.create_index("ix_served_hours_hour_us", "served_hours", ["hour_us"])
    names = ("requests", "errors", "paired", "new_errors", "old_errors")
    op.create_table(
        "live_totals",
        sa.Column("release", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("since_us", sa.BigInteger, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in names),
        sa.PrimaryKeyConstraint("release", "since_us", name="pk_live_totals"),
    )
    op.create_table(
        "flushes",
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("worker", name="pk_flushes"),
    )
    op.create_index("ix_flushes_at_us", "flushes", ["at_us"])


def make_deciding() -> None:
    """Make the tables of what the rule concludes, and who is told."""
    op.create_table(
        "rule_states",
        sa.Column("release", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("since_us", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("baseline_requests", sa.BigInteger, nullable=False),
        sa.Column("baseline_errors", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.JSON, nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("verdict", sa.JSON, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("release", "since_us", name="pk_rule_states"),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name="fk_rule_states_release"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "deployment_alerts",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("release", sa.Integer),
        sa.Column("cleared_us", sa.BigInteger),
        sa.Column("acknowledged_by", sa.Text),
        sa.Column("acknowledged_us", sa.BigInteger),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_deployment_alerts"),
    )
    op.create_index("ix_deployment_alerts_at_us", "deployment_alerts", ["at_us"])
