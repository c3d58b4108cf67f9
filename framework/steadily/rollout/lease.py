"""Leases: one of several processes decides, and another takes over when it is gone."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from steadily.database.rollout import leases


def take(connection: Connection, name: str, holder: str, now_us: int, length_us: int) -> bool:
    """Take or keep a lease, within a transaction that is alone in doing so.

    A lease that ends later than one that was given now would is from a clock that was ahead, and counts as over.

    Args:
        connection: In that transaction.
        name: What is decided.
        holder: Who asks.
        now_us: The time.
        length_us: For how long it is given.

    Returns:
        Whether ``holder`` has it now.
    """
    row = connection.execute(select(leases).where(leases.c.name == name)).first()
    if row is not None and row.holder != holder and is_on(row.until_us, now_us, length_us):
        return False
    values = {"holder": holder, "until_us": now_us + length_us}
    if row is None:
        connection.execute(insert(leases).values(name=name, **values))
    else:
        connection.execute(update(leases).where(leases.c.name == name).values(values))
    return True


def held_by_another(connection: Connection, name: str, holder: str, now_us: int, length_us: int) -> bool:
    """Tell, without writing, whether somebody else decides at the moment."""
    row = connection.execute(select(leases).where(leases.c.name == name)).first()
    return row is not None and row.holder != holder and is_on(row.until_us, now_us, length_us)


def is_on(until_us: int, now_us: int, length_us: int) -> bool:
    """Tell whether a lease is on.

    >>> is_on(10, 5, 10), is_on(10, 10, 10), is_on(10_000, 5, 10)
    (True, False, False)
    """
    return now_us < until_us <= now_us + length_us
