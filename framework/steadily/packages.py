"""Versions of installed packages by the name under which they are imported.

Owns the cheap way from an import name to its distribution:
``importlib.metadata.packages_distributions`` takes a third of a second, since
it reads everything.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from pathlib import Path
from urllib.parse import unquote, urlparse

INFO = (".dist-info", ".egg-info", ".egg-link", ".egg")
LISTS = ("RECORD", "installed-files.txt", "SOURCES.txt")


@cache
def version_of(import_name: str) -> tuple[str, str] | None:
    """Give the distribution that a top-level import name comes from, and its version.

    Where several share the name (a namespace package), they are joined with '+'.
    None for the standard library, for what is not installed, and for what no
    distribution owns.

    >>> version_of("yaml")[0], version_of("json")
    ('pyyaml', None)
    """
    if import_name in sys.stdlib_module_names:
        return None
    found = sorted({named(folder) for folder in owners(import_name)})
    if not found:
        return None
    return "+".join(name for name, _ in found), "+".join(version for _, version in found)


def owners(import_name: str) -> list[Path]:
    """Find the metadata of the distributions that ``import_name`` belongs to, the nearest names first."""
    spec = spec_of(import_name)
    if spec is None:
        return []
    wanted = plain(import_name)
    locations = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    found: list[Path] = []
    for folder in sorted(metadata_folders(), key=lambda each: wanted not in plain(each.name)):
        if holds(folder, import_name) or is_editable_source(folder, locations):
            found.append(folder)
            if spec.origin:  # else a namespace package: anyone may add to it
                break
    return found


def spec_of(import_name: str) -> importlib.machinery.ModuleSpec | None:
    """Find a top-level module without importing it."""
    try:
        return importlib.util.find_spec(import_name)
    except (ImportError, ValueError):
        return None


def metadata_folders() -> Iterator[Path]:
    """Give the metadata of all that is installed, in the order of ``sys.path``."""
    for folder, entry, _ in installed():
        if entry.endswith((".dist-info", ".egg-info")):
            yield Path(folder, entry)


def installed() -> Iterator[tuple[str, str, int]]:
    """Give folder, name and time of each metadata entry on ``sys.path``."""
    for folder in dict.fromkeys(each or os.curdir for each in sys.path):
        try:
            with os.scandir(folder) as entries:
                found = sorted((each.name, each.stat().st_mtime_ns) for each in entries if each.name.endswith(INFO))
        except OSError:
            continue  # zip files, folders that are not there
        yield from ((folder, name, time) for name, time in found)


def holds(folder: Path, import_name: str) -> bool:
    """Tell whether a distribution's own lists name the module."""
    top = read(folder / "top_level.txt")
    if top and import_name.encode() in top.split():
        return True
    return any(lists(read(folder / name), import_name) for name in LISTS)


def lists(content: bytes, import_name: str) -> bool:
    r"""Tell whether a list of files has a package or a module of this name.

    >>> lists(b"yaml/__init__.py,sha256=x,1\n", "yaml"), lists(b"a/yaml/x.py,,\n", "yaml")
    (True, False)
    """
    name = re.escape(import_name.encode())
    return bool(re.search(rb"(?m)^(\.\./)?" + name + rb"(/[^\n]|\.py[,\r\n]|\.[^/\n]*(so|pyd)[,\r\n])", content))


def read(path: Path) -> bytes:
    """Read a file, empty where there is none."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def is_editable_source(folder: Path, locations: list[str]) -> bool:
    """Tell whether a module lies in the source folder of an editable installation.

    What is installed in an environment inside that folder (``.venv``) is not its source.
    """
    try:
        found = json.loads(read(folder / "direct_url.json") or b"{}")
        source = unquote(urlparse(str(found["url"])).path) if found["dir_info"]["editable"] else None
    except (ValueError, KeyError, TypeError):
        return False
    own = [Path(each) for each in locations if not {"site-packages", "dist-packages"} & set(Path(each).parts)]
    return source is not None and any(path.is_relative_to(source) for path in own)


def named(folder: Path) -> tuple[str, str]:
    """Read name and version of a distribution; the folder's name is the last resort."""
    content = read(folder / "METADATA") or read(folder / "PKG-INFO") or read(folder)
    head = dict(re.findall(r"(?mi)^(name|version):[ \t]*(\S+)", content.decode("utf-8", "replace").split("\n\n", 1)[0]))
    fields = {key.lower(): value for key, value in head.items()}
    name, _, version = folder.stem.partition("-")
    return plain(fields.get("name", name)), fields.get("version", version or "unknown")


def plain(name: str) -> str:
    """Write a distribution's name in the form of the package index.

    >>> plain("ruamel.yaml"), plain("scikit_learn")
    ('ruamel-yaml', 'scikit-learn')
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def environment_digest() -> str:
    """Digest what is installed: a key for this machine's caches, never part of a version.

    It reads names and times of metadata folders only, so it also notices a
    package that was installed anew under the same version.
    """
    out = blake2b(sys.version.encode(), digest_size=12)
    for entry in installed():
        out.update(repr(entry).encode())
    return out.hexdigest()
