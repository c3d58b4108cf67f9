"""Where a source's files are: paths, globs, files inside installed packages, and addresses.

Owns the look-up on this machine and what is said when nothing is found. Remote
file systems are left to ``remote``, which is imported only for an address.
"""

from __future__ import annotations

import difflib
import glob
import importlib.util
import os
from pathlib import Path

from steadily import DataError, SteadilyError
from steadily_files.found import Found, in_order
from steadily_files.secrets import refuse_password

PACKAGE = "package://"
LOCAL = ("file://", "local://")


def find(path: str | list[str]) -> list[Found]:
    """Find the files that ``path`` (one pattern or several) names, sorted by the name of their part.

    Raises:
        DataError: A pattern finds nothing, or two files would become the same part.
        SourceUnreachable: A remote file system does not answer.
    """
    patterns = [path] if isinstance(path, str) else path
    if not patterns:
        raise DataError.at("path", "no path is given", allowed="a path, a glob or an address, or a list of them")
    return in_order([file for pattern in patterns for file in find_one(pattern)])


def refuse_passwords(path: str | list[str]) -> None:
    """Refuse an address that holds a password, before anything is looked for."""
    for pattern in [path] if isinstance(path, str) else path:
        refuse_password(pattern)


def find_one(pattern: str) -> list[Found]:
    """Find the files of a single pattern."""
    if not pattern.strip():
        raise DataError.at("path", "the path is empty", allowed="a path, a glob or an address")
    if pattern.startswith(PACKAGE):
        return in_package(pattern)
    for scheme in LOCAL:
        if pattern.startswith(scheme):
            return on_this_machine(pattern.removeprefix(scheme), pattern)
    if "://" in pattern:
        from steadily_files.remote import at_address

        refuse_password(pattern)
        return at_address(pattern)
    return on_this_machine(pattern, pattern)


def in_package(pattern: str) -> list[Found]:
    """Find files that an installed Python package ships, without importing it."""
    package, _, inside = pattern.removeprefix(PACKAGE).partition("/")
    if not package.isidentifier() or not inside:
        raise DataError.at(pattern, "is no file inside a package", allowed=f"{PACKAGE}NAME/folder/file.csv")
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise DataError.at(
            pattern,
            f"no package {package!r} is installed here",
            hint=f"install the distribution that ships it, such as pip install {package}",
        )
    holding = [folder for folder in folders if matches(os.path.join(folder, inside))]
    return on_this_machine(os.path.join((holding or folders)[0], inside), pattern)


def on_this_machine(path: str, pattern: str) -> list[Found]:
    """Find files by a path or glob relative to the project's folder."""
    path = os.path.normpath(path)
    if os.path.isdir(path):
        raise DataError.at(path, "is a folder", allowed="files", hint=f"name its files with a glob, such as {path}/*")
    fixed = os.path.dirname(path) if os.path.lexists(path) else fixed_part(path)
    found = [one for one in matches(path) if is_data(one)]
    if not found:
        raise nothing(path, fixed, pattern)
    return [Found(label_below(fixed, one), os.path.abspath(one), one) for one in found]


def matches(path: str) -> list[str]:
    """Give what is there under ``path``, taken as it is written first and as a glob else."""
    return [path] if os.path.lexists(path) else glob.glob(path, recursive=True)


def fixed_part(path: str) -> str:
    """Give the folder before the first part that a glob leaves open.

    >>> fixed_part("data/inbox/**/*.csv"), fixed_part("data/messages.csv"), fixed_part("*.csv")
    ('data/inbox', 'data', '')
    """
    folder = os.path.dirname(path)
    while glob.has_magic(folder):
        folder = os.path.dirname(folder)
    return folder


def label_below(fixed: str, path: str) -> str:
    """Give ``path`` as seen from the folder ``fixed``, which it starts with."""
    return path[len(fixed) :].lstrip("/") if fixed else path


def is_data(path: str) -> bool:
    """Tell whether ``path`` is a file; a link to nothing is refused, since its rows would silently be gone."""
    if os.path.islink(path) and not os.path.exists(path):
        raise DataError.at(path, "is a link to a file that is not there", hint="is it tracked by DVC? Try dvc pull")
    return os.path.isfile(path)


def nothing(path: str, fixed: str, pattern: str) -> SteadilyError:
    """Say that nothing was found, how far the folder exists, and which names there are near."""
    folder = fixed or "."
    while not os.path.isdir(folder):
        if os.path.isfile(folder):
            return DataError.at(pattern, f"{folder!r} is a file, and has to be a folder to look in")
        path, folder = folder, os.path.dirname(folder) or "."
    there = sorted(entry.name for entry in Path(folder).iterdir() if not entry.name.startswith("."))
    return not_found(pattern, folder, path, there)


def not_found(pattern: str, folder: str, wanted: str, there: list[str]) -> SteadilyError:
    """Make the error for a pattern that finds nothing in ``folder``, where the names ``there`` are."""
    close = difflib.get_close_matches(os.path.basename(wanted), there, n=3, cutoff=0.5)
    shown = ", ".join(there[:8]) + (f", … ({len(there)} in all)" if len(there) > 8 else "")
    below = "" if os.path.isabs(folder) or "://" in folder else f" of {os.getcwd()!r}"
    return DataError.at(
        pattern,
        f"no file is there under this name; looked in the folder {folder!r}{below}",
        hint=f"did you mean {' or '.join(map(repr, close))}?"
        if close
        else f"in it there is: {shown}"
        if shown
        else "it is empty",
    )
