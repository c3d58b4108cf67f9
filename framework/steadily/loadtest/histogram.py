"""A histogram of latencies in text: a line for each step of 1, 2, 5 and their tens."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from itertools import pairwise

from steadily.latency import Latencies

EDGES = tuple(step * 10.0**power for power in range(-3, 12) for step in (1, 2, 5))  # microseconds
WIDTH = 40


def lines(times: Latencies, width: int = WIDTH) -> list[str]:
    """Draw the histogram.

    >>> lines(Latencies.of([900.0] * 4 + [1500.0] * 2), 8)
    ['500 µs – 1 ms  ████████ 4', '1 ms – 2 ms    ████     2']
    """
    counts = dict(counted(times))
    if not counts:
        return []
    first, last, most = min(counts), max(counts), max(counts.values())
    names = {place: name_of(place) for place in range(first, last + 1)}
    wide = max(map(len, names.values()))
    return [
        f"{name:<{wide}}  {bar(counts.get(place, 0), most, width)} {counts.get(place, 0):,}"
        for place, name in names.items()
    ]


def counted(times: Latencies) -> Iterator[tuple[int, int]]:
    """Give the places among EDGES that hold values, with their numbers."""
    found: dict[int, int] = {}
    for value, count in times.buckets():
        place = bisect.bisect_right(EDGES, value)
        found[place] = found.get(place, 0) + count
    yield from found.items()


def bar(count: int, most: int, width: int) -> str:
    """Draw one bar; what is there at all is seen."""
    length = max(1, round(count / most * width)) if count else 0
    return ("█" * length).ljust(width)


def name_of(place: int) -> str:
    """Name what lies between two edges."""
    if place == 0:
        return f"below {unit(EDGES[0])}"
    if place == len(EDGES):
        return f"above {unit(EDGES[-1])}"
    low, high = tuple(pairwise(EDGES))[place - 1]
    return f"{unit(low)} – {unit(high)}"


def unit(value: float) -> str:
    """Write microseconds in the unit that reads best.

    >>> unit(200.0), unit(5000.0), unit(2e6)
    ('200 µs', '5 ms', '2 s')
    """
    for size, name in ((1e6, "s"), (1e3, "ms")):
        if value >= size:
            return f"{value / size:g} {name}"
    return f"{value:g} µs"
