"""Which YAML files a project's configuration can be made of: its own ``conf/`` and those of installed plugins.

Owns finding them, how they are named in messages, and one digest over them. It
reads no YAML and imports neither Hydra nor any plugin.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import Final

from steadily.hookspecs import GROUP

CONF: Final = "conf"
SUFFIXES: Final = (".yaml", ".yml")


def plugin_folders() -> list[tuple[str, Path]]:
    """List the packages of installed plugins that hold a ``conf`` folder, with that folder, by name.

    A plugin is found by its entry point and looked up without importing it; one
    that can't be found is left to the loading of plugins to complain about.
    """
    tops = {entry.value.partition(":")[0].partition(".")[0].strip() for entry in entry_points()}
    found = ((top, conf_of(top)) for top in sorted(tops))
    return [(top, folder) for top, folder in found if folder]


def entry_points() -> tuple[metadata.EntryPoint, ...]:
    """Give the entry points of Steadily's group; none where an installed distribution is broken."""
    return entry_points_on(tuple(sys.path))


@functools.lru_cache(maxsize=4)
def entry_points_on(_path: tuple[str, ...]) -> tuple[metadata.EntryPoint, ...]:
    """Look for entry points in the folders that Python imports from, once in each process."""
    try:
        return tuple(metadata.entry_points(group=GROUP))
    except Exception:  # any distribution on the machine may have a broken file; Hydra must go on
        return ()


def conf_of(package: str) -> Path | None:
    """Give the ``conf`` folder of a top-level package, or None."""
    try:
        spec = util.find_spec(package)
    except Exception:  # a broken finder or module is not ours to report
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return next((Path(place, CONF) for place in places if Path(place, CONF).is_dir()), None)


def yaml_files(folder: Path) -> Iterator[Path]:
    """Yield the YAML files below ``folder`` in a fixed order, hidden folders left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if name.endswith(SUFFIXES) and name[0] != ".")


def shown(file: Path, project: Path) -> str:
    """Name a file as messages do: relative to the project, or from its plugin's package on.

    >>> shown(Path("/p/conf/a.yaml"), Path("/p")), shown(Path("/site/steadily_x/conf/a.yaml"), Path("/p"))
    ('conf/a.yaml', 'steadily_x/conf/a.yaml')
    """
    if file.is_relative_to(project):
        return file.relative_to(project).as_posix()
    parts = file.parts
    at = len(parts) - 1 - parts[::-1].index(CONF) if CONF in parts else 1
    return Path(*parts[max(at - 1, 0) :]).as_posix()


def digest(project: Path) -> str:
    """Give one digest over all YAML files that composing could read: what a cached result has to match.

    Args:
        project: The project's folder.

    Returns:
        SHA-256 as hexadecimal digits, over names and contents.
    """
    whole = hashlib.sha256()
    for name, folder in [("", project / CONF), *plugin_folders()]:
        for file in yaml_files(folder):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            whole.update(
                f"{name}/{file.relative_to(folder).as_posix()}\0{content}\n".encode("utf-8", "surrogateescape")
            )
    return whole.hexdigest()
