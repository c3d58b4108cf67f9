from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily import DataError, PluginError
from steadily.testing import check_step
from steadily_split.hashing import digests, mixed, parts_of, seeded
from steadily_split.steps import by_chance, by_group, by_time, check_group, check_random, check_time

SHARES = {"train": 0.8, "test": 0.2}


def frame(days: list[str | None] | None = None) -> pd.DataFrame:
    days = (
        ["2002-09-24", "2002-09-25", None, "0102-01-01", "2028-01-01", "2002-09-24T23:59:59.999999"]
        if days is None
        else days
    )
    at = pd.to_datetime(pd.Series(days, dtype="str"), format="ISO8601", utc=True).astype("datetime64[us, UTC]")
    who = pd.Series((["a", "b", None, "a", "ä", ""] * len(days))[: len(days)], dtype="str")
    return pd.DataFrame({"at": at, "who": who, "n": range(len(days))}).rename_axis("row_id")


@pytest.mark.parametrize(
    ("step", "params"),
    [
        (by_time, {"column": "at", "cut": "2002-09-25"}),
        (by_time, {"column": "at", "cut": ["2002-01-01", "2003-01-01"], "parts": ["a", "b", "c"], "gap": "36h"}),
        (by_time, {"column": "at", "fraction": 0.5}),
        (by_time, {"column": "at", "fraction": [0.2, 0.7], "parts": ["a", "b", "c"]}),
        (by_chance, {"parts": SHARES, "seed": 7}),
        (by_chance, {"parts": {"all": 1.0}}),
        (by_group, {"column": "who", "parts": SHARES}),
        (by_group, {"column": "n", "parts": SHARES}),
    ],
)
def test_a_step_keeps_its_promises(step: object, params: dict) -> None:
    check_step(step, params, frame())


def test_at_the_cut_is_after_it() -> None:
    parts = by_time(frame(), column="at", cut="2002-09-25")
    assert parts.fillna("none").tolist() == ["train", "test", "none", "train", "test", "train"]


def test_the_cut_has_its_own_zone() -> None:
    parts = by_time(frame(["2002-09-24T22:30:00Z"]), column="at", cut="2002-09-25T00:00:00+02:00")
    assert parts.tolist() == ["test"]


def test_a_gap_belongs_to_no_part() -> None:
    days = ["2002-09-22", "2002-09-23", "2002-09-24", "2002-09-25"]
    parts = by_time(frame(days), column="at", cut="2002-09-25", gap="2d")
    assert parts.fillna("none").tolist() == ["train", "none", "none", "test"]


def test_a_fraction_keeps_rows_of_one_moment_together() -> None:
    parts = by_time(frame(["2001-01-01"] * 9 + ["2001-01-02"]), column="at", fraction=0.5)
    assert parts.tolist() == ["test"] * 10
    parts = by_time(frame([f"2001-01-{day:02}" for day in range(1, 11)]), column="at", fraction=0.8)
    assert parts.tolist() == ["train"] * 8 + ["test"] * 2


def test_all_times_missing_is_no_part_at_all() -> None:
    assert by_time(frame([None, None]), column="at", fraction=0.5).isna().all()


