"""All that is known of what serves, as plain values: for ``steadily monitor --json``, ``/api`` and the dashboard.

A form that only grows: keys are added, and none changes its meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from steadily.latency import LARGEST, Latencies
from steadily.monitor import hourly
from steadily.monitor.alertlog import listed_alerts, listed_silences
from steadily.monitor.figures import ALERT, DRIFT, FEW, NO_DATA, OK, WARN, Figure, calibration, confusion
from steadily.monitor.hourly import WHOLE, Hourly
from steadily.monitor.levels import Rule, rules_of, state_of
from steadily.monitor.looking import SHOWN_DAYS, Served
from steadily.monitor.moved import compared, whole_days
from steadily.monitor.posting import channel_states
from steadily.monitor.settings import AlertSettings
from steadily.monitor.watching import Watch
from steadily.monitor.windows import Window
from steadily.units import HOUR_US

FORMAT = 1
ORDER = (ALERT, WARN, FEW, NO_DATA, OK)


def told(watch: Watch, served: Sequence[Served], now_us: int) -> dict[str, Any]:
    """Tell everything.

    Args:
        watch: What is watched, and how.
        served: What was read of it.
        now_us: The time now.
    """
    rules = rules_of(watch.alerts)
    return {
        "format": FORMAT,
        "at": moment_of(now_us),
        "window_hours": watch.monitor.window_hours,
        "labels_after_hours": watch.monitor.labels_after_hours,
        "serving": [told_of(one, rules, watch.alerts) for one in served],
        "rules": [told_rule(rule) for rule in rules],
        **alarms(watch, now_us),
    }


def alarms(watch: Watch, now_us: int, *, all_: bool = False) -> dict[str, Any]:
    """Tell alerts, those that are over too if ``all_``, silences and channels."""
    return {
        "alerts": [with_moments(alert) for alert in listed_alerts(watch.database, all_=all_)],
        "silences": [with_moments(one) for one in listed_silences(watch.database, now_us)],
        "channels": [with_moments(one) for one in channel_states(watch.database, watch.alerts.channels)],
    }


def told_of(served: Served, rules: tuple[Rule, ...], settings: AlertSettings) -> dict[str, Any]:
    """Tell what is known of one release in a slot."""
    hours = served.settings.window_hours
    window = served.whole.recent(hours)
    mature = served.whole.mature(hours, served.settings.labels_after_hours)
    figures = judged_figures(served, rules, settings, WHOLE)
    return {
        "release": served.release,
        "slot": served.slot,
        "begin": moment_of(window.begin * HOUR_US),
        "end": moment_of(window.end * HOUR_US),
        "hours": window.length,
        "hours_with_data": window.filled,
        "state": worst(figures.values()),
        "figures": {name: figure.to_json() for name, figure in figures.items()},
        "levels": {name: list(levels_of(figure, served.slot, rules)) for name, figure in figures.items()},
        "drift": served.drift(settings, hours),
        "drift_days": list(drift_days(served, settings)),
        "confidence": confidence_of(window.sum, served),
        "confusion": [
            {"truth": truth, "predicted": said, "rows": rows} for (truth, said), rows in confusion(mature.sum).items()
        ],
        "calibration": calibration(mature.sum),
        "latency": latency_of(window.sum),
        "predicted": dict(window.sum.tally(hourly.PREDICTED)),
        "outcomes": dict(window.sum.tally(hourly.REQUESTS)),
        "refused": dict(window.sum.tally(hourly.REFUSED)),
        "absent": dict(window.sum.tally(hourly.ABSENT)),
        "traffic": traffic_of(window),
        "slices": {
            name: {key: figure.to_json() for key, figure in judged_figures(served, rules, settings, name).items()}
            for name in served.windows
            if name != WHOLE
        },
    }


def judged_figures(served: Served, rules: tuple[Rule, ...], settings: AlertSettings, slice_: str) -> dict[str, Figure]:
    """Give the figures of the window that is shown, each with the worst state that a rule's levels give it."""
    hours = served.settings.window_hours
    figures = dict(served.figures(hours, slice_))
    if slice_ == WHOLE:
        figures |= served.drift_figures(settings, hours)
    own = [rule for rule in rules if served.slot in rule.slots and (slice_ == WHOLE or rule.slices)]
    return {name: judged(figure, own) for name, figure in figures.items()}


def judged(figure: Figure, rules: Sequence[Rule]) -> Figure:
    """Give a figure the worst state that rules give it."""
    states = [state_of(figure, rule) for rule in rules if rule.matches(figure.name)]
    return replace(figure, state=min(states, key=ORDER.index)) if states else figure


