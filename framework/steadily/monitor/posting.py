"""Posts: messages to channels, kept in the database until a plugin has delivered them.

A channel that fails is tried again, later each time and without end, and shown with its error meanwhile. A message may
arrive twice where a process dies between delivering and writing that down; none is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, update

from steadily.database import Database
from steadily.database.monitoring import posts
from steadily.errors import SteadilyError
from steadily.monitor.settings import Channel
from steadily.units import MINUTE_US

CLAIM_US = 5 * MINUTE_US  # after so long somebody else may try what a process has taken and not finished
LONGEST_WAIT_US = 60 * MINUTE_US
TOGETHER = 50
SHOWN = 300
logger = logging.getLogger("steadily.monitor.posting")


def write_posts(
    connection: Connection, message: Mapping[str, Any], channels: Mapping[str, Channel], now_us: int
) -> int:
    """Write a message down for each channel that wants its severity.

    Returns:
        How many channels that are.
    """
    wanted = [name for name, channel in channels.items() if message["severity"] in channel.severities]
    for name in wanted:
        values = {"channel": name, "content": dict(message), "at_us": now_us, "attempts": 0, "next_us": now_us}
        connection.execute(insert(posts).values(values))
    return len(wanted)


def deliver(database: Database, channels: Mapping[str, Channel], listeners: Sequence[str], now_us: int) -> int:
    """Try to deliver what is due.

    Args:
        database: The database of operations.
        channels: By name.
        listeners: The modules of the plugins that deliver.
        now_us: The time now.

    Returns:
        How many posts were delivered.
    """
    with database.read() as connection:
        due = and_(posts.c.delivered_us.is_(None), posts.c.next_us <= now_us)
        rows = connection.execute(select(posts).where(due).order_by(posts.c.id).limit(TOGETHER)).all()
    delivered = 0
    for row in rows:
        if not claimed(database, row, now_us):
            continue
        error = attempt(row.channel, row.content | {"id": row.id, "at_us": row.at_us}, channels, listeners)
        wait = min(MINUTE_US * 2**row.attempts, LONGEST_WAIT_US)
        values: dict[str, Any] = {"attempts": row.attempts + 1, "error": error}
        values |= {"delivered_us": now_us} if error is None else {"next_us": now_us + wait}
        with database.begin() as connection:
            connection.execute(update(posts).where(posts.c.id == row.id).values(values))
        delivered += error is None
    return delivered


def claimed(database: Database, row: Any, now_us: int) -> bool:
    """Take a post, unless another process has: several may deliver at once."""
    own = and_(posts.c.id == row.id, posts.c.next_us == row.next_us, posts.c.delivered_us.is_(None))
    with database.begin() as connection:
        return bool(connection.execute(update(posts).where(own).values(next_us=now_us + CLAIM_US)).rowcount)


def attempt(
    name: str, content: Mapping[str, Any], channels: Mapping[str, Channel], listeners: Sequence[str]
) -> str | None:
    """Try to deliver one message.

    Returns:
        None if a plugin took it, otherwise why not, without any address.
    """
    from steadily.plugins import manager_of

    channel = channels.get(name)
    if channel is None:
        return f"conf/operate.yaml has no channel {name!r} any more"
    alert = dict(content) | {"channel": {"name": name, "url_env": channel.url_env}}
    for module in listeners:
        try:
            if any(manager_of([import_module(module)]).hook.notify(alert=alert)):
                return None
        except (Exception, SystemExit) as error:
            logger.warning("channel %s: %s of %s", name, type(error).__name__, module)
            return (str(error) if isinstance(error, SteadilyError) else f"{module}: {type(error).__name__}")[:SHOWN]
    return "no plugin delivers to it; steadily_notify does, with the extra 'notify'"


def listeners_of(project: Path) -> list[str]:
    """Name the modules of the plugins that deliver, installed ones and the project's own."""
    from steadily import config
    from steadily.catalog import Catalog

    try:
        own = config.compose(project).values.get("plugins") or []
    except SteadilyError:
        own = []  # a broken pipeline is no reason to keep quiet
    return Catalog(project, tuple(name for name in own if isinstance(name, str))).listeners("notify")


def channel_states(database: Database, channels: Mapping[str, Channel]) -> list[dict[str, Any]]:
    """Say of each channel what waits, since when, and what the last attempt came to."""
    waiting = posts.c.delivered_us.is_(None)
    with database.read() as connection:
        found = []
        for name in dict.fromkeys([*channels, *connection.execute(select(posts.c.channel).where(waiting)).scalars()]):
            own = posts.c.channel == name
            asked = select(func.count(), func.min(posts.c.at_us)).where(own, waiting)
            count, since = connection.execute(asked).one()
            error = connection.execute(
                select(posts.c.error).where(own, waiting, posts.c.attempts > 0).order_by(posts.c.id.desc()).limit(1)
            ).scalar()
            last = connection.execute(select(func.max(posts.c.delivered_us)).where(own)).scalar()
            found.append(
                {"name": name, "waiting": count, "waiting_since_us": since, "error": error, "delivered_us": last}
            )
    return found
