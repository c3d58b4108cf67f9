from __future__ import annotations

import datetime as dt
import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.io.pandas_io import from_yaml, to_yaml

from steadily import DataError
from steadily.contract import Contract
from steadily.errors import ConfigError

MAILS = """
schema_type: dataframe
columns:
  text: {dtype: str, nullable: false, checks: {str_length: {min_value: 1, max_value: 100000}}}
  target: {dtype: str, nullable: true, checks: {isin: [ham, spam]}}
  created_at:
    dtype: "datetime64[us, UTC]"
    nullable: false
    checks: {in_range: {min_value: "1995-01-01", max_value: "2004-12-31"}}
  distance: {dtype: float64, nullable: true, checks: {greater_than_or_equal_to: 0}}
  amount: {dtype: int64}
strict: false
"""


def contract(text: str) -> Contract:
    return Contract.parse(yaml.safe_load(text))


def one(dtype: str, checks: Any = None, **about: Any) -> Contract:
    return Contract.parse({"columns": {"c": {"dtype": dtype, "checks": checks, **about}}})


def rows(**columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    return frame.set_axis(pd.RangeIndex(100, 100 + len(frame), name="row_id"), axis=0)


def mails(**columns: Any) -> pd.DataFrame:
    good = {"text": "hi", "target": "ham", "created_at": "2001-01-01T00:00:00Z", "distance": "1", "amount": "2"}
    length = max([len(one) for one in columns.values()], default=1)
    return rows(**{name: pd.Series(columns.get(name, [value] * length), dtype="str") for name, value in good.items()})


# What a contract says


def test_a_contract_names_its_types():
    assert contract(MAILS).dtypes == {
        "text": "str",
        "target": "str",
        "created_at": "datetime64[us, UTC]",
        "distance": "float64",
        "amount": "int64",
    }


@pytest.mark.parametrize(
    "text",
    [
        "columns: {c: {dtype: int64, checks: {in_range: {min_value: 1, max_value: 3}}}}",
        "columns: {c: {dtype: int, checks: {between: {min_value: 1.0, max_value: 3}}}}",
        "columns: {c: {dtype: int64, in_range: {min_value: 1, max_value: 3}, title: a number}}",
        "columns: {c: {dtype: int64, checks: [{min_value: 1, max_value: 3, options: {check_name: in_range}}]}}",
        "columns: [{name: c, dtype: int64, checks: {in_range: {min_value: 1, max_value: 3, ignore_na: true}}}]",
        "{version: 0.1, index: null, unique: null, coerce: false, name: x, strict: false, ordered: false,"
        " columns: {c: {dtype: integer, required: true, regex: false, unique: false, coerce: false, description: d,"
        " checks: {in_range: {min_value: 1, max_value: 3}}}}}",
    ],
)
def test_all_of_panderas_ways_to_write_a_contract_are_one(text):
    found = contract(text)
    assert found == one("int64", {"in_range": {"min_value": 1, "max_value": 3}})
    assert json.dumps(found.canonical()) == json.dumps(
        one("int64", {"in_range": {"min_value": 1, "max_value": 3}}).canonical()
    )


def test_the_canonical_form_is_typed_json_that_parse_and_pandera_read():
    found = contract(MAILS)
    text = json.dumps(found.canonical())
    assert "version" not in text
    assert Contract.parse(json.loads(text)) == found
    assert [*from_yaml(yaml.safe_dump(found.canonical())).columns] == [*found.dtypes]
    assert '"min_value": 0.0' in json.dumps(one("float", {"ge": 0}).canonical())
    assert '"min_value": 0,' in json.dumps(one("int", {"ge": 0.0}).canonical())


def test_what_pandera_writes_is_read():
    text = """
    columns:
      a: {dtype: str, nullable: true, checks: {str_length: {min_value: 1, max_value: 3}, isin: [a, b]}}
      b: {dtype: float64, checks: {gt: 0.5, le: 9}}
      c: {dtype: Int64, nullable: true, checks: {isin: [1, 2]}}
      d: {dtype: bool}
    strict: true
    """
    schema = contract(text).schema()
    for minimal in (True, False):
        written = yaml.safe_load(to_yaml(schema, minimal=minimal))
        for column in written["columns"].values():
            column["dtype"] = column["dtype"].replace("string[pyarrow]", "str")
        assert Contract.parse(written) == contract(text)


def test_a_contract_goes_to_worker_processes_without_its_schema():
    found = contract(MAILS)
    assert found.schema() is found.schema()
    data = pickle.dumps(found)
    assert b"pandera" not in data
    assert pickle.loads(data) == found  # noqa: S301


def test_reading_a_contract_imports_nothing_heavy():
    code = (
        "import sys; from steadily.contract import Contract; "
        "Contract.parse({'columns': {'c': {'dtype': 'datetime', 'checks': {'ge': '2001-01-01'}}}}).canonical(); "
        "print({'pandas', 'numpy', 'pandera', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_days_are_their_midnight_in_utc():
    quoted = one("datetime", {"in_range": {"min_value": "1995-01-01", "max_value": "2004-12-31T12:00:00+01:00"}})
    plain = one(
        "datetime", {"in_range": {"min_value": dt.date(1995, 1, 1), "max_value": dt.datetime(2004, 12, 31, 11)}}
    )
    assert quoted == plain
    found = one("datetime", {"le": "2004-12-31"}).check(
        rows(c=["2004-12-31T00:00:00Z", "2004-12-31T00:00:01Z"]), typed_from_text=True
    )
    assert list(found.failures["reason"]) == ["c 2004-12-31T00:00:01Z is after 2004-12-31"]


# What a contract says of rows


def test_each_failure_has_its_reason_and_each_row_is_in_quarantine_once():
    frame = mails(
        text=["hi", "", None, "ok", "ok"],
        target=["ham", "eggs", "ham", None, "spam"],
        created_at=["2001-01-01", "0102-07-17T11:53:05Z", "2001-01-01T00:00:00", "2001-01-01", "Mon, 01 Jan 2001"],
        distance=["1", "-3.0", "nan", "", "1"],
        amount=["1", "abc", "1.5", " 2 ", "9" * 20],
    )
    found = contract(MAILS).check(frame, typed_from_text=True)
    assert found.failures.iloc[0].tolist() == [
        101, "text", "", "text '' has fewer than 1 character (0)", "text has fewer than 1 character",
    ]  # fmt: skip
    assert list(zip(found.failures["row_id"], found.failures["reason"], strict=True)) == [
        (101, "text '' has fewer than 1 character (0)"),
        (101, "target 'eggs' is not one of ham, spam"),
        (101, "created_at 0102-07-17T11:53:05Z is before 1995-01-01"),
        (101, "distance -3.0 is below 0"),
        (101, "amount 'abc' is not a whole number (int64)"),
        (102, "text is missing"),
        (102, "created_at '2001-01-01T00:00:00' has no time zone"),
        (102, "distance 'nan' is not a finite number (float64)"),
        (102, "amount '1.5' is not a whole number (int64)"),
        (104, "created_at 'Mon, 01 Jan 2001' is not a moment in ISO 8601 (datetime64[us, UTC])"),
        (104, "amount '99999999999999999999' does not fit into 64 bits (int64)"),
    ]
    assert found.failures["value"].isna().tolist() == [at == 5 for at in range(11)]
    pd.testing.assert_frame_equal(found.quarantined, frame.loc[[101, 102, 104]])
    assert found.frame.index.tolist() == [100, 103]
    assert found.frame.index.name == "row_id"
    assert {name: str(dtype) for name, dtype in found.frame.dtypes.items()} == contract(MAILS).dtypes


def test_the_given_frame_stays_as_it_was():
    frame = mails(amount=["1", "x"])
    before = frame.copy()
    contract(MAILS).check(frame, typed_from_text=True)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("frame", [mails().iloc[:0], mails(amount=["x", "y"])], ids=["empty", "all fail"])
def test_a_frame_of_no_passing_rows_has_the_contracts_types(frame):
    found = contract(MAILS).check(frame, typed_from_text=True)
    assert len(found.frame) == 0
    assert {name: str(dtype) for name, dtype in found.frame.dtypes.items()} == contract(MAILS).dtypes
    assert len(found.quarantined) == len(frame) == len(found.failures)
    assert [*found.failures] == [*found.warned] == ["row_id", "column", "value", "reason", "rule"]
    assert {str(dtype) for dtype in found.failures.dtypes} == {"int64", "str"}


def test_missing_columns_are_all_named_with_hints():
    frame = mails().rename(columns={"text": "body", "target": "class"})
    with pytest.raises(DataError) as caught:
        contract(MAILS).check(frame, typed_from_text=True, where="dataset valid")
    assert str(caught.value) == (
        "dataset valid: column text is missing\n"
        "dataset valid: column target is missing; given: amount, body, class, created_at, distance"
    )
    asked = []
    with pytest.raises(DataError) as caught:
        contract(MAILS).check(
            frame, typed_from_text=True, hints=lambda *names: asked.append(names) or {"text": "body is new"}
        )
    assert asked == [(["text", "target"], ["body", "class"])]
    assert str(caught.value).splitlines()[0] == "contract: column text is missing; body is new"


def test_columns_that_are_not_in_the_contract():
    frame = mails().assign(more=1, again=2)
    assert contract(MAILS).check(frame, typed_from_text=True).dropped_columns == ["more", "again"]
    filtering = contract(MAILS.replace("strict: false", "strict: filter"))
    assert filtering.check(frame, typed_from_text=True).dropped_columns == ["more", "again"]
    with pytest.raises(DataError, match=r"column more is not in the contract, and the contract is strict\n.*again"):
        contract(MAILS.replace("strict: false", "strict: true")).check(frame, typed_from_text=True)
    with pytest.raises(DataError, match="two columns have the same name; given: c"):
        one("int").check(pd.DataFrame([[1, 2]], columns=["c", "c"]), typed_from_text=True)


def test_columns_of_another_type_are_all_named():
    frame = mails().assign(text=1.5, created_at=pd.Timestamp("2001-01-01"), amount="1")
    with pytest.raises(DataError) as caught:
        contract(MAILS).check(frame, typed_from_text=False)
    found = [str(problem) for problem in caught.value.problems]
    assert found[0] == "contract: column text is of another type; given: float64; allowed: str"
    assert "no time zone" in found[1]
    assert found[2].startswith("contract: column distance is of another type; given: str; allowed: float64; its text")
    assert len(found) == 4
    with pytest.raises(DataError, match="given: Python objects \\(mixed-integer\\)"):
        one("str").check(rows(c=pd.Series([1, "a"], dtype=object)), typed_from_text=True)


def test_a_column_that_may_be_absent_is_all_missing():
    for dtype in ("str", "Int64", "float64", "boolean", "datetime"):
        found = one(dtype, nullable=True, required=False).check(rows(other=[1, 2]), typed_from_text=False)
        assert found.frame["c"].isna().all()
        assert str(found.frame["c"].dtype) == one(dtype).dtypes["c"]


def test_columns_named_by_numbers_are_found_by_their_text():
    made = Contract.parse({"columns": {"0": {"dtype": "int64"}}})
    found = made.check(rows(**{"0": [1, 2]}).set_axis([0], axis=1), typed_from_text=False)
    assert found.frame["0"].tolist() == [1, 2]


def test_checks_that_only_warn_keep_the_row():
    found = one("int", {"ge": {"min_value": 0, "raise_warning": True, "error": "no debts"}}).check(
        rows(c=[1, -1]), typed_from_text=False
    )
    assert found.frame["c"].tolist() == [1, -1]
    assert len(found.failures) == 0
    assert found.warned["reason"].tolist() == ["c -1 fails: no debts"]


def test_long_values_are_cut():
    found = one("str", {"str_length": {"max_value": 3}}).check(rows(c=["ä" * 999]), typed_from_text=True)
    assert found.failures["value"].tolist() == ["ä" * 200]
    assert found.failures["reason"].tolist() == [f"c '{'ä' * 60}…' has more than 3 characters (999)"]


@pytest.mark.parametrize("pattern", ["(?>a)", "a++", "(a{999}){999}"])
@pytest.mark.parametrize("check", ["str_matches", "str_contains"])
def test_patterns_that_the_engine_does_not_know_are_refused_before_any_row_is_read(check, pattern):
    with pytest.raises(ConfigError, match="is not one that the engine behind text columns knows"):
        one("str", {check: pattern})


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "(?i)ß"])
def test_patterns_that_are_left_to_python_are_taken(pattern):
    one("str", {"str_matches": pattern}).check(rows(c=["a", None]), typed_from_text=True)