def levels_of(figure: Figure, slot: str, rules: tuple[Rule, ...]) -> Iterator[dict[str, Any]]:
    """Give the levels that rules hold a figure against."""
    for rule in rules:
        if rule.matches(figure.name) and slot in rule.slots:
            fire, clear = rule.level(figure), rule.level(figure, clear=True)
            yield {"rule": rule.name, "fire": fire, "clear": clear, "window_hours": rule.window_hours}


def worst(figures: Any) -> str:
    """Give the worst state; a figure without data makes the whole no worse than it is known to be."""
    states = [figure.state for figure in figures]
    return next((state for state in (ALERT, WARN, OK, FEW) if state in states), NO_DATA)


def told_rule(rule: Rule) -> dict[str, Any]:
    """Tell a rule."""
    found = dict(vars(rule))
    for name in ("fire", "clear"):
        level = found[name]
        found[name] = level if isinstance(level, float | int) else {"reference": level.reference}
    return found | {"slots": list(rule.slots)}


def drift_days(served: Served, settings: AlertSettings) -> Iterator[dict[str, Any]]:
    """Judge the last whole days, which do not overlap."""
    for day in whole_days(served.whole, SHOWN_DAYS, served.now_hour):
        found = compared(day.sum, served.reference, settings.drift.rule())
        if found is None:
            return
        yield {
            "day": moment_of(day.begin * HOUR_US)[:10],
            "rows": day.sum.count(hourly.ROWS, "counted"),
            "score": found["score"],
            "drifted": found["drifted"],
            "states": {name: column["state"] for name, column in found["columns"].items()},
        }


def confidence_of(amount: Hourly, served: Served) -> dict[str, Any]:
    """Give the distribution of confidence beside the evaluation's, in cells of equal width."""
    cells = amount.numbers(hourly.CONFIDENCE)
    counts = [cells.get(cell, 0) for cell in range(20)]
    return {"counts": counts, "reference": list(served.reference.histogram), "low": served.reference.low}


def latency_of(amount: Hourly) -> list[list[float]]:
    """Give the middle of each bucket in seconds and how many requests it holds."""
    times = Latencies(amount.numbers(hourly.LATENCY), 0, LARGEST)
    return [[middle / 1e6, count] for middle, count in times.buckets()]


def traffic_of(window: Window) -> list[dict[str, Any]]:
    """Count requests by hour; an hour in which none came, or none is known of, says None."""
    found = []
    for hour in range(window.begin, window.end):
        amount = window.hours.get(hour)
        outcomes = None if amount is None else amount.tally(hourly.REQUESTS)
        found.append({"hour": moment_of(hour * HOUR_US), "requests": sum(outcomes.values()) if outcomes else None})
    return found


def moment_of(at_us: int) -> str:
    """Write a moment as ISO 8601 in UTC.

    >>> moment_of(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def with_moments(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write moments as text, and rows within rows too."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name.endswith("_us"):
            found[name.removesuffix("_us")] = None if value is None else moment_of(value)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            found[name] = [with_moments(item) for item in value]
        else:
            found[name] = value
    return found


def lines_of(content: Mapping[str, Any]) -> Iterator[str]:
    """Tell it on the terminal, the figures that matter most."""
    if not content["serving"]:
        yield "nothing serves: there is nothing to watch"
    for one in content["serving"]:
        yield (
            f"release {one['release']} ({one['slot']}): {one['state']}; "
            f"{one['hours_with_data']} of {one['hours']} hours have data"
        )
        for name, figure in one["figures"].items():
            if figure["value"] is not None and not name.startswith("drift."):
                yield f"  {line_of(name, figure, shown_state(one, name))}"
            elif figure["state"] not in (OK, NO_DATA):
                yield f"  {name}: {figure['state']} ({figure['n']:,} rows)"
    for alert in content["alerts"]:
        by = f", acknowledged by {alert['acknowledged_by']}" if alert["acknowledged_by"] else ""
        yield f"alert {alert['id']}: {alert['what']} of release {alert['release']} since {alert['fired']}{by}"
    for channel in content["channels"]:
        if channel["waiting"]:
            since = channel["waiting_since"]
            yield f"channel {channel['name']}: {channel['waiting']} wait since {since}: {channel['error']}"


def shown_state(one: Mapping[str, Any], name: str) -> str:
    """Give the state of a figure as people are shown it: nothing where no rule says what would not be ok."""
    figure = one["figures"][name]
    state: str = figure["state"]
    return "" if state == OK and not one["levels"][name] and figure["panel"] != DRIFT else state


def line_of(name: str, figure: Mapping[str, Any], state: str) -> str:
    """Tell one figure with its evidence."""
    interval = figure["interval"]
    between = f" [{interval[0]:.4g}, {interval[1]:.4g}]" if interval else ""
    return f"{name} {figure['value']:.4g}{between}, n {figure['n']:,}{': ' if state else ''}{state}"
