"""The tables of monitoring: hourly statistics, what of them was counted already, alerts and the posts about them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table

from steadily.database.tables import Words, counted, json, metadata

# Sums of an hour's answers, by release, slot and slice; the database never looks into them.
hourly = Table(
    "hourly",
    metadata,
    Column("begin_us", BigInteger, primary_key=True, autoincrement=False),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("slot", Words, primary_key=True),
    Column("slice", Words, primary_key=True),
    Column("tallies", json(), nullable=False),
    Column("features", json(), nullable=False),
)

# The last amount of each worker that the sums hold.
amounts = Table(
    "amounts",
    metadata,
    Column("worker", Words, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index(None, "at_us"),
)

# The labels that the sums hold: each is counted once, and a changed one in the place of the earlier.
counted_labels = Table(
    "counted_labels",
    metadata,
    Column("request_id", Words, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("slot", Words, primary_key=True),
    Column("label", Words, nullable=False),
    Column("labelled_us", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),  # of the prediction
    Index(None, "at_us"),
)

# What a rule has last seen of its subject, and where the subject's alert is in its life.
watches = Table(
    "watches",
    metadata,
    Column("rule", Words, primary_key=True),
    Column("what", Words, primary_key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("slot", Words, primary_key=True),
    Column("slice", Words, primary_key=True),
    Column("seen_us", BigInteger, nullable=False),
    Column("side", Words, nullable=False),
    Column("life", json(), nullable=False),
    Column("alert", BigInteger),
    Index(None, "seen_us"),
)

# What was told of alerts, and by whom they were acknowledged.
alert_events = Table(
    "alert_events",
    metadata,
    Column("id", counted(), primary_key=True),
    Column("alert", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("what", Words, nullable=False),
    Column("who", Words),
    Column("note", Words),
    Column("evidence", json()),
    Index(None, "alert"),
    Index(None, "at_us"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", counted(), primary_key=True),
    Column("rule", Words, nullable=False),
    Column("what", Words, nullable=False),
    Column("slot", Words, nullable=False),
    Column("begins_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
    Column("who", Words, nullable=False),
    Column("note", Words, nullable=False),
    Index(None, "ends_us"),
)

# Messages to channels, kept until they are delivered.
posts = Table(
    "posts",
    metadata,
    Column("id", counted(), primary_key=True),
    Column("channel", Words, nullable=False),
    Column("content", json(), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Column("delivered_us", BigInteger),
    Column("error", Words),
    Index(None, "at_us"),
    Index(None, "delivered_us", "next_us"),
)

# Thresholds that were crossed. An alert is told to people, who acknowledge it; it retrains nothing.
alerts = Table(
    "alerts",
    metadata,
    Column("id", counted(), primary_key=True),
    Column("rule", Words, nullable=False),
    Column("what", Words, nullable=False),
    Column("release", Integer),
    Column("slot", Words),
    Column("slice", Words),
    Column("severity", Words, nullable=False),
    Column("group_name", Words, nullable=False),
    Column("panel", Words, nullable=False),
    Column("value", Double),
    Column("level", Double),
    Column("evidence", json(), nullable=False),
    Column("fired_us", BigInteger, nullable=False),
    Column("told_us", BigInteger),
    Column("resolved_us", BigInteger),
    Column("acknowledged_us", BigInteger),
    Column("acknowledged_by", Words),
    Column("note", Words),
    Column("deployment", BigInteger),  # of deployment_alerts, where deploying raised it
    Index(None, "deployment"),
    Index(None, "fired_us"),
    Index(None, "resolved_us"),
)
