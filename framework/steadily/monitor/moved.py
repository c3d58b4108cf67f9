"""Drift of what comes in: by column, for windows and for days that do not overlap, and columns that break at once.

Windows are for the eye. Alerts are judged on whole days of UTC, two running or one
that is strong, and on single hours for what needs no statistics of shapes: a column
that is missing, a category that the reference does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steadily.drift import Counts, Profile, compare
from steadily.drift.bins import UNSEEN
from steadily.drift.compare import ABSENT, SOME, STRONG, Rule
from steadily.monitor import hourly
from steadily.monitor.figures import ALERT, DRIFT, FEW, NO_DATA, OK, WARN, Figure
from steadily.monitor.hourly import DAY, Hourly
from steadily.monitor.levels import BETWEEN, BEYOND, CLEAR, UNKNOWN
from steadily.monitor.reference import Reference
from steadily.monitor.settings import GapSettings
from steadily.monitor.windows import Window
from steadily.statistics import wilson

MISSING_VALUES, UNSEEN_VALUES, FILLED_VALUES = "missing", "unseen", "imputed"
LEAST_BEFORE = 200  # rows that the share of filled values is compared with
STATES = {SOME: WARN, STRONG: ALERT, FEW: FEW, ABSENT: ALERT}


@dataclass(frozen=True)
class Moved:
    """What is said of one column: on which side of a rule's levels it stands, how far, and on which evidence."""

    column: str
    side: str
    value: float | None
    level: float
    evidence: Mapping[str, Any]


def compared(amount: Hourly, reference: Reference, rule: Rule) -> dict[str, Any] | None:
    """Compare counted rows with the reference, as ``steadily.drift.compare`` does; None without a reference."""
    profile = reference.profile
    if profile is None:
        return None
    return compare(profile, counts_of(amount, profile), rule)


def counts_of(amount: Hourly, profile: Profile) -> Counts:
    """Give the counts as drift has them; a column that no row had is left out of them."""
    rows = amount.count(hourly.ROWS, "counted")
    absent = amount.tally(hourly.ABSENT)
    columns = {
        name: dict(parts)
        for name, parts in amount.features.items()
        if name in profile.columns and (not rows or absent.get(name, 0) < rows)
    }
    if not rows:
        columns = {
            name: {part: bins * 0 for part, bins in parts.items()} for name, parts in profile.counts.columns.items()
        }
    return Counts(rows, columns)


def drift_figures(found: Mapping[str, Any] | None, rows: int) -> dict[str, Figure]:
    """Give the score of the whole, the share of drifted columns, and the score of each column, as figures."""
    if found is None:
        return {}
    states = [column["state"] for column in found["columns"].values()]
    whole = worst([STATES.get(state, OK) for state in states]) if rows else NO_DATA
    if rows and found["score"] is None:
        whole = FEW
    figures = [
        Figure("drift", DRIFT, found["score"], rows, state=whole, note="the largest of the columns' scores"),
        Figure("drifted_share", DRIFT, found["drifted_share"], rows, state=whole, note="of the columns"),
    ]
    for name, column in found["columns"].items():
        state = NO_DATA if not rows else STATES.get(column["state"], OK)
        p = column["adjusted_p"]
        note = column["state"] + (f", adjusted p {p:.2g}" if p is not None else "")
        figures.append(Figure(f"drift.{name}", DRIFT, column["score"], rows, state=state, note=note))
    return {figure.name: figure for figure in figures}


def worst(states: list[str]) -> str:
    """Give the worst of states; too little data in one column says nothing of the others."""
    return next((state for state in (ALERT, WARN, OK, FEW) if state in states), NO_DATA)


def whole_days(window: Window, count: int, now_hour: int) -> list[Window]:
    """Give the last whole days of UTC, the latest last."""
    today = now_hour // DAY
    return [window.part(day * DAY, (day + 1) * DAY) for day in range(today - count, today)]


