"""What DVC tracks by a file of its own (``dvc add data/inbox``) and what of it is not here.

A fresh clone lacks such data until ``dvc pull``, and the copy of the project that
a queued experiment works in lacks it although DVC's cache has it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from steadily.errors import Problem


def absent(project: Path) -> list[str]:
    """List the files of DVC's whose data is not here, such as ``data/inbox.dvc``."""
    command = ["git", "ls-files", "-z", "--", "*.dvc"]
    try:
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git at all
        return []
    found = [name for name in done.stdout.split("\0") if name and done.returncode == 0]
    return [name for name in found if not (project / name).with_suffix("").exists()]


def check_out(project: Path) -> bool:
    """Bring the data that is not here from DVC's cache; tell whether any came."""
    gone = absent(project)
    if gone:
        subprocess.run(["dvc", "checkout", "--quiet", *gone], cwd=project, capture_output=True, check=False)
    return len(absent(project)) < len(gone)


def told(project: Path) -> list[Problem]:
    """Say what DVC tracks that is not here."""
    return [
        Problem(name, "DVC tracks this data, which is not here", hint=f"`dvc pull {name}` brings it")
        for name in absent(project)
    ]
