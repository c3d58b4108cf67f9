"""Files at fsspec addresses (s3://, memory://, https:// …): finding them and telling whether they changed.

Owns all that touches a remote file system but reading; it is imported only when
an address asks for it, since fsspec is not light.
"""

from __future__ import annotations

import glob
import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from steadily import DataError, SourceUnreachable, SteadilyError
from steadily_files.found import Found
from steadily_files.places import fixed_part, label_below, not_found
from steadily_files.secrets import hidden

CHECKSUMS = ("etag", "md5", "md5hash", "content-md5", "crc32c", "checksum", "digest", "content_hash")
WEB = ("http://", "https://")


def at_address(address: str) -> list[Found]:
    """Find the files at an address or a glob of addresses.

    Raises:
        DataError: There is nothing, or the protocol is unknown.
        SourceUnreachable: The file system does not answer.
    """
    with answering(address):
        filesystem, path = filesystem_of(address)
        filesystem.invalidate_cache()  # a listing kept from an earlier call would hide new files
        found = globbed(filesystem, path) if is_glob(address) else single(filesystem, path)
        if not found:
            raise nothing(filesystem, path, address)
    return found


def filesystem_of(address: str) -> tuple[Any, str]:
    """Give fsspec's file system for ``address``, and the path in it."""
    from fsspec.core import url_to_fs

    try:
        filesystem, path = url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise DataError.at(
            hidden(address), "this kind of address can't be read here", hint=f"{error}; is a package missing?"
        ) from error
    return filesystem, str(path)


def is_glob(address: str) -> bool:
    """Tell whether ``address`` is a pattern; on the web '?' and '[' are parts of an address.

    >>> is_glob("s3://bucket/day-?.csv"), is_glob("https://host/a.csv?x=1")
    (True, False)
    """
    return "*" in address if address.startswith(WEB) else glob.has_magic(address)


def globbed(filesystem: Any, path: str) -> list[Found]:
    """Find the files of a glob; those with a hidden name are left out, as they are on this machine."""
    fixed = fixed_part(path)
    labels = {str(one): label_below(fixed, str(one)) for one in filesystem.glob(path) if filesystem.isfile(one)}
    visible = {one: label for one, label in labels.items() if not any(p.startswith(".") for p in label.split("/"))}
    return [Found(label, one, shown(filesystem, one), filesystem) for one, label in visible.items()]


def single(filesystem: Any, path: str) -> list[Found]:
    """Find the one file at ``path``."""
    try:
        is_folder = filesystem.info(path).get("type") == "directory"
    except FileNotFoundError as error:
        if hides_trouble(error):
            raise
        return []
    if is_folder:
        return []
    label = posixpath.basename(path.partition("?")[0] if path.startswith(WEB) else path)
    return [Found(label, path, shown(filesystem, path), filesystem)]


def shown(filesystem: Any, path: str) -> str:
    """Give the whole address of ``path``, without a password."""
    return hidden(str(filesystem.unstrip_protocol(path)))


def nothing(filesystem: Any, path: str, address: str) -> SteadilyError:
    """Say that nothing was found, and which names there are near."""
    folder = fixed_part(path)
    try:
        there = sorted(posixpath.basename(str(one).rstrip("/")) for one in filesystem.ls(folder, detail=False))
    except (OSError, NotImplementedError, ValueError):
        there = []
    return not_found(hidden(address), shown(filesystem, folder), path, there)


def remote_version(file: Found) -> str:
    """Tell what is at the address now: a checksum, else size and time, else a digest of the whole content."""
    with answering(file.shown):
        info = {str(key).lower(): value for key, value in file.filesystem.info(file.path).items()}
        for key in CHECKSUMS:
            if info.get(key):
                return f"{key} {info[key]}".replace('"', "")
        return size_and_time(file, info) or digest_of(file)


def size_and_time(file: Found, info: Mapping[str, object]) -> str | None:
    """Give size and time of the last change, or None where the file system keeps no times."""
    try:
        changed = file.filesystem.modified(file.path)
    except (NotImplementedError, KeyError, AttributeError, TypeError):
        return None
    return f"{info.get('size')} bytes, {changed.isoformat()}" if changed else None


def digest_of(file: Found) -> str:
    """Read the whole file for its digest: slow, and the only thing left that tells of a change."""
    with file.filesystem.open(file.path, "rb") as stream:
        digest = hashlib.blake2b(digest_size=8)
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def answering(address: str) -> Iterator[None]:
    """Turn whatever a remote file system raises into an error that names the address.

    File systems raise errors of their own libraries (botocore's, aiohttp's), which
    have nothing in common but ``Exception``.
    """
    try:
        yield
    except SteadilyError:
        raise
    except Exception as error:
        if isinstance(error, FileNotFoundError) and not hides_trouble(error):
            raise DataError.at(hidden(address), "no file is there under this address") from error
        reason = error.__cause__ or error
        raise SourceUnreachable.at(
            hidden(address),
            f"can't be asked now: {type(reason).__name__}: {hidden(str(reason))}",
            hint="check the network, the address and the credentials",
        ) from error


def hides_trouble(error: FileNotFoundError) -> bool:
    """Tell whether 'not found' really means 'not reached': fsspec's web file system says so of both."""
    cause = error.__cause__
    status = getattr(cause, "status", None)
    if isinstance(status, int):
        return status not in (404, 410)
    return isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)