def judged_days(days: list[Window], reference: Reference, rule: Rule) -> Iterator[Moved]:
    """Say of each column how it stands after the last whole day.

    Args:
        days: The last two days.
        reference: What the release's bundle says.
        rule: When a day is drifted.
    """
    verdicts = [compared(day.sum, reference, rule) for day in days]
    last = verdicts[-1]
    if last is None:
        return
    for name, column in last["columns"].items():
        states = [verdict["columns"][name]["state"] for verdict in verdicts if verdict is not None]
        side = side_of(states)
        evidence = {
            "days": [
                {"day": day.begin // DAY, "rows": found["rows"], "score": found["score"], "state": found["state"]}
                for day, found in (
                    (day, verdict["columns"][name]) for day, verdict in zip(days, verdicts, strict=True) if verdict
                )
            ],
            "adjusted_p": column["adjusted_p"],
            "reference_rows": column["reference_rows"],
        }
        yield Moved(name, side, column["score"], rule.strong if states[-1] == STRONG else rule.floor, evidence)


def side_of(states: list[str]) -> str:
    """Say what days running come to: one that is strong, or two that are drifted.

    >>> side_of(["drifted", "drifted"]), side_of(["none", "strongly drifted"]), side_of(["none", "drifted"])
    ('beyond', 'beyond', 'between')
    >>> side_of(["drifted", "insufficient data"]), side_of(["drifted", "none"])
    ('unknown', 'clear')
    """
    last = states[-1]
    if last == FEW:
        return UNKNOWN
    if last in (STRONG, ABSENT):
        return BEYOND
    if last == SOME:
        return BEYOND if len(states) > 1 and states[-2] in (SOME, STRONG, ABSENT) else BETWEEN
    return CLEAR


def gaps(hours: list[Hourly], before: Hourly, reference: Reference, settings: GapSettings) -> Iterator[Moved]:
    """Say of each column whether values are missing, or categories new, in this hour or the one before it.

    A column whose missing values are filled in shows none that are missing; of it, the share
    of filled values is compared with that of the hours before.

    Args:
        hours: The hours' statistics.
        before: Those of earlier hours.
        reference: What the release's bundle says.
        settings: When that alerts.
    """
    for name in sorted({column for hour in [*hours, before] for column in hour.tally(hourly.IMPUTED)}):
        yield first([filled(name, hour, before, settings) for hour in hours])
    profile = reference.features
    if profile is None:
        return
    for name in profile.columns:
        for what in (MISSING_VALUES, UNSEEN_VALUES):
            found = [gap(name, what, amount, profile, settings) for amount in hours]
            known = [one for one in found if one is not None]
            if known:
                yield first(known)


def first(found: list[Moved]) -> Moved:
    """Give the one that says most."""
    order = (BEYOND, BETWEEN, CLEAR, UNKNOWN)
    return min(found, key=lambda one: order.index(one.side))


def filled(name: str, amount: Hourly, before: Hourly, settings: GapSettings) -> Moved:
    """Say in how many of an hour's rows a column was filled in, beside the hours before."""
    rows, hits = amount.count(hourly.ROWS, "answered"), amount.count(hourly.IMPUTED, name)
    then = before.count(hourly.ROWS, "answered")
    known = then >= LEAST_BEFORE
    share = wilson(before.count(hourly.IMPUTED, name), then) or [0.0, 1.0]
    return beyond(name, FILLED_VALUES, hits, rows if known else 0, share[1], settings)


def gap(name: str, what: str, amount: Hourly, profile: Profile, settings: GapSettings) -> Moved | None:
    """Say how many of an hour's values of a column are missing or unseen; None where the reference can't tell."""
    bins = next(iter(profile.columns[name].parts.values()), None)
    then = next(iter(profile.counts.columns[name].values()), None)
    place = place_of(bins, what)
    if bins is None or then is None or place is None:
        return None
    counted = amount.features.get(name, {})
    now = next((counted[part] for part in profile.columns[name].parts if part in counted), None)
    rows, hits = (0, 0) if now is None else (int(now.sum()), int(now[place]))
    before = wilson(int(then[place]), int(then.sum())) or [0.0, 1.0]
    return beyond(name, what, hits, rows, before[1], settings)


def beyond(name: str, what: str, hits: int, rows: int, before: float, settings: GapSettings) -> Moved:
    """Say whether so many of an hour's rows are more than there were, surely and by far."""
    level = min(1.0, before + settings.rise)
    evidence: dict[str, Any] = {"what": what, "rows": rows, "hits": hits, "share_before": before}
    if rows < settings.least:
        return Moved(f"{what}.{name}", UNKNOWN, None, level, evidence)
    chance = upper_tail(hits, rows, before)
    evidence["chance"] = chance
    side = BEYOND if hits / rows >= level and chance <= settings.level else CLEAR if hits / rows < level else BETWEEN
    return Moved(f"{what}.{name}", side, hits / rows, level, evidence)


def place_of(bins: Any, what: str) -> int | None:
    """Give the bin of missing or unseen values; a reference that is open to new categories can't tell them."""
    if bins is None or bins.kind == "not judged":
        return None if what == UNSEEN_VALUES else -1
    if what == MISSING_VALUES:
        return -1
    return bins.labels().index(UNSEEN) if bins.kind == "categorical" and not bins.open else None


def upper_tail(hits: int, rows: int, share: float) -> float:
    """Give the chance of so many hits or more, where each row is one with a probability of ``share``.

    >>> round(upper_tail(1, 2, 0.5), 3), upper_tail(0, 5, 0.1)
    (0.75, 1.0)
    """
    from scipy.special import betainc

    return 1.0 if hits <= 0 else float(betainc(hits, rows - hits + 1, min(share, 1.0)))
