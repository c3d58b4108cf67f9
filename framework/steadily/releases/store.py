"""Where the files of releases lie: a folder or an object store, by fsspec; and the local copies that are served.

A release's folder is complete when its manifest is there, which is written last. What comes
back is held against the digest that the database has: files that were changed, cut off or
swapped are refused by name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from steadily import layout
from steadily.bundle import manifest as manifests
from steadily.errors import DataError, Problem, ReleaseError, SteadilyError
from steadily.files import remove
from steadily.releases.leftovers import DRAFT, OLD, beside, sweep
from steadily.releases.records import Release

AGAIN = "register the bundle again from the run that made it, or bring the store's files back from a backup"
CREDENTIALS = "check address, network and credentials"
CHUNK = 1 << 20
TRIES = 10


@dataclass(frozen=True)
class Store:
    """A place for the files of releases: a folder's path, or an address that fsspec knows."""

    address: str

    def place(self, name: str) -> str:
        """Give the address of a release's folder."""
        return f"{self.address.rstrip('/')}/{name}"

    def put(self, folder: Path, name: str) -> str:
        """Copy a bundle into the store under a name, and read every byte of it back.

        Nothing is done where it is there already, whole.

        Args:
            folder: The bundle.
            name: Its folder's name in the store.

        Returns:
            The address of its folder there.

        Raises:
            ReleaseError: The store can't be reached, or does not give back what was put there.
        """
        url, content = self.place(name), manifests.content_of(folder)
        with reached(url) as (files, root):
            if not is_whole(files, root, content):
                put_files(files, folder, root, content)
                problems = list(differing(files, root, content))
                if problems:
                    raise ReleaseError(*problems)
        return url

    def take_away(self, name: str) -> None:
        """Remove a folder that no release has come to have; another may be doing the same."""
        with reached(self.place(name)) as (files, root), contextlib.suppress(FileNotFoundError):
            if is_local(files):
                aside = beside(Path(root), OLD)
                Path(root).rename(aside)
                remove(aside)
            elif files.exists(root):
                files.rm(root, recursive=True)


def is_local(files: Any) -> bool:
    """Tell whether a file system is that of this machine."""
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(files, LocalFileSystem)


@contextmanager
def reached(url: str) -> Iterator[tuple[Any, str]]:
    """Give the file system of an address and the path in it, and tell its errors as Steadily's.

    Raises:
        ReleaseError: It can't be reached, or refuses.
    """
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(url)
        files.invalidate_cache()
        yield files, root
    except SteadilyError:
        raise
    except Exception as error:  # each protocol's library has errors of its own
        words = " ".join(str(error).split()) or type(error).__name__
        raise ReleaseError.at(url, f"the store of releases can't be used: {words}", hint=CREDENTIALS) from error


def put_files(files: Any, folder: Path, root: str, content: Mapping[str, Any]) -> None:
    """Copy files into a folder that is renamed when it is whole; elsewhere the manifest, which is last, is the mark."""
    names = [*content["files"], manifests.FILE]
    if not is_local(files):
        for name in names:
            files.put_file(str(folder / name), f"{root}/{name}")
        files.invalidate_cache()
        return
    sweep(Path(root).parent)
    draft = beside(Path(root), DRAFT)
    try:
        for name in names:
            copy_durably(folder / name, draft / name)
        settle(draft, Path(root), lambda: is_whole(files, root, content))
    finally:
        remove(draft)


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file, and have it on the disk before the database says that it is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing, CHUNK)
        writing.flush()
        os.fsync(writing.fileno())


def settle(draft: Path, final: Path, is_right: Callable[[], bool]) -> None:
    """Give a finished folder its name, unless another process has put the same there meanwhile.

    Args:
        draft: The folder.
        final: Its name.
        is_right: Tells whether what has the name is whole; what is not is replaced.
    """
    for _ in range(TRIES):
        try:
            draft.rename(final)
            return
        except OSError:
            if not final.exists():
                raise
        if is_right():
            return
        aside = beside(final, OLD)
        with contextlib.suppress(FileNotFoundError):
            final.rename(aside)
            remove(aside)
    raise ReleaseError.at(str(final), "can't be replaced: others keep putting back what is not whole")


