"""What differs between two runs: configuration, code, data, figures, rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steadily.figures import flat
from steadily.plan import GONE, differences
from steadily.report.evidence import Evidence

SHOWN = 80
GENERATED = ("digest",)
Sums = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One thing that differs: where, what it was, what it is."""

    place: str
    was: str
    now: str


def changes_between(one: Evidence, other: Evidence) -> dict[str, list[Change]]:
    """Give what differs in parameters, in the versions of code, packages and sources, by those three headings."""
    changed = differences(one.outputs.params, other.outputs.params)
    params = [Change(".".join(keys), shown(was), shown(now)) for keys, was, now in changed]
    code: list[Change] = []
    data: list[Change] = []
    for keys, was, now in differences(one.outputs.versions, other.outputs.versions):
        if keys[-1] in GENERATED:
            continue
        change = Change(".".join(key for key in keys if key != "steps"), shown(was), shown(now))
        (data if "source" in keys else code).append(change)
    return {"Configuration": params, "Code and packages": code, "Data": data}


def shown(value: Any) -> str:
    """Write a value in a line."""
    if value is GONE:
        return "(none)"
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def figures_between(one: Evidence, other: Evidence) -> list[tuple[str, Any, Any, float | None]]:
    """Give the metrics and per-class figures of both, with their differences."""
    before, after = (dict(compared(evidence)) for evidence in (one, other))
    found = []
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name), after.get(name)
        found.append((name, was, now, None if was is None or now is None else now - was))
    return found


def compared(evidence: Evidence) -> Iterator[tuple[str, float | None]]:
    """Give the figures worth comparing: those at the top of each step, and those of each class."""
    figures = evidence.evaluation["figures"] if evidence.evaluation else {}
    for name, value in flat(figures).items():
        parts = name.split(".")
        if parts[-1].endswith("_interval"):
            continue
        if (
            len(parts) == 2
            or parts[1] == "classes"
            or (parts[1] == "columns" and parts[-1] == "score" and len(parts) == 4)
        ):
            yield name, value
    for key, value in (evidence.latency or {}).items():
        yield f"latency.{key}", value


def rows_between(
    one: Evidence, other: Evidence
) -> list[tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """Give the sums of each stage of both."""
    before, after = ({stage.name: stage.summary for stage in evidence.stages} for evidence in (one, other))
    return [(name, before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after])]
