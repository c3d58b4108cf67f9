"""Tells the story of a run from its journal: a screen for a run, a line for a failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from steadily.console import counts
from steadily.journal import Run, outcome_of
from steadily.lastgood import stands_complete


def story_of(run: Run, project: Path) -> list[str]:
    """Tell a run: when, what began it, each stage with the reason and the rows, and how it ended."""
    lines = [f"run {run.name}, {run.opened.get('trigger', '?')}, began {local(run.opened.get('time', ''))}"]
    for event in run.events:
        lines += told(event)
    ended = outcome(run, project)
    cached, waiting = not_run(run, ended)
    lines += [f"  {stage}: from the cache, as it ran before ({'; '.join(run.reasons[stage])})" for stage in cached]
    if waiting and ended != "running":
        lines.append(f"  not reached: {', '.join(waiting)}")
    lines += [f"  restored {local(event['time'])}: the last complete run" for event in run.of_kind("restored")]
    return [*lines, ending(run, ended)]


def not_run(run: Run, ended: str) -> tuple[list[str], list[str]]:
    """Give the stages that were to run and did not: from DVC's cache, and not reached."""
    ran = {event.get("stage") for event in run.events}
    planned = list(run.reasons)
    last = len(planned) if ended == "complete" else max((i for i, name in enumerate(planned) if name in ran), default=0)
    cached = [name for name in planned[:last] if name not in ran]
    return cached, [name for name in planned[last:] if name not in ran]


def told(event: Mapping[str, Any]) -> Iterator[str]:
    """Tell one event."""
    kind = event["event"]
    if kind == "composed":
        yield from (f"  note: {note}" for note in event["notes"])
        if not event["reasons"]:
            yield "  nothing had changed"
    elif kind == "stage_started":
        why = event["why"]
        yield f"  {event['stage']}" + (f": {'; '.join(why)}" if why else "")
    elif kind == "stage_finished":
        yield f"    {counts(event)}, in {event['seconds']:.1f} s"
        yield from (f"    note: {note}" for note in event["notes"])
    elif kind in ("stage_failed", "compose_failed"):
        yield from (f"    {line}" for line in str(event["error"]).splitlines())


def outcome(run: Run, project: Path) -> str:
    """Tell how a run ended, or that it is running."""
    if run.closed is not None:
        return str(run.closed["outcome"])
    if run.owner is not None and run.owner.alive:
        return "failed" if run.failed else "running"
    return outcome_of(run, complete=stands_complete(project))


def ending(run: Run, ended: str) -> str:
    """Say in a line how it ended."""
    if ended == "failed" and run.failed:
        stage = run.failed.get("stage", "compose")
        first = str(run.failed["error"]).splitlines()[0] if run.failed["error"] else ""
        return f"failed in {stage}: {first}"
    if ended == "killed":
        return f"killed in {run.running}; `dvc repro` goes on from there"
    if ended == "running":
        return f"running: {run.running or 'between two stages'}"
    finished = len(run.of_kind("stage_finished"))
    how = "not complete" if ended == "interrupted" else ended  # `dvc repro STAGE` ends so, too
    return f"{how}: {finished} {'stage' if finished == 1 else 'stages'} ran"


def line_of(run: Run, project: Path) -> str:
    """Tell a run in a line."""
    began, trigger = local(run.opened.get("time", "")), run.opened.get("trigger", "?")
    return f"{run.name}  {began}  {trigger}: {ending(run, outcome(run, project))}"


def local(time: str) -> str:
    """Write a time of the journal in the reader's zone."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return time
