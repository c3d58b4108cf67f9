"""Brings a failed stage's outputs back as its last good run left them.

DVC takes a stage's outputs away before the stage runs. One that fails would
leave nothing where ``dvc.lock`` still records the last good run; so they are
copied from DVC's cache by what the lock says. What the cache lacks stays away,
as it would without this.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from steadily import layout
from steadily.dvcfile import read_lock
from steadily.errors import SteadilyError
from steadily.outputs import cache_folder, objects
from steadily.stage.drafts import Drafts


def bring_back(project: Path, stage: str) -> list[str]:
    """Bring the outputs of a stage that failed back, where they are gone and DVC's cache has them.

    Args:
        project: The project's folder.
        stage: The stage.

    Returns:
        The outputs that are back.
    """
    outputs = recorded(project, stage)
    gone = {path: digest for path, digest in outputs.items() if not (project / path).exists()}
    cache = cache_folder(project) if gone else None
    whole = {path: files for path, digest in gone.items() if cache and (files := list(objects(cache, digest)))}
    with Drafts({path: project / path for path in whole}) as drafts:
        for path, files in whole.items():
            for inner, kept in files:
                place = drafts.paths[path] / inner if inner else drafts.paths[path]
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(kept, place)
        drafts.commit()
    return list(whole)


def recorded(project: Path, stage: str) -> Mapping[str, str]:
    """Give the outputs of a stage and their digests as ``dvc.lock`` has them."""
    try:
        found = read_lock(project / layout.LOCK).get(stage)
    except SteadilyError:
        return {}
    return found.outs if found else {}
