"""What every refusal owes its user, whatever it is about: checked around one failing command."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from project import Project

SOAK = pytest.mark.soak
STAGES = ("ingest", "validate", "clean", "split", "prepare", "train")
LEFT_OVERS = (".draft", ".tmp", ".old")


def refused_at(project: Project, stage: str, *words: str, gone: bool = False) -> str:
    """Run ``dvc repro``, which has to be refused in ``stage``, and hold it to what refusals promise.

    Exit code not 0, no traceback, the words in what is printed; the outputs of that stage and
    all after it as they were, in ``dvc.lock`` too; nothing half-written. Where that stage can write nothing
    at all (``gone``), its outputs may be gone instead, each as a whole.
    """
    stages = () if stage == "compose" else STAGES[: STAGES.index(stage)]
    before = {name: state(project, name) for name in STAGES if name not in stages}
    lock = project.lock()
    text = project.refused("dvc", "repro")
    assert f"failed to reproduce '{stage}'" in text, text
    for word in words:
        assert word in text, (word, text)
    after = {name: state(project, name) for name in before}
    if gone and after[stage] != before[stage]:
        assert after[stage][0] == before[stage][0]
        whole = before[stage][1].items()
        assert all(item in whole for item in after[stage][1].items() if item[1] != "(none)")
        assert not project.path(str(project.yaml("dvc.lock")["stages"][stage]["outs"][0]["path"])).exists()
        after[stage] = before[stage]
    assert after == before
    if stage == "compose":
        assert project.lock() == lock
    assert left_overs(project) == []
    return said(text)


def state(project: Project, stage: str) -> tuple[object, dict[str, str]]:
    """Give what ``dvc.lock`` says of a stage, and digests of the files that are there."""
    locked = project.yaml("dvc.lock")["stages"].get(stage)
    files: dict[str, str] = {}
    for out in (locked or {}).get("outs", []):
        path = project.path(out["path"])
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            files[str(file.relative_to(project.folder))] = digest(file)
    return locked, files


def digest(path: Path) -> str:
    """Digest a file, or say that it is not there."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "(none)"


def left_overs(project: Project) -> list[str]:
    """Name what should have been cleaned up."""
    found = [path for path in project.folder.rglob("*") if path.name.endswith(LEFT_OVERS)]
    scratch = project.path(".steadily/scratch")
    found += list(scratch.iterdir()) if scratch.is_dir() else []
    return [str(path.relative_to(project.folder)) for path in found if ".git" not in path.parts]


def some(names: Iterable[str], *often: str) -> list[object]:
    """Give the parameters of a test: those named always run, the others in ``make soak`` only."""
    return [name if name in often else pytest.param(name, marks=SOAK) for name in names]


def said(text: str) -> str:
    """Give what Steadily said of it, less what DVC prints of its own."""
    dvc = ("Running stage", "> exec", "Stage '", "ERROR: failed to", "Updating lock", "To track", "To enable")
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith(dvc))
