"""The truth that comes later: labels by request id and position, taken idempotently.

The same label again changes nothing; another one takes its place, and that is counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, tuple_

from steadily.database import Database
from steadily.database.inserting import insert_into
from steadily.database.tables import labels, predictions, storable
from steadily.serving.requests import RequestError, problem

MOST = 1_000
PIECE = 200
Key = tuple[str, int]
LONGEST = 200
ENDLESS = (math.inf, -math.inf)  # what JSON readers make of 1e999
KEYS = {"request_id", "position", "label"}


@dataclass(frozen=True)
class Label:
    """The true class or number of one row of one request."""

    request_id: str
    position: int
    label: str

    @property
    def key(self) -> Key:
        """What it belongs to."""
        return self.request_id, self.position


@dataclass(frozen=True)
class Changed:
    """A label that was new, or took the place of another one."""

    label: Label
    before: str | None


Listener = Callable[[Sequence[Changed]], None]


def labels_of(body: Any) -> list[Label]:
    """Read a request's body, ``{"labels": [{"request_id": …, "position": 0, "label": …}]}``.

    Raises:
        RequestError: It is of another form; all places are named.
    """
    given = body.get("labels") if isinstance(body, dict) else None
    if not isinstance(given, list) or not given or set(body) - {"labels"}:
        told = problem("labels", "the body has to be an object with labels, a list of at least one")
        raise RequestError(422, "labels can't be read", (told,))
    if len(given) > MOST:
        told = problem("labels", "too many", len(given), f"at most {MOST:,}")
        raise RequestError(422, "too many labels in one request", (told,))
    wrong: list[dict[str, Any]] = []
    found = [label_of(f"labels[{place}]", one, wrong) for place, one in enumerate(given)]
    if wrong:
        raise RequestError(422, "labels can't be read", tuple(wrong[:20]))
    return [one for one in found if one is not None]


def label_of(where: str, given: Any, wrong: list[dict[str, Any]]) -> Label | None:
    """Read one label, or note what is wrong with it."""
    if not isinstance(given, dict):
        wrong.append(problem(where, "is no object", given))
        return None
    before = len(wrong)
    wrong += [problem(f"{where}.{key}", "unknown key") for key in sorted(given.keys() - KEYS)]
    request_id, position, label = given.get("request_id"), given.get("position", 0), given.get("label")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= LONGEST:
        wrong.append(problem(f"{where}.request_id", "has to be the id of a reply", request_id))
    if isinstance(position, float) and position.is_integer():
        position = int(position)
    if type(position) is not int or not 0 <= position < 2**31:
        wrong.append(problem(f"{where}.position", "has to be the place of the row in its request, from 0", position))
    if not isinstance(label, str | int | float) or label in ENDLESS or len(str(label)) > LONGEST:
        wrong.append(problem(f"{where}.label", "has to be a class or a number", label))
    return None if len(wrong) > before else Label(storable(str(request_id)), position, storable(text_of(label)))


def text_of(label: object) -> str:
    """Write a label as predictions are written.

    >>> text_of(True), text_of(2), text_of("spam")
    ('True', '2', 'spam')
    """
    return str(label)


def take(database: Database, found: Sequence[Label], at_us: int, listeners: Sequence[Listener] = ()) -> dict[str, int]:
    """Keep labels.

    Args:
        database: Where to.
        found: The labels; of two for one row the later counts.
        at_us: The time.
        listeners: Hear of those that changed something.

    Returns:
        How many are ``new``, took the place of another (``changed``), changed nothing (``unchanged``), and how many
        belong to no answer that is in the log yet (``unknown``, kept all the same).

    Raises:
        DatabaseError: The database takes nothing.
    """
    latest = {one.key: one for one in found}
    ordered = sorted(latest.values(), key=lambda one: one.key)  # two requests at once wait for each other in one order
    changed: list[Changed] = []
    known: set[Key] = set()
    with database.begin() as connection:
        for start in range(0, len(latest), PIECE):
            piece = ordered[start : start + PIECE]
            keys = [one.key for one in piece]
            there: Mapping[Key, str] = {
                (row.request_id, row.position): row.label
                for row in connection.execute(
                    select(labels.c.request_id, labels.c.position, labels.c.label).where(
                        tuple_(labels.c.request_id, labels.c.position).in_(keys)
                    )
                )
            }
            logged = select(predictions.c.request_id, predictions.c.position).where(
                tuple_(predictions.c.request_id, predictions.c.position).in_(keys)
            )
            known |= {(row.request_id, row.position) for row in connection.execute(logged)}
            new = [one for one in piece if there.get(one.key) != one.label]
            changed += [Changed(one, there.get(one.key)) for one in new]
            if new:
                connection.execute(upsert(connection.dialect.name), [vars(one) | {"at_us": at_us} for one in new])
    for listener in listeners:
        listener(changed)
    fresh = sum(one.before is None for one in changed)
    return {
        "new": fresh,
        "changed": len(changed) - fresh,
        "unchanged": len(latest) - len(changed),
        "unknown": len(latest) - len(known),
    }


def upsert(dialect: str) -> Any:
    """Give the statement that writes labels over those that are there."""
    statement = insert_into(labels, dialect)
    return statement.on_conflict_do_update(
        index_elements=["request_id", "position"],
        set_={"label": statement.excluded.label, "at_us": statement.excluded.at_us},
    )
