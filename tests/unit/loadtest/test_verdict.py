"""Verdicts: what is invalid never passes, each outcome has its reasons."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.latency import Latencies, needed
from steadily.loadtest.histogram import lines
from steadily.loadtest.verdict import SENT_SHARE, Figures, Limits, judge

GOOD = Figures(
    rate=300, duration=60, planned=18_000, in_time=18_000, counts={"ok": 18_000}, timed=18_000,
    p50_ms=2.0, p95_ms=5.0, p99_ms=9.0, max_ms=31.0, lag_p99_ms=0.4, connections=12,
    releases={3: 18_000}, predicted=18_000,
)  # fmt: skip


def test_one_that_passes_says_what_was_kept() -> None:
    found = judge(GOOD, Limits(p95_ms=50, p99_ms=100))
    assert found.outcome == "passed"
    assert found.reasons == ("p95 5 ms, at most 50 ms", "p99 9 ms, at most 100 ms", "0 % errors, at most 0.1 %")
    assert found.notes == ()


@pytest.mark.parametrize(
    ("change", "outcome", "text"),
    [
        ({"p99_ms": 251.0}, "failed", "p99 251 ms, above 250 ms"),
        ({"unclear": 180}, "failed", "1 % errors, above 0.1 %: 180 answers that are none"),
        ({"p95_ms": 100.1}, "failed", "p95 100.1 ms, above 100 ms"),
        (
            {"counts": {"ok": 17_900, "shed": 90, "timed_out": 10}},
            "failed",
            "0.556 % errors, above 0.1 %: 90 shed (503), 10 timed out",
        ),
        (
            {"in_time": 17_819},
            "invalid",
            "only 98.99 % of 300 requests a second were sent in time, and 99 % have to be: "
            "the machine that sends could not keep up",
        ),
        ({"in_time": 9_000, "waited": 8_900}, "invalid", "all 12 connections were waiting for answers"),
        ({"releases": {3: 17_000, 4: 1_000}}, "invalid", "several releases answered: 3 (17,000), 4 (1,000)"),
        (
            {"timed": 600, "p99_ms": None},
            "invalid",
            "too few answers for p99: 600, and it takes 1,000: let it last longer (--duration)",
        ),
        ({"counts": {"unsent": 18_000}, "in_time": 0, "timed": 0}, "invalid", "nothing was sent"),
        (
            {"predicted": 0, "refused": {"validate, contract, text": 18_000}},
            "invalid",
            "every row was refused, so that no model was asked: 18,000 validate, contract, text",
        ),
    ],
)
def test_what_does_not_pass(change: dict[str, Any], outcome: str, text: str) -> None:
    found = judge(replace(GOOD, **change), Limits())
    assert found.outcome == outcome
    assert any(reason.endswith(text) for reason in found.reasons)


def test_limits_that_are_not_set_are_not_judged() -> None:
    found = judge(replace(GOOD, p99_ms=None, timed=600, counts={"ok": 1, "shed": 2}), Limits(None, None, None))
    assert (found.outcome, found.reasons) == ("passed", ())
    assert found.notes == (
        "too few answers for p99: 600, and it takes 1,000",
        "the service shed load: 2 of 3 requests were answered with 503",
    )


def test_notes() -> None:
    found = judge(replace(GOOD, refused={"clean, when": 3, "validate, contract": 40}), Limits())
    assert found.outcome == "passed"
    assert found.notes == ("rows that were refused: 43 (40 validate, contract; 3 clean, when)",)


def test_one_that_is_invalid_tells_the_missed_limits_too() -> None:
    found = judge(replace(GOOD, in_time=0, p95_ms=900.0), Limits())
    assert found.outcome == "invalid"
    assert any("above 100 ms" in reason for reason in found.reasons)
    assert json.loads(json.dumps(found.to_json()))["failed"] == ["p95 900 ms, above 100 ms"]


figures = st.builds(
    replace,
    st.just(GOOD),
    in_time=st.integers(0, 18_000),
    counts=st.fixed_dictionaries(
        {kind: st.integers(0, 9_000) for kind in ("ok", "shed", "rejected", "server_error", "timed_out", "unsent")}
    ),
    p95_ms=st.none() | st.floats(0, 1_000),
    p99_ms=st.none() | st.floats(0, 1_000),
    releases=st.dictionaries(st.integers(1, 4), st.integers(1, 9), max_size=3),
    predicted=st.integers(0, 2),
    refused=st.dictionaries(st.just("validate"), st.integers(1, 5)),
)
most = st.none() | st.floats(0, 1_000)
limits = st.builds(Limits, p95_ms=most, p99_ms=most, max_error_share=st.none() | st.floats(0, 1))


@given(figures, limits)
def test_nothing_passes_that_should_not(figures: Figures, limits: Limits) -> None:
    found = judge(figures, limits)
    kept = all(
        most is None or (value is not None and value <= most)
        for value, most in (
            (figures.p95_ms, limits.p95_ms),
            (figures.p99_ms, limits.p99_ms),
            (figures.error_share, limits.max_error_share),
        )
    )
    whole = figures.sent and figures.sent_share >= SENT_SHARE and len(figures.releases) < 2
    answered = figures.predicted or not figures.refused
    assert (found.outcome == "passed") == bool(kept and whole and answered)
    assert found.outcome == "passed" or found.reasons
    json.dumps({**found.to_json(), **figures.to_json()}, allow_nan=False)


@given(figures, limits, st.floats(1, 3))
def test_a_looser_limit_fails_nothing(figures: Figures, limits: Limits, factor: float) -> None:
    looser = Limits(limits.p95_ms and limits.p95_ms * factor, limits.p99_ms, limits.max_error_share)
    assert len(judge(figures, looser).failed) <= len(judge(figures, limits).failed)


@given(st.lists(st.floats(0, 1e12), max_size=40))
def test_the_histogram_holds_every_value(values: list[float]) -> None:
    drawn = lines(Latencies.of(values))
    assert sum(int(line.rsplit(" ", 1)[1]) for line in drawn) == len(values)
    assert all("█" in line for line in drawn if not line.endswith(" 0"))


def test_a_histogram() -> None:
    drawn = lines(Latencies.of([1200.0] * 40 + [3000.0] * 10 + [700_000.0]), 10)
    assert drawn[0] == "1 ms – 2 ms      ██████████ 40"
    assert drawn[1] == "2 ms – 5 ms      ██         10"
    assert drawn[2] == "5 ms – 10 ms                0"
    assert drawn[-1] == "500 ms – 1 s     █          1"
    assert lines(Latencies()) == []
    assert needed(0.99) == 1000
