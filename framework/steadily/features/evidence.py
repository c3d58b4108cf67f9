"""Whether the feature sets that a release names are published, and how old what is read of them is.

For promotions, which wait for it, and for alerts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from steadily.features.store import TIMEOUT, Head, StoreAway, open_store
from steadily.units import SECOND_US


@dataclass(frozen=True)
class Published:
    """What is known of one feature set that a release names.

    Attributes:
        name: The feature set.
        version: The version that the release names.
        published: Whether it can be read; None where the store does not answer, which is no yes.
        as_of_us: The newest moment in it, in microseconds since 1970.
        published_us: When it was published.
        keys: How many keys it has.
        ttl: How old a value may be for a row to find it, in seconds; None: of any age.
        told: All that in a line.
    """

    name: str
    version: str
    published: bool | None
    as_of_us: int | None = None
    published_us: int | None = None
    keys: int | None = None
    ttl: float | None = None
    told: str = ""

    def age(self, now_us: int) -> float | None:
        """Give how many seconds its newest values are old; None where it has none, or nobody could say."""
        return None if self.as_of_us is None else (now_us - self.as_of_us) / SECOND_US

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


def is_published(url: str, feature_sets: Mapping[str, str], timeout: float = 10 * TIMEOUT) -> list[Published]:
    """Say of each feature set that a release names whether it can be read. A release that names none needs none.

    Args:
        url: The online store's address.
        feature_sets: The versions by name, as the manifest has them.
        timeout: Seconds.

    Returns:
        A line of evidence for each; a release may be promoted only if ``published`` is true in all.
    """
    if not feature_sets:
        return []
    store = open_store(url, timeout)
    try:
        return [evidence_of(store.head(version), name, version) for name, version in feature_sets.items()]
    except StoreAway as error:
        return [Published(name, version, None, told=str(error)) for name, version in feature_sets.items()]
    finally:
        store.close()


def evidence_of(head: Head | None, name: str, version: str) -> Published:
    """Say it of one."""
    if head is None:
        return Published(name, version, False, told=f"{name} {version} is not published")
    told = f"{name} {version}: {head.keys:,} keys as of {moment(head.as_of)}, published {moment(head.published_us)}"
    return Published(name, version, True, head.as_of, head.published_us, head.keys, head.set.ttl, told)


def freshness(found: list[Published], now_us: int) -> dict[str, float | None]:
    """Give how many seconds the newest values are old by feature set; None where nothing is known.

    Args:
        found: What ``is_published`` gave.
        now_us: The time, in microseconds since 1970.
    """
    return {one.name: one.age(now_us) for one in found}


def moment(us: int) -> str:
    """Write a moment.

    >>> moment(0)
    '1970-01-01T00:00:00Z'
    """
    return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=us)).isoformat(timespec="seconds") + "Z"
