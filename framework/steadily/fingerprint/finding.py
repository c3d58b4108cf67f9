"""Where the source of a module lies, found without importing it.

Owns the two usual places: folders given by the caller, and what is installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

FindSource = Callable[[str], Path | None]


def source_finder(folders: Iterable[Path | str]) -> FindSource:
    """Make a ``find_source`` that looks into ``folders`` in order, such as a project's ``plugins`` folder."""
    searched = tuple(Path(folder) for folder in folders)

    def find(name: str) -> Path | None:
        relative = Path(*name.split("."))
        candidates = (path for folder in searched for path in files_of(folder / relative))
        return next((path for path in candidates if path.is_file()), None)

    return find


def files_of(stem: Path) -> list[Path]:
    """Give the files that a module may be: a package, source, or compiled."""
    compiled = [stem.with_name(stem.name + suffix) for suffix in EXTENSION_SUFFIXES]
    return [stem / "__init__.py", stem.with_name(f"{stem.name}.py"), *compiled]


def installed_source(name: str) -> Path | None:
    """Find the source of an installed module, also of an editable installation; nothing is imported."""
    top, _, rest = name.partition(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if rest:
        return source_finder(spec.submodule_search_locations or ())(rest)
    return Path(spec.origin) if spec.origin and Path(spec.origin).is_file() else None
