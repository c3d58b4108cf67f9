"""The life of an alert, as a pure state machine: from what is seen of a figure, and when, to what is told.

A condition has to hold for its time before it fires, and to be clear for its time before it is over. Only time that was
watched counts: between two looks far apart, or when a clock jumped, nothing is taken to have held. Where nothing can be
seen, nothing fires and nothing is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from steadily.monitor.levels import BEYOND, CLEAR, UNKNOWN

QUIET, PENDING, FIRING = "quiet", "pending", "firing"
FIRED, RESOLVED, BLIND, SEEING = "fired", "resolved", "no data", "data again"


class Subject(NamedTuple):
    """What an alert is about: the rule, what it watches (a figure, a column), the release, its slot, and the slice."""

    rule: str
    what: str
    release: int
    slot: str
    slice: str = ""

    def told(self) -> str:
        """Name it for people.

        >>> Subject("recall", "recall.spam", 3, "live").told()
        'recall.spam of release 3 (live)'
        """
        part = f", {self.slice}" if self.slice else ""
        return f"{self.what} of release {self.release} ({self.slot}{part})"


@dataclass(frozen=True)
class Seen:
    """What was seen of a subject at one look.

    Attributes:
        subject: What it is about.
        side: On which side of the levels it stands: beyond, between, clear, unknown.
        value: The figure; None where it is undefined.
        level: The level that it is held against.
        severity: Of the rule.
        group: Of the rule.
        panel: Where it is shown.
        hold_us: How long the rule wants it to last.
        keep_us: How long the rule goes on after all is clear.
        evidence: What the verdict rests on: rows, interval, label coverage …
    """

    subject: Subject
    side: str
    value: float | None = None
    level: float | None = None
    severity: str = "warn"
    group: str = ""
    panel: str = ""
    hold_us: int = 0
    keep_us: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Life:
    """Where an alert is in its life.

    Attributes:
        phase: quiet, pending or firing.
        since_us: When the phase began.
        held_us: For how long the condition has been watched to hold.
        kept_us: For how long it has been watched to be clear.
        seen_us: The last look.
        blind: Whether nothing could be seen then.
    """

    phase: str = QUIET
    since_us: int = 0
    held_us: int = 0
    kept_us: int = 0
    seen_us: int | None = None
    blind: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


def step(life: Life, seen: Seen, now_us: int, longest_us: int) -> tuple[Life, tuple[str, ...]]:
    """Go on by one look.

    Args:
        life: Where the alert is.
        seen: What is seen now.
        now_us: The time now.
        longest_us: The longest time between two looks that counts as watched.

    Returns:
        Where it is now, and what happened: fired, resolved, no data, data again.
    """
    passed = watched(life, now_us, longest_us)
    blind = seen.side == UNKNOWN
    if life.phase == FIRING:
        after, what = go_on_firing(life, seen, now_us, passed)
    else:
        after, what = wait(life, seen, now_us, passed)
    if life.phase == FIRING and after.phase == FIRING and blind != life.blind:
        what = (*what, BLIND if blind else SEEING)
    return replace(after, seen_us=now_us, blind=blind), what


def watched(life: Life, now_us: int, longest_us: int) -> int | None:
    """Say how long it was watched since the last look; None where that is too long ago, or the clock went back.

    >>> watched(Life(seen_us=0), 60, 600), watched(Life(seen_us=0), 9000, 600), watched(Life(seen_us=50), 20, 600)
    (60, None, None)
    """
    passed = -1 if life.seen_us is None else now_us - life.seen_us
    return passed if 0 <= passed <= longest_us else None


def wait(life: Life, seen: Seen, now_us: int, passed: int | None) -> tuple[Life, tuple[str, ...]]:
    """Go on where nothing fires yet."""
    if seen.side != BEYOND:
        return (life if life.phase == QUIET else Life(QUIET, now_us)), ()
    going_on = life.phase == PENDING and passed is not None
    held, since = (life.held_us + (passed or 0), life.since_us) if going_on else (0, now_us)
    if held >= seen.hold_us:
        return Life(FIRING, now_us), (FIRED,)
    return Life(PENDING, since, held), ()


def go_on_firing(life: Life, seen: Seen, now_us: int, passed: int | None) -> tuple[Life, tuple[str, ...]]:
    """Go on where it fires: it is over when it has been clear for long enough."""
    if seen.side == UNKNOWN:
        return life, ()
    if seen.side != CLEAR:
        return replace(life, kept_us=0), ()
    kept = life.kept_us + (0 if life.blind else passed or 0)
    if kept >= seen.keep_us:
        return Life(QUIET, now_us), (RESOLVED,)
    return replace(life, kept_us=kept), ()


@dataclass(frozen=True)
class Silence:
    """What nobody is told of for a while: rule and subject as patterns, until when, by whom and why."""

    rule: str
    what: str
    slot: str
    begins_us: int
    ends_us: int
    by: str
    note: str

    def covers(self, subject: Subject, now_us: int) -> bool:
        """Tell whether it silences an alert now."""
        patterns = ((self.rule, subject.rule), (self.what, subject.what), (self.slot, subject.slot))
        return self.begins_us <= now_us < self.ends_us and all(fnmatchcase(name, pattern) for pattern, name in patterns)


def silenced(silences: Iterable[Silence], subject: Subject, now_us: int) -> bool:
    """Tell whether any silence covers an alert now."""
    return any(silence.covers(subject, now_us) for silence in silences)