def test_text_is_no_time() -> None:
    with pytest.raises(DataError, match=r"'who': holds no moments; given: str; dates\.parse makes them"):
        by_time(frame(), column="who", cut="2002-01-01")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "either 'cut' or 'fraction'"),
        ({"cut": "2002-01-01", "fraction": 0.5}, "either 'cut' or 'fraction'"),
        ({"cut": "Sept 25"}, "is no date"),
        ({"cut": ["2002-01-02", "2002-01-01"], "parts": ["a", "b", "c"]}, "have to rise"),
        ({"cut": "2002-01-01", "parts": ["a", "a"]}, "name of its own"),
        ({"cut": "2002-01-01", "parts": ["a"]}, "1 cut points make 2 parts"),
        ({"fraction": 1.5}, "between 0 and 1"),
        ({"fraction": [0.5, 0.5], "parts": ["a", "b", "c"]}, "to rise"),
        ({"cut": "2002-01-01", "gap": "1 day"}, "no span of time"),
    ],
)
def test_a_split_by_time_that_makes_no_sense_is_refused(params: dict, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_time(column="at", **params)


@pytest.mark.parametrize("parts", [{"a": 0.5, "b": 0.4}, {"a": 1.0, "b": 0.0}, {"a": 1.5, "b": -0.5}, {}])
def test_shares_have_to_add_up(parts: dict) -> None:
    with pytest.raises(PluginError, match="share"):
        check_random(parts=parts)
    with pytest.raises(PluginError, match="share"):
        check_group(column="who", parts=parts)


def test_the_hash_is_that_of_every_version() -> None:
    """Golden values: if this fails, every split that was ever made would move."""
    assert mixed(np.array([0, 1, 2**64 - 1], dtype="uint64")).tolist() == [
        16294208416658607535,
        10451216379200822465,
        16490336266968443936,
    ]
    parts = by_chance(pd.DataFrame(index=pd.Index(range(20), name="row_id")), parts={"a": 0.5, "b": 0.5}, seed=1)
    assert "".join(parts) == "abbbbbaaaabaababaabb"
    names = pd.DataFrame({"who": pd.Series([*"abcdefghij", "ä", "1", "2", "3"], dtype="str")}).rename_axis("row_id")
    assert "".join(by_group(names, column="who", parts={"a": 0.5, "b": 0.5}, seed=-1)) == "abaabbaaabaabb"


@given(st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=20), st.integers(-(2**70), 2**70), st.data())
def test_a_rows_part_does_not_depend_on_other_rows(ids: list[int], seed: int, data: st.DataObject) -> None:
    rows = pd.DataFrame({"x": 1}, index=pd.Index(ids, dtype="int64", name="row_id"))
    whole = by_chance(rows, parts=SHARES, seed=seed)
    some = data.draw(st.permutations(ids))[: len(ids) // 2]
    pd.testing.assert_series_equal(by_chance(rows.loc[some], parts=SHARES, seed=seed), whole.loc[some])


def test_shares_are_met_and_seeds_matter() -> None:
    rows = pd.DataFrame({"x": 1}, index=pd.RangeIndex(100_000, name="row_id"))
    first, second = (by_chance(rows, parts={"a": 0.1, "b": 0.2, "c": 0.7}, seed=seed) for seed in (0, 1))
    shares = first.value_counts(normalize=True)
    assert shares["a"] == pytest.approx(0.1, abs=0.005)
    assert shares["c"] == pytest.approx(0.7, abs=0.005)
    assert (first == second).mean() == pytest.approx(0.01 + 0.04 + 0.49, abs=0.01)


def test_a_group_is_never_torn_apart() -> None:
    rows = pd.DataFrame({"who": pd.Series([f"user {n % 97}" for n in range(5000)], dtype="str")}).rename_axis("row_id")
    parts = by_group(rows, column="who", parts=SHARES)
    assert parts.groupby(rows.who).nunique().max() == 1
    assert set(parts) == set(SHARES)


def test_a_group_is_the_same_in_every_type() -> None:
    whole = digests(pd.Series([1, 2, 3]))
    assert (whole == digests(pd.Series([1.0, 2.0, 3.0]))).all()
    assert (whole == digests(pd.Series(["1", "2", "3"], dtype="str"))).all()
    assert (whole[:2] == digests(pd.Series([1, 2, None], dtype="Int64"))[:2]).all()


def test_the_largest_hash_has_a_part() -> None:
    hashes = np.array([0, 2**64 - 1], dtype="uint64")
    tenths = dict.fromkeys("abcdefghij", 0.1)
    assert parts_of(hashes, tenths, pd.RangeIndex(2)).tolist() == ["a", "j"]
    assert (seeded(hashes, 0) != seeded(hashes, 1)).all()
