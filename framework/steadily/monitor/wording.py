"""What people are told of an alert: what, since when, how far, on which evidence, and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from steadily.units import SECOND_US

LONGEST = 3  # alerts of a group that the title names


def moment(at_us: int) -> str:
    """Write a moment as people read it.

    >>> moment(1_700_000_000_000_000)
    '2023-11-14 22:13 UTC'
    """
    return f"{datetime.fromtimestamp(at_us / SECOND_US, UTC):%Y-%m-%d %H:%M} UTC"


def number(value: float | None) -> str:
    """Write a figure.

    >>> number(0.81234), number(None), number(12345.0)
    ('0.812', 'undefined', '12,345')
    """
    if value is None:
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def subject_of(alert: Mapping[str, Any]) -> str:
    """Name what an alert is about.

    >>> subject_of({"what": "recall.spam", "release": 3, "slot": "live", "slice": ""})
    'recall.spam of release 3 (live)'
    """
    if alert.get("release") is None:
        return str(alert["what"])
    part = f", {alert['slice']}" if alert.get("slice") else ""
    return f"{alert['what']} of release {alert['release']} ({alert['slot']}{part})"


def title_of(alerts: Sequence[Mapping[str, Any]], what: str) -> str:
    """Give the title of a message about alerts of one group."""
    names = [subject_of(alert) for alert in alerts[:LONGEST]]
    more = f" and {len(alerts) - LONGEST} more" if len(alerts) > LONGEST else ""
    return f"{what}: {', '.join(names)}{more}"


def text_of(alert: Mapping[str, Any], url: str | None) -> str:
    """Tell one alert."""
    lines = [subject_of(alert)]
    if alert["value"] is not None:
        lines[0] += f" is {number(alert['value'])}"
    if alert["level"] is not None:
        lines[0] += f"; the rule {alert['rule']!r} alerts at {number(alert['level'])}"
    lines.append(f"since {moment(alert['fired_us'])}")
    if alert.get("resolved_us"):
        lines.append(f"over since {moment(alert['resolved_us'])}")
    lines += [f"{name}: {told}" for name, told in evidence_of(alert["evidence"])]
    if url and alert["panel"]:
        lines.append(link_to(url, alert["panel"]))
    return "\n".join(lines)


def evidence_of(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write evidence, one piece a line; what is not known is left out."""
    return [(name.replace("_", " "), plain(value)) for name, value in evidence.items() if value not in (None, [], {})]


def plain(value: Any) -> str:
    """Write one piece of evidence."""
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plain(item)}" for name, item in value.items() if item is not None)
    if len(value) == 2 and all(isinstance(end, float) for end in value):
        return f"{number(value[0])} to {number(value[1])}"
    return "; ".join(plain(item) for item in value)


def link_to(url: str, panel: str) -> str:
    """Give the address of a panel of the dashboard.

    >>> link_to("https://watch.example/", "drift")
    'https://watch.example/dashboard#drift'
    """
    return f"{url.rstrip('/')}/dashboard#{panel}"
