"""Looking up values in an online store: the same answers as in files, in bounded time, and counted.

Owns what is remembered of the store, and what becomes of a lookup when it is away:
every row's outcome is then ``away``, at once, until a second has passed.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pandas as pd

from steadily.features.blocks import Block, read_block
from steadily.features.keys import (
    NEVER,
    by_name,
    key_text,
    microsecond,
    microseconds,
    plain_keys,
    refuse_other_keys,
    typed,
)
from steadily.features.settings import FeaturesSettings
from steadily.features.store import TIMEOUT, Head, Store, StoreAway, open_store
from steadily.lookups import OUTCOMES, Features, FeatureSet, Found, Outcome
from steadily.settings import settings
from steadily.units import SECOND_US

REMEMBERED = 10_000  # keys
REST = 1.0  # seconds in which a store that was away is not asked again
MOMENT = "datetime64[us, UTC]"
LOOKS_AGAIN = ContextVar("LOOKS_AGAIN", default=False)
Heard = Callable[[FeatureSet, Mapping[Outcome, int]], None]


@contextmanager
def looking_again() -> Iterator[None]:
    """Let lookups count for nothing: of rows that were answered already, and are looked at again."""
    token = LOOKS_AGAIN.set(True)
    try:
        yield
    finally:
        LOOKS_AGAIN.reset(token)


def unheard(described: FeatureSet, counts: Mapping[Outcome, int]) -> None:
    """Hear nothing of lookups."""


def open_online(
    url: str, described: FeatureSet, *, timeout: float = TIMEOUT, refresh: float = 1.0, heard: Heard = unheard
) -> Online:
    """Open an online store for lookups in one version of a feature set; the store may be away.

    Args:
        url: The store's address; see ``store.open_store``.
        described: The feature set, as the bundle has it: its version is the one that is read.
        timeout: Seconds that a lookup may wait for the store.
        refresh: Seconds after which the store is asked again whether something newer was published.
        heard: Called after each lookup, on its thread, with the feature set and how many rows came to what.

    Raises:
        ConfigError: It is no address of a store, or a package is missing.
    """
    return Online(described, open_store(url, timeout), timeout, refresh, heard)


def online_features(
    url: str, *, timeout: float = TIMEOUT, refresh: float = 1.0, heard: Heard = unheard
) -> Callable[[FeatureSet], Online]:
    """Give what ``open_bundle`` takes as ``features``: lookups in a store in the place of the bundle's own files."""
    return lambda described: open_online(url, described, timeout=timeout, refresh=refresh, heard=heard)


def project_features(project: Path, heard: Heard = unheard) -> Callable[[FeatureSet], Online]:
    """Give the same for the store that a project's settings name.

    Raises:
        ConfigError: The settings can't be read.
    """
    chosen = settings(project, FeaturesSettings)
    return online_features(chosen.address(project), timeout=chosen.timeout, refresh=chosen.refresh, heard=heard)


