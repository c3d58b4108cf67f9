"""A lookup is kept as long as its table, and finds what a plain search finds."""

from __future__ import annotations

import gc

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from steadily_rows.lookup import KEPT, lookup_for, lookup_of

KEY = st.tuples(st.sampled_from(["a", "b", "ä", "", None]), st.one_of(st.none(), st.integers(0, 3)))


def frame(keys: list) -> pd.DataFrame:
    texts, numbers = [key[0] for key in keys], [key[1] for key in keys]
    return pd.DataFrame({"s": pd.Series(texts, dtype="str"), "n": pd.array(numbers, dtype="Int64")})


@given(st.lists(KEY, max_size=12), st.lists(KEY, unique=True, max_size=12))
def test_places_are_those_of_a_plain_search(rows: list, table: list) -> None:
    found = lookup_of(frame(table), ["s", "n"]).places_of(frame(rows))
    assert found.tolist() == [table.index(key) if None not in key and key in table else -1 for key in rows]


def test_numbers_agree_across_types() -> None:
    table = pd.DataFrame({"n": [3, 1, 2]})
    rows = pd.DataFrame({"n": [1.0, np.nan, 2.5, 3.0]})
    assert lookup_of(table, ["n"]).places_of(rows).tolist() == [1, -1, -1, 0]


def test_a_lookup_is_made_once_and_goes_with_its_table() -> None:
    table = frame([("a", 1)])
    before = len(KEPT)
    assert lookup_for(table, ["s", "n"]) is lookup_for(table, ["s", "n"])
    assert lookup_for(table, ["s"]) is not lookup_for(table, ["s", "n"])
    assert len(KEPT) == before + 2
    del table
    gc.collect()
    assert len(KEPT) == before
