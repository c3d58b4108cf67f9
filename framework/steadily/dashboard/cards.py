"""The numbers of today: which figures stand on which card, each with its state and its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steadily.dashboard.numbers import between, called, unit_of, written
from steadily.monitor.figures import FEW, NO_DATA
from steadily.monitor.telling import ORDER, shown_state

MOST_CLASSES = 4


@dataclass(frozen=True)
class Entry:
    """A number with all that is needed to read it, written."""

    label: str
    value: str
    state: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """Some numbers under one title, and the panel that has more of them."""

    title: str
    panel: str
    entries: tuple[Entry, ...]
    more: str = ""


def cards_of(one: Mapping[str, Any], day: Mapping[str, Any]) -> list[Card]:
    """Give the cards of a release in a slot.

    Args:
        one: What is told of it, see ``steadily.monitor.telling``.
        day: Its figures of the last 24 hours.
    """

    def card(title: str, panel: str, *named: tuple[str, str]) -> Card:
        entries = [entry(label, name, one, day) for label, name in named if name in one["figures"]]
        return Card(title, panel, tuple(entries))

    return [
        of_classes("Precision", "precision", one, day),
        of_classes("Recall", "recall", one, day),
        card("Latency", "latency", ("95th percentile", "latency_p95"), ("99th percentile", "latency_p99")),
        card("Drift", "drift", ("largest score", "drift"), ("share of columns", "drifted_share")),
        card("Confidence", "confidence", ("mean", "mean_confidence"), ("less sure than usual", "below_low")),
        card(
            "Accuracy", "quality",
            ("measured", "accuracy"), ("estimated", "estimated_accuracy"), ("label coverage", "label_coverage"),
        ),
        card("Errors", "errors", ("of the service", "error_rate"), ("shed (503)", "shed_rate")),
        card("Traffic", "traffic", ("requests", "requests"), ("refused rows", "refused_share")),
    ]  # fmt: skip


def of_classes(title: str, kind: str, one: Mapping[str, Any], day: Mapping[str, Any]) -> Card:
    """Give a figure of each class, the worst ones where there are many."""
    names = [name for name in one["figures"] if name.startswith(f"{kind}.")]
    figures = one["figures"]

    def badness(name: str) -> tuple[int, float]:
        value = figures[name]["value"]
        return ORDER.index(figures[name]["state"]), 1.0 if value is None else value

    shown = names if len(names) <= MOST_CLASSES else sorted(names, key=badness)[: MOST_CLASSES - 1]
    entries = tuple(entry(name.partition(".")[2], name, one, day) for name in shown)
    more = len(names) - len(shown)
    return Card(title, "quality", entries, f"and {more} more classes, none worse" if more else "")


def entry(label: str, name: str, one: Mapping[str, Any], day: Mapping[str, Any]) -> Entry:
    """Write a number."""
    figure, unit = one["figures"][name], unit_of(name)
    today = day.get(name)
    return Entry(label, written(figure["value"], unit), shown_state(one, name), tuple(evidence(figure, unit, today)))


def evidence(figure: Mapping[str, Any], unit: str, day: Mapping[str, Any] | None) -> Iterator[str]:
    """Write what a number rests on."""
    if figure["value"] is None and figure["needs"] and figure["n"]:
        yield f"{figure['n']:,} of the {figure['needs']:,} that it is shown from"
    if figure["interval"]:
        yield between(figure["interval"], unit)
    if day is not None and day["value"] is not None:
        yield f"last 24 h {written(day['value'], unit)}"
    if figure["reference"] and figure["value"] is not None:
        yield f"at evaluation {written(figure['reference'][0], unit)}"
    if unit != "count" and figure["n"] and figure["value"] is not None:
        yield f"of {figure['n']:,}"


def slices_of(one: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the figures of each slice as a table, those that any has; None where nothing is counted apart."""
    if not one["slices"]:
        return None
    wanted = ["rows", "accuracy", "estimated_accuracy", "mean_confidence", "below_low", "label_coverage"]
    classes = [name for name in one["figures"] if name.startswith("recall.")][:MOST_CLASSES]
    names = [name for name in [*wanted, *classes] if any(one["slices"][part][name]["n"] for part in one["slices"])]
    rows = [
        (part, [(written(figures[name]["value"], unit_of(name)), figures[name]["state"]) for name in names])
        for part, figures in sorted(one["slices"].items())
    ]
    return {"names": [called(name) for name in names], "rows": rows}


def matrix_of(pairs: Sequence[tuple[str, str, int]]) -> dict[str, Any] | None:
    """Give pairs of classes as a table; a cell's share is that of its row.

    >>> matrix_of([("ham", "ham", 9), ("ham", "spam", 1)])["rows"]
    [('ham', [(9, 9, True), (1, 1, False)])]
    """
    if not pairs:
        return None
    counts = {(first, second): count for first, second, count in pairs}
    left = sorted({first for first, _, _ in pairs})
    top = sorted({second for _, second, _ in pairs} | set(left))
    rows = []
    for first in left:
        whole = sum(counts.get((first, second), 0) for second in top)
        cells = [(counts.get((first, second), 0), first == second) for second in top]
        rows.append((first, [(count, tone(count, whole), same) for count, same in cells]))
    return {"top": top, "rows": rows}


def tone(count: int, whole: int) -> int:
    """Give how strongly a cell is tinted, 0 to 10."""
    return round(10 * count / whole) if whole else 0


def class_table(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give precision, recall and F1 of each class with their evidence."""
    names = [name.partition(".")[2] for name in one["figures"] if name.startswith("f1.")]
    return [
        {
            "name": name,
            **{
                kind: entry(kind, f"{kind}.{name}", one, {}) for kind in ("precision", "recall", "f1")
            },
            "rows": one["figures"][f"recall.{name}"]["n"],
        }
        for name in names
    ]  # fmt: skip


def is_empty(one: Mapping[str, Any]) -> bool:
    """Tell whether nothing was asked of a release in the window."""
    return not one["figures"]["requests"]["n"]


def lacks_labels(one: Mapping[str, Any]) -> bool:
    """Tell whether no label is known of a window with answers."""
    coverage = one["figures"]["label_coverage"]
    return coverage["state"] in (FEW, NO_DATA) or not coverage["value"]
