"""What is shown of pipeline runs: the journal's story of each, its ledgers, and its report.

A report is rendered by a process of its own, so that drawing takes nothing from one that answers requests.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.errors import RunError, SteadilyError
from steadily.journal import Run, runs
from steadily.outputs import Outputs, outputs_of
from steadily.stories.run import ending, not_run, outcome

REPORTS = layout.STATE / "dashboard"
REPORT_SECONDS = 120
MOST_RUNS = 100
COUNTS = ("in", "out", "dropped", "quarantined", "imputed", "lost")
ACTIONS = COUNTS[2:]
rendering = threading.Lock()


def listed_runs(project: Path) -> list[dict[str, Any]]:
    """List the last runs, the latest first."""
    return [line_of(run, project) for run in reversed(runs(project)[-MOST_RUNS:])]


def line_of(run: Run, project: Path) -> dict[str, Any]:
    """Tell a run in a few words."""
    ended = outcome(run, project)
    return {
        "name": run.name,
        "began": run.opened.get("time"),
        "closed": (run.closed or {}).get("time"),
        "trigger": run.opened.get("trigger"),
        "outcome": ended,
        "told": ending(run, ended),
        "stages": len(run.of_kind("stage_finished")),
        "seconds": sum(event["seconds"] for event in run.of_kind("stage_finished")),
    }


def find_run(project: Path, name: str) -> Run:
    """Find a run by its whole name.

    Raises:
        RunError: There is none.
    """
    found = next((run for run in runs(project) if run.name == name), None)
    if found is None:
        raise RunError.at("run", "there is no such run", given=name[:60])
    return found


def told_run(project: Path, name: str) -> dict[str, Any]:
    """Tell a run: its stages in the order in which they ran, with their ledgers' sums by step and reason.

    Raises:
        RunError: There is none.
    """
    run = find_run(project, name)
    line = line_of(run, project)
    kept, waiting = not_run(run, line["outcome"])
    outputs = outputs_for(project, run)
    why = {event["stage"]: event["why"] for event in run.of_kind("stage_started")}
    ended = run.of_kind("stage_finished", "stage_failed", "compose_failed")
    ran = [stage_of(event, outputs) | {"why": why.get(event.get("stage"), [])} for event in ended]
    return line | {
        "stages": ran,
        "cached": [{"stage": stage, "why": run.reasons.get(stage, [])} for stage in kept],
        "waiting": [] if line["outcome"] == "running" else waiting,
        "notes": [note for event in run.of_kind("composed") for note in event["notes"]],
        "has_report": outputs is not None,
    }


def outputs_for(project: Path, run: Run) -> Outputs | None:
    """Give what a run wrote: what stands here, if it is the last one, or what was kept of it; None if neither is."""
    try:
        return outputs_of(project, "workspace" if run.name == runs(project)[-1].name else run.name)
    except SteadilyError:
        return None


def stage_of(event: dict[str, Any], outputs: Outputs | None) -> dict[str, Any]:
    """Tell a stage as it ended."""
    failed = event["event"] != "stage_finished"
    stage = event.get("stage", "compose")
    found = {"stage": stage, "failed": failed, "seconds": event.get("seconds"), "ended": event["time"]}
    found |= {"error": str(event.get("error") or "") if failed else None}
    found |= {name: event.get(name) for name in COUNTS}
    summary = None if failed or outputs is None else outputs.json(layout.report_files(stage)[0])
    return found | {"ledger": ledger_of(summary) if summary else []}


def ledger_of(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Give a line for each step, action and reason that touched a row."""
    return [
        {"step": step, "action": action, "reason": reason, "rows": rows}
        for step, counts in summary.get("steps", {}).items()
        for action in ACTIONS
        for reason, rows in (counts["reasons"].get(action) or {}).items()
    ]


def report_of(project: Path, name: str) -> Path:
    """Give the page of a run, rendered where it was not yet.

    Raises:
        RunError: There is no such run, it is running, or it has none.
    """
    run = find_run(project, name)
    ended = line_of(run, project)["outcome"]
    if ended == "running":
        raise RunError.at(f"run {name}", "is running: its report is rendered when it has ended")
    page = (project / REPORTS / f"{name}.html").absolute()
    with rendering:
        if not page.is_file():
            render(project, name, page)
    return page


def render(project: Path, name: str, page: Path) -> None:
    """Render the page of a run.

    Raises:
        RunError: It can't be rendered, or takes too long.
    """
    words = [sys.executable, "-m", "steadily.cli", "report", name, "--out", str(page)]
    try:
        done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False, timeout=REPORT_SECONDS)
    except subprocess.TimeoutExpired:
        raise RunError.at(f"run {name}", f"its report took more than {REPORT_SECONDS} seconds") from None
    if done.returncode:
        raise RunError.at(f"run {name}", "has no report", given=done.stderr.strip()[-300:] or None)
