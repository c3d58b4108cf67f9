"""Outputs under temporary names: all are finished before the first gets its final one."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from steadily import layout
from steadily.files import put_in_place, remove
from steadily.process import is_alive

LEFT_OVER = re.compile(r"\.[^/]+\.([0-9]+)\.(draft|draft\.old|tmp)")
SCRATCH = layout.STATE / "scratch"


class Drafts:
    """The drafts of a stage's outputs, beside the places where they are to be.

    Leaving the block without ``commit`` removes them.
    """

    def __init__(self, finals: Mapping[str, Path]) -> None:
        """Name the outputs.

        Args:
            finals: The final path of each output by name.
        """
        self.finals = dict(finals)
        self.paths = {name: draft_of(final) for name, final in finals.items()}

    def __enter__(self) -> Drafts:
        for final in self.finals.values():
            final.parent.mkdir(parents=True, exist_ok=True)
            for old in final.parent.glob(f".{final.name}.*.draft*"):
                if LEFT_OVER.fullmatch(old.name):
                    remove(old)  # of a stage that was killed: only one runs at a time
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self.paths.values():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def commit(self) -> None:
        """Give every output its final name."""
        for name, draft in self.paths.items():
            if draft.exists():
                put_in_place(draft, self.finals[name])


def draft_of(final: Path) -> Path:
    """Name the draft of a file or folder: beside it, on the same file system."""
    return final.with_name(f".{final.name}.{os.getpid()}.draft")


def sweep(project: Path) -> None:
    """Remove what killed runs left behind: drafts, temporary files, scratch. To be called where no run is at work."""
    reports, state = project / layout.REPORTS, project / layout.STATE
    outputs = [
        project / folder for folder in (layout.DATA, layout.MODELS, layout.LEARNED, layout.EVALUATION, layout.METRICS)
    ]
    for folder in (project, *outputs, reports, *reports.glob("*/"), state, *state.glob("*/")):
        for path in folder.glob(".*.*"):
            found = LEFT_OVER.fullmatch(path.name)
            if found and not (found[2] == "tmp" and is_alive(int(found[1]))):  # `steadily plan` may be writing a cache
                remove(path)
    remove(project / SCRATCH)
