"""Profiles: what a column is, how it is counted, and that counts add up."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from steadily.drift import Counts, Profile, Rule, compare, text_classifier
from steadily.drift.bins import CategoryBins, NumericBins
from steadily.errors import DataError

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
numbers = st.lists(st.one_of(st.none(), st.floats(allow_nan=False, width=32), st.sampled_from([0.0, 1.0])), min_size=1)


def texts(rows: int, seed: int, words: list[str] = WORDS) -> pd.Series[Any]:
    rng = np.random.default_rng(seed)
    return pd.Series(
        [" ".join(rng.choice(words, rng.integers(6, 14))) + f" n{seed}x{number}" for number in range(rows)]
    )


def table(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "gaps": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows)),
            "few": rng.integers(0, 3, rows),
            "flag": rng.random(rows) < 0.3,
            "city": rng.choice(["Ulm", "Bonn", "Gera"], rows),
            "text": texts(rows, seed),
            "at": pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC"),
            "same": 7,
            "gone": pd.Series([None] * rows, dtype="str"),
        }
    )


def test_kinds() -> None:
    kinds = {name: column.kind for name, column in Profile.learn(table()).columns.items()}
    assert kinds == {
        **dict.fromkeys(("x", "gaps", "few", "same"), "numeric"),
        **dict.fromkeys(("flag", "city", "gone"), "categorical"),
        "text": "text",
        "at": "not judged",
    }


def test_rows_of_the_same_kind_have_not_drifted_and_the_whole_is_json() -> None:
    profile = Profile.from_json(json.loads(json.dumps(Profile.learn(table(4000, 1)).to_json(), allow_nan=False)))
    found = compare(profile, profile.count(table(2000, 2).drop(columns="at").assign(at=pd.NaT)))
    assert {column["state"] for name, column in found["columns"].items() if name != "at"} == {"none"}
    assert found["drifted_share"] == 0
    assert found["drifted"] == []
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("x", lambda values: values + 0.7),
        ("x", lambda values: values * np.nan),
        ("gaps", lambda values: values.fillna(0.0)),
        ("few", lambda values: values + 1),
        ("flag", lambda values: ~values),
        ("city", lambda values: values.replace("Ulm", "Köln")),
        ("city", lambda values: values.where(values != "Ulm")),
        ("text", lambda values: values.str[:20]),
        ("text", lambda values: values.str.replace("alpha", "ἄλφα")),
        ("text", lambda values: values.str.upper() + " something quite new stands here"),
        ("same", lambda values: values - 1),
        ("same", lambda values: values + 1),
        ("gone", lambda values: values.fillna("here")),
    ],
)
def test_a_change_of_one_column_is_found_there_alone(column: str, change: Any) -> None:
    profile, now = Profile.learn(table(4000, 1)), table(2000, 2)
    found = compare(profile, profile.count(now.assign(**{column: change(now[column])})))
    assert [name for name, one in found["columns"].items() if "drifted" in one["state"]] == [column]
    assert found["score"] == found["columns"][column]["score"]


def test_few_rows_are_no_data_and_a_missing_column_is_told() -> None:
    profile = Profile.learn(table(4000))
    found = compare(profile, profile.count(table(199, 3)))
    assert {one["state"] for name, one in found["columns"].items() if name != "at"} == {"insufficient data"}
    assert found["score"] is None
    assert found["drifted_share"] is None
    lacking = compare(profile, profile.count(table(500, 3).drop(columns="x")))["columns"]["x"]
    assert lacking["state"] == "column is missing"
    assert lacking["score"] is None
    nothing = compare(profile, profile.count(table(0)))
    assert nothing["score"] is None
    one_row = compare(one := Profile.learn(table(1)), one.count(table(500)), Rule(min_rows=1))
    assert one_row["columns"]["x"]["kind"] == "numeric"


@given(numbers, numbers)
def test_every_value_falls_into_one_bin(reference: list[float | None], current: list[float | None]) -> None:
    bins = NumericBins.learn(pd.Series(reference, dtype="float64"))
    counted = bins.count(pd.Series(current, dtype="float64"))
    assert counted.sum() == len(current)
    assert len(counted) == len(bins.labels())
    assert counted[-1] == sum(value is None for value in current)
    assert list(bins.edges) == sorted(set(bins.edges))


@given(st.lists(st.sampled_from([*"abcdefg", None])), st.lists(st.sampled_from([*"abxyz", None])))
def test_every_category_falls_into_one_bin(reference: list[str | None], current: list[str | None]) -> None:
    bins = CategoryBins.learn(pd.Series(reference, dtype="str"))
    counted = dict(zip(bins.labels(), bins.count(pd.Series(current, dtype="str")), strict=True))
    assert sum(counted.values()) == len(current)
    known = {value for value in reference if value}
    assert counted["(unseen)"] == sum(value not in known for value in current if value)


def test_categories_beyond_thirty_are_other_and_new_ones_unseen() -> None:
    bins = CategoryBins.learn(pd.Series([f"c{number % 50}" for number in range(5000)]))
    counted = dict(zip(bins.labels(), bins.count(pd.Series(["c0", "new", None, *bins.others])), strict=True))
    assert counted["(other)"] == 20
    assert counted["(unseen)"] == 1
    assert counted["(missing)"] == 1
    many = CategoryBins.learn(pd.Series([f"c{number}" for number in range(5000)]))
    assert many.open
    assert many.count(pd.Series(["new"]))[many.labels().index("(other)")] == 1


PROFILE = Profile.learn(table(600, 5))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 400), max_size=6))
def test_counts_add_up_whatever_the_cut(cuts: list[int]) -> None:
    rows = table(400, 6)
    whole = PROFILE.count(rows)
    places = [0, *sorted(cuts), len(rows)]
    parts = [PROFILE.count(rows.iloc[start:end]) for start, end in itertools.pairwise(places)]
    forwards, backwards = Counts(0, {}), Counts(0, {})
    for part in parts:
        forwards = forwards + part
    for part in reversed(parts):
        backwards = part + backwards
    assert forwards == whole == backwards
    assert Counts.from_json(json.loads(json.dumps(whole.to_json()))) == whole


def test_a_profile_does_not_depend_on_the_order_of_rows() -> None:
    rows = table(600, 5)
    assert Profile.learn(rows.sample(frac=1, random_state=1)).to_json() == PROFILE.to_json()


def test_a_column_of_a_reference_with_a_doubled_index_is_counted() -> None:
    rows = pd.concat([table(300, 1), table(300, 2)])
    assert Profile.learn(rows).count(rows).rows == 600


@pytest.mark.parametrize(
    "content", [{}, {"format": 2}, {"format": 1, "columns": {"x": 3}}, {"format": 1, "columns": []}]
)
def test_a_damaged_profile_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        Profile.from_json(content)


def test_a_classifier_tells_other_texts_apart_and_equal_ones_not() -> None:
    same = text_classifier(texts(800, 1), texts(800, 2))
    assert not same["told_apart"]
    assert same["auc"] == pytest.approx(0.5, abs=0.1)
    other = text_classifier(texts(800, 1), texts(800, 2, [*WORDS[:5], "omega", "sigma"]))
    assert other["told_apart"]
    assert other["auc"] > 0.9
    assert other["p"] < 0.001
    assert text_classifier(texts(30, 1), texts(30, 2))["auc"] is None
    one = pd.Series(["the same text"] * 500)
    assert text_classifier(one, one)["told_apart"] is False


def test_the_same_texts_on_both_sides_are_not_told_apart() -> None:
    same = texts(1500, 4)
    found = text_classifier(same, same.sample(frac=1, random_state=3))
    assert found["auc"] == pytest.approx(0.5, abs=0.05)
    assert found == text_classifier(same, same)


def test_the_bound_is_that_of_the_rank_sum_test() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0] * 120 + [1] * 80)
    areas = [roc_auc_score(truth, rng.random(200)) for _ in range(2000)]
    bound = 0.5 + 2.33 * np.sqrt(201 / (12 * 120 * 80))
    assert np.mean(np.array(areas) > bound) < 0.02
