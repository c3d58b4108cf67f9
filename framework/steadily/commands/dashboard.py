"""The command that shows the dashboard."""

from __future__ import annotations

import argparse
from pathlib import Path

from steadily.commands.serving import print_line


def dashboard(chosen: argparse.Namespace) -> int:
    """Show the dashboard."""
    from steadily.dashboard.start import show

    given = {name: getattr(chosen, name) for name in ("host", "port") if getattr(chosen, name) is not None}
    show(Path(), given, tell=print_line)
    return 0
