"""Intervals of shares, by formulas that hold for few rows too."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054  # the normal distribution's 97.5th percentile
Interval = list[float] | None


def wilson(hits: float, rows: float, z: float = Z) -> Interval:
    """Give the score interval of a share (Wilson 1927), 95 % unless told otherwise; None of no rows.

    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if rows <= 0:
        return None
    share, part = hits / rows, z * z / rows
    middle = (share + part / 2) / (1 + part)
    half = z * sqrt(share * (1 - share) / rows + part / (4 * rows)) / (1 + part)
    return [0.0 if hits <= 0 else max(0.0, middle - half), 1.0 if hits >= rows else min(1.0, middle + half)]


def f1_interval(true_positives: int, false_positives: int, false_negatives: int, z: float = Z) -> Interval:
    """Give an interval of F1; None where it is undefined.

    F1 = 2 J / (1 + J) grows with J = TP / (TP + FP + FN), a share of rows, so the ends of J's
    Wilson interval give those of F1.

    >>> [round(end, 3) for end in f1_interval(80, 10, 10)]
    [0.831, 0.929]
    """
    found = wilson(true_positives, true_positives + false_positives + false_negatives, z)
    return None if found is None else [2 * end / (1 + end) for end in found]


def ratio(part: float, whole: float) -> float | None:
    """Divide; None where the whole is nothing.

    >>> ratio(1, 4), ratio(0, 0)
    (0.25, None)
    """
    return part / whole if whole else None
