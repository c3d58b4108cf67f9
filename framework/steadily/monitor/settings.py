"""The sections ``monitor`` and ``alerts`` of ``conf/operate.yaml``: what is watched, when it alerts, and who is told.

Rules are a mapping by name. Those in ``RULES`` are there from the start; the
configuration changes single keys of them, takes one away (``enabled: false``) or adds its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt

from steadily.settings import Section

if TYPE_CHECKING:
    from steadily.drift.compare import Rule as DriftRule

Share = Annotated[float, Field(ge=0, le=1)]
Hours = Annotated[int, Field(ge=1, le=24 * 366)]
Minutes = Annotated[int, Field(ge=0, le=60 * 24 * 31)]
HOUR_MINUTES = 60


def environment_name(text: str) -> str:
    """Refuse what is no name of an environment variable, such as an address itself: it is not shown.

    >>> environment_name("TEAM_CHANNEL")
    'TEAM_CHANNEL'
    """
    if not text.isidentifier():
        raise ValueError("has to be the name of an environment variable; the address itself stands in no file")
    return text


class MonitorSettings(Section):
    """What is watched.

    Attributes:
        window_hours: How long the windows are that are shown (168, which is 7 days).
        labels_after_hours: How old a prediction has to be for its label to be expected (24).
        slices: Columns whose values are counted apart, too.
        rows_per_minute: How many rows a minute each worker counts into the features' bins (600); null counts all.
        flush_seconds: How often a worker brings its counts into the database (5).
        every_seconds: How often the figures are compared with the rules (60).
        inside: Whether the service does so by itself; otherwise ``steadily monitor --every`` has to.
        url: Where people reach the dashboard, for the links in messages; null makes none.
    """

    window_hours: Hours = 168
    labels_after_hours: Annotated[int, Field(ge=0, le=24 * 90)] = 24
    slices: tuple[str, ...] = ()
    rows_per_minute: PositiveInt | None = 600
    flush_seconds: Annotated[float, Field(ge=0.1, le=300)] = 5.0
    every_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    inside: bool = True
    url: str | None = None


class Level(Section):
    """A level relative to the figure of the release's own evaluation; the near end of its interval is taken.

    Attributes:
        reference: How far from it.
    """

    reference: float


class RuleSettings(Section):
    """When a figure alerts; what is not given is as in the rule of the same name that comes with Steadily.

    Attributes:
        figure: The figure's name; ``*`` stands for a class.
        above: Alerts when it is above this.
        below: Alerts when it is below this.
        clear: From where on it counts as well again; the level itself if null.
        window_hours: Over how many hours.
        hold_minutes: How long it has to last.
        keep_minutes: How long it goes on after all is well again.
        least: The fewest rows (or requests) that it is judged by.
        slots: Which releases it watches.
        slices: Whether it watches each slice, too.
        severity: ``page`` or ``warn``, for the channels to choose by.
        group: Alerts of one group that fire at once make one message.
        enabled: Whether the rule holds.
    """

    figure: str | None = None
    above: float | Level | None = None
    below: float | Level | None = None
    clear: float | Level | None = None
    window_hours: Hours | None = None
    hold_minutes: Minutes | None = None
    keep_minutes: Minutes | None = None
    least: PositiveInt | None = None
    slots: tuple[Literal["live", "shadow", "previous"], ...] | None = None
    slices: bool | None = None
    severity: Literal["page", "warn"] | None = None
    group: str | None = None
    enabled: bool = True


class DriftSettings(Section):
    """When drift alerts: judged on whole days that do not overlap.

    Attributes:
        floor: The least score of a drifted day (0.1); two such days running alert.
        strong: The score of which one day is enough (0.25).
        level: The largest p-value, adjusted for the number of columns (0.01).
        min_rows: The fewest rows of a day that is judged (200).
        severity: ``page`` or ``warn``.
        enabled: Whether drift is watched.
    """

    floor: float = 0.1
    strong: float = 0.25
    level: float = 0.01
    min_rows: PositiveInt = 200
    severity: Literal["page", "warn"] = "warn"
    enabled: bool = True

    def rule(self) -> DriftRule:
        """Give it as drift's own rule."""
        from steadily.drift.compare import Rule as DriftRule

        return DriftRule(self.floor, self.strong, self.level, self.min_rows)


class GapSettings(Section):
    """When a missing column or a renamed category alerts: judged by the hour.

    Attributes:
        rise: By how much the share of missing or unseen values has to have risen (0.05).
        level: How unlikely that has to be by chance (0.000001).
        least: The fewest rows of an hour that is judged (20).
        severity: ``page`` or ``warn``.
        enabled: Whether gaps are watched.
    """

    rise: Share = 0.05
    level: float = 1e-6
    least: PositiveInt = 20
    severity: Literal["page", "warn"] = "page"
    enabled: bool = True


