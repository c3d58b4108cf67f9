"""The version of a set of files: what is there now, by name.

Owns how local and remote files come together in one mapping.
"""

from __future__ import annotations

from steadily_files.digests import digests
from steadily_files.found import Found
from steadily_files.places import find


def version_of(path: str | list[str]) -> dict[str, str]:
    """Give the state of each file that ``path`` finds, by its path below the pattern's fixed part.

    Raises:
        DataError: A pattern finds nothing, or a file can't be read.
        SourceUnreachable: A remote file system does not answer.
    """
    files = find(path)
    local = digests(file.path for file in files if file.filesystem is None)
    return {file.label: local.get(file.path) or remote_state(file) for file in files}


def local_paths(path: str | list[str]) -> list[str]:
    """Give the absolute paths of those files that are on this machine."""
    return [file.path for file in find(path) if file.filesystem is None]


def remote_state(file: Found) -> str:
    """Ask the remote file system; it is imported only here, so that local files stay quick."""
    from steadily_files.remote import remote_version

    return remote_version(file)
