"""The command that DVC calls for each stage."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from steadily.process import compute_alike, die_with_parent


def run(chosen: argparse.Namespace) -> int:
    """Run one stage."""
    die_with_parent()
    compute_alike()  # before numpy is loaded
    from steadily.lockguard import keep_copy
    from steadily.stage.run import run_stage

    if os.environ.get("DVC_STAGE"):
        keep_copy(Path())
    run_stage(Path(), chosen.stage)
    return 0
