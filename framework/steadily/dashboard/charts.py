"""What each chart shows: lines over time with their intervals and levels, as the rows of a table.

The table stands in the page, for whoever wants the numbers, and the script draws from it: there is no other
copy of them. Owns which figures stand together, and how much of a level has room.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steadily.dashboard.numbers import COUNT, SCORE, SECONDS, SHARE, between, written
from steadily.monitor.figures import Figure
from steadily.monitor.rolling import Point

MOST_LINES = 5
LEVELS_UP_TO = 3  # lines of one chart that each have levels of their own
ROOM = 1.5  # so many times what the lines span may be given up for a level to be seen
ENOUGH = 100  # rows from which an interval is narrow enough not to flatten all else
Lines = Sequence[tuple[str, str]]  # figures, and what they are called
CHARTS: tuple[tuple[str, str, str, str, str | Lines], ...] = (
    ("quality", "recall", "Recall by class", SHARE, "recall."),
    ("quality", "precision", "Precision by class", SHARE, "precision."),
    (
        "quality", "accuracy", "Accuracy, measured and estimated", SHARE,
        (("accuracy", "measured"), ("estimated_accuracy_labelled", "estimated")),
    ),
    ("quality", "coverage", "Label coverage", SHARE, (("label_coverage", "with a label"),)),
    ("latency", "latency-p95", "Latency, 95th percentile", SECONDS, (("latency_p95", "p95"),)),
    ("latency", "latency-p99", "Latency, 99th percentile", SECONDS, (("latency_p99", "p99"),)),
    ("drift", "drift-score", "Drift score, the largest column’s", SCORE, (("drift", "drift"),)),
    ("drift", "drift-columns", "Drift score by column", SCORE, "drift."),
    ("confidence", "confidence-mean", "Mean confidence", SHARE, (("mean_confidence", "confidence"),)),
    ("confidence", "below-low", "Answers that are less sure than usual", SHARE, (("below_low", "less sure"),)),
    (
        "errors", "errors-service", "Errors of the service", SHARE,
        (("error_rate", "errors"), ("shed_rate", "shed (503)")),
    ),
    (
        "errors", "errors-clients", "Requests and rows that were refused", SHARE,
        (("client_rate", "4xx"), ("refused_share", "refused rows")),
    ),
    ("traffic", "requests", "Requests in the window", COUNT, (("requests", "requests"),)),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line: the figure's name, how it is called, and the level at which a rule alerts, if there is one."""

    figure: str
    name: str
    level: float | None = None
    rule: str | None = None


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        name: Its id in the page.
        title: Its title.
        unit: Of all its lines.
        lines: The lines.
        points: What they are drawn through.
        low: The least value that is shown.
        high: The largest.
        intervals: Whether they are drawn.
    """

    name: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    points: Sequence[Point]
    low: float
    high: float
    intervals: bool

    @property
    def told(self) -> str:
        """Say in a sentence what it shows."""
        return "; ".join(self.told_line(line) for line in self.lines)

    def told_line(self, line: Line) -> str:
        """Say of a line what it is now, what it was at first, and where it alerts."""
        known = [point.figures[line.figure].value for point in self.points if line.figure in point.figures]
        values = [value for value in known if value is not None]
        if not values:
            return f"{line.name}: no data"
        words = f"{line.name} {written(values[-1], self.unit)}, first {written(values[0], self.unit)}"
        return words if line.level is None else f"{words}, alerts at {written(line.level, self.unit)}"

    @property
    def beyond(self) -> list[Line]:
        """The lines whose level lies outside of what is shown."""
        return [line for line in self.lines if line.level is not None and not self.low <= line.level <= self.high]

    def cells(self, point: Point) -> Iterator[dict[str, Any]]:
        """Give a row's cells: value, interval, and how they are written."""
        for line in self.lines:
            figure = point.figures.get(line.figure)
            if figure is None or figure.value is None:
                yield {"value": "", "low": "", "high": "", "told": "–" if figure is None else figure.state}
                continue
            ends = figure.interval if self.intervals and figure.interval else ("", "")
            told = written(figure.value, self.unit)
            if figure.interval:
                told += f" ({between(figure.interval, self.unit)})"
            value, low, high = (end if end == "" else f"{end:.6g}" for end in (figure.value, *ends))
            yield {"value": value, "low": low, "high": high, "told": told}


