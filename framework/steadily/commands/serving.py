"""The command that serves."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

WITH_DASHBOARD = "steadily.dashboard.application:create_service"


def serve(chosen: argparse.Namespace) -> int:
    """Serve the live release."""
    from steadily.process import compute_alike

    compute_alike()  # before numpy is loaded: one thread, and the same answers as in training
    from steadily.serving.start import serve as begin

    given = {name: getattr(chosen, name) for name in ("host", "port", "workers") if getattr(chosen, name) is not None}
    begin(Path(), given, tell=lambda text: print_line(text), trial=chosen.trial, application=WITH_DASHBOARD)
    return 0


def print_line(text: str) -> None:
    """Print a line at once, also where the output is a file."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
