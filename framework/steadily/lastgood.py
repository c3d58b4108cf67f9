"""The last complete run: kept aside when the next one begins, and brought back by ``steadily restore``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from steadily import layout
from steadily.dvcfile import is_complete, read_lock
from steadily.errors import RunError
from steadily.files import put_in_place, remove
from steadily.yamltext.core import load_core

FOLDER = layout.LAST_GOOD
COMPOSED = layout.STATE / "composed" / layout.PARAMS  # as `compose` wrote it: DVC writes an experiment's over it
FILES = (layout.LOCK, layout.PARAMS, layout.VERSIONS, layout.PIPELINE)


def stands_complete(project: Path, params: Path = layout.PARAMS) -> bool:
    """Tell whether lock, parameters, versions and pipeline, as they stand, record one whole run.

    Args:
        project: The project's folder.
        params: The file in it to take the parameters from.
    """
    if not all((project / path).is_file() for path in (*FILES, params)):
        return False
    try:
        files = {
            str(layout.PARAMS): read_yaml(project / params),
            str(layout.VERSIONS): read_yaml(project / layout.VERSIONS),
        }
        return is_complete(read_lock(project / layout.LOCK), read_yaml(project / layout.PIPELINE)["stages"], files)
    except Exception:  # whatever stands there is not a whole run
        return False


def keep_last_good(project: Path) -> bool:
    """Keep the run that stands aside if it is a whole one, and tell whether it is."""
    params = next((path for path in (layout.PARAMS, COMPOSED) if stands_complete(project, path)), None)
    if params is None:
        return False
    kept = project / FOLDER
    files = {path: project / (params if path == layout.PARAMS else path) for path in FILES}
    if not all(same(file, kept / path) for path, file in files.items()):
        draft = kept.with_name("last-good.tmp")
        remove(draft)
        draft.mkdir(parents=True)
        for path, file in files.items():
            shutil.copyfile(file, draft / path)
        put_in_place(draft, kept)
    return True


def has_last_good(project: Path) -> bool:
    """Tell whether a complete run is on record, be it the one that stands, which is kept aside then."""
    return keep_last_good(project) or all((project / FOLDER / path).is_file() for path in FILES)


def restore_last_good(project: Path) -> list[str]:
    """Bring lock, parameters, versions and pipeline of the last complete run back together.

    The outputs are DVC's to bring back (``dvc checkout``).

    Returns:
        The files that were put back.

    Raises:
        RunError: No complete run is on record.
    """
    kept = project / FOLDER
    if not has_last_good(project):
        raise RunError.at(
            str(FOLDER),
            "no complete run is on record",
            hint="`git checkout dvc.lock params.yaml "
            "versions.yaml dvc.yaml` and `dvc checkout` bring back what was committed",
        )
    changed = []
    for path in FILES:
        if not same(kept / path, project / path):
            draft = project / f".{path.name}.{os.getpid()}.tmp"
            shutil.copyfile(kept / path, draft)
            draft.replace(project / path)
            changed.append(str(path))
    return changed


def same(one: Path, other: Path) -> bool:
    """Tell whether two files are there and equal."""
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that Steadily or DVC wrote; empty where there is none.

    Raises:
        RunError: It is no YAML, or no mapping.
    """
    hint = f"`git checkout {path.name}` brings back what was committed, `steadily restore` what ran last"
    try:
        found = load_core(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, ValueError) as error:
        words = " ".join(str(error).split())
        raise RunError.at(str(path), f"can't be read: {words}", hint=hint) from error
    if not isinstance(found, dict):
        raise RunError.at(str(path), "has to hold a mapping", given=type(found).__name__, hint=hint)
    return found
