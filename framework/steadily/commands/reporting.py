"""The command that renders the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from steadily.commands.saying import say
from steadily.errors import RunError


def report(chosen: argparse.Namespace) -> int:
    """Render the page of a run, or that of two beside each other, and say where it is."""
    from steadily.report.page import render_comparison, render_run

    out = Path(chosen.out) if chosen.out else None
    if chosen.compare:
        if chosen.run_name:
            raise RunError.at("steadily report", "either a run or --compare", hint="--compare takes both names")
        say([str(render_comparison(Path(), chosen.compare[0], chosen.compare[1], out))])
    else:
        say([str(render_run(Path(), chosen.run_name, out))])
    return 0
