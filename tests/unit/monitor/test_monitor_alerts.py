"""The life of an alert: when it fires, when it is over, and that nothing follows from what nobody could see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.errors import ConfigError
from steadily.monitor.alerts import (
    BLIND,
    FIRED,
    FIRING,
    PENDING,
    QUIET,
    RESOLVED,
    SEEING,
    Life,
    Seen,
    Silence,
    Subject,
    silenced,
    step,
)  # fmt: skip
from steadily.monitor.figures import ALERT, FEW, NO_DATA, OK, WARN, Figure
from steadily.monitor.levels import BETWEEN, BEYOND, CLEAR, UNKNOWN, Rule, rules_of, side_of, state_of
from steadily.monitor.settings import RULES, AlertSettings, Level, RuleSettings

MINUTE = 60_000_000
LONGEST = 10 * MINUTE
SUBJECT = Subject("slow", "latency_p95", 1, "live")


def seen(side: str) -> Seen:
    return Seen(SUBJECT, side, 0.3, 0.25, hold_us=5 * MINUTE, keep_us=10 * MINUTE)


def lived(sides: str, *, every: int = MINUTE, life: Life | None = None, begin: int = 0) -> tuple[Life, list[str]]:
    """Live through looks: b beyond, m between, c clear, u unknown."""
    names = {"b": BEYOND, "m": BETWEEN, "c": CLEAR, "u": UNKNOWN}
    life, told = life or Life(), []
    for place, letter in enumerate(sides):
        life, what = step(life, seen(names[letter]), begin + place * every, LONGEST)
        told += what
    return life, told


@pytest.mark.parametrize(
    ("sides", "phase", "told"),
    [
        ("c", QUIET, []),
        ("bbbbb", PENDING, []),
        ("bbbbbb", FIRING, [FIRED]),
        ("bbbbbmbbbbb", PENDING, []),
        ("bbbbbubbbbb", PENDING, []),  # what could not be seen did not hold
        ("bbbbbb" + "m" * 30, FIRING, [FIRED]),  # hysteresis: not over until it is clear
        ("bbbbbb" + "c" * 9, FIRING, [FIRED]),
        ("bbbbbb" + "c" * 10, QUIET, [FIRED, RESOLVED]),
        ("bbbbbb" + "c" * 9 + "b" + "c" * 9, FIRING, [FIRED]),
        ("bbbbbb" + "u" * 60, FIRING, [FIRED, BLIND]),
        ("bbbbbb" + "u" * 60 + "c" * 9, FIRING, [FIRED, BLIND, SEEING]),
        ("u" * 90, QUIET, []),
    ],
)
def test_lives(sides: str, phase: str, told: list[str]) -> None:
    life, happened = lived(sides)
    assert (life.phase, happened) == (phase, told)


@pytest.mark.parametrize("jump", [-5 * 3600 * 1_000_000, 3600 * 1_000_000, 30 * 24 * 3600 * 1_000_000])
def test_time_that_nobody_watched_does_not_count(jump: int) -> None:
    life, _ = lived("bbbb")
    life, told = lived("bbbb", life=life, begin=3 * MINUTE + jump)
    assert (life.phase, told) == (PENDING, [])
    firing, _ = lived("bbbbbbc")
    after, told = lived("c", life=firing, begin=6 * MINUTE + jump)
    assert (after.phase, told) == (FIRING, [])


@given(sides=st.text("bmcu", max_size=60), steps=st.lists(st.integers(-5, 30), min_size=60, max_size=60))
def test_what_is_told_alternates_and_phases_agree(sides: str, steps: list[int]) -> None:
    names = {"b": BEYOND, "m": BETWEEN, "c": CLEAR, "u": UNKNOWN}
    life, now, told = Life(), 0, []
    for letter, minutes in zip(sides, steps, strict=False):
        now += minutes * MINUTE
        before = life
        life, what = step(life, seen(names[letter]), now, LONGEST)
        told += [one for one in what if one in (FIRED, RESOLVED)]
        if FIRED in what:
            assert letter == "b"
            assert before.held_us + (now - (before.seen_us or 0)) >= 5 * MINUTE
        if RESOLVED in what:
            assert letter == "c"
        assert Life(**life.to_json()) == life
    assert told == [FIRED, RESOLVED] * (len(told) // 2) + [FIRED] * (len(told) % 2)
    assert (life.phase == FIRING) == (len(told) % 2 == 1)


def test_silences() -> None:
    quiet = Silence("slow*", "*", "live", 10, 20, "ann", "a new disk")
    assert silenced([quiet], SUBJECT, 10)
    assert not silenced([quiet], SUBJECT, 20)
    assert not silenced([quiet], SUBJECT._replace(slot="shadow"), 15)
    assert not silenced([], SUBJECT, 15)


def rule(**changes: object) -> Rule:
    known = {one.name: one for one in rules_of(AlertSettings(rules={"errors": RuleSettings.model_validate(changes)}))}
    return known["errors"]


def figure(value: float | None, interval: list[float] | None, n: int = 1000, state: str = OK) -> Figure:
    return Figure("error_rate", "errors", value, n, interval, state)


@pytest.mark.parametrize(
    ("given_", "state", "side"),
    [
        (figure(0.03, [0.025, 0.035]), ALERT, BEYOND),
        (figure(0.03, [0.015, 0.045]), WARN, BETWEEN),  # beyond, and not surely
        (figure(0.015, [0.012, 0.018]), OK, BETWEEN),
        (figure(0.005, [0.001, 0.009]), OK, CLEAR),
        (figure(0.5, [0.1, 0.9], n=5), FEW, UNKNOWN),
        (figure(None, None), FEW, UNKNOWN),
        (figure(None, None, n=0, state=NO_DATA), NO_DATA, UNKNOWN),
        (figure(0.03, None), ALERT, BEYOND),
    ],
)
def test_a_figure_alerts_on_size_and_evidence(given_: Figure, state: str, side: str) -> None:
    assert (state_of(given_, rule()), side_of(given_, rule())) == (state, side)


def test_levels_relative_to_the_reference_take_the_near_end_of_its_interval() -> None:
    found = rule(below=Level(reference=0.05), clear=Level(reference=0.02))
    known = Figure("recall.spam", "quality", 0.8, 500, [0.75, 0.84], reference=(0.92, 0.9, 0.94))
    assert found.level(known) == pytest.approx(0.85)
    assert found.level(known, clear=True) == pytest.approx(0.88)
    assert state_of(known, found) == ALERT
    assert state_of(Figure("recall.spam", "quality", 0.8, 500, [0.75, 0.84]), found) == FEW


def test_the_configuration_changes_keys_of_rules_takes_away_and_adds() -> None:
    given_ = {"errors": {"above": 0.5}, "slow": {"enabled": False}, "own": {"figure": "entropy", "above": 0.9}}
    rules = {one.name: one for one in rules_of(AlertSettings.model_validate({"rules": given_}))}
    assert (rules["errors"].fire, rules["errors"].clear, rules["errors"].least) == (0.5, 0.5, 100)
    assert "slow" not in rules
    assert (rules["own"].slots, rules["own"].group, rules["own"].sign) == (("live",), "own", 1)
    assert set(RULES) - {"slow"} | {"own"} == set(rules)


def test_rules_that_say_too_little_are_refused_all_at_once() -> None:
    given_ = {"a": {"above": 1.0}, "b": {"figure": "entropy"}, "c": {"figure": "entropy", "above": 1.0, "below": 0.1}}
    with pytest.raises(ConfigError) as caught:
        rules_of(AlertSettings.model_validate({"rules": given_}))
    assert [str(problem) for problem in caught.value.problems] == [
        "conf/operate.yaml: alerts.rules.a: names no figure; figure: latency_p95, say",
        "conf/operate.yaml: alerts.rules.b: needs one level; allowed: above or below",
        "conf/operate.yaml: alerts.rules.c: needs one level; allowed: above or below",
    ]
