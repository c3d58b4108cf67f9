"""How old the features are that releases read: of each feature set that a release in a slot names, as the store has it.

Owns the judgement, for alerts; what is published is asked of ``steadily.features``. A store that does not answer says
nothing: no alert fires or is over by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import select

from steadily.database import Database
from steadily.database.tables import SLOTS, releases, slots
from steadily.features import Published, is_published
from steadily.monitor.alerts import Seen, Subject
from steadily.monitor.levels import BEYOND, CLEAR, UNKNOWN
from steadily.monitor.settings import FreshnessSettings

RULE = "freshness"
HOUR = 3_600.0  # seconds
WAIT = 1.0  # seconds that the store may take for each


@dataclass(frozen=True)
class Read:
    """A feature set that a release reads.

    Attributes:
        release: The release.
        slot: Where it serves.
        found: What the store says of the version that it names.
    """

    release: int
    slot: str
    found: Published


@dataclass(frozen=True)
class Freshness:
    """Looks how old features are; called with the time, it gives what was seen, for alerts.

    Attributes:
        database: Which releases serve.
        store: The online store's address.
        settings: How old they may be.
    """

    database: Database
    store: str
    settings: FreshnessSettings

    def __call__(self, now_us: int) -> Iterator[Seen]:
        """Give what is seen of each version that is read; one that several releases read is told of the first."""
        if not self.settings.enabled:
            return
        told: set[str] = set()
        for one in self.read():
            if one.found.version not in told:
                told.add(one.found.version)
                yield seen_of(one, self.settings, now_us)

    def read(self) -> list[Read]:
        """Ask the store for each version that is read; those of the live release come first.

        Raises:
            DatabaseAway: The database can't be reached.
        """
        named = list(self.named())
        versions = {version: name for _, _, sets in named for name, version in sets.items()}
        found = {version: is_published(self.store, {name: version}, WAIT)[0] for version, name in versions.items()}
        return [Read(number, slot, found[version]) for number, slot, sets in named for version in sets.values()]

    def named(self) -> Iterable[tuple[int, str, dict[str, str]]]:
        """Give the releases in the slots, each with the versions of the feature sets that it names."""
        with self.database.read() as connection:
            asked = select(slots.c.name, releases.c.number, releases.c.manifest)
            rows = connection.execute(asked.join(releases, releases.c.number == slots.c.release)).all()
        for row in sorted(rows, key=lambda row: SLOTS.index(row.name)):
            yield row.number, row.name, dict((row.manifest or {}).get("feature_sets", {}))


def seen_of(one: Read, settings: FreshnessSettings, now_us: int) -> Seen:
    """Say on which side of what is allowed an age stands."""
    found, age = one.found, one.found.age(now_us)
    most = found.ttl if settings.hours is None else settings.hours * HOUR
    side = UNKNOWN if found.published is None else BEYOND if not found.published else CLEAR
    if age is not None and most is not None and age > most:
        side = BEYOND
    return Seen(
        Subject(RULE, f"feature_age_hours.{found.name}", one.release, one.slot),
        side,
        None if age is None else age / HOUR,
        None if most is None else most / HOUR,
        settings.severity,
        RULE,
        evidence={"store": found.told},
    )
