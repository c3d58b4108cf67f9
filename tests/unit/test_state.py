"""What was learned comes back as it was, or is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from steadily.errors import StepError
from steadily.state import load_state, save_state

NAMES = st.text(st.characters(codec="utf-8"), max_size=80)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
PLAIN = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.int64, np.bool_]), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)
)


@given(st.dictionaries(NAMES, PLAIN | ARRAYS, max_size=4))
def test_a_state_comes_back(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("state")
    save_state(folder, state)
    found = load_state(folder)
    assert found.keys() == state.keys()
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            assert found[name].dtype == value.dtype
            np.testing.assert_array_equal(found[name], value)
        else:
            assert repr(found[name]) == repr(value)


def test_tables_and_numpy_scalars(tmp_path: Path) -> None:
    table = pd.DataFrame({"a b": [1, 2], "t": ["x", None]}, index=pd.Index(["p", "q"], name="k"))
    save_state(tmp_path, {"t/1": table, "t 1": table.iloc[:0], "n": np.int64(3), "f": [np.float32(0.5)], "b": np.True_})
    found = load_state(tmp_path)
    pd.testing.assert_frame_equal(found["t/1"], table)
    assert len(found["t 1"]) == 0
    assert (found["n"], found["f"], found["b"]) == (3, [0.5], True)


def test_a_state_can_not_be_changed_behind_ones_back(tmp_path: Path) -> None:
    save_state(tmp_path, {"a": np.array([1.0])})
    with pytest.raises(ValueError, match="read-only"):
        load_state(tmp_path)["a"][0] = 2.0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "object"),
        ({1, 2}, "set"),
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "datetime"),
        (pd.NA, "NAType"),
        ([np.array([1])], "ndarray"),
        ({"deep": {1: "a"}}, "the key 1, which is no text"),
        (np.array([object()]), "object"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a"),
    ],
)
def test_what_is_no_state(tmp_path: Path, value: object, said: str) -> None:
    with pytest.raises(StepError, match="a learned state holds what can't be stored") as caught:
        save_state(tmp_path, {"x": value})
    assert said in str(caught.value)


def test_keys_have_to_be_text(tmp_path: Path) -> None:
    odd: Any = {3: "a"}
    with pytest.raises(StepError, match="the key 3, which is no text"):
        save_state(tmp_path, odd)
