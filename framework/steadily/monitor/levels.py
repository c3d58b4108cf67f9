"""Levels: which figures a rule watches, where its levels lie, and on which side of them a figure surely stands.

Looks at the size of the effect and at the evidence: a figure alerts only where its whole interval lies beyond the
level, and one that is undefined or rests on too few rows says so instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from steadily.errors import ConfigError, Problem
from steadily.monitor.figures import ALERT, FEW, NO_DATA, OK, WARN, Figure
from steadily.monitor.settings import RULES, AlertSettings, Level, RuleSettings
from steadily.units import MINUTE_US

BEYOND, BETWEEN, CLEAR, UNKNOWN = "beyond", "between", "clear", "unknown"
LATENCY_SLOTS = ("live",)


@dataclass(frozen=True)
class Rule:
    """A rule whose every key is known; the attributes are those of ``RuleSettings``. ``sign`` is 1 for a ceiling."""

    name: str
    figure: str
    sign: int
    fire: float | Level
    clear: float | Level
    window_hours: int
    hold_us: int
    keep_us: int
    least: int
    slots: tuple[str, ...]
    slices: bool
    severity: str
    group: str

    def matches(self, figure: str) -> bool:
        """Tell whether it watches a figure."""
        return fnmatchcase(figure, self.figure)

    def level(self, figure: Figure, *, clear: bool = False) -> float | None:
        """Give the level for a figure; None where it is relative to a reference that there is not."""
        wanted = self.clear if clear else self.fire
        if not isinstance(wanted, Level):
            return wanted
        if figure.reference is None:
            return None
        value, low, high = figure.reference
        near_end = min(value, low) if self.sign < 0 else max(value, high)
        return near_end + self.sign * wanted.reference


def rules_of(settings: AlertSettings) -> tuple[Rule, ...]:
    """Give the rules that hold: those that come with Steadily, as the configuration changes them, and its own.

    Raises:
        ConfigError: A rule has no figure, or not exactly one level.
    """
    names = [*RULES, *(name for name in settings.rules if name not in RULES)]
    problems: list[Problem] = []
    found = []
    for name in names:
        given = RuleSettings.model_validate({**RULES.get(name, {})}, strict=False)
        changes = settings.rules.get(name, RuleSettings())
        merged = given.model_copy(update=dict(changed(given, changes)))
        if not merged.enabled:
            continue
        where = f"conf/operate.yaml: alerts.rules.{name}"
        if merged.figure is None:
            problems.append(Problem(where, "names no figure", hint="figure: latency_p95, say"))
        elif (merged.above is None) == (merged.below is None):
            problems.append(Problem(where, "needs one level", allowed="above or below"))
        else:
            found.append(rule_of(name, merged.figure, merged))
    if problems:
        raise ConfigError(*problems)
    return tuple(found)


def changed(given: RuleSettings, changes: RuleSettings) -> Iterator[tuple[str, object]]:
    """Give what the configuration says of a rule; a level of the one kind takes the other away."""
    for name in changes.model_fields_set:
        yield name, getattr(changes, name)
    levels = {"above", "below"} & changes.model_fields_set
    if levels == {"above"} and given.below is not None:
        yield "below", None
    if levels == {"below"} and given.above is not None:
        yield "above", None
    if levels and "clear" not in changes.model_fields_set:
        yield "clear", None


def rule_of(name: str, figure: str, given: RuleSettings) -> Rule:
    """Give a rule whose every key is known."""
    ceiling = given.above is not None
    fire = given.above if given.above is not None else given.below
    assert fire is not None  # noqa: S101 (for the type checker)
    return Rule(
        name=name,
        figure=figure,
        sign=1 if ceiling else -1,
        fire=fire,
        clear=fire if given.clear is None else given.clear,
        window_hours=given.window_hours or 168,
        hold_us=(given.hold_minutes or 0) * MINUTE_US,
        keep_us=(given.keep_minutes or 0) * MINUTE_US,
        least=given.least or 1,
        slots=given.slots or ("live",),
        slices=bool(given.slices),
        severity=given.severity or "warn",
        group=given.group or name,
    )


def state_of(figure: Figure, rule: Rule) -> str:
    """Say how a figure stands to a rule: ok, warn, alert, insufficient data or no data."""
    level = rule.level(figure)
    if figure.state == NO_DATA:
        return NO_DATA
    if figure.value is None or figure.n < rule.least or level is None or figure.state == FEW:
        return FEW
    if rule.sign * (figure.value - level) <= 0:
        return OK
    end = figure.value if figure.interval is None else figure.interval[0 if rule.sign > 0 else 1]
    return ALERT if rule.sign * (end - level) > 0 else WARN


def side_of(figure: Figure, rule: Rule) -> str:
    """Say on which side of a rule's levels a figure stands: beyond, between, clear, or unknown."""
    state = state_of(figure, rule)
    if state in (NO_DATA, FEW):
        return UNKNOWN
    if state == ALERT:
        return BEYOND
    clear, value = rule.level(figure, clear=True), figure.value
    return CLEAR if clear is not None and value is not None and rule.sign * (value - clear) <= 0 else BETWEEN


def watched(rule: Rule, figures: Mapping[str, Figure]) -> Iterator[Figure]:
    """Give the figures that a rule watches."""
    return (figure for name, figure in figures.items() if rule.matches(name))
