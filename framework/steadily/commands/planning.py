"""The commands before a run: compose, check, plan."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from steadily import compose as composing
from steadily.commands.saying import say


def compose(chosen: argparse.Namespace) -> int:
    """Compose, as DVC's first stage does."""
    from steadily.process import die_with_parent

    die_with_parent()
    say(composing.compose(Path()))
    return 0


def check(chosen: argparse.Namespace) -> int:
    """Check the configuration."""
    found = composing.check_project(Path())
    pipeline = found.resolution.pipeline
    steps = sum(len(stage.steps) for stage in pipeline.stages)
    say([f"note: {note}" for note in found.notes])
    say([f"all well: {len(pipeline.stages)} stages, {steps} steps"])
    return 0


def plan(chosen: argparse.Namespace) -> int:
    """Say what ``dvc repro`` would do."""
    from steadily.plan import told

    found = composing.check_project(Path())
    notes = [*found.notes, *composing.foretold_shape(Path(), found)]
    if chosen.json:
        say([json.dumps({"reasons": found.reasons, "notes": notes}, indent=1, ensure_ascii=False)])
        return 0
    say([f"note: {note}" for note in notes])
    say(told(found.reasons) or ["nothing to do: dvc repro would run compose only"])
    return 0
