"""The commands of releases: release, release list, show, diff."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from steadily.commands.saying import say


def register(chosen: argparse.Namespace) -> int:
    """Register the bundle of the last complete run."""
    from steadily.process import compute_alike

    compute_alike()  # before numpy is loaded: the same answers as in training
    from dataclasses import asdict

    from steadily import layout
    from steadily.clock import clock_of
    from steadily.database import open_project
    from steadily.releases.judged import judged_rows
    from steadily.releases.register import register as enter
    from steadily.releases.slots import person
    from steadily.releases.telling import told_registered
    from steadily.serving.trial import try_out

    project = Path()
    store = store_of(project)

    def latency() -> dict[str, Any]:
        bundle = project / layout.BUNDLE
        training_only = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))["training_only"]
        return try_out(bundle, judged_rows(project, training_only))

    with open_project(project) as database:
        found = enter(project, database, store, clock_of(database), latency, person())
    say([json.dumps(asdict(found))] if chosen.json else list(told_registered(**asdict(found))))
    return 0


def store_of(project: Path) -> Any:
    """Give the store that ``conf/operate.yaml`` names."""
    from steadily.releases.settings import ReleasesSettings
    from steadily.releases.store import Store
    from steadily.settings import settings

    return Store(settings(project, ReleasesSettings).address(project))


def list_all(chosen: argparse.Namespace) -> int:
    """List the releases."""
    from steadily.database import open_project
    from steadily.releases.records import list_releases
    from steadily.releases.slots import read_slots
    from steadily.releases.telling import told_list

    with open_project(Path()) as database:
        found, slots = list_releases(database), read_slots(database)
    say([json.dumps(found)] if chosen.json else list(told_list(found, slots)))
    return 0


def show(chosen: argparse.Namespace) -> int:
    """Show one release whole."""
    from dataclasses import asdict

    from steadily.database import open_project
    from steadily.releases.records import find_release
    from steadily.releases.slots import read_slots
    from steadily.releases.telling import told_release

    with open_project(Path()) as database:
        found, slots = find_release(database, chosen.number), read_slots(database)
    text = json.dumps(asdict(found), indent=1, ensure_ascii=False)
    say([text] if chosen.json else list(told_release(found, slots)))
    return 0


def diff(chosen: argparse.Namespace) -> int:
    """Show two releases side by side."""
    from steadily.database import open_project
    from steadily.releases.compare import differences, lines
    from steadily.releases.records import find_release

    with open_project(Path()) as database:
        one, other = (find_release(database, number) for number in (chosen.a, chosen.b))
    plain = {name: [item._asdict() for item in items] for name, items in differences(one, other).items()}
    say([json.dumps(plain, indent=1, ensure_ascii=False)] if chosen.json else list(lines(one, other)))
    return 0
