"""Which release answers: follows the slots in the database, and swaps releases without dropping a request.

Owns the opened releases. A new one is opened, and tried on its example, beside the one that serves; only then
it takes its place, between two batches. One that can't be opened changes nothing: the running one goes on, and
what is wrong is told. Releases that served lately stay open, so that going back takes no time.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType

from steadily.bundle.open import OpenFeatures
from steadily.clock import Clock
from steadily.database import Database
from steadily.errors import DatabaseError, RunError, SteadilyError
from steadily.releases.slots import Slots, read_slots, revision_of
from steadily.serving.requests import Row
from steadily.serving.scoring import Answer, Release
from steadily.serving.workers import beat

POLL = 0.5  # seconds; a change is taken up within two
RETRY = 5.0
BEAT = 5.0
KEPT = 3  # releases that stay open
logger = logging.getLogger("steadily.serving")
Open = Callable[[int], Release]


class Live:
    """The release in the slot ``live``, as this worker has it.

    Args:
        database: Where the slots are.
        clock: Whose time the worker's signs of life have.
        opens: Opens a release by its number.
    """

    def __init__(self, database: Database, clock: Clock, opens: Open) -> None:
        self.database, self.clock, self.opens = database, clock, opens
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.opened: dict[int, Release] = {}
        self.slots: Slots = read_slots(database)
        self.now_us = clock.now_us()
        self.failure: str | None = None
        self.away: str | None = None
        self.release = self.first()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.work, name="slots", daemon=True)

    def start(self) -> None:
        """Begin to follow the slots."""
        set_aside()
        self.beat()
        self.thread.start()

    def close(self) -> None:
        """Follow them no longer."""
        self.stop.set()
        self.thread.join(timeout=5)

    def current(self) -> Release:
        """Give the release that answers now."""
        return self.release

    def time_us(self) -> int:
        """Give the time. A simulated one may pass quickly, so it is read for each request.

        Where the database is away it stands still.
        """
        if not self.clock.simulated:
            return self.clock.now_us()
        if self.away is None:
            with contextlib.suppress(DatabaseError):
                self.now_us = self.clock.now_us()
        return self.now_us

    def first(self) -> Release:
        """Open the release that is live.

        Raises:
            RunError: None is.
            SteadilyError: It can't be opened.
        """
        number = self.slots.live
        if number is None:
            raise RunError.at("steadily serve", "no release is live", hint="`steadily release` makes the first one so")
        return self.open(number)

    def open(self, number: int) -> Release:
        """Give a release, opened if it is not so yet."""
        if number not in self.opened:
            self.opened[number] = self.opens(number)
        self.opened[number] = self.opened.pop(number)  # the latest stands last
        wanted = {self.slots.live, self.slots.previous, self.slots.shadow}
        for old in [one for one in self.opened if one not in wanted][: max(0, len(self.opened) - KEPT)]:
            del self.opened[old]
        return self.opened[number]

    def work(self) -> None:
        """Look for changes until the end."""
        since_beat = since_failure = 0.0
        while not self.stop.wait(POLL):
            since_beat += POLL
            since_failure += POLL
            try:
                self.now_us = self.clock.now_us()
                changed = self.look(again=self.failure is not None and since_failure >= RETRY)
                if changed:
                    since_failure = 0.0
                if changed or since_beat >= BEAT:
                    self.beat()
                    since_beat = 0.0
                self.away = None
            except DatabaseError as error:
                if self.away is None:
                    logger.error("serving goes on with release %d: %s", self.release.number, error)
                self.away = str(error)
            except Exception:  # this thread must live as long as the worker does
                logger.exception("serving goes on with release %d", self.release.number)

    def look(self, *, again: bool = False) -> bool:
        """Take up a change of the slots, if there is one; say whether there was."""
        if revision_of(self.database) == self.slots.revision and not again:
            return False
        slots = self.slots = read_slots(self.database)
        number = slots.live
        if number is None or number == self.release.number:
            self.failure = None
            return True
        try:
            self.release = self.open(number)
            self.failure = None
            set_aside()
            logger.info("release %d answers now", number)
        except SteadilyError as error:
            self.failure = f"release {number} can't be served: {error}"
            logger.error("%s; release %d goes on", self.failure, self.release.number)
        return True

    def beat(self) -> None:
        """Leave a sign of life, with what is served."""
        beat(self.database, self.clock, self.worker, self.release.number, self.slots)


class Fixed(Live):
    """One release, whatever the slots hold, for a trial of it; it is no part of what serves, and gives no sign of life.

    Args:
        database: As above.
        clock: As above.
        opens: As above.
        number: The release.
    """

    def __init__(self, database: Database, clock: Clock, opens: Open, number: int) -> None:
        self.number = number
        super().__init__(database, clock, opens)

    def first(self) -> Release:
        """Open the release."""
        return self.open(self.number)

    def look(self, *, again: bool = False) -> bool:
        """Take up no change."""
        return False

    def beat(self) -> None:
        """Leave no sign of life."""


class OwnModules:
    """Keeps apart the modules of projects' own plugins, which different releases have under the same names.

    Each release's are taken out of Python's list once it is open, and put back while it answers. Where a release
    has none of its own, nothing is done.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.homes: dict[Path, Mapping[str, ModuleType]] = {}
        self.active: Path | None = None

    def open(
        self, number: int, folder: Path, most_rows: int, way: str, features: OpenFeatures | None = None
    ) -> Release:
        """Open a release with its own modules.

        Raises:
            SteadilyError: It can't be opened.
        """
        home = (folder / "plugins").resolve()  # as its modules say where they come from
        opens = partial(Release.open, number, folder, most_rows=most_rows, way=way, tell=tell, features=features)
        if not home.is_dir():
            return opens()
        with self.entered(home):
            return OwnRelease(opens(), self, home)

    @contextmanager
    def entered(self, home: Path) -> Iterator[None]:
        """Make a release's own modules those that an import by name finds."""
        with self.lock:
            if home != self.active:
                self.leave()
                sys.modules.update(self.homes.get(home, {}))
                sys.path.insert(0, str(home))
                self.active = home
            yield

    def leave(self) -> None:
        """Take the active ones out."""
        if self.active is None:
            return
        found = {name: module for name, module in list(sys.modules.items()) if lies_in(module, self.active)}
        for name in found:
            del sys.modules[name]
        self.homes[self.active] = found
        sys.path[:] = [entry for entry in sys.path if entry != str(self.active)]
        sys.path_importer_cache.pop(str(self.active), None)
        self.active = None


class OwnRelease(Release):
    """A release with modules of its own, which answers with these alone."""

    def __init__(self, release: Release, own: OwnModules, home: Path) -> None:
        self.__dict__.update(vars(release))
        self.own, self.home = own, home

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """Answer rows."""
        with self.own.entered(self.home):
            return super().answer(rows)


def set_aside() -> None:
    """Take what is there by now, such as a model's words, out of what the garbage collector looks through.

    It would do so every few thousand requests, and hold all of them up for a fifth of a second each time.
    """
    gc.unfreeze()
    gc.collect()  # what an earlier release has left
    gc.freeze()


def tell(text: str) -> None:
    """Tell what is worth knowing of a release that is opened."""
    logger.warning("%s", text)


def lies_in(module: object, home: Path) -> bool:
    """Tell whether a module comes from a folder."""
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and Path(file).is_relative_to(home)
