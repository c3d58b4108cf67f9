"""How numbers, times and states are written on the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from steadily.monitor.figures import ALERT, FEW, NO_DATA, OK, WARN

SHARE, SECONDS, SCORE, COUNT = "share", "seconds", "score", "count"
NONE = "–"
SPACE = "\N{NO-BREAK SPACE}"
SIGNS = {OK: "✓", WARN: "▲", ALERT: "■", FEW: "◌", NO_DATA: "○"}  # each of another shape: colour alone says nothing
CLASSES = {OK: "ok", WARN: "warn", ALERT: "alert", FEW: "few", NO_DATA: "none"}
GOOD, BAD = ("passed", "healthy", "complete", "met", "none"), ("failed", "rollback", "killed", "column is missing")
OTHERS = {"overridden": WARN, "inconclusive": WARN, "interrupted": WARN, "drifted": WARN, "strongly drifted": ALERT}
UNITS = (
    (("latency_",), SECONDS),
    (("drift.", "drift"), SCORE),
    (("requests", "rows"), COUNT),
)
MICRO = 1e6
NAMES = {
    "below_low": "less sure than usual",
    "error_rate": "errors of the service",
    "shed_rate": "shed (503)",
    "client_rate": "4xx",
    "latency_p95": "latency, 95th percentile",
    "latency_p99": "latency, 99th percentile",
    "drift": "drift score",
}


def unit_of(name: str) -> str:
    """Give the unit of a figure.

    >>> unit_of("latency_p95"), unit_of("recall.spam"), unit_of("drift"), unit_of("drifted_share")
    ('seconds', 'share', 'score', 'share')
    """
    if name == "drifted_share":
        return SHARE
    return next((unit for starts, unit in UNITS if name.startswith(starts)), SHARE)


def written(value: float | None, unit: str) -> str:
    """Write a figure in its unit.

    >>> written(0.9812, "share").replace(SPACE, " "), written(0.0112, "seconds").replace(SPACE, " ")
    ('98.1 %', '11.2 ms')
    >>> written(None, "share"), written(12345.0, "count"), written(0.1234, "score")
    ('–', '12,345', '0.123')
    """
    if value is None:
        return NONE
    if unit == SHARE:
        return f"{percent(value)}{SPACE}%"
    if unit == SECONDS:
        return in_seconds(value)
    if unit == COUNT:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def percent(value: float) -> str:
    """Write a share in per cent, with more places where it is small.

    >>> percent(0.5), percent(1.0), percent(0.00123), percent(0.0)
    ('50', '100', '0.12', '0')
    """
    places = 1 if abs(value) >= 0.01 else 2
    text = f"{100 * value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_seconds(value: float) -> str:
    """Write a time.

    >>> in_seconds(0.00034).replace(SPACE, " "), in_seconds(2.5).replace(SPACE, " ")
    ('0.34 ms', '2.5 s')
    """
    if value >= 1:
        return f"{value:.3g}{SPACE}s"
    return f"{1000 * value:.3g}{SPACE}ms"


def between(interval: Any, unit: str) -> str:
    """Write an interval.

    >>> between([0.5, 0.625], "share").replace(SPACE, " "), between(None, "share")
    ('50 to 62.5 %', '')
    """
    if not interval:
        return ""
    low, high = (written(end, unit) for end in interval)
    ending = low.rpartition(SPACE)[2]
    if SPACE in low and high.endswith(f"{SPACE}{ending}"):
        low = low.rpartition(SPACE)[0]
    return f"{low} to {high}"


def moment(value: int | str | None) -> str:
    """Write a moment, in microseconds since 1970 or as ISO 8601 has it, in UTC.

    >>> moment(0), moment("2003-02-04T23:05:00Z"), moment(None)
    ('1970-01-01 00:00', '2003-02-04 23:05', '–')
    """
    if value is None:
        return NONE
    if isinstance(value, int):
        return f"{datetime.fromtimestamp(value / MICRO, UTC):%Y-%m-%d %H:%M}"
    try:
        return f"{datetime.fromisoformat(value).astimezone(UTC):%Y-%m-%d %H:%M}"
    except ValueError:
        return value


def machine(value: int | str) -> str:
    """Write a moment for the attribute of ``time``."""
    return (
        datetime.fromtimestamp(value / MICRO, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, int) else value
    )


def duration(seconds: float | None) -> str:
    """Write how long something took.

    >>> duration(12.34), duration(125.0), duration(None)
    ('12.3 s', '2 min 5 s', '–')
    """
    if seconds is None:
        return NONE
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def state_of(word: str) -> str:
    """Give the state that another word comes to.

    >>> state_of("passed"), state_of("failed"), state_of("overridden"), state_of("warn"), state_of("insufficient")
    ('ok', 'alert', 'warn', 'warn', 'insufficient data')
    """
    if word in SIGNS:
        return word
    if word in GOOD:
        return OK
    return ALERT if word in BAD else OTHERS.get(word, FEW)


def sign(word: str) -> str:
    """Give the sign of a state."""
    return SIGNS[state_of(word)]


def state_class(word: str) -> str:
    """Give the class of a state."""
    return CLASSES[state_of(word)]


def called(name: str) -> str:
    """Call a figure what people call it.

    >>> called("below_low"), called("label_coverage"), called("recall.spam")
    ('less sure than usual', 'label coverage', 'recall, spam')
    """
    return NAMES.get(name) or name.replace("_", " ").replace(".", ", ", 1)


def acts_of(changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put together what was done to several slots at once.

    Args:
        changes: Rows of ``deployments``, the latest first.

    >>> row = {"at_us": 1, "action": "promote", "who": "ann", "reason": None, "override": False}
    >>> live = row | {"slot": "live", "release": 2, "replaced": 1}
    >>> shadow = row | {"slot": "shadow", "release": None, "replaced": 2}
    >>> acts_of([shadow, live])[0]["moves"]
    ['release 2 live, in the place of 1', 'release 2 out of shadow']
    """
    found: list[dict[str, Any]] = []
    for change in changes:
        if not found or found[-1]["at_us"] != change["at_us"]:
            about = {name: change[name] for name in ("at_us", "action", "who", "reason", "override")}
            found.append(about | {"moves": [], "mark": False, "live": None})
        found[-1]["moves"].insert(0, move(change))
        if change["slot"] == "live":
            found[-1] |= {"mark": True, "live": change["release"]}
    return found


def move(change: Mapping[str, Any]) -> str:
    """Say what was done to a slot."""
    release, replaced, slot = change["release"], change["replaced"], change["slot"]
    if release is None:
        return f"release {replaced} out of {slot}"
    place = {"live": "live", "previous": "kept as the previous one"}.get(slot, f"into {slot}")
    return f"release {release} {place}" + (f", in the place of {replaced}" if replaced and slot == "live" else "")


def values_of(evidence: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Write plain values, one piece a line."""
    from steadily.monitor.wording import evidence_of

    return evidence_of(evidence or {})