def is_whole(files: Any, root: str, content: Mapping[str, Any]) -> bool:
    """Tell whether a folder of the store has a bundle, every byte of it."""
    return is_there(files, root, content) and not list(differing(files, root, content))


def is_there(files: Any, root: str, content: Mapping[str, Any]) -> bool:
    """Tell whether a folder of the store has this very manifest."""
    try:
        found = files.cat_file(f"{root}/{manifests.FILE}")
    except FileNotFoundError:
        return False
    return str(content["digest"]).encode() in found


def differing(files: Any, root: str, content: Mapping[str, Any]) -> Iterator[Problem]:
    """Find the files of the store that are not what the manifest says."""
    import hashlib

    for name, about in content["files"].items():
        found = hashlib.sha256()
        try:
            with files.open(f"{root}/{name}", "rb") as stream:
                while chunk := stream.read(CHUNK):
                    found.update(chunk)
        except FileNotFoundError:
            yield Problem(f"{root}/{name}", "did not arrive in the store")
            continue
        if found.hexdigest() != about["sha256"]:
            yield Problem(f"{root}/{name}", "came back from the store other than it was put there")


def fetch(project: Path, release: Release) -> Path:
    """Give a local folder with a release's files, each held against its digest.

    A copy under ``.steadily/serving/`` that is whole is used as it is; otherwise one is made, and gets
    its name only when all of it is right.

    Raises:
        ReleaseError: The store can't be reached, or its files are not those of the release.
    """
    final = project / layout.SERVING / release.name
    if final.is_dir() and not misfits(final, release):
        return final
    sweep(final.parent)
    draft = beside(final, DRAFT)
    try:
        draft.mkdir(parents=True)
        get_files(release, draft)
        problems = misfits(draft, release)
        if problems:
            raise ReleaseError(*problems)
        settle(draft, final, lambda: not misfits(final, release))
    finally:
        remove(draft)
    return final


def get_files(release: Release, draft: Path) -> None:
    """Copy a release's files from the store: its manifest first, and after it those that it names.

    Raises:
        ReleaseError: They can't be had; or the manifest is not the release's.
    """
    with reached(release.url) as (files, root):
        get_file(release, files, root, manifests.FILE, draft)
        problems = manifest_misfits(draft, release)
        if problems:
            raise ReleaseError(*problems)
        for name in manifests.content_of(draft)["files"]:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ReleaseError.at(f"release {release.number}", "its manifest leads out of its folder", given=name)
            get_file(release, files, root, name, draft)


def get_file(release: Release, files: Any, root: str, name: str, draft: Path) -> None:
    """Copy one file from the store.

    Raises:
        ReleaseError: It is not there.
    """
    (draft / name).parent.mkdir(parents=True, exist_ok=True)
    try:
        files.get_file(f"{root}/{name}", str(draft / name))
    except FileNotFoundError as error:
        where = f"release {release.number}, {release.url}"
        raise ReleaseError.at(where, "a file of it is missing", given=name, hint=AGAIN) from error


def misfits(folder: Path, release: Release) -> tuple[Problem, ...]:
    """Find what a local folder has otherwise than the release has it."""
    found = manifest_misfits(folder, release)
    if found:
        return found
    try:
        manifests.read(folder)
    except DataError as error:
        return tuple(told(problem, folder, release) for problem in error.problems)
    return ()


def manifest_misfits(folder: Path, release: Release) -> tuple[Problem, ...]:
    """Tell whether a folder's manifest is that of the release: one that was rewritten with its digests is not."""
    try:
        content = manifests.content_of(folder)
    except DataError as error:
        return tuple(told(problem, folder, release) for problem in error.problems)
    if content["digest"] == release.digest:
        return ()
    where = f"release {release.number}, {release.url}/{manifests.FILE}"
    return (Problem(where, "is the manifest of another bundle", hint=AGAIN),)


def told(problem: Problem, folder: Path, release: Release) -> Problem:
    """Name the release and the store in a problem of a local folder's."""
    where = problem.where.replace(str(folder), release.url)
    return Problem(f"release {release.number}, {where}", problem.what, problem.given, problem.allowed, AGAIN)
