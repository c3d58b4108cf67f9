"""When each row is sent, counted from the beginning of a replay. Pure: a recording's times in, offsets out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, groupby, takewhile
from operator import itemgetter
from typing import NamedTuple

from steadily.errors import ConfigError
from steadily.units import SECOND_US

STEP_US = 10 * SECOND_US  # rows of so long a time are sent together
MOST = 2_000_000  # requests of one replay


class Due(NamedTuple):
    """A row, by its place in the recording, and when it is sent."""

    offset_us: int
    place: int


def own_times(times: Sequence[int], *, loop: bool) -> Iterator[Due]:
    """Send rows as far apart as they came in.

    Args:
        times: When each came in, rising.
        loop: Begin anew at the end: times move on by the length of the recording and a step, which is the mean
            distance of two rows.

    >>> found = own_times([100, 110, 120], loop=True)
    >>> [next(found).offset_us for _ in range(5)]
    [0, 10, 20, 30, 40]
    """
    length = int(times[-1]) - int(times[0])
    step = max(1, length // (len(times) - 1)) if len(times) > 1 else SECOND_US
    for turn in count() if loop else range(1):
        for place, at_us in enumerate(times):
            yield Due(turn * (length + step) + int(at_us) - int(times[0]), place)


def at_rate(rows: int, per_second: float, *, loop: bool) -> Iterator[Due]:
    """Send rows in turn, at even distances.

    >>> [(due.offset_us, due.place) for due in at_rate(2, 0.5, loop=False)]
    [(0, 0), (2000000, 1)]
    """
    for number in count() if loop else range(rows):
        yield Due(round(number / per_second * SECOND_US), number % rows)


def bounded(found: Iterable[Due], length_us: int | None) -> list[Due]:
    """Take what is due within a time.

    Raises:
        ConfigError: It is too much for one replay.
    """
    within = found if length_us is None else takewhile(lambda due: due.offset_us < length_us, found)
    taken: list[Due] = []
    for due in within:
        if len(taken) == MOST:
            raise ConfigError.at("steadily replay", "would send too many requests", allowed=f"at most {MOST:,}")
        taken.append(due)
    return taken


def steps(found: Iterable[Due]) -> Iterator[tuple[int, list[Due]]]:
    """Put together what is sent at once: what is due within the same ten seconds, at the time of the first.

    >>> [(at_us, len(due)) for at_us, due in steps([Due(0, 0), Due(9_999_999, 1), Due(10_000_000, 2)])]
    [(0, 2), (10000000, 1)]
    """
    for _, members in groupby(found, lambda due: due.offset_us // STEP_US):
        due = list(members)
        yield min(map(itemgetter(0), due)), due
