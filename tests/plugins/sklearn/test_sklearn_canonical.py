"""Rewritten skops files give back what was put in, whatever it was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily_sklearn.canonical import canonical
from steadily_sklearn.trusted import trusted_types

skops_io = pytest.importorskip("skops.io")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text() | st.sampled_from(["__id__", "__loader__", "__class__", "content", "file", "key_types"])
ARRAYS = st.lists(st.floats(), max_size=4).map(np.array) | st.lists(st.text(), max_size=4).map(
    lambda values: np.array(values, dtype=object)
)
LEAVES = SCALARS | ARRAYS


def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    mappings = st.dictionaries(KEYS | st.integers(), inner, max_size=4)
    return lists | lists.map(tuple) | st.dictionaries(KEYS, inner, max_size=4) | mappings | st.sets(st.integers())


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and all(same(*pair) for pair in zip(one.tolist(), other.tolist(), strict=True))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


def distinct_as_json(value: Any) -> bool:
    """Whether no mapping has both 1 and "1" as keys; skops itself can't keep these apart."""
    if isinstance(value, dict):
        return len({str(key) for key in value}) == len(value) and all(map(distinct_as_json, value.values()))
    return all(map(distinct_as_json, value)) if isinstance(value, list | tuple) else True


@given(st.recursive(LEAVES, grown, max_leaves=12).filter(distinct_as_json))
@settings(max_examples=150, deadline=None)
def test_what_is_put_in_comes_out(value: Any) -> None:
    written = canonical(skops_io.dumps(value))
    assert same(skops_io.loads(written, trusted=["numpy.dtype"]), value)
    assert canonical(skops_io.dumps(value)) == written
    assert canonical(written) == written


def test_equal_arrays_are_kept_once_and_come_back_apart() -> None:
    array = np.arange(1000.0)
    first, second = skops_io.loads(canonical(skops_io.dumps([array, array.copy()])))
    assert first is not second
    assert (first == second).all()


def test_a_shared_object_gives_the_same_bytes_as_two_equal_ones() -> None:
    array = np.arange(3)
    assert canonical(skops_io.dumps([array, array])) == canonical(skops_io.dumps([array, array.copy()]))


def test_a_random_generator_comes_back() -> None:
    back = skops_io.loads(canonical(skops_io.dumps(np.random.default_rng(7))))
    assert back.random() == np.random.default_rng(7).random()


def test_sparse_matrices_come_back() -> None:
    from scipy import sparse

    matrix = sparse.random_array((20, 30), density=0.1, rng=np.random.default_rng(0)).tocsr()
    back = skops_io.loads(canonical(skops_io.dumps(matrix)), trusted=trusted_types())
    assert (back != matrix).nnz == 0
    assert canonical(skops_io.dumps(back)) == canonical(skops_io.dumps(matrix))