class Online(Features):
    """Lookups in a store. Threads may share it."""

    def __init__(
        self, described: FeatureSet, store: Store, timeout: float, refresh: float, heard: Heard = unheard
    ) -> None:
        self.set, self.store, self.timeout, self.refresh, self.heard = described, store, timeout, refresh, heard
        self.lock = threading.Lock()
        self.pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="features")
        self.head: Head | None = None
        self.checked = self.failed = float("-inf")
        self.remembered: OrderedDict[str, Block | None] = OrderedDict()
        self.counted: Counter[Outcome] = Counter()
        self.why = ""

    def lookup(self, keys: pd.DataFrame, moments: pd.Series[Any]) -> Found:
        """Look up rows; see ``Features``. A store that is away is an outcome, and no error."""
        refuse_other_keys(self.set, keys)
        plain = plain_keys(keys[list(self.set.keys)])
        texts = [None if key is None else key_text(key) for key in plain]
        found = self.find(texts, microseconds(moments).tolist())
        rows = [values for values, _, _ in found]
        columns = {
            name: typed([None if row is None else row[place] for row in rows], dtype, keys.index)
            for place, (name, dtype) in enumerate(self.set.columns.items())
        }
        as_of = typed([moment for _, moment, _ in found], MOMENT, keys.index)
        outcome = pd.Series([outcome for _, _, outcome in found], keys.index, dtype="str")
        return Found(pd.DataFrame(columns, index=keys.index), as_of, outcome)

    def one(self, key: tuple[Any, ...], moment: dt.datetime) -> dict[str, Any] | None:
        """Look up one row without a frame around it; see ``Features``."""
        if None in key:
            return None
        text = key_text(key)
        try:
            block = self.blocks([text]).get(text)
        except StoreAway:
            return None
        values, _, outcome = self.newest(block, microsecond(moment))
        if values is None:
            return None
        self.count(Counter([outcome]))
        return by_name(self.set.columns, values)

    def find(
        self, texts: Sequence[str | None], moments: Sequence[int]
    ) -> list[tuple[list[Any] | None, int | None, Outcome]]:
        """Give the values, their moment and the outcome for each pair of a key's text and a moment."""
        wanted = dict.fromkeys(text for text in texts if text is not None)
        try:
            blocks = self.blocks(list(wanted))
        except StoreAway as error:
            self.why = str(error)
            found: list[tuple[list[Any] | None, int | None, Outcome]] = [(None, None, "away")] * len(texts)
        else:
            found = [
                self.newest(None if text is None else blocks.get(text), moment)
                for text, moment in zip(texts, moments, strict=True)
            ]
        self.count(Counter(outcome for _, _, outcome in found))
        return found

    def count(self, counts: Counter[Outcome]) -> None:
        """Count lookups by what they came to, and let it be heard."""
        if LOOKS_AGAIN.get():
            return
        with self.lock:
            self.counted.update(counts)
        self.heard(self.set, counts)

    def newest(self, block: Block | None, moment: int) -> tuple[list[Any] | None, int | None, Outcome]:
        """Find in a key's block what counts for a row."""
        place = -1 if block is None or moment == NEVER else block.place(moment)
        if block is None or place < 0:
            return None, None, "unknown"
        if self.set.ttl is not None and moment - block.as_of[place] > int(self.set.ttl * SECOND_US):
            return None, None, "stale"
        return block.values[place], block.as_of[place], "found"

    def blocks(self, texts: list[str]) -> Mapping[str, Block | None]:
        """Give blocks, remembered or from the store.

        Raises:
            StoreAway: The store does not answer in time, or did not a moment ago; or has nothing of this version.
        """
        now = time.monotonic()
        with self.lock:
            fresh = now - self.checked < self.refresh
            known = {text: self.remembered[text] for text in texts if text in self.remembered} if fresh else {}
            for text in known:
                self.remembered.move_to_end(text)
        if len(known) == len(texts) and fresh:
            return known
        if now - self.failed < REST:
            raise StoreAway(*([self.why] if self.why else ["the store is away"]))
        try:
            return self.pool.submit(self.fetch, texts, fresh).result(self.timeout)
        except Late:
            self.failed = time.monotonic()
            raise StoreAway.at(self.store.shown, f"no answer within {self.timeout} s") from None
        except StoreAway:
            self.failed = time.monotonic()
            raise

    def fetch(self, texts: list[str], fresh: bool) -> dict[str, Block | None]:
        """Ask the store what is published now, and for the blocks that are not remembered of it."""
        for again in (False, True):
            head = self.current(ask=again or not fresh)
            with self.lock:
                known = {text: self.remembered[text] for text in texts if text in self.remembered}
            missing = [text for text in texts if text not in known]
            given = self.store.blocks(head, missing) if missing else {}
            if given is not None:
                read = {text: read_block(given[text]) if text in given else None for text in missing}
                self.remember(head, read)
                return {**known, **read}
        raise StoreAway.at(self.store.shown, "what is published changes faster than it can be read")

    def current(self, *, ask: bool) -> Head:
        """Give the head, asked for again where it is time; what was remembered of an earlier one is forgotten.

        Raises:
            StoreAway: The store does not answer, or has nothing of this version.
        """
        if not ask and self.head is not None:
            return self.head
        head = self.store.head(self.set.version)
        with self.lock:
            if head is None or self.head is None or head.materialisation != self.head.materialisation:
                self.remembered.clear()
            self.head, self.checked = head, time.monotonic()
        if head is None:
            what = f"version {self.set.version} of {self.set.name} is not published"
            raise StoreAway.at(self.store.shown, what, hint="`steadily features publish` does it")
        return head

    def remember(self, head: Head, blocks: Mapping[str, Block | None]) -> None:
        """Keep blocks for the next lookups, unless the head is another one by now."""
        with self.lock:
            if self.head is not None and self.head.materialisation == head.materialisation:
                self.remembered.update(blocks)
                while len(self.remembered) > REMEMBERED:
                    self.remembered.popitem(last=False)

    def counts(self) -> dict[Outcome, int]:
        """Give how many lookups came to what, since this was opened."""
        with self.lock:
            return {outcome: self.counted[outcome] for outcome in OUTCOMES}

    def age(self, now_us: int) -> float | None:
        """Give how many seconds the newest values that were seen are old; None where none were."""
        head = self.head
        return None if head is None else (now_us - head.as_of) / SECOND_US

    def close(self) -> None:
        """Let go of threads and connections."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.store.close()
