"""Stands guard over ``dvc.lock``: DVC writes it in place, and refuses to read one that a kill cut off.

Each stage keeps a copy as it begins, when DVC is surely not writing. A process
in a session of its own waits for DVC to end and puts the copy back where the
file was cut off; it does nothing else, and ends with that. ``steadily restore``
does the same where the guard was killed, too.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.files import write_atomically
from steadily.process import RWLOCK, is_alive
from steadily.yamltext.core import load_core

COPY = layout.STATE / "lock" / layout.LOCK
PACE = 0.2


def keep_copy(project: Path) -> None:
    """Keep a copy of ``dvc.lock`` while DVC is waiting for a stage."""
    text = text_of(project / layout.LOCK)
    if text is None:
        (project / COPY).unlink(missing_ok=True)
    elif text != text_of(project / COPY):
        write_atomically(project / COPY, text)


def mend(project: Path) -> list[str]:
    """Put right what DVC was writing when it was killed. To be called where no DVC is at work.

    Returns:
        The files that were cut off.
    """
    found = []
    lock, kept = text_of(project / layout.LOCK), text_of(project / COPY)
    if lock is not None and not is_whole(lock):
        found.append(str(layout.LOCK))
        if kept is not None and is_whole(kept):
            write_atomically(project / layout.LOCK, kept)
        else:
            (project / layout.LOCK).unlink()
    for folder in (project, *project.parents):
        notes = text_of(folder / RWLOCK)
        if notes is not None and not is_json(notes):
            found.append(str(RWLOCK))
            (folder / RWLOCK).unlink()
        if (folder / ".dvc").is_dir():
            break
    return found


def text_of(path: Path) -> str | None:
    """Read a file, or give None if it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def is_whole(lock: str) -> bool:
    """Tell whether DVC can read the text of a ``dvc.lock``.

    >>> is_whole("{schema: '2.0', stages: {a: {cmd: b}}}"), is_whole("")
    (True, False)
    """
    try:
        content = load_core(lock)
        return content["schema"] == "2.0" and all(map(is_stage, content.get("stages", {}).values()))
    except Exception:  # whatever stands there
        return False


def is_stage(entry: Mapping[str, Any]) -> bool:
    """Tell whether an entry of ``dvc.lock`` has the form that DVC's schema asks for."""
    files = [item for part in ("deps", "outs") for item in entry.get(part, [])]
    params = entry.get("params", {}).values()
    return (
        isinstance(entry["cmd"], str | list)
        and all(isinstance(item["path"], str) for item in files)
        and all(isinstance(values, dict) for values in params)
    )


def is_json(text: str) -> bool:
    """Tell whether a text is JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def stand_guard(project: Path, owner: int) -> None:
    """Begin the process that waits for DVC, the process ``owner``, to end."""
    subprocess.Popen(
        [sys.executable, "-P", "-m", "steadily.lockguard", str(project.absolute()), str(owner)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(process: int) -> None:
    """Wait until a process ends, which need not be a child."""
    if hasattr(os, "pidfd_open"):
        try:
            select.select([os.pidfd_open(process)], [], [])
        except ProcessLookupError:
            return
        except OSError:  # an older kernel
            pass
        else:
            return
    while is_alive(process):
        time.sleep(PACE)


def main(project: str, owner: str) -> None:
    """Wait, then mend."""
    wait_for(int(owner))
    mend(Path(project))


if __name__ == "__main__":
    main(*sys.argv[1:])
