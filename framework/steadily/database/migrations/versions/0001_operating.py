"""Releases, slots, deployments, predictions, labels, load tests, workers and the clock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables, the three slots and the clock."""
    make_deploying()
    make_answering()
    slots = sa.table("slots", sa.column("name", sa.Text), sa.column("revision", sa.BigInteger))
    op.bulk_insert(slots, [{"name": name, "revision": 0} for name in ("live", "shadow", "previous")])
    clock = sa.table("clock", sa.column("id", sa.Integer), sa.column("simulated", sa.Boolean))
    op.bulk_insert(clock, [{"id": 1, "simulated": False}])


def make_deploying() -> None:
    """Make the tables that say what is served."""
    op.create_table(
        "releases",
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("git_commit", sa.Text),
        sa.Column("git_dirty", sa.Boolean),
        sa.Column("feature_set", sa.Text),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("manifest", sa.JSON, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("latency", sa.JSON, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_releases"),
        sa.UniqueConstraint("digest", name="uq_releases_digest"),
    )
    op.create_table(
        "slots",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("release", sa.Integer),
        sa.Column("since_us", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_slots"),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name="fk_slots_release"),
        sa.CheckConstraint("name in ('live', 'shadow', 'previous')", name="ck_slots_name"),
    )
    op.create_table(
        "deployments",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("release", sa.Integer),
        sa.Column("replaced", sa.Integer),
        sa.Column("override", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("evidence", sa.JSON),
        sa.Column("who", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name="fk_deployments_release"),
        sa.ForeignKeyConstraint(["replaced"], ["releases.number"], name="fk_deployments_replaced"),
    )
    op.create_table(
        "load_tests",
        sa.Column("id", COUNTED, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("result", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_load_tests"),
        sa.ForeignKeyConstraint(["release"], ["releases.number"], name="fk_load_tests_release"),
    )
    op.create_index("ix_load_tests_at_us", "load_tests", ["at_us"])


def make_answering() -> None:
    """Make the tables that say what was answered, by which processes and when."""
    op.create_table(
        "predictions",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("slot", sa.Text, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("prediction", sa.Text),
        sa.Column("confidence", sa.Double),
        sa.Column("latency_us", sa.BigInteger),
        sa.Column("kind", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("imputed", sa.JSON),
        sa.Column("inputs", sa.JSON),
        sa.PrimaryKeyConstraint("request_id", "position", "slot", name="pk_predictions"),
    )
    op.create_index("ix_predictions_at_us", "predictions", ["at_us"])
    op.create_index("ix_predictions_release_at_us", "predictions", ["release", "at_us"])
    op.create_table(
        "labels",
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("label", sa.Text),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "position", name="pk_labels"),
    )
    op.create_index("ix_labels_at_us", "labels", ["at_us"])
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("started_us", sa.BigInteger, nullable=False),
        sa.Column("seen_us", sa.BigInteger, nullable=False),
        sa.Column("live", sa.Integer),
        sa.Column("shadow", sa.Integer),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_index("ix_workers_seen_us", "workers", ["seen_us"])
    op.create_table(
        "clock",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("now_us", sa.BigInteger),
        sa.Column("marked_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_clock"),
        sa.CheckConstraint("id = 1", name="ck_clock_one_row"),
    )
