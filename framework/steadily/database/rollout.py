"""The tables of rolling out: what two releases made of the same requests, the rule's state, leases, alerts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table

from steadily.database.tables import Words, counted, json, metadata

# Sums over the pairs of an hour, by the slot of the release beside the live one and since when it has been there.
pair_sums = Table(
    "pair_sums",
    metadata,
    Column("slot", Words, primary_key=True),
    Column("live", Integer, primary_key=True, autoincrement=False),
    Column("other", Integer, primary_key=True, autoincrement=False),
    Column("since_us", BigInteger, primary_key=True, autoincrement=False),
    Column("hour_us", BigInteger, primary_key=True, autoincrement=False),
    Column("counts", json(), nullable=False),
    Index(None, "hour_us"),
)

# The latest requests that two releases answered otherwise: for people to look at, and not many.
pair_examples = Table(
    "pair_examples",
    metadata,
    Column("id", counted(), primary_key=True),
    Column("slot", Words, nullable=False),
    Column("live", Integer, nullable=False),
    Column("other", Integer, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("content", json(), nullable=False),
    Index(None, "at_us"),
)

# What a release attempted while it was live, by the hour: the baseline of the one after it.
served_hours = Table(
    "served_hours",
    metadata,
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("hour_us", BigInteger, primary_key=True, autoincrement=False),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Index(None, "hour_us"),
)

# The same since it went live, in one row that only grows: what the rule reads every second.
live_totals = Table(
    "live_totals",
    metadata,
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("since_us", BigInteger, primary_key=True, autoincrement=False),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("paired", BigInteger, nullable=False),
    Column("new_errors", BigInteger, nullable=False),
    Column("old_errors", BigInteger, nullable=False),
)

# The last flush of each worker that the sums hold.
flushes = Table(
    "flushes",
    metadata,
    Column("worker", Words, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index(None, "at_us"),
)

# What the rollback rule goes on from, for each time that a release was live, and what it said last.
rule_states = Table(
    "rule_states",
    metadata,
    Column("release", Integer, ForeignKey("releases.number"), primary_key=True, autoincrement=False),
    Column("since_us", BigInteger, primary_key=True, autoincrement=False),
    Column("baseline_requests", BigInteger, nullable=False),
    Column("baseline_errors", BigInteger, nullable=False),
    Column("seen", json(), nullable=False),  # the totals that are in the state
    Column("state", json(), nullable=False),
    Column("verdict", json(), nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

# Who decides: one of several, until a time.
leases = Table(
    "leases",
    metadata,
    Column("name", Words, primary_key=True),
    Column("holder", Words, nullable=False),
    Column("until_us", BigInteger, nullable=False),
)

# What deploying has to tell people.
deployment_alerts = Table(
    "deployment_alerts",
    metadata,
    Column("id", counted(), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", Words, nullable=False),
    Column("key", Words, nullable=False),  # one alert of a kind and key is open at a time
    Column("severity", Words, nullable=False),
    Column("message", Words, nullable=False),
    Column("evidence", json(), nullable=False),
    Column("release", Integer),
    Column("cleared_us", BigInteger),
    Column("acknowledged_by", Words),
    Column("acknowledged_us", BigInteger),
    Column("note", Words),
    Index(None, "at_us"),
)
