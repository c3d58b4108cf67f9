from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily.latency import Latencies
from steadily.rollout.gate import WELL, Known, Limits, Line, LoadTest, checklist, mcnemar, overridden, passes
from steadily.rollout.pairs import Answer, PairCounts, kappa, label_of, pair_of, traffic
from steadily.units import MINUTE_US

ANSWERS = st.builds(
    Answer, st.sampled_from(["ham", "spam"]), st.booleans(), st.floats(0.1, 1e6), st.none() | st.floats(0, 1)
)
PAIRS = st.lists(st.tuples(ANSWERS, ANSWERS, st.integers(0, 10**12)), max_size=12)
HOURS = 49
GOOD = PairCounts(
    attempted=6_000,
    answered=6_000,
    agree=5_950,
    deltas=6_000,
    delta_sum=30.0,
    confusion={("ham", "ham"): 4_000, ("spam", "spam"): 1_950, ("ham", "spam"): 50},
    live_latency=Latencies.of([1_000.0] * 6_000),
    other_latency=Latencies.of([1_100.0] * 6_000),
    minutes=frozenset(range(HOURS * 60)),
)
KNOWN = Known(LoadTest("passed", 90.0), 30.0, "fs1", True, ())
NOW = HOURS * 60 * MINUTE_US


def judged(counts: PairCounts = GOOD, known: Known = KNOWN, now: int = NOW) -> dict[str, Line]:
    return {line.name: line for line in checklist(counts, known, Limits(), now)}


def total(pairs: list[tuple[Answer, Answer, int]]) -> PairCounts:
    return sum((pair_of(*pair) for pair in pairs), PairCounts())


@given(PAIRS, PAIRS)
def test_sums_of_pairs_do_not_depend_on_where_they_were_counted(
    some: list[tuple[Answer, Answer, int]], more: list[tuple[Answer, Answer, int]]
) -> None:
    apart, together = total(some) + total(more), total([*more, *some])
    assert math.isclose(apart.delta_sum, together.delta_sum, abs_tol=1e-9)
    assert replace(apart, delta_sum=0.0) == replace(together, delta_sum=0.0)
    assert PairCounts.from_json(json.loads(json.dumps(apart.to_json()))) == apart
    assert apart.live_errors - apart.only_live_errors == apart.other_errors - apart.only_other_errors
    assert sum(apart.confusion.values()) == apart.answered <= apart.attempted


@given(st.frozensets(st.integers(0, 500), min_size=1), st.integers(0, 50))
def test_time_with_traffic_is_what_a_walk_through_it_finds(minutes: frozenset[int], max_gap: int) -> None:
    found = traffic(minutes, max_gap)
    ordered = sorted(minutes)
    starts = [ordered[0], *(b for a, b in itertools.pairwise(ordered) if b - a - 1 > max_gap)]
    assert found.minutes == ordered[-1] - starts[-1] + 1
    assert (found.gap is None) == (len(starts) == 1)
    assert found.longest <= max_gap


def test_a_clock_that_jumps_makes_no_hours() -> None:
    before = frozenset(range(60))
    forwards = before | {m + 47 * 60 for m in range(60, 120)}
    back = before | {m - 30 for m in range(60, 90)}
    assert traffic(forwards, 60).minutes == 60
    assert traffic(back, 60).minutes == 60
    line = judged(replace(GOOD, minutes=forwards), now=(49 * 60) * MINUTE_US)["hours"]
    assert line.state == "failed"
    assert "since a gap of" in line.evidence


def test_a_good_shadow_passes() -> None:
    lines = judged()
    assert {name for name, line in lines.items() if line.state != "passed"} == {"correctness"}
    assert lines["correctness"].state == "not judged"
    assert passes(tuple(lines.values()))
    assert "lower bound 98.9" in lines["agreement"].evidence
    assert "mean |Δp| 0.0050" in lines["agreement"].evidence


