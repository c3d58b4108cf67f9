"""Kills a running ``dvc repro``, or a part of it, and looks at what is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil
from project import Project, orders

Who = Literal["group", "dvc", "stage"]
MARK = "KILLED_RUN"
HOLD = ".hold"  # while a project has this file, its stage clean does not end, and each worker leaves one of its own
FILES = ("one", "two", "three", "four")


def make(folder: Path) -> Project:
    """Make a project of several files, so that there are parts for two workers, which take their time."""
    project = Project.make(folder)
    for number, name in enumerate(FILES):
        project.write(f"data/inbox/{name}.csv", orders(1000 * number, 150))
    project.edit(
        "plugins/shop.py", "import pandas as pd\n", "import os, time\nfrom pathlib import Path\n\nimport pandas as pd\n"
    )
    wait = (
        f"    time.sleep(0.2)\n    while Path({HOLD!r}).exists():\n"
        f"        Path({HOLD!r} + str(os.getpid())).touch()\n        time.sleep(0.05)\n"
    )
    project.edit("plugins/shop.py", "    return frame.assign", f"{wait}    return frame.assign")
    project.ok("steadily", "compose")
    project.commit()
    return project


@dataclass
class Running:
    """A ``dvc repro`` in a session of its own; all processes that it begins carry a mark."""

    project: Project
    arguments: tuple[str, ...] = ()
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __enter__(self) -> Running:
        self.log = (self.project.folder.parent / f"{self.mark}.log").open("w+")
        self.process = subprocess.Popen(
            ["dvc", "repro", *self.arguments],
            cwd=self.project.folder,
            env={**self.project.env(), MARK: self.mark},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=hear_ctrl_c,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.alive():
            process.kill()
        self.process.kill()
        self.process.wait()
        self.log.close()

    def printed(self) -> str:
        """Give what was printed so far."""
        self.log.seek(0)
        return self.log.read()

    def alive(self) -> list[psutil.Process]:
        """List the processes with the mark that are still alive."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def stage(self) -> psutil.Process | None:
        """Find the process that DVC runs now."""
        try:
            children = psutil.Process(self.process.pid).children()
        except psutil.Error:
            return None
        return next((child for child in children if self.works(child)), None)

    def works(self, process: psutil.Process) -> bool:
        """Tell a stage from what else DVC begins."""
        try:
            return any("steadily" in word for word in process.cmdline())
        except psutil.Error:
            return False

    def kill(self, who: Who, number: int = signal.SIGKILL) -> str:
        """Kill, and name what was killed."""
        stage = self.stage()
        doing = " ".join(stage.cmdline()[1:]) if stage and stage.is_running() else "no stage"
        if who == "group":
            os.killpg(self.process.pid, number)
        elif who == "dvc":
            self.process.send_signal(number)
        elif stage is not None:
            stage.send_signal(number)
        return doing

    def wait_for(self, stage: str, seconds: float = 60) -> None:
        """Wait until the journal says that a stage has begun."""
        end = time.monotonic() + seconds
        while f'"stage_started", "stage": "{stage}"' not in self.journal():
            assert time.monotonic() < end, self.printed()
            assert self.process.poll() is None, self.printed()
            time.sleep(0.01)

    def let_go(self) -> None:
        """Hold the stage clean no longer."""
        for path in self.project.folder.glob(f"{HOLD}*"):
            path.unlink()

    def wait_for_workers(self, number: int, seconds: float = 60) -> None:
        """Wait until so many workers are at work on what is held."""
        end = time.monotonic() + seconds
        while len(list(self.project.folder.glob(f"{HOLD}?*"))) < number:
            assert time.monotonic() < end, self.printed()
            time.sleep(0.01)

    def journal(self) -> str:
        """Give the lines of the newest run's journal."""
        runs = sorted(self.project.path(".steadily/runs").glob("*.jsonl"))
        return re.sub(r'"time": "[^"]*", ', "", runs[-1].read_text("utf-8")) if runs else ""


def hear_ctrl_c() -> None:
    """Hear SIGINT again, which a shell has its background jobs ignore, and they their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def snapshot(project: Project) -> dict[str, tuple[int, int]]:
    """Give size and time of every file of a project."""
    found = {}
    for path in sorted(project.folder.rglob("*")):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


def left_over(project: Project) -> list[str]:
    """List drafts, temporary files and scratch in a project."""
    names = [*project.folder.rglob(".*.draft*"), *project.folder.rglob(".*.tmp")]
    scratch = project.path(".steadily/scratch")
    names += list(scratch.iterdir()) if scratch.is_dir() else []
    return [str(path) for path in names if ".git/" not in str(path) and ".dvc/" not in str(path)]