def test_patterns_with_groups_warn_nobody():
    found = one("str", {"str_contains": "(a|b)c"}).check(rows(c=["xac", "ab", None]), typed_from_text=False)
    assert found.failures["reason"].tolist() == ["c 'ab' holds no match of '(a|b)c'", "c is missing"]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(*[st.none() | st.text(max_size=5) | st.integers().map(str)] * 5), max_size=12))
def test_any_text_passes_or_fails_and_nothing_is_lost(values):
    frame = rows(
        **{name: pd.Series([row[at] for row in values], dtype="str") for at, name in enumerate(contract(MAILS).dtypes)}
    )
    found = contract(MAILS).check(frame, typed_from_text=True)
    assert len(found.frame) + len(found.quarantined) == len(frame)
    assert set(found.failures["row_id"]) == set(found.quarantined.index)
    contract(MAILS).schema().validate(found.frame)
    again = contract(MAILS).check(found.frame, typed_from_text=False)
    pd.testing.assert_frame_equal(again.frame, found.frame)


def test_a_whole_partition_comes_through_unchanged():
    numbers = np.arange(100_000) % 1000
    frame = rows(**{f"n{at}": numbers for at in range(10)})
    checks = {"in_range": {"min_value": 0, "max_value": 1000}}
    made = Contract.parse({"columns": {name: {"dtype": "int64", "checks": checks} for name in frame}})
    pd.testing.assert_frame_equal(made.check(frame, typed_from_text=False).frame, frame)


def test_a_whole_partition_that_fails_is_told_cell_by_cell():
    frame = rows(c=[f"{at} EUR" for at in range(50_000)], d=["x"] * 50_000)
    made = Contract.parse({"columns": {name: {"dtype": "int64"} for name in frame}})
    found = made.check(frame, typed_from_text=True)
    assert len(found.failures) == 100_000
    assert found.failures["rule"].nunique() == 2
    assert found.failures["reason"].iloc[-2] == "c '49999 EUR' is not a whole number (int64)"
