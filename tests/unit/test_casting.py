from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily.casting import cast
from steadily.dtypes import DATETIME, DTYPES

BAD = "bad"


def read(value: object, dtype: str) -> object:
    """Give what one text is read as: BAD, None (missing) or the value."""
    made = cast(pd.Series([value], dtype="str"), dtype)
    assert made is not None
    if made.bad is not None:
        return BAD
    found = made.values.iloc[0]
    return None if pd.isna(found) else found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-1", -1), ("+7", 7), ("007", 7), (" 1\t", 1), ("1.0", 1), ("2.", 2), ("-0", 0), ("", None),
        ("  ", None), (None, None), (str(2**63 - 1), 2**63 - 1), (str(-(2**63)), -(2**63)), (str(2**63), BAD),
        ("9" * 5000, BAD), ("1.5", BAD), ("1e3", BAD), ("1,000", BAD), ("1_000", BAD), ("0x1f", BAD), ("nan", BAD),
        ("True", BAD), ("١", BAD), ("--1", BAD), ("1 2", BAD), ("1\n2", BAD), ("NULL", BAD), ("+", BAD), (".0", BAD),
    ],
)  # fmt: skip
def test_whole_numbers_from_text(text, value):
    assert read(text, "int64") == value
    assert read(text, "Int64") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0), ("-.5", -0.5), ("5.", 5.0), ("1e-3", 0.001), ("+1E3", 1000.0), ("0.1", 0.1), ("", None),
        ("1e999", BAD), ("9" * 400, BAD), ("nan", BAD), ("NaN", BAD), ("inf", BAD), ("-Infinity", BAD), ("1,5", BAD),
        ("1.2.3", BAD), ("0x1p3", BAD), ("1d5", BAD), ("e5", BAD), ("5 %", BAD), ("½", BAD), ("1e-999", 0.0),
    ],
)  # fmt: skip
def test_numbers_from_text(text, value):
    assert read(text, "float64") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("True", True), ("TRUE", True), ("1", True), (" false ", False), ("0", False), ("", None),
        ("yes", BAD), ("no", BAD), ("tRUE", BAD), ("2", BAD), ("t", BAD), ("1.0", BAD),
    ],
)  # fmt: skip
def test_truth_values_from_text(text, value):
    assert read(text, "bool") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2001-02-03T04:05:06Z", "2001-02-03T04:05:06"), ("2001-02-03 04:05Z", "2001-02-03T04:05"),
        ("2001-02-03", "2001-02-03"), ("2001-02-03T04:05:06.7+05:30", "2001-02-02T22:35:06.7"),
        ("2001-02-03T04:05:06.123456789-0100", "2001-02-03T05:05:06.123456"), ("2000-02-29", "2000-02-29"),
        ("0001-01-01T00:00:00+23:59", "0000-12-31T00:01"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999"),
        ("0102-07-17T11:53:05Z", "0102-07-17T11:53:05"), ("", None),
        ("2001-02-29", BAD), ("2001-02-30T00:00:00Z", BAD), ("2001-13-01", BAD), ("2001-00-01", BAD),
        ("2001-02-03T04:05:06", BAD), ("2001-02-03 04:05", BAD), ("2001-02-03T24:00:00Z", BAD), ("0000-01-01", BAD),
        ("2001-02-03T04:05:60Z", BAD), ("2001-02-03T04:05:06+24:00", BAD), ("20010203", BAD), ("2001-02", BAD),
        ("2001-2-3", BAD), ("03/02/2001", BAD), ("Sat, 03 Feb 2001 04:05:06 +0000", BAD), ("981173106", BAD),
        ("12001-02-03", BAD), ("2001-W05-6", BAD), ("now", BAD), ("NaT", BAD), ("２００１-02-03", BAD),
    ],
)  # fmt: skip
def test_moments_from_text(text, value):
    expected = value if value in (BAD, None) else pd.Timestamp(np.datetime64(value, "us"), tz="UTC")
    assert read(text, DATETIME) == expected


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype != "str"])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_value_is_read_the_same_whatever_stands_beside_it(dtype, data):
    numbers = st.integers(-(2**70), 2**70).map(str) | st.floats().map(str)
    days = st.datetimes(timezones=st.just(dt.UTC)).map(lambda moment: moment.isoformat()) | st.dates().map(str)
    texts = data.draw(
        st.lists(st.none() | st.text(max_size=6) | numbers | days | st.from_regex(r"20\d\d-\d\d-\d\d")), label="texts"
    )
    made = cast(pd.Series(texts, dtype="str"), dtype)
    bad = made.bad if made.bad is not None else np.zeros(len(texts), dtype=bool)
    together = [BAD if gone else None if pd.isna(one) else one for one, gone in zip(made.values, bad, strict=True)]
    assert together == [read(text, dtype) for text in texts]


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**63), 2**63 - 1), st.datetimes())
def test_what_python_writes_is_read_back(number, whole, moment):
    assert read(repr(number), "float64") == number
    assert read(str(whole), "int64") == whole
    text = moment.replace(tzinfo=dt.UTC).isoformat()
    assert read(text, DATETIME) == pd.Timestamp(np.datetime64(moment, "us"), tz="UTC")