@pytest.mark.parametrize(
    ("name", "state", "counts", "known"),
    [
        ("hours", "insufficient", replace(GOOD, minutes=frozenset(range(60 * 2, 60 * 49))), KNOWN),
        ("hours", "failed", replace(GOOD, minutes=GOOD.minutes - set(range(600, 700))), KNOWN),
        ("hours", "failed", replace(GOOD, minutes=frozenset(range(47 * 60))), KNOWN),
        ("dropped", "failed", replace(GOOD, dropped=100), KNOWN),
        ("agreement", "failed", replace(GOOD, agree=5_000), KNOWN),
        ("agreement", "insufficient", replace(GOOD, answered=40, agree=40), KNOWN),
        ("agreement", "failed", replace(GOOD, answered=0, agree=0, other_errors=6_000), KNOWN),
        ("errors", "failed", replace(GOOD, other_errors=20, only_other_errors=20), KNOWN),
        ("errors", "passed", replace(GOOD, live_errors=20, only_live_errors=20), KNOWN),
        ("errors", "passed", replace(GOOD, live_errors=500, other_errors=500), KNOWN),
        ("correctness", "failed", replace(GOOD, labelled=100, only_live_right=15), KNOWN),
        ("correctness", "passed", replace(GOOD, labelled=100, only_live_right=8, only_other_right=9), KNOWN),
        ("latency", "failed", replace(GOOD, other_latency=Latencies.of([1_600.0] * 6_000)), KNOWN),
        ("latency", "insufficient", replace(GOOD, live_latency=Latencies.of([1_000.0] * 99)), KNOWN),
        ("load test", "insufficient", GOOD, replace(KNOWN, load_test=None)),
        ("load test", "insufficient", GOOD, replace(KNOWN, load_test=LoadTest("invalid", 90.0, ("not sent",)))),
        ("load test", "insufficient", GOOD, replace(KNOWN, peak=None)),
        ("load test", "failed", GOOD, replace(KNOWN, load_test=LoadTest("failed", 90.0, ("p99 1 s",)))),
        ("load test", "failed", GOOD, replace(KNOWN, load_test=LoadTest("passed", 89.0))),
        ("features", "failed", GOOD, replace(KNOWN, published=False)),
        ("features", "insufficient", GOOD, replace(KNOWN, published=None)),
        ("features", "passed", GOOD, replace(KNOWN, feature_set=None, published=None)),
        (
            "metrics",
            "failed",
            GOOD,
            replace(
                KNOWN,
                verdicts=({"figure": "f1", "limit": "minimum", "wanted": 0.9, "given": None, "met": False},),
            ),
        ),
    ],
)
def test_each_line_can_fail_by_itself(name: str, state: str, counts: PairCounts, known: Known) -> None:
    lines = judged(counts, known)
    assert lines[name].state == state
    missed = set() if state == "passed" else {name}
    assert {line.name for line in lines.values() if line.state not in WELL} == missed
    assert passes(tuple(lines.values())) == (state == "passed")


def test_with_few_pairs_errors_are_not_judged_either_unless_they_are_clear() -> None:
    few = replace(GOOD, attempted=999)
    assert (judged(few)["pairs"].state, judged(few)["errors"].state) == ("insufficient", "insufficient")
    assert judged(replace(few, only_other_errors=30, other_errors=30))["errors"].state == "failed"


def test_an_override_keeps_what_was_seen() -> None:
    lines = overridden(checklist(replace(GOOD, dropped=100), KNOWN, Limits(), NOW))
    assert passes(lines)
    changed = [line for line in lines if line.state == "overridden"]
    assert [line.name for line in changed] == ["dropped"]
    assert changed[0].evidence.startswith("failed: 100 of 6,100")


@settings(max_examples=30)
@given(st.integers(0, 1500), st.integers(0, 1500))
def test_mcnemar_is_the_binomial_test(one: int, other: int) -> None:
    from scipy.stats import binomtest

    wanted = binomtest(one, one + other, 0.5).pvalue if one + other else 1.0
    assert math.isclose(mcnemar(one, other), wanted, rel_tol=1e-6, abs_tol=1e-25)


def test_a_truth_is_counted_on_the_side_that_had_it() -> None:
    both, neither = label_of("a", "a", "a"), label_of("a", "b", "c")
    live, other = label_of("a", "a", "b"), label_of("a", "b", "a")
    found = both + neither + live + other
    assert (found.labelled, found.only_live_right, found.only_other_right) == (4, 1, 1)


def test_kappa_of_nothing_and_of_one_class_is_undefined() -> None:
    assert kappa({}) is None
    assert kappa({("a", "a"): 7}) is None
    assert kappa({("a", "a"): 5, ("b", "b"): 5}) == 1.0