class TrafficSettings(Section):
    """When a release that gets no requests alerts.

    Attributes:
        hours: For how many hours nothing has come (24).
        severity: ``page`` or ``warn``.
        enabled: Whether silence is watched.
    """

    hours: Hours = 24
    severity: Literal["page", "warn"] = "warn"
    enabled: bool = True


class FreshnessSettings(Section):
    """When a feature set that a release reads, and that nothing newer is published of, alerts.

    Attributes:
        hours: How old its newest values may be; null: as old as a lookup finds them, which is its time-to-live.
        severity: ``page`` or ``warn``.
        enabled: Whether freshness is watched.
    """

    hours: PositiveFloat | None = None
    severity: Literal["page", "warn"] = "warn"
    enabled: bool = True


class Channel(Section):
    """A way to tell people.

    Attributes:
        url_env: The environment variable that holds the channel's address, in Apprise's form.
        severities: Which alerts go there.
    """

    url_env: Annotated[str, AfterValidator(environment_name)]
    severities: tuple[Literal["page", "warn"], ...] = ("page", "warn")


class AlertSettings(Section):
    """When people are told, and how.

    Attributes:
        rules: By name; see ``RuleSettings``.
        drift: When drift alerts.
        gaps: When a missing column or a renamed category alerts.
        traffic: When a release without requests alerts.
        freshness: When a feature set that is too old alerts.
        channels: By name.
        longest_step_minutes: The longest time between two looks that counts as one in which nothing else happened
            (10): after a gap, or a clock that jumped, a rule's time to hold begins anew.
    """

    rules: Mapping[str, RuleSettings] = Field(default_factory=dict)
    drift: DriftSettings = DriftSettings()
    gaps: GapSettings = GapSettings()
    traffic: TrafficSettings = TrafficSettings()
    freshness: FreshnessSettings = FreshnessSettings()
    channels: Mapping[str, Channel] = Field(default_factory=dict)
    longest_step_minutes: Annotated[int, Field(ge=1, le=24 * HOUR_MINUTES)] = 10


DAY, WEEK = 24, 168
RULES: dict[str, dict[str, Any]] = {
    "errors": {
        "figure": "error_rate", "above": 0.02, "clear": 0.01, "window_hours": 1, "hold_minutes": 5,
        "keep_minutes": 15, "least": 100, "severity": "page", "group": "service",
    },
    "shed": {
        "figure": "shed_rate", "above": 0.01, "clear": 0.002, "window_hours": 1, "hold_minutes": 5,
        "keep_minutes": 15, "least": 100, "severity": "page", "group": "service",
    },
    "bad_requests": {
        "figure": "client_rate", "above": 0.2, "clear": 0.1, "window_hours": 1, "hold_minutes": 10,
        "keep_minutes": 30, "least": 50, "severity": "warn", "group": "service",
    },
    "refusals": {
        "figure": "refused_share", "above": 0.2, "clear": 0.1, "window_hours": DAY, "hold_minutes": 30,
        "keep_minutes": 60, "least": 100, "severity": "warn", "group": "service",
    },
    "slow": {
        "figure": "latency_p95", "above": 0.25, "clear": 0.2, "window_hours": 1, "hold_minutes": 10,
        "keep_minutes": 30, "least": 200, "severity": "page", "group": "service",
    },
    "slowest": {
        "figure": "latency_p99", "above": 1.0, "clear": 0.8, "window_hours": 1, "hold_minutes": 10,
        "keep_minutes": 30, "least": 1000, "severity": "warn", "group": "service",
    },
    "unsure": {
        "figure": "below_low", "above": 0.2, "clear": 0.15, "window_hours": DAY, "hold_minutes": 60,
        "keep_minutes": 360, "least": 200, "severity": "warn", "group": "model",
    },
    "recall": {
        "figure": "recall.*", "below": {"reference": 0.05}, "clear": {"reference": 0.03}, "window_hours": WEEK,
        "hold_minutes": 60, "keep_minutes": 720, "least": 50, "severity": "page", "group": "model",
    },
    "precision": {
        "figure": "precision.*", "below": {"reference": 0.05}, "clear": {"reference": 0.03}, "window_hours": WEEK,
        "hold_minutes": 60, "keep_minutes": 720, "least": 50, "severity": "page", "group": "model",
    },
    "accuracy": {
        "figure": "accuracy", "below": {"reference": 0.05}, "clear": {"reference": 0.03}, "window_hours": WEEK,
        "hold_minutes": 60, "keep_minutes": 720, "least": 50, "severity": "page", "group": "model",
    },
    "estimate": {
        "figure": "estimated_accuracy", "below": {"reference": 0.05}, "clear": {"reference": 0.03},
        "window_hours": DAY, "hold_minutes": 60, "keep_minutes": 720, "least": 200, "severity": "warn",
        "group": "model",
    },
}  # fmt: skip
