"""Distributions that the pages draw: of each column before and now, of confidence, and of traffic over the hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from steadily.dashboard.drawing import pairs

MOST_COLUMNS = 60


def drift_of(found: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Give each column with its score and its distributions, those that moved most first.

    Args:
        found: What ``steadily.drift.compare`` says; None without a reference.
    """
    columns = sorted((found or {"columns": {}})["columns"].items(), key=lambda item: -(item[1]["score"] or -1.0))
    return [
        {
            "name": name,
            "score": column["score"],
            "state": column["state"],
            "p": column["adjusted_p"],
            "rows": column["rows"],
            "reference_rows": column["reference_rows"],
            "kind": column["kind"],
            "missing": (column["reference_missing"], column["missing"]),
            "parts": parts_of(name, column),
        }
        for name, column in columns[:MOST_COLUMNS]
    ]


def parts_of(name: str, column: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the distributions of a column: of a text, one for each of what is measured of it."""
    parts = column.get("parts") or {"": column}
    return [
        distribution(f"{name}, {part}" if part else name, part, one["bins"])
        for part, one in parts.items()
        if one.get("bins")
    ]


def distribution(called: str, part: str, bins: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give a distribution before and now, drawn and as rows; bins that were always empty are left out."""
    kept = [cell for cell in bins if cell["reference"] or cell["current"]]
    labels, before, after = ([cell[key] for cell in kept] for key in ("label", "reference", "current"))
    told = f"Distribution of {called}: shares at training and now, the table has the numbers"
    rows = list(zip(labels, before, after, strict=True))
    return {"part": part, "picture": pairs(labels, before, after, told) if kept else "", "rows": rows}


def confidence_of(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the distribution of confidence beside the evaluation's; None without any answer."""
    now, then = found["counts"], found["reference"] or [0] * len(found["counts"])
    if not sum(now):
        return None
    width = 1 / len(now)
    first = next(place for place in range(len(now)) if now[place] or then[place])
    cells = [
        {
            "label": f"{place * width:.0%} to {(place + 1) * width:.0%}",
            "reference": then[place] / max(sum(then), 1),
            "current": now[place] / sum(now),
        }
        for place in range(first, len(now))
    ]
    return distribution("confidence", "", cells) | {"low": found["low"], "begin": first * width}


def traffic_of(hours: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add hours up to days of UTC, the latest first; the hours in which nothing came are counted."""
    days: dict[str, list[int | None]] = {}
    for hour in hours:
        days.setdefault(hour["hour"][:10], []).append(hour["requests"])
    return [
        {"day": day, "requests": sum(one or 0 for one in found), "gaps": sum(1 for one in found if not one)}
        for day, found in reversed(days.items())
    ]
