"""The commands that put things right: restore, adopt."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from steadily import layout
from steadily.commands.saying import say
from steadily.errors import RunError


def restore(chosen: argparse.Namespace) -> int:
    """Bring the last complete run back together."""
    from steadily.compose import close_earlier
    from steadily.journal import last_run
    from steadily.lastgood import has_last_good, restore_last_good
    from steadily.lockguard import mend

    close_earlier(Path(), None)
    if cut_off := mend(Path().absolute()):
        say([f"was cut off when DVC was killed, and is mended: {path}" for path in cut_off])
        if not has_last_good(Path()):
            say(["no complete run is on record; `dvc repro` goes on from where the killed one was"])
            return 0
    changed = restore_last_good(Path())
    check_out()
    back = f"put back: {', '.join(changed)}" if changed else "the last complete run is the one that stands"
    if run := last_run(Path()):
        run.write("restored", files=changed)
    conf = f"{layout.CONF}/ is as it was: `steadily plan` says what dvc repro would do"
    say([back, "outputs are those of that run", conf])
    return 0


def check_out() -> None:
    """Have DVC bring the outputs back that ``dvc.lock`` names.

    Raises:
        RunError: Its cache lacks some of them.
    """
    done = subprocess.run(["dvc", "checkout", "--force"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError.at(
            "dvc checkout",
            "can't bring all outputs back",
            given=done.stderr.strip().splitlines()[-1] if done.stderr.strip() else None,
            hint="what DVC's cache lacks is made again by dvc repro",
        )


def adopt(chosen: argparse.Namespace) -> int:
    """Write an experiment's values into ``conf/``."""
    from steadily.config.adopt import adopt as write
    from steadily.lastgood import read_yaml

    if not layout.PARAMS.is_file():
        raise RunError.at(str(layout.PARAMS), "is missing", hint="dvc exp apply NAME brings an experiment's back")
    lines = write(Path(), read_yaml(layout.PARAMS))
    say(lines or ["nothing to adopt: params.yaml is what conf/ comes to"])
    return 0
