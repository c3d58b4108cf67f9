"""The size of a shift between two sets of counts, and the evidence for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
LEAST_EXPECTED = 5.0


def numeric(reference: Array, current: Array) -> tuple[float | None, float | None]:
    """Give the corrected population stability index and its p-value.

    PSI = Σ (p − q) ln(p / q) over the B bins that either side has rows in, with ½
    added to each count; s = 1/n + 1/m. Without drift PSI / s follows χ² with B − 1
    degrees of freedom (Yurdakul and Naranjo 2020; arXiv 2307.11878), whose mean is taken off:
    score = max(0, PSI − (B − 1) s).

    Args:
        reference: Counts by bin.
        current: Counts by the same bins.

    Returns:
        Score and p; None where a side has no rows.

    >>> numeric(np.array([50, 50]), np.array([500, 500]))
    (0.0, 1.0)
    """
    m, n = int(reference.sum()), int(current.sum())
    if not m or not n:
        return None, None
    filled = (reference + current) > 0
    before, after = reference[filled] + 0.5, current[filled] + 0.5
    degrees = len(before) - 1
    if not degrees:
        return 0.0, 1.0
    q, p = before / before.sum(), after / after.sum()
    index = float(np.sum((p - q) * np.log(p / q)))
    scale = 1 / n + 1 / m
    return max(0.0, index - degrees * scale), chi2_tail(index / scale, degrees)


def categorical(reference: Array, current: Array) -> tuple[float | None, float | None]:
    """Give the corrected Jensen-Shannon distance in bits, and the p-value of the χ² test of the contingency table.

    The divergence of equal distributions is (K − 1) s / (8 ln 2) on the average, which is taken
    off before the root. For the test, cells with fewer than 5 expected rows are put together.

    >>> categorical(np.array([50, 50]), np.array([500, 500]))
    (0.0, 1.0)
    """
    m, n = int(reference.sum()), int(current.sum())
    if not m or not n:
        return None, None
    filled = (reference + current) > 0
    before, after = reference[filled], current[filled]
    q, p = before / m, after / n
    middle = (p + q) / 2
    divergence = entropy_bits(middle) - (entropy_bits(p) + entropy_bits(q)) / 2
    bias = (len(before) - 1) * (1 / n + 1 / m) / (8 * np.log(2))
    return float(np.sqrt(max(0.0, divergence - bias))), contingency(before, after)


def entropy_bits(shares: Array) -> float:
    """Give the entropy of shares in bits."""
    there = shares[shares > 0]
    return float(-np.sum(there * np.log2(there)))


def contingency(reference: Array, current: Array) -> float:
    """Give the p-value of the χ² test that two rows of counts are of one distribution."""
    pooled = pooled_cells(np.array([reference, current], dtype=float))
    if pooled.shape[1] < 2:
        return 1.0
    expected = np.outer(pooled.sum(axis=1), pooled.sum(axis=0)) / pooled.sum()
    return chi2_tail(float(np.sum((pooled - expected) ** 2 / expected)), pooled.shape[1] - 1)


def pooled_cells(table: Array) -> Array:
    """Put columns together whose smaller expected count is below 5, the smallest first."""
    order = np.argsort(table.sum(axis=0), kind="stable")
    table = table[:, order]
    least = table.sum(axis=1).min() / table.sum()
    totals = table.sum(axis=0)
    few = int(np.sum(totals * least < LEAST_EXPECTED))
    if not few:
        return table
    while few < len(totals) and totals[:few].sum() * least < LEAST_EXPECTED:
        few += 1
    return np.column_stack([table[:, :few].sum(axis=1), table[:, few:]])


def chi2_tail(value: float, degrees: int) -> float:
    """Give the upper tail of χ²."""
    from scipy.special import gammaincc

    return float(gammaincc(degrees / 2, max(value, 0.0) / 2))


def adjusted(values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number (Benjamini and Hochberg 1995), in the order in which they came.

    >>> adjusted([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.03]
    """
    order = np.argsort(values, kind="stable")
    ranked = np.asarray(values, dtype=float)[order] * len(values) / np.arange(1, len(values) + 1)
    made = np.empty(len(values))
    made[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return [float(value) for value in made]
