"""The commands that look: log, why, steps, preview, contract draft."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from steadily.commands.saying import say
from steadily.errors import DataError, RunError


def log(chosen: argparse.Namespace) -> int:
    """Tell the story of a run."""
    from steadily.journal import runs
    from steadily.stories.run import line_of, story_of

    found = runs(Path())
    if not found:
        say(["no run is on record yet: dvc repro makes the first"])
        return 0
    if chosen.all:
        say([line_of(run, Path()) for run in found])
        return 0
    if chosen.run_name:
        found = [run for run in found if run.name.startswith(chosen.run_name)]
        if not found:
            raise RunError.at(
                "steadily log", "no such run", given=chosen.run_name, hint="`steadily log --all` lists them"
            )
    say(story_of(found[-1], Path()))
    return 0


def why(chosen: argparse.Namespace) -> int:
    """Tell one row's story."""
    from steadily.stories.row import story_of_row

    if not re.fullmatch("-?[0-9]{1,19}", chosen.row_id) or not -(2**63) <= int(chosen.row_id) < 2**63:
        raise DataError.at(
            "steadily why",
            "a row id is a whole number of 64 bits",
            given=chosen.row_id,
            hint="the ledger (reports/STAGE/ledger.parquet) and the datasets have them",
        )
    say(story_of_row(Path(), int(chosen.row_id)))
    return 0


def steps(chosen: argparse.Namespace) -> int:
    """List the steps, or show one."""
    from steadily.catalog import Catalog
    from steadily.stories.steps import listing, whole

    catalog = Catalog(Path(), own_modules())
    if chosen.name:
        entry = catalog.entry(chosen.name)
        say([json.dumps(entry.schema, indent=1)] if chosen.json else whole(entry))
        return 0
    if chosen.json:
        say([json.dumps({name: dict(entry.schema) for name, entry in catalog.steps.items()}, indent=1)])
        return 0
    say(listing(catalog))
    return 0


def own_modules() -> tuple[str, ...]:
    """Name the project's own plugin modules, if there is a project here that composes."""
    from steadily import layout
    from steadily.errors import SteadilyError
    from steadily.resolution import compose_values

    if not layout.CONF.is_dir():
        return ()
    try:
        found = compose_values(Path()).get("plugins") or []
    except SteadilyError:
        return ()
    return tuple(name for name in found if isinstance(name, str))


def preview(chosen: argparse.Namespace) -> int:
    """Show what a stage does to the first rows of its input."""
    from steadily import preview as previewing

    found = previewing.preview(Path(), chosen.stage, chosen.rows)
    say([json.dumps(found.to_json(), indent=1, ensure_ascii=False)] if chosen.json else list(previewing.told(found)))
    return 0


def draft(chosen: argparse.Namespace) -> int:
    """Propose a contract from a file."""
    from steadily.catalog import Catalog
    from steadily.draft import draft_contract

    say([draft_contract(Catalog(Path(), own_modules()), Path(chosen.file), chosen.name, chosen.missing).rstrip()])
    return 0
