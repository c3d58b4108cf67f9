"""The run journal: what ran, when, why, how long, how many rows, what failed.

One file of JSON lines a run under ``.steadily/runs``; a line is appended in one
write. Times live here, never in an output. A run is open until the next one, or
a reader, sees how it ended.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.errors import RunError

RUNS = layout.STATE / "runs"


@dataclass(frozen=True)
class Owner:
    """The process that a run belongs to (DVC's): its id and when it was started, since ids come again."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Owner | None:
        """Give the process with this id, or None if there is none."""
        import psutil

        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


@dataclass(frozen=True)
class Run:
    """One run's journal."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name: when it was opened, and four letters that make it unique."""
        return self.path.stem

    def write(self, event: str, **content: Any) -> None:
        """Append an event."""
        line = json.dumps({"event": event, "time": now(), **content}, ensure_ascii=False, default=str) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_file() and not self.path.read_bytes().endswith(b"\n"):
            line = "\n" + line  # a crash cut the last one off
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """All events; a line that a crash cut off is left out."""
        return list(self._events())

    def _events(self) -> Iterator[dict[str, Any]]:
        for line in self.path.read_bytes().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                yield event

    def of_kind(self, *kinds: str) -> list[dict[str, Any]]:
        """Give the events of these kinds."""
        return [event for event in self.events if event["event"] in kinds]

    @property
    def opened(self) -> Mapping[str, Any]:
        """The event that opened the run."""
        found = self.of_kind("run_opened")
        return found[0] if found else {}

    @property
    def closed(self) -> Mapping[str, Any] | None:
        """The event that closed it, or None while it is open."""
        found = self.of_kind("run_closed")
        return found[-1] if found else None

    @property
    def owner(self) -> Owner | None:
        """The process that it belongs to."""
        pid, started = self.opened.get("pid"), self.opened.get("pid_started")
        return Owner(pid, started) if pid and started else None

    @property
    def running(self) -> str | None:
        """The stage that has begun and not ended."""
        begun = None
        for event in self.of_kind("stage_started", "stage_finished", "stage_failed"):
            begun = event["stage"] if event["event"] == "stage_started" else None
        return begun

    @property
    def reasons(self) -> Mapping[str, list[str]]:
        """Why each stage was to run, as ``compose`` foretold."""
        found = self.of_kind("composed")
        return found[-1]["reasons"] if found else {}

    @property
    def failed(self) -> Mapping[str, Any] | None:
        """The failure that ended it, if one did."""
        found = self.of_kind("stage_finished", "stage_failed", "compose_failed")
        return found[-1] if found and found[-1]["event"].endswith("_failed") else None


def now() -> str:
    """Give the time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def runs(project: Path) -> list[Run]:
    """List all runs, oldest first."""
    return [Run(path) for path in sorted((project / RUNS).glob("*.jsonl"))]


def last_run(project: Path) -> Run | None:
    """Give the newest run."""
    found = runs(project)
    return found[-1] if found else None


@contextmanager
def run_of_stage(project: Path) -> Iterator[Run]:
    """Give the run that this process's parent (DVC) has open; a stage by itself opens its own, and closes it.

    Raises:
        RunError: Another run is at work.
    """
    run = last_run(project)
    parent = Owner.of(os.getppid())
    if run is not None and run.closed is None and run.owner == parent:
        yield run
        return
    own = Owner.of(os.getpid())
    refuse_other_run(project, run, own)
    run = open_run(project, own, trigger="one stage")
    try:
        yield run
    except BaseException:
        run.write("run_closed", outcome="failed")
        raise
    run.write("run_closed", outcome="complete")


def refuse_other_run(project: Path, run: Run | None, owner: Owner | None) -> None:
    """Refuse to begin while another process has a run open.

    Raises:
        RunError: Naming the process.
    """
    other = run.owner if run is not None and run.closed is None else None
    if run is None or other is None or other == owner or not other.alive:
        return
    raise RunError.at(
        str(layout.PIPELINE if str(project) == "." else project / layout.PIPELINE),
        "another dvc repro is at work here",
        given=f"process {other.pid}, since {run.opened.get('time')}"
        + (f", now in stage {run.running}" if run.running else ""),
        hint="wait for it, or stop it; nothing was changed",
    )


def open_run(project: Path, owner: Owner | None, *, trigger: str) -> Run:
    """Open a new run, owned by the process that DVC is, or by a stage that runs by itself."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    run = Run(project / RUNS / f"{stamp}-{secrets.token_hex(2)}.jsonl")
    pid, started = (owner.pid, owner.started) if owner else (None, None)
    run.write("run_opened", pid=pid, pid_started=started, trigger=trigger)
    return run


def outcome_of(run: Run, *, complete: bool) -> str:
    """Tell how an open run ended, its owner being gone.

    Args:
        run: The run.
        complete: Whether ``dvc.lock`` records a whole run.

    Returns:
        "failed", "killed", "complete", or "interrupted" (ended between two stages).
    """
    if run.failed:
        return "failed"
    if run.running:
        return "killed"
    return "complete" if complete else "interrupted"