def made(values: object, dtype: str, given_dtype: object = None) -> tuple[list[object], list[bool]] | None:
    found = cast(pd.Series(values, dtype=given_dtype), dtype, from_text=False)
    if found is None:
        return None
    bad = found.bad if found.bad is not None else np.zeros(len(found.values), dtype=bool)
    return [None if pd.isna(one) else one for one in found.values], bad.tolist()


@pytest.mark.parametrize(
    ("values", "given_dtype", "dtype", "expected", "bad"),
    [
        ([1, 2], "int8", "int64", [1, 2], []),
        ([1, None], "Int32", "Int64", [1, None], []),
        ([1.0, np.nan, 1.5, np.inf], "float64", "int64", [1, None, None, None], [2, 3]),
        ([2.0**63, -(2.0**63)], "float64", "int64", [None, -(2**63)], [0]),
        ([1, 2**63], "uint64", "int64", [1, None], [1]),
        ([1, 2], "int64", "float64", [1.0, 2.0], []),
        ([2**53, 2**53 + 1], "int64", "float64", [2.0**53, None], [1]),
        ([0.5, np.nan], "float32", "float64", [0.5, None], []),
        ([0, 1, 2], "int64", "bool", [False, True, None], [2]),
        ([0.0, np.nan], "float64", "boolean", [False, None], []),
        ([True, None], "boolean", "bool", [True, None], []),
        ([True, None], object, "boolean", [True, None], []),
        ([1, None, 3], object, "Int64", [1, None, 3], []),
        (["a", None], object, "str", ["a", None], []),
        (["a", "b"], "category", "str", ["a", "b"], []),
        ([Decimal("0.10"), None, Decimal("NaN")], object, "float64", [0.1, None, None], []),
        ([Decimal(2**53 + 1), Decimal("1.5")], object, "int64", [2**53 + 1, None], [1]),
        ([dt.date(2001, 1, 1), None], object, DATETIME, [pd.Timestamp("2001-01-01", tz="UTC"), None], []),
        ([None, None], object, "float64", [None, None], []),
        ([None, None], "str", "int64", [None, None], []),
        ([], object, "int64", [], []),
    ],
)
def test_casts_that_lose_nothing_are_made(values, given_dtype, dtype, expected, bad):
    found = made(values, dtype, given_dtype)
    assert found is not None
    assert found == (expected, [at in bad for at in range(len(expected))])


@pytest.mark.parametrize(
    ("values", "given_dtype", "dtype"),
    [
        (["1"], "str", "int64"),
        ([1], "int64", "str"),
        ([1.5], "float64", "str"),
        ([True], "bool", "int64"),
        ([True], "bool", "str"),
        ([1], "int64", DATETIME),
        ([dt.datetime(2001, 1, 1)], "datetime64[us]", DATETIME),
        ([dt.datetime(2001, 1, 1)], object, DATETIME),
        ([dt.datetime(2001, 1, 1), dt.datetime(2001, 1, 1, tzinfo=dt.UTC)], object, DATETIME),
        ([dt.datetime(2001, 1, 1, tzinfo=dt.UTC)], "datetime64[us, UTC]", "int64"),
        ([dt.date(2001, 1, 1)], object, "str"),
        ([1, "a"], object, "int64"),
        ([1, "a"], object, "str"),
        ([Decimal("1.5")], object, "str"),
        ([b"a"], object, "str"),
        ([[1]], object, "str"),
        ([2**80], object, "int64"),
        ([1j], "complex128", "float64"),
        ([dt.timedelta(1)], "timedelta64[us]", "int64"),
        (["\ud800"], object, "str"),
    ],
)
def test_columns_of_another_type_are_told(values, given_dtype, dtype):
    assert made(values, dtype, given_dtype) is None


def test_moments_of_any_unit_and_zone_become_utc():
    moments = pd.Series(pd.to_datetime(["2001-01-01T09:00:00+09:00"], utc=True)).dt.tz_convert("Asia/Tokyo")
    for unit in ("s", "ms", "us", "ns"):
        found = cast(moments.dt.as_unit(unit), DATETIME, from_text=False)
        assert str(found.values.dtype) == DATETIME
        assert found.values.iloc[0] == pd.Timestamp("2001-01-01", tz="UTC")
    zoned = [dt.datetime(2001, 1, 1, 9, tzinfo=dt.timezone(dt.timedelta(hours=9))), None]
    assert made(zoned, DATETIME, object)[0] == [pd.Timestamp("2001-01-01", tz="UTC"), None]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("index", [[], [7, 3, 9]])
def test_the_index_and_the_column_itself_stay(dtype, index):
    column = pd.Series([None] * len(index), index=index, dtype="str", name="c")
    before = column.copy()
    found = cast(column, dtype)
    assert found.values.index.equals(column.index)
    assert found.values.name == "c"
    pd.testing.assert_series_equal(column, before)
