"""Hourly statistics: that they add up, in any order and any split, and that labels correct them whenever they come."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily.latency import LARGEST, Latencies
from steadily.monitor import hourly
from steadily.monitor.counting import OTHER, Batch, SliceValues, counted, labelled
from steadily.monitor.hourly import Hourly, Key, merged, total
from steadily.monitor.reference import PREDICTED
from steadily.units import HOUR_US
from unit.monitor.watching_world import CLASSES, HOUR, NOW, batch, frame_of, reference_of

REFERENCE = reference_of()
counts = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(-5, 5), max_size=3)
amounts = st.builds(
    lambda tallies, bins: Hourly(tallies, {"x": {"": np.array(bins)}} if bins else {}),
    st.dictionaries(st.sampled_from(hourly.TALLIES[:4]), counts, max_size=3),
    st.one_of(st.none(), st.lists(st.integers(-5, 5), min_size=3, max_size=3)),
)


@given(one=amounts, other=amounts, third=amounts)
def test_statistics_are_a_commutative_group(one: Hourly, other: Hourly, third: Hourly) -> None:
    assert one + other == other + one
    assert (one + other) + third == one + (other + third)
    assert one + Hourly() == one
    assert one + one.negative() == Hourly()
    assert Hourly.from_json(json.loads(json.dumps(one.to_json()))) == one


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 60), max_size=5), seed=st.integers(0, 99))
def test_any_split_and_any_order_count_the_same(cuts: list[int], seed: int) -> None:
    times = [NOW + place * HOUR_US // 20 for place in range(60)]  # three hours
    outcomes = np.random.default_rng(seed).choice(hourly.OUTCOMES, 60).tolist()
    slices = {"city": frame_of(60, seed)["city"].tolist()}
    whole = batch(60, times, seed=seed, slices=slices)
    whole = Batch(**{**vars(whole), "outcomes": outcomes, "refused": np.array([3, 7]), "reasons": ["late", "odd"]})
    edges = sorted({0, 60, *cuts})
    pieces = [part_of(whole, begin, end) for begin, end in itertools.pairwise(edges)]
    random.Random(seed).shuffle(pieces)
    assert merged(*(counted(piece, REFERENCE) for piece in pieces)) == counted(whole, REFERENCE)


def part_of(whole: Batch, begin: int, end: int) -> Batch:
    inside = slice(begin, end)
    refused = [place for place, at in enumerate(whole.refused) if begin <= at < end]
    assert whole.features is not None
    assert whole.probabilities is not None
    return Batch(
        whole.release,
        whole.slot,
        whole.at_us[inside],
        whole.latency_us[inside],
        whole.outcomes[inside],
        np.arange(end - begin),
        whole.predicted[inside],
        whole.probabilities[inside],
        whole.features.iloc[inside],
        None,
        whole.refused[refused] - begin,
        [whole.reasons[place] for place in refused],
        {name: values[inside] for name, values in whole.slices.items()},
    )


def test_what_a_batch_comes_to() -> None:
    frame = frame_of(8).drop(columns="y")
    given_ = batch(8, NOW, frame=frame, refused=np.array([0]), reasons=["not late"])
    found = counted(given_, REFERENCE)[Key(1, "live", HOUR)]
    assert found.tally(hourly.ROWS) == {"answered": 8, "refused": 1, "counted": 8}
    assert found.tally(hourly.REQUESTS) == {"answered": 8}
    assert found.tally(hourly.REFUSED) == {"not late": 1}
    assert found.tally(hourly.ABSENT) == {"y": 8}
    assert found.features["y"][""][-1] == 8  # a column that rows lack is missing in each of them
    assert sum(found.tally(hourly.LATENCY).values()) == sum(found.tally(hourly.CONFIDENCE).values()) == 8
    assert found.features[PREDICTED][""].sum() == 8
    assert found.count(hourly.SUMS, "below") <= found.count(hourly.SUMS, "judged") == 8


@pytest.mark.parametrize(("outcome", "timed"), [("answered", 5), ("timeout", 5), ("shed", 0), ("client", 0)])
def test_only_what_was_worked_on_is_timed(outcome: str, timed: int) -> None:
    found = counted(batch(5, outcome=outcome), REFERENCE)[Key(1, "live", HOUR)]
    assert sum(found.tally(hourly.LATENCY).values()) == timed


def test_rows_beyond_what_is_looked_at_are_spread_and_still_answers() -> None:
    found = counted(batch(100), REFERENCE, looked_at=10)[Key(1, "live", HOUR)]
    assert found.tally(hourly.ROWS) == {"answered": 100, "counted": 10}
    assert found.features["x"][""].sum() == 10


def test_a_model_without_probabilities_and_a_bundle_without_a_reference() -> None:
    from steadily.monitor.reference import Reference

    found = counted(batch(4, probabilities=None), Reference())[Key(1, "live", HOUR)]
    assert found.features == {}
    assert hourly.SUMS not in found.tallies
    assert counted(batch(0), REFERENCE) == {}


def test_values_of_a_slice_stay_within_bounds() -> None:
    kept = SliceValues(["city", "x", "gone"])
    assert kept.of(frame_of(3).assign(city=["Ulm", "Rom", "Bonn"]))["city"] == ["Ulm", "Rom", "Bonn"]
    many = kept.of(frame_of(60, 1))["x"]
    assert many.count(OTHER) == 60 - 17


@settings(max_examples=25)
@given(values=st.lists(st.floats(1.0, 1e9), min_size=200, max_size=600), cuts=st.lists(st.integers(1, 199), max_size=9))
def test_percentiles_of_merged_hours_are_within_one_percent(values: list[float], cuts: list[int]) -> None:
    edges = sorted({0, len(values), *cuts})
    hours = [
        counted(timed(values[begin:end], NOW + place * HOUR_US), REFERENCE)
        for place, (begin, end) in enumerate(itertools.pairwise(edges))
    ]
    window = total(amount for hour in hours for amount in hour.values())
    times = Latencies(window.numbers(hourly.LATENCY), 0, LARGEST)
    for q in (0.5, 0.95, 0.99):
        exact = float(np.quantile(values, q, method="inverted_cdf"))
        assert times.quantile(q) == pytest.approx(exact, rel=0.01)


def timed(values: list[float], at_us: int) -> Batch:
    n = len(values)
    return Batch(1, "live", np.full(n, at_us), np.array(values), ["answered"] * n)


def labels_of(entries: list[tuple[str, str, float, float]]) -> Hourly:
    truths, said, sure, ages = zip(*entries, strict=True)
    return labelled(truths, said, np.array(sure), np.array(ages))


one_label = st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES), st.floats(0.5, 1.0), st.floats(0.0, 1e6))


@given(entries=st.lists(one_label, min_size=1, max_size=30), seed=st.integers(0, 99), at=st.integers(0, 29))
def test_labels_add_up_and_are_taken_back_exactly(
    entries: list[tuple[str, str, float, float]], seed: int, at: int
) -> None:
    shuffled: list[Any] = entries.copy()
    random.Random(seed).shuffle(shuffled)
    cut = at % len(entries)
    assert total(labels_of([entry]) for entry in shuffled) == labels_of(entries)
    rest = entries[:cut] + entries[cut + 1 :]
    assert labels_of(entries) - labels_of([entries[cut]]) == (labels_of(rest) if rest else Hourly())
