"""The commands that say which release serves: deploy promote, status."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from steadily.commands.planning import say
from steadily.errors import ReleaseError

SHOWN = 10


def promote(chosen: argparse.Namespace) -> int:
    """Put a release into live traffic; the one before it stays as the previous."""
    from steadily.clock import clock_of
    from steadily.database import open_project
    from steadily.releases.records import find_release
    from steadily.releases.slots import Act, person, place, read_slots

    with open_project(Path()) as database:
        clock, slots = clock_of(database), read_slots(database)
        number = find_release(database, chosen.number).number
        refuse(chosen, number, slots.live)
        act = Act("promote", chosen.reason.strip(), person(), override=True)
        wanted = {"live": number, "previous": slots.live}
        if slots.shadow == number:
            wanted["shadow"] = None
        place(database, wanted, act, seen=slots.revision, now_us=clock.now_us())
    say([f"release {number} is live", f"previous: release {slots.live}" if slots.live else "nothing was live before"])
    return 0


def refuse(chosen: argparse.Namespace, number: int, live: int | None) -> None:
    """Refuse what may not be promoted.

    Raises:
        ReleaseError: It is live already; the checklist is not passed; or an override has no reason.
    """
    where = f"release {number}"
    if number == live:
        raise ReleaseError.at(where, "is live already")
    if not chosen.override:
        hint = "--override --reason TEXT goes over it, and is kept for ever"
        raise ReleaseError.at(where, "the checklist is not passed: it has not been in shadow", hint=hint)
    if not (chosen.reason or "").strip():
        raise ReleaseError.at(where, "an override needs a reason", hint="--reason TEXT, which is kept for ever")


def status(chosen: argparse.Namespace) -> int:
    """Say what serves where, and what was done last."""
    from dataclasses import asdict

    from steadily.database import open_project
    from steadily.releases.slots import deployments_of, read_slots
    from steadily.releases.telling import told_slots

    with open_project(Path()) as database:
        slots, last = read_slots(database), deployments_of(database, SHOWN)
    whole = {"slots": asdict(slots), "deployments": last}
    say([json.dumps(whole, indent=1, ensure_ascii=False)] if chosen.json else list(told_slots(slots, last)))
    return 0
