"""Runs one stage and tells the journal and the plugins how it went. The work itself is in `steadily.stage.work`."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from steadily import journal
from steadily.errors import RunError, SteadilyError
from steadily.resolution import Resolution
from steadily.stage.begin import Begun, begin
from steadily.stage.bringback import bring_back

ROOM = "make room, and run dvc repro again; `dvc gc -w` removes from the cache what no run needs any more"
logger = logging.getLogger("steadily.stage.run")


def run_stage(project: Path, name: str) -> dict[str, Any]:
    """Run a stage and tell the journal and the plugins.

    Returns:
        The record that the hook ``stage_finished`` gets.

    Raises:
        SteadilyError: It failed; outputs, its own included, are as the last good run left them.
    """
    with journal.run_of_stage(project) as run:
        return told_to(run, project, name)


def told_to(run: journal.Run, project: Path, name: str) -> dict[str, Any]:
    """Run a stage and write down in a run's journal how it went."""
    started = time.monotonic()
    logger.info("stage begins", extra={"content": {"stage": name, "run": run.name}})
    run.write("stage_started", stage=name, why=run.reasons.get(name, []))
    resolution = None
    try:
        begun = begin(project, name)
        resolution = begun.resolution
        summary = worked(begun)
    except BaseException as error:
        text = told_of(error)
        record = {"stage": name, "seconds": round(time.monotonic() - started, 3), "error": text, "back": []}
        with suppress(OSError, SteadilyError):  # on a full disk, that is the error to tell
            record["back"] = bring_back(project, name)
        with suppress(OSError):
            run.write("stage_failed", **record)
        logger.info("stage failed", extra={"content": record})
        tell(resolution, "stage_failed", record)
        if isinstance(error, SteadilyError):
            error.told = True
        raise
    counts = {key: summary[key] for key in ("in", "out", "dropped", "quarantined", "imputed", "lost", "notes")}
    counts |= {key: summary[key] for key in ("latency",) if key in summary}
    record = {"stage": name, "seconds": round(time.monotonic() - started, 3), **counts}
    run.write("stage_finished", **record)
    logger.info("stage finished", extra={"content": record})
    tell(resolution, "stage_finished", record)
    return record


def told_of(error: BaseException) -> str:
    """Say what ended a stage."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl-C"
    return str(error) if isinstance(error, SteadilyError) else f"{type(error).__name__}: {error}"


def worked(begun: Begun) -> dict[str, Any]:
    """Do a stage's work.

    Raises:
        SteadilyError: It failed, be it for a full disk.
    """
    from steadily.stage.work import work

    try:
        return work(begun)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        raise RunError.at(
            f"stage {begun.stage.name}", what, hint=ROOM if error.errno == errno.ENOSPC else None
        ) from error


def tell(resolution: Resolution | None, hook: str, record: Mapping[str, Any]) -> None:
    """Tell the plugins that listen; one that raises is logged and changes nothing."""
    from steadily.plugins import manager_of

    listeners = resolution.catalog.listeners(hook) if resolution is not None else []
    for name in ("steadily.console", *listeners):
        try:
            getattr(manager_of([import_module(name)]).hook, hook)(record=record)
        except (Exception, SystemExit) as error:  # a listener must not turn a finished stage into a failed one
            logger.warning("hook %s of %s raised %s: %s", hook, name, type(error).__name__, error)
