"""Sums without rounding: whatever the order of the rows and the parts that they come in, the same to the last bit.

A finite float64 is a whole number of units of 2^-1126 (its 53 bits, at the
smallest exponent that ``frexp`` gives). Groups are added up as such numbers, by
exponent in pairs of 64-bit sums, and these as Python's integers, which have no
end. What is divided or written as a float at last is rounded once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily import DataError

if TYPE_CHECKING:
    import numpy as np

UNIT = 1126  # a float is a whole number of 2^-1126
HALF = 27  # a mantissa of 53 bits is cut in two, so that 2^36 of them can be added in 64 bits


def sums(values: np.ndarray[Any, Any], groups: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """Add up values by group.

    Args:
        values: Finite float64 values, or int64 ones.
        groups: The number of each value's group, 0 to ``count`` - 1.
        count: How many groups there are.

    Returns:
        Python's integers: in units of 2^-1126 for floats, of 1 for whole numbers.

    >>> import numpy as np
    >>> as_float(sums(np.array([1e16, 1.0, -1e16]), np.zeros(3, "int64"), 1)[0], 1)
    1.0
    """
    import numpy as np

    if values.dtype.kind != "f":
        return pairs(values.astype("int64"), groups, count)
    fractions, exponents = np.frexp(values)
    mantissas = np.ldexp(fractions, 53).astype("int64")
    found = np.zeros(count, dtype=object)
    for exponent in np.unique(exponents).tolist():
        at = exponents == exponent
        found += pairs(mantissas[at], groups[at], count) * (1 << (exponent - 53 + UNIT))
    return found


def pairs(values: np.ndarray[Any, Any], groups: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """Add up whole numbers of 64 bits by group, each cut in two so that no sum runs over."""
    import numpy as np

    high, low = np.zeros(count, dtype="int64"), np.zeros(count, dtype="int64")
    np.add.at(high, groups, values >> HALF)
    np.add.at(low, groups, values & ((1 << HALF) - 1))
    found: np.ndarray[Any, Any] = high.astype(object) * (1 << HALF) + low.astype(object)
    return found


def as_float(total: int, by: int, *, floats: bool = True) -> float:
    """Divide an exact sum, rounding once.

    Raises:
        DataError: It is too large for a float.
    """
    try:
        return total / ((by << UNIT) if floats else by)
    except OverflowError:
        raise DataError.at("sum", "is too large for a number of 64 bits") from None
