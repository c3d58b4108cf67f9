"""Publishing: a feature set's files into an online store, under the version that they were made by."""

from __future__ import annotations

import secrets
from pathlib import Path

from steadily.datasets import open_dataset
from steadily.errors import DataError
from steadily.features.blocks import blocks_of
from steadily.features.keys import microseconds
from steadily.features.offline import AS_OF, open_offline
from steadily.features.store import Head, open_store


def publish(url: str, folder: Path, now_us: int) -> Head:
    """Publish a feature set's files; nothing happens where a newer materialisation, or this one, is published.

    Args:
        url: The store's address.
        folder: The dataset.
        now_us: The time, in microseconds since 1970.

    Returns:
        What is read of this version now; its digest tells whether it is this dataset.

    Raises:
        DataError: It is no feature set, or has no values.
        StoreAway: The store does not answer.
    """
    found = open_offline(folder)
    table = found.dataset.read()
    if not len(table):
        raise DataError.at(str(folder), f"feature set {found.set.name} has no values to publish")
    keys = len(table[list(found.set.keys)].drop_duplicates())
    as_of = int(microseconds(table[AS_OF]).max())
    head = Head(found.set, secrets.randbits(62), as_of, keys, open_dataset(folder).digest, now_us)
    store = open_store(url)
    try:
        return store.publish(head, blocks_of(found.set, table))
    finally:
        store.close()
