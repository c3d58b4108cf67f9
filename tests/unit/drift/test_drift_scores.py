"""The scores of drift against SciPy's figures, and what they promise on any counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, chi2_contingency, false_discovery_control

from steadily.drift.scores import adjusted, categorical, chi2_tail, entropy_bits, numeric, pooled_cells

counts = st.lists(st.integers(0, 5000), min_size=1, max_size=12)


@given(st.floats(0, 500), st.integers(1, 40))
def test_the_tail_is_scipys(value: float, degrees: int) -> None:
    assert chi2_tail(value, degrees) == pytest.approx(chi2.sf(value, degrees), rel=1e-9, abs=1e-300)


@given(st.lists(st.integers(20, 5000), min_size=2, max_size=12), st.data())
def test_the_contingency_is_scipys_where_no_cell_is_small(first: list[int], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.integers(20, 5000), min_size=len(first), max_size=len(first)))
    _, p = categorical(np.array(first), np.array(second))
    table = np.array([first, second])
    if (np.outer(table.sum(1), table.sum(0)) / table.sum()).min() >= 5:
        assert p == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-6, abs=1e-300)


@given(counts, st.data())
def test_the_divergence_is_scipys_before_its_bias_is_taken_off(first: list[int], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.integers(0, 5000), min_size=len(first), max_size=len(first)))
    if not sum(first) or not sum(second):
        assert categorical(np.array(first), np.array(second)) == (None, None)
        return
    q, p = np.array(first) / sum(first), np.array(second) / sum(second)
    ours = entropy_bits((p + q) / 2) - (entropy_bits(p) + entropy_bits(q)) / 2
    assert ours == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-9)
    score, _ = categorical(np.array(first), np.array(second))
    assert score is not None
    assert 0 <= score <= np.sqrt(max(ours, 0)) + 1e-12


@given(counts, st.data())
def test_a_score_is_never_negative_and_evidence_is_a_probability(first: list[int], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.integers(0, 5000), min_size=len(first), max_size=len(first)))
    for judge in (numeric, categorical):
        score, p = judge(np.array(first), np.array(second))
        if sum(first) and sum(second):
            assert score is not None
            assert score >= 0
            assert p is not None
            assert 0 <= p <= 1
        else:
            assert (score, p) == (None, None)


@given(st.lists(st.floats(0, 1), max_size=20))
def test_the_adjustment_is_scipys(values: list[float]) -> None:
    expected = false_discovery_control(values) if values else []
    assert adjusted(values) == pytest.approx(list(expected))


def test_equal_shares_are_no_drift_and_far_ones_are() -> None:
    assert numeric(np.array([100] * 10), np.array([1000] * 10)) == (0.0, 1.0)
    score, p = numeric(np.array([100] * 10), np.array([10_000] + [0] * 9))
    assert score is not None
    assert score > 1
    assert p is not None
    assert p < 1e-9


def test_small_cells_are_put_together() -> None:
    pooled = pooled_cells(np.array([[100.0, 3, 2, 1], [100, 2, 3, 4]]))
    assert pooled.tolist() == [[6, 100], [9, 100]]
    assert categorical(np.array([3, 0]), np.array([0, 3]))[1] == 1.0  # nothing can be said of three rows
