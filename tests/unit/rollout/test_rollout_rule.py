from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steadily.rollout.rule import Baseline, RuleState, begin, fires, hours_to_see, judged, updated
from steadily.rollout.windows import BUCKET_US, RECENT_US, Bucket, Counts, thinned, whole
from steadily.units import HOUR_US, MINUTE_US

BASELINE = Baseline(1_000_000, 10_000)
START = 1_700_000_000_000_000


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    requests = draw(st.integers(0, 2_000))
    paired = draw(st.integers(0, requests))
    errors, new = draw(st.integers(0, requests)), draw(st.integers(0, paired))
    return Counts(requests, errors, paired, new, draw(st.integers(0, paired)))


def calm(state: RuleState, hours: float, *, errors: int = 1, old: int = 1, requests: int = 100) -> RuleState:
    """Let a time pass with so many requests and errors in each bucket."""
    at = state.bucket_us
    for _ in range(round(hours * HOUR_US / BUCKET_US)):
        state = updated(state, Counts(requests, errors, requests, errors, old), at, BASELINE)
        at += BUCKET_US
    return updated(state, Counts(), at, BASELINE)


@given(st.booleans(), st.lists(st.tuples(st.integers(0, 40), counts()), max_size=30), st.randoms())
def test_neither_the_order_nor_the_size_of_pieces_within_a_bucket_matters(
    paired: bool, pieces: list[tuple[int, Counts]], random: object
) -> None:
    ordered = sorted(pieces, key=lambda piece: piece[0])
    sums: dict[int, Counts] = {}
    for place, one in ordered:
        sums[place] = sums.get(place, Counts()) + one
    whole_ones = piecewise = begin(START, paired=paired)
    for place, one in sums.items():
        whole_ones = updated(whole_ones, one, START + place * BUCKET_US, BASELINE)
    random.shuffle(ordered)  # type: ignore[attr-defined]
    for number, (place, one) in enumerate(sorted(ordered, key=lambda piece: piece[0])):
        piecewise = updated(piecewise, one, START + place * BUCKET_US + number, BASELINE)
    assert piecewise == whole_ones
    at = START + 41 * BUCKET_US
    assert judged(piecewise, BASELINE, at) == judged(whole_ones, BASELINE, at)


@given(st.booleans(), st.lists(st.tuples(st.integers(0, 10 * HOUR_US), counts()), max_size=20))
def test_a_state_that_was_kept_goes_on_as_if_nothing_had_been(paired: bool, steps: list[tuple[int, Counts]]) -> None:
    kept = through = begin(START, paired=paired)
    for after, one in steps:
        kept = updated(RuleState.from_json(json.loads(json.dumps(kept.to_json()))), one, START + after, BASELINE)
        through = updated(through, one, START + after, BASELINE)
    assert kept == through
    assert len(kept.buckets) <= 80


@given(st.booleans(), st.lists(st.tuples(st.integers(0, 10 * HOUR_US), counts()), max_size=20))
def test_without_requests_nothing_is_ever_healthy(paired: bool, steps: list[tuple[int, Counts]]) -> None:
    state, last = begin(START, paired=paired), START
    for after, one in steps:
        state, last = updated(state, one, START + after, BASELINE), max(last, START + after)
    late = last + RECENT_US + 2 * BUCKET_US
    verdict = judged(updated(state, Counts(), late, BASELINE), BASELINE, late)
    assert verdict.requests == 0
    assert verdict.state in ("insufficient", "rollback")
    assert judged(begin(START, paired=paired), BASELINE, START).state == "insufficient"
    assert judged(begin(START, paired=paired), Baseline(), START).state == "insufficient"


@given(st.lists(st.tuples(st.integers(-HOUR_US, HOUR_US), counts()), max_size=20))
def test_no_count_is_lost_by_a_clock_that_jumps(steps: list[tuple[int, Counts]]) -> None:
    state, at = begin(START, paired=True), START
    for by, one in steps:
        at = max(0, at + by)
        state = updated(state, one, at, BASELINE)
    kept = whole(state.buckets) + state.filling
    assert kept == sum((one for _, one in steps), Counts()) or state.bucket_us - START > 11 * HOUR_US


