"""The tables of operations: one MetaData, with types that SQLite and PostgreSQL keep alike.

Owns names, types and keys. Who writes and reads a table is its own module's matter; how
a database came to have them is told by ``migrations/``. Times are microseconds since
1970 in UTC, as whole numbers, so that both databases give the same answers.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    false,
)

SLOTS = ("live", "shadow", "previous")
OUTCOMES = ("answered", "refused", "error")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Words(TypeDecorator[str]):
    """Text from anywhere: what PostgreSQL or UTF-8 has no place for is replaced, in both databases alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Replace NUL and half surrogates."""
        return None if value is None else storable(str(value))


def storable(text: str) -> str:
    """Give a text with U+FFFD in place of what no database takes.

    >>> storable("a" + chr(0) + "b" + chr(0xD800)) == "a" + REPLACEMENT + "b" + REPLACEMENT
    True
    """
    if text.isascii() and "\0" not in text:
        return text
    return "".join(REPLACEMENT if sign == "\0" or "\ud800" <= sign <= "\udfff" else sign for sign in text)


def counted() -> Any:
    """Give the type of a key that the database counts up; SQLite does so for INTEGER alone."""
    return BigInteger().with_variant(Integer, "sqlite")


def json() -> JSON:
    """Give the type of plain values; None is NULL."""
    return JSON(none_as_null=True)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# A bundle that was registered. Its row and its files never change, and no retention takes it.
releases = Table(
    "releases",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", Words, nullable=False, unique=True),  # of the bundle's manifest
    Column("created_us", BigInteger, nullable=False),
    Column("git_commit", Words),
    Column("git_dirty", Boolean),
    Column("feature_set", Words),
    Column("task", Words, nullable=False),
    Column("manifest", json(), nullable=False),
    Column("metrics", json(), nullable=False),
    Column("latency", json(), nullable=False),
    Column("config", json(), nullable=False),  # params.yaml as composed
    Column("versions", json(), nullable=False),  # versions.yaml
    Column("data", json(), nullable=False),
    Column("url", Words, nullable=False),  # where its files lie
)

# Which release serves where. ``revision`` is one count over all slots: the largest says whether anything changed.
slots = Table(
    "slots",
    metadata,
    Column("name", Words, primary_key=True),
    Column("release", Integer, ForeignKey("releases.number")),
    Column("since_us", BigInteger),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("name in ('live', 'shadow', 'previous')", "name"),
)

# What was done to the slots, by whom and why. Kept for ever.
deployments = Table(
    "deployments",
    metadata,
    Column("id", counted(), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("action", Words, nullable=False),
    Column("slot", Words, nullable=False),
    Column("release", Integer, ForeignKey("releases.number")),
    Column("replaced", Integer, ForeignKey("releases.number")),
    Column("override", Boolean, nullable=False),
    Column("reason", Words),
    Column("evidence", json()),
    Column("who", Words, nullable=False),
    Column("simulated", Boolean, nullable=False, server_default=false()),  # in simulated time: nothing real was done
)

# One answer to one row of one request by one slot. No foreign key: it is written fast, and outlives nothing.
predictions = Table(
    "predictions",
    metadata,
    Column("request_id", Words, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("slot", Words, primary_key=True),
    Column("release", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("outcome", Words, nullable=False),  # one of OUTCOMES
    Column("prediction", Words),
    Column("confidence", Double),
    Column("latency_us", BigInteger),
    Column("kind", Words),  # of the refusal or the error
    Column("reason", Words),
    Column("imputed", json()),
    Column("inputs", json()),  # a sampled share, redacted
    Column("slices", json()),  # the row's value of each slice that monitoring counts apart
    Index(None, "at_us"),
    Index(None, "release", "at_us"),
)

# The truth, as it came in later.
labels = Table(
    "labels",
    metadata,
    Column("request_id", Words, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("label", Words),
    Column("at_us", BigInteger, nullable=False),
    Index(None, "at_us"),
)

load_tests = Table(
    "load_tests",
    metadata,
    Column("id", counted(), primary_key=True),
    Column("release", Integer, ForeignKey("releases.number"), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("result", json(), nullable=False),
    Index(None, "at_us"),
)

# The processes that serve, by their own word.
workers = Table(
    "workers",
    metadata,
    Column("id", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
    Column("live", Integer),
    Column("shadow", Integer),
    Column("revision", BigInteger, nullable=False),
    Index(None, "seen_us"),
)

# One row. Once simulated, a database stays so.
clock = Table(
    "clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("simulated", Boolean, nullable=False),
    Column("now_us", BigInteger),
    Column("marked_us", BigInteger),
    CheckConstraint("id = 1", "one_row"),
)
