"""Runs a command as a process of its own and measures its time, by the clock and of all CPUs, and its memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Measured:
    """What one run of a command took: seconds by the clock and of all CPUs, MiB of resident memory at the most."""

    seconds: float
    cpu: float
    mebibytes: float


def environment() -> dict[str, str]:
    """Give the environment of measured commands: this Python's programs first, nothing of an outer run."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "STEADILY_"))}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}


def measure(command: Sequence[str | Path], folder: Path) -> Measured:
    """Run a command in a folder; the memory is its own and not that of its children.

    Raises:
        SystemExit: It failed; what it printed is shown.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{printed.decode(errors='replace')}")
    kibibytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Measured(seconds, usage.ru_utime + usage.ru_stime, kibibytes / 1024)


def middle(runs: Iterable[Measured]) -> Measured:
    """Give the medians of some runs."""
    found = list(runs)
    seconds, cpu, memory = ([getattr(run, name) for run in found] for name in ("seconds", "cpu", "mebibytes"))
    return Measured(median(seconds), median(cpu), median(memory))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows of text as a table in Markdown; the first row is the head.

    >>> print(table([("what", "s"), ("compose", "0.4")]))
    | what    |   s |
    |:--------|----:|
    | compose | 0.4 |
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "|" + "|".join([f":{'-' * (widths[0] + 1)}", *(f"{'-' * (width + 1)}:" for width in widths[1:])]) + "|"
    head, *body = (line(row, widths) for row in rows)
    return "\n".join([head, rule, *body])


def line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Lay out one row, numbers to the right."""
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "| " + " | ".join(cells) + " |"
