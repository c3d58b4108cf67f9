"""The commands that say which release serves: deploy status, shadow, promote, rollback."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from steadily.commands.saying import say

if TYPE_CHECKING:
    from steadily.clock import Clock
    from steadily.database import Database
    from steadily.releases.slots import Slots


@contextmanager
def opened() -> Iterator[tuple[Database, Clock]]:
    """Open the project's database, with its clock."""
    from steadily.clock import clock_of
    from steadily.database import open_project

    with open_project(Path()) as database:
        yield database, clock_of(database)


def status(chosen: argparse.Namespace) -> int:
    """Say how things stand."""
    from steadily.loadtest.asking import asked, limits
    from steadily.rollout.deploy import status as ask
    from steadily.rollout.telling import told_status

    with opened() as (database, clock):
        found = ask(database, clock, limits(Path()), asked(Path(), database, clock))
    say([json.dumps(found.to_json(), indent=1, ensure_ascii=False)] if chosen.json else list(told_status(found)))
    return 0


def shadow(chosen: argparse.Namespace) -> int:
    """Put a release into the shadow slot, or take it out."""
    from steadily.releases.slots import person
    from steadily.rollout.deploy import shadow as put

    with opened() as (database, clock):
        slots = put(database, clock, chosen.number, person())
    line = f"release {chosen.number} is the shadow: `steadily deploy status` has its checklist"
    done(chosen, slots, line if chosen.number else "no release is in shadow")
    return 0


def promote(chosen: argparse.Namespace) -> int:
    """Put a release into live traffic; the one before it stays warm as the previous."""
    from steadily.loadtest.asking import asked, limits
    from steadily.releases.slots import person
    from steadily.rollout.deploy import promote as put

    with opened() as (database, clock):
        slots = put(
            database,
            clock,
            chosen.number,
            person(),
            limits(Path()),
            override=chosen.override,
            reason=chosen.reason,
            asked=asked(Path(), database, clock),
        )
    before = f"previous: release {slots.previous}" if slots.previous else "nothing was live before"
    done(chosen, slots, f"release {slots.live} is live", before)
    return 0


def rollback(chosen: argparse.Namespace) -> int:
    """Put the previous release back."""
    from steadily.releases.slots import person
    from steadily.rollout.deploy import rollback as put

    with opened() as (database, clock):
        slots = put(database, clock, person(), chosen.reason)
    done(chosen, slots, f"release {slots.live} is live again")
    return 0


def done(chosen: argparse.Namespace, slots: Slots, *lines: str) -> None:
    """Say what was done."""
    say([json.dumps(asdict(slots))] if chosen.json else list(lines))
