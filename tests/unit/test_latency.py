"""Times in buckets: they add up, and percentiles are within 1 %."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.latency import ALPHA, LARGEST, SMALLEST, Latencies, is_enough, needed, rank

WITHIN = ALPHA * (1 + 1e-9)
times = st.one_of(st.floats(SMALLEST, LARGEST), st.floats(1, 1e6), st.sampled_from([0.0, 1.0, 1000.0]))
many = st.lists(times, max_size=60)


def near(found: float, exact: float) -> bool:
    return abs(found - exact) <= WITHIN * exact


@given(st.lists(times, min_size=1, max_size=200), st.floats(0, 1))
def test_a_quantile_is_within_one_percent_of_the_exact_one(values: list[float], q: float) -> None:
    found = Latencies.of(values).quantile(q)
    assert found is not None
    assert near(found, sorted(values)[rank(q, len(values)) - 1])


@given(many, many, many)
def test_merging_is_associative_and_commutative_and_the_same_as_counting_all(
    one: list[float], two: list[float], three: list[float]
) -> None:
    a, b, c = Latencies.of(one), Latencies.of(two), Latencies.of(three)
    assert a.merged(b).merged(c) == a.merged(b.merged(c)) == c.merged(a, b) == Latencies.of(one + two + three)
    assert a.merged(b) == b.merged(a)
    assert a.merged(Latencies()) == a == Latencies.of(one)


@given(many)
def test_json_round_trip(values: list[float]) -> None:
    found = Latencies.of(values)
    assert Latencies.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found


@given(many)
def test_one_by_one_is_as_all_at_once(values: list[float]) -> None:
    single = Latencies()
    for value in values:
        single.add(value)
    together = Latencies.of(values)
    assert (single.count, single.sum_ns, single.largest) == (together.count, together.sum_ns, together.largest)
    for q in (0.0, 0.5, 0.99, 1.0):
        one, all_ = single.quantile(q), together.quantile(q)
        # two libraries' logarithms may differ in the last bit, at the very edge of a bucket
        assert one == all_ or (one and all_ and math.isclose(one, all_, rel_tol=3 * ALPHA))


def test_what_is_nothing_and_what_is_for_ever() -> None:
    found = Latencies.of([0.0, -3.0, 1e-9, sys.float_info.min, math.inf, sys.float_info.max])
    assert (found.count, found.largest) == (6, LARGEST)
    assert found.quantile(0.5) == 0.0
    assert near(found.quantile(1.0) or 0, LARGEST)
    assert found.sum_us == 2 * LARGEST
    assert Latencies.of([0.0]).shown(0.5) is None
    assert Latencies().quantile(0.5) is None
    assert list(Latencies().buckets()) == []


def test_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="no number"):
        Latencies().add(math.nan)
    with pytest.raises(ValueError, match="no number"):
        Latencies().add_many(np.array([1.0, math.nan]))
    with pytest.raises(ValueError, match="do not add up"):
        Latencies.from_json(Latencies().to_json() | {"alpha": 0.02})


def test_sums_beyond_64_bits() -> None:
    values = np.full(200_000, LARGEST)
    assert Latencies.of(values).sum_us == 200_000 * LARGEST


@given(st.integers(1, 100_000), st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]))
def test_a_percentile_is_shown_when_ten_values_lie_above_it(count: int, q: float) -> None:
    assert is_enough(count, q) == (count >= needed(q))
    assert is_enough(count, q) == (count - rank(q, count) >= 10)


def test_hours_merge_to_a_week() -> None:
    rng = np.random.default_rng(7)
    hours = [rng.lognormal(7, 1, 400) for _ in range(168)]
    found = Latencies().merged(*(Latencies.of(hour) for hour in hours))
    exact = np.quantile(np.concatenate(hours), 0.99, method="inverted_cdf")
    assert near(found.shown(0.99) or 0, float(exact))
    assert sum(count for _, count in found.buckets()) == found.count == 168 * 400