def chart_of(
    name: str,
    title: str,
    unit: str,
    lines: Lines,
    points: Sequence[Point],
    levels: Mapping[str, Any],
) -> Chart | None:
    """Make a chart; None where none of its lines has a value.

    Args:
        name: Its id in the page.
        title: Its title.
        unit: The unit.
        lines: Figures with what they are called.
        points: The rolling figures.
        levels: By figure, the levels that rules hold it against.
    """
    there = [(figure, called) for figure, called in lines if any(values_of(points, figure))]
    if not there:
        return None
    with_levels = len(there) <= LEVELS_UP_TO
    made = tuple(
        Line(figure, called, *(level_of(levels.get(figure, ())) if with_levels else (None, None)))
        for figure, called in there
    )
    has_any = any(one.interval for line in made for one in values_of(points, line.figure))
    intervals = has_any and len(made) <= LEVELS_UP_TO
    low, high = range_of(made, points, unit, intervals=intervals)
    return Chart(name, title, unit, made, points, low, high, intervals)


def values_of(points: Sequence[Point], figure: str) -> Iterator[Figure]:
    """Give a figure at each point where it has a value."""
    for point in points:
        one = point.figures.get(figure)
        if one is not None and one.value is not None:
            yield one


def level_of(levels: Sequence[Mapping[str, Any]]) -> tuple[float | None, str | None]:
    """Give the level at which a figure alerts, with its rule."""
    known = [level for level in levels if level["fire"] is not None]
    return (known[0]["fire"], known[0]["rule"]) if known else (None, None)


def range_of(lines: Sequence[Line], points: Sequence[Point], unit: str, *, intervals: bool) -> tuple[float, float]:
    """Say which values a chart shows: all of its own, and levels that are not so far off that they would flatten it."""
    values = [one.value for line in lines for one in values_of(points, line.figure) if one.value is not None]
    ends = [
        end
        for line in lines
        for one in values_of(points, line.figure)
        if intervals and one.interval and one.n >= ENOUGH
        for end in one.interval
    ]
    low, high = min([*values, *ends]), max([*values, *ends])
    span = max(high - low, least_span(unit, high))
    for line in lines:
        if line.level is not None and low - ROOM * span <= line.level <= high + ROOM * span:
            low, high = min(low, line.level), max(high, line.level)
    lacking = max(least_span(unit, high) - (high - low), 0.0)
    room = 0.06 * (high - low + lacking)
    low, high = low - lacking / 2 - room, high + lacking / 2 + room
    return (max(low, 0.0), min(high, 1.0)) if unit == SHARE else (max(low, 0.0), high)


def least_span(unit: str, high: float) -> float:
    """Give the least that a chart spans: small changes are not to look large."""
    return {SHARE: 0.02, SCORE: 0.1}.get(unit, 0.2 * high or 1.0)


def charts_of(
    points: Sequence[Point], levels: Mapping[str, Sequence[Mapping[str, Any]]], drift: float
) -> dict[str, list[Chart]]:
    """Give the charts of each panel.

    Args:
        points: The rolling figures.
        levels: By figure, the levels that rules hold it against.
        drift: The score from which drift counts.
    """
    levels = {**levels, "drift": [{"fire": drift, "rule": "drift"}]}
    made: dict[str, list[Chart]] = {}
    for panel, name, title, unit, lines in CHARTS:
        chart = chart_of(name, title, unit, lines_of(lines, points), points, levels)
        made.setdefault(panel, []).extend([] if chart is None else [chart])
    return made


def lines_of(given: str | Lines, points: Sequence[Point]) -> Lines:
    """Give a chart's lines; where it is of all figures that begin alike, those that stand worst."""
    if not isinstance(given, str):
        return given
    names = dict.fromkeys(name for point in points for name in point.figures if name.startswith(given))
    return worst(list(names), points, highest=given.startswith("drift"))


def worst(names: Sequence[str], points: Sequence[Point], *, highest: bool) -> Lines:
    """Give the figures that stand worst now, with what is behind the dot of their names, in the order of the names."""

    def now(name: str) -> float:
        last = next(values_of(points[::-1], name), None)
        value = None if last is None else last.value
        return 2.0 if value is None else -value if highest else value

    chosen = set(sorted(names, key=now)[:MOST_LINES])
    return tuple((name, name.partition(".")[2]) for name in names if name in chosen)
