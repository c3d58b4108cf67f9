"""A dashboard for tests: the real process, by itself."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving import STEADILY, kill_group

from measured import measured


@contextmanager
def showing(folder: Path, *words: str, **environment: str) -> Iterator[str]:
    """Show the dashboard of a project, and give its address without a path."""
    log = folder / "dashboard.log"
    with log.open("w") as told:
        process = subprocess.Popen(
            [str(STEADILY), "dashboard", "--port", "0", *words],
            cwd=folder,
            env={**os.environ, **measured(), **environment},
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "the dashboard is at" in line, log.read_text("utf-8")
        yield line.split(" is at ")[1].split("/dashboard")[0]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        finally:
            kill_group(process)
            process.stdout.close()
    assert "Traceback" not in log.read_text("utf-8")
