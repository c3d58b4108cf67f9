"""Arrivals: as many as the rate says, none late, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.errors import ConfigError
from steadily.loadtest.arrivals import KINDS, arrivals, constant, poisson

rates = st.floats(0.5, 2_000)
durations = st.floats(0.5, 20)


@given(rates, durations, st.sampled_from(sorted(KINDS)), st.integers(0, 2**32))
def test_they_rise_within_the_time(rate: float, duration: float, kind: str, seed: int) -> None:
    times = KINDS[kind](rate, duration) if kind == "constant" else poisson(rate, duration, seed)
    assert (np.diff(times) >= 0).all()
    assert not len(times) or (times[0] >= 0 and times[-1] < duration)


@given(rates, durations)
def test_constant_ones_are_as_many_as_the_rate_says(rate: float, duration: float) -> None:
    times = constant(rate, duration)
    assert abs(len(times) - rate * duration) <= 1
    assert np.allclose(np.diff(times), 1 / rate)


def test_poisson_ones_bunch_as_independent_clients_do() -> None:
    times = poisson(200, 100, seed=5)
    assert abs(len(times) - 20_000) < 5 * 20_000**0.5
    gaps = np.diff(times)
    assert abs(gaps.std() / gaps.mean() - 1) < 0.05  # of an exponential distribution they are equal
    assert (poisson(200, 100, seed=5) == times).all()
    assert len(poisson(200, 100, seed=6)) != len(times)


@pytest.mark.parametrize(
    ("kind", "rate", "duration", "text"),
    [
        ("poison", 10, 10, "unknown kind; given: 'poison'; allowed: constant, poisson; did you mean 'poisson'?"),
        ("poisson", 1e6, 60, "too many requests, or none; given: 1e+06 a second for 60 s; allowed: 1 to 2,000,000"),
        ("constant", 0, 60, "too many requests, or none"),
    ],
)
def test_what_is_refused(kind: str, rate: float, duration: float, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        arrivals(kind, rate, duration)
    assert text in str(caught.value)


def test_by_name() -> None:
    assert arrivals("constant", 2, 2).tolist() == [0, 0.5, 1, 1.5]
    assert (arrivals("poisson", 50, 4, 9) == poisson(50, 4, 9)).all()