@given(st.lists(st.tuples(st.integers(0, 20 * HOUR_US), counts()), max_size=40), st.integers(0, 20 * HOUR_US))
def test_thinning_loses_only_what_is_too_old(items: list[tuple[int, Counts]], more: int) -> None:
    buckets = tuple(Bucket(start // BUCKET_US * BUCKET_US, one) for start, one in sorted(items, key=lambda i: i[0]))
    now = max((start for start, _ in items), default=0)
    once, later = thinned(buckets, now), thinned(thinned(buckets, now), now + more)
    young = [bucket.counts for bucket in buckets if now - bucket.start_us <= 11 * HOUR_US]
    assert whole(once).requests >= sum(one.requests for one in young)
    assert [bucket.start_us for bucket in once] == sorted({bucket.start_us for bucket in once})
    assert len(later) <= len(once) <= 80


@given(st.lists(counts(), min_size=1, max_size=60))
def test_many_runs_at_once_come_to_what_each_comes_to_alone(steps: list[Counts]) -> None:
    """The simulation drives the rule with arrays: they have to say what single numbers say."""
    single = begin(START, paired=True)
    many = begin(START, paired=True)
    for number, one in enumerate(steps):
        one = replace(one, paired=one.requests)
        at = START + number * BUCKET_US
        single = updated(single, one, at, BASELINE)
        many = updated(many, Counts(*(np.array([value, 0]) for value in one.values())), at, BASELINE)
    if single.mode != many.mode:
        return
    assert np.isclose(np.broadcast_to(many.evidence, 2)[0], single.evidence)
    assert bool(np.broadcast_to(fires(many, BASELINE), 2)[0]) == bool(fires(single, BASELINE))


def test_a_release_that_fails_more_is_rolled_back_and_one_that_does_not_is_left() -> None:
    well = calm(begin(START, paired=True), 3)
    assert judged(well, BASELINE, well.bucket_us).state == "healthy"
    bad, minutes = well, 0.0
    while not bool(fires(bad, BASELINE)):
        bad, minutes = calm(bad, 1 / 60, errors=10), minutes + 1
    assert minutes <= 2
    assert judged(bad, BASELINE, bad.bucket_us).state == "rollback"


def test_an_outage_upstream_that_hits_both_changes_nothing() -> None:
    state = calm(begin(START, paired=True), 2)
    state = calm(state, 2, errors=60, old=60)
    assert not bool(fires(state, BASELINE))
    assert judged(state, BASELINE, state.bucket_us).state == "healthy"


def test_without_errors_nothing_ever_fires() -> None:
    state = calm(begin(START, paired=True), 5, errors=0, old=0)
    assert state.evidence == 0
    assert judged(state, BASELINE, state.bucket_us).state == "healthy"


def test_without_the_earlier_release_history_is_the_baseline() -> None:
    state = begin(START, paired=False)
    for number in range(60):
        state = updated(state, Counts(100, 10), START + number * BUCKET_US, BASELINE)
    assert (state.mode, judged(state, BASELINE, state.bucket_us).state) == ("historical", "rollback")
    alone = judged(state, Baseline(), state.bucket_us)
    assert alone.state == "insufficient"
    assert "none has left a baseline" in alone.why


def test_pairs_that_stop_give_way_to_history_and_begin_anew() -> None:
    state = calm(begin(START, paired=True), 1, errors=3, old=3)
    at = state.bucket_us
    for number in range(1, 45):
        state = updated(state, Counts(100, 1), at + number * BUCKET_US, BASELINE)
        if number == 28:
            assert state.mode == "concurrent"
    assert state.mode == "historical"
    assert judged(state, BASELINE, state.bucket_us).state in ("healthy", "insufficient")


def test_ten_errors_are_needed() -> None:
    for errors, fired in ((9, False), (10, True)):
        state = updated(begin(START, paired=False), Counts(20, errors), START, BASELINE)
        state = updated(state, Counts(), START + BUCKET_US, BASELINE)
        assert bool(fires(replace(state, evidence=10.0), BASELINE)) == fired


def test_more_errors_but_not_twice_as_many_is_for_a_person() -> None:
    state = begin(START, paired=True)
    for number in range(int(8 * HOUR_US / BUCKET_US)):
        state = updated(state, Counts(1000, 19, 1000, 19, 10), START + number * BUCKET_US, BASELINE)
    verdict = judged(state, BASELINE, state.bucket_us)
    assert verdict.state == "inconclusive"
    assert "a person decides" in verdict.why


def test_what_can_be_seen_is_said() -> None:
    assert 0.6 < hours_to_see("concurrent", 100, 0.01) < 0.7
    assert hours_to_see("historical", 20, 0.001) > 12
    assert hours_to_see("concurrent", 0, 0.01) == float("inf")
    few = calm(begin(START, paired=True), 1, requests=3, errors=0, old=0)
    assert judged(few, BASELINE, few.bucket_us).why == "too few requests for a doubling to show yet"
    assert MINUTE_US * 60 == HOUR_US
