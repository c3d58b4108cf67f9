"""Says on the terminal how a stage went: a built-in plugin, and the first user of two hooks."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from steadily import layout
from steadily.errors import rows_of
from steadily.hookspecs import hookimpl


@hookimpl
def stage_finished(record: Mapping[str, Any]) -> None:
    """Say in a line what came of the rows, and in a line each what is worth knowing."""
    out = sys.stdout.write
    out(f"{record['stage']}: {counts(record)}, in {record['seconds']:.1f} s\n")
    for note in record["notes"]:
        out(f"  note: {note}\n")


@hookimpl
def stage_failed(record: Mapping[str, Any]) -> None:
    """Say what was wrong, and how to go on."""
    kept = "its outputs are those of its last good run" if record["back"] else "it has no outputs"
    back = ", or `steadily restore` to go back to the last complete run" if layout.LAST_GOOD.is_dir() else ""
    sys.stderr.write(
        f"{record['error']}\n"
        f"{record['stage']} failed after {record['seconds']:.1f} s: {kept}, and all after it is as it was.\n"
        f"Mend this and run `dvc repro` again{back}.\n"
    )


def counts(record: Mapping[str, Any]) -> str:
    """Write a ledger's sums, leaving out what did not happen.

    >>> counts({"in": 10, "out": 9, "dropped": 1, "quarantined": 0, "imputed": 0, "lost": 0})
    '10 rows in, 9 out, 1 dropped'
    """
    told = [f"{rows_of(record['in'])} in", f"{record['out']:,} out"]
    told += [f"{record[key]:,} {key}" for key in ("dropped", "quarantined", "imputed", "lost") if record[key]]
    return ", ".join(told)
