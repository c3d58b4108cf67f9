"""An online store: for each version of a feature set a head, which names one whole materialisation, and its blocks.

Owns the words that all stores share, and which one an address means. A store shows
a reader a whole materialisation or the earlier one: the head is exchanged in one piece
when all blocks are there, and the earlier one's blocks outlive it for those who still
read them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol, TypeVar

from steadily.errors import ConfigError, DataError
from steadily.lookups import FeatureSet

TIMEOUT = 0.2
CHUNK = 1_000  # blocks that are written together
T = TypeVar("T")


class StoreAway(DataError):  # noqa: N818 (what it says is not that somebody erred)
    """The online store does not answer, or nothing has ever been published in it."""


@dataclass(frozen=True)
class Head:
    """What is published of a version of a feature set.

    Attributes:
        set: The feature set.
        materialisation: The number of what is read now.
        as_of: The newest moment in it, in microseconds since 1970.
        keys: How many keys it has.
        digest: The digest of the dataset that was published.
        published_us: When, in microseconds since 1970.
    """

    set: FeatureSet
    materialisation: int
    as_of: int
    keys: int
    digest: str
    published_us: int

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {**vars(self), "set": self.set.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Head:
        """Read it from plain values."""
        return cls(**{**content, "set": FeatureSet.from_json(content["set"])})


class Store(Protocol):
    """What each store does."""

    shown: str

    def head(self, version: str) -> Head | None:
        """Give the head of a version, or None where it is not published."""

    def heads(self) -> list[Head]:
        """Give all heads."""

    def blocks(self, head: Head, keys: Sequence[str]) -> dict[str, str] | None:
        """Give the blocks of some keys; None where the materialisation is gone, for two newer ones came."""

    def publish(self, head: Head, blocks: Iterator[tuple[str, str]]) -> Head:
        """Write a materialisation and make it the one that is read, unless a newer one is; give what is then read."""

    def close(self) -> None:
        """Let go of connections."""


def open_store(url: str, timeout: float = TIMEOUT) -> Store:
    """Open the store that an address means; nothing is asked yet.

    Args:
        url: ``sqlite:///FILE``, ``postgresql://…``, ``redis://HOST:PORT/NUMBER`` (``?prefix=WORD`` before its keys).
        timeout: The seconds after which an answer is not waited for any more.

    Raises:
        ConfigError: It is no address of a store, or a package is missing.
    """
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme in ("redis", "rediss"):
        from steadily.features.redis_store import RedisStore

        return RedisStore(url, timeout)
    if scheme in ("sqlite", "postgresql"):
        from steadily.features.sql_store import SqlStore

        return SqlStore(url, timeout)
    raise ConfigError.at(
        "features.store", "is no address of a store", given=shown(url), allowed="sqlite:///…, postgresql://…, redis://…"
    )


def shown(url: str) -> str:
    """Give an address without its password.

    >>> shown("postgresql://ann:s3cret@db/shop"), shown("redis://:s3cret@cache:6379/0?password=x")
    ('postgresql://ann:***@db/shop', 'redis://:***@cache:6379/0?password=***')
    """
    hidden = re.sub(r"^([\w+.-]+://[^:/@]*):.*@", r"\1:***@", url)
    return re.sub(r"([?&]\w*(?:pass|secret|token)\w*=)[^&]*", r"\1***", hidden)


def newer(there: Head | None, head: Head) -> bool:
    """Tell whether what is there is to stay: it is of a later moment."""
    return there is not None and there.as_of > head.as_of


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Give items in lists of at most ``size``.

    >>> list(in_batches("abc", 2))
    [['a', 'b'], ['c']]
    """
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
