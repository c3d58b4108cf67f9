"""What a process that was killed has left among the files of releases: drafts, and what was moved aside.

Owns their names, by which they are told from what is whole. What is old enough that nobody can be at it goes.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

from steadily.files import remove

DRAFT, OLD = "tmp", "old"
NAME = re.compile(rf"\..+\.\d+\.[0-9a-f]{{8}}\.(?:{DRAFT}|{OLD})")
DAY = 86_400.0  # seconds


def beside(path: Path, kind: str) -> Path:
    """Give a name beside a folder that nobody else has.

    Args:
        path: The folder.
        kind: ``DRAFT`` or ``OLD``.
    """
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.{kind}")


def sweep(folder: Path) -> None:
    """Remove what was left in a folder of releases more than a day ago; what can't be removed stays.

    The age is that of the file system: a clock that is simulated says nothing of files.
    """
    before = time.time() - DAY
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            with contextlib.suppress(OSError):  # another sweeps, too, or it belongs to somebody else
                if NAME.fullmatch(path.name) and path.lstat().st_mtime < before:
                    remove(path)
