"""Reading requests: a row is refused as the JSON Schema says, in words that name the place and the reason."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_row import SIGNS, VALUES
from steadily.bundle.schema import request_schema
from steadily.contract import Contract
from steadily.dtypes import DATETIME
from steadily.serving.requests import SHOWN, RequestError, RowReader, parsed, places
from unit.test_contract_single import contracts

NUMBERS = st.one_of(
    st.sampled_from([0, -0.0, 5.0, 1.5, 2**53 + 1, 2**63, -(2**63), -(2**63) - 1, 2.0**63, 1e300, 10**30, True, False]),
    st.integers(-20, 20),
    st.floats(allow_nan=False, allow_infinity=False),
)
JSON = st.one_of(
    NUMBERS, st.none(), st.sampled_from(SIGNS), st.text(max_size=8), st.sampled_from([[], {}, [1], {"a": 1}])
)


def fitting(dtype: str) -> st.SearchStrategy[Any]:
    """Give values that are often of a column's type."""
    if dtype == DATETIME:
        return st.one_of(st.sampled_from(["2024-01-05T10:00:00Z", "yesterday"]), JSON)
    finite = VALUES[dtype].filter(lambda value: not (isinstance(value, float) and math.isinf(value)))
    return st.one_of(finite, JSON)


@settings(max_examples=250)
@given(contracts(most=3), st.data())
def test_a_row_is_refused_exactly_when_the_schema_says_so(contract: Contract, data: st.DataObject) -> None:
    optional = {name: fitting(dtype) for name, dtype in contract.dtypes.items()} | {"z": JSON}
    row = data.draw(st.fixed_dictionaries({}, optional=optional))
    schema = request_schema(contract)
    validator = jsonschema_rs.Draft202012Validator(schema)
    reader = RowReader(contract, 10)
    try:
        reader.rows_of({"rows": [row]})
        status, problems = 422, []
    except RequestError as error:
        status, problems = error.status, list(error.problems)
    assert status == 422
    assert bool(problems) == (not validator.is_valid(row)), (schema["properties"], row, problems)
    wrong = {str(name) for error in validator.iter_errors(row) for name in error.instance_path}
    named = {one["where"].partition("rows[0].")[2] for one in problems} - {"", "z"}
    assert named == wrong
    assert all(one["where"].startswith("rows[0]") and one["what"] for one in problems)


@settings(max_examples=80)
@given(contracts(most=2), st.data())
def test_what_the_schema_refuses_by_a_check_is_told_as_the_ledger_tells_it(
    contract: Contract, data: st.DataObject
) -> None:
    row = {name: data.draw(VALUES[dtype]) for name, dtype in contract.dtypes.items() if dtype != DATETIME}
    if len(row) < len(contract.columns) or any(isinstance(one, float) and math.isinf(one) for one in row.values()):
        return
    reader = RowReader(contract, 10)
    wrong: list[dict[str, Any]] = []
    made = reader.row(0, row, wrong)
    told = contract.check(reader.frame([made]), typed_from_text=True).failures["reason"].tolist()
    assert [one["what"] for one in wrong if one["what"] not in told] == []


COLUMNS = {
    "n": {"dtype": "int64", "checks": {"in_range": {"min_value": 0, "max_value": 9}}},
    "x": {"dtype": "float64", "nullable": True, "checks": {"greater_than_or_equal_to": 0}},
    "t": {"dtype": "str", "checks": {"isin": ["ham", "spam"]}},
    "b": {"dtype": "boolean", "nullable": True, "required": False},
    "at": {"dtype": "datetime", "nullable": True, "required": False},
}
GOOD = {"n": 5, "x": None, "t": "ham"}
READER = RowReader(Contract.parse({"columns": COLUMNS, "strict": True}), 3, ["late"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n": 12}, "rows[1].n: n 12 is above 9"),
        ({"n": True}, "rows[1].n: n is of another type"),
        ({"n": None}, "rows[1].n: n is missing"),
        ({"n": 2.5}, "rows[1].n: n is of another type"),
        ({"n": "5"}, "rows[1].n: n is of another type"),
        ({"x": -3}, "rows[1].x: x -3.0 is below 0"),
        ({"x": "nan"}, "rows[1].x: x is of another type"),
        ({"x": 10**400}, "rows[1].x: x is of another type"),
        ({"t": "eggs"}, "rows[1].t: t 'eggs' is not one of ham, spam"),
        ({"t": ["ham"]}, "rows[1].t: t is of another type"),
        ({"b": 1}, "rows[1].b: b is of another type"),
        ({"at": 5}, "rows[1].at: at is of another type"),
        ({"tt": 1}, "rows[1].tt: is not in the contract, which is strict"),
    ],
)
def test_the_place_and_the_reason_are_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError) as caught:
        READER.rows_of({"rows": [GOOD, GOOD | change]})
    assert caught.value.status == 422
    assert list(places(caught.value.problems)) == [told]
    json.dumps(caught.value.body())


def test_a_missing_column_is_told_with_the_one_that_may_be_meant() -> None:
    with pytest.raises(RequestError) as caught:
        RowReader(Contract.parse({"columns": {"text": {"dtype": "str"}}}), 3).rows_of({"rows": [{"txt": "a"}]})
    assert (
        list(caught.value.problems)
        == [{"where": "rows[0]", "what": "column text is missing", "hint": "did you mean 'text'?"}]
        or caught.value.problems[0]["hint"]
    )


def test_values_come_in_their_columns_types() -> None:
    found = READER.rows_of({"rows": [GOOD | {"n": 5.0, "x": 3, "at": "2024-01-05", "late": "y"}]})
    assert found == [{"n": 5, "x": 3.0, "t": "ham", "at": "2024-01-05"}]
    assert [type(value) for value in found[0].values()] == [int, float, str, str]
    assert READER.unasked([GOOD | {"late": "y", "z": 1}]) == ["late", "z"]


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        (None, 422, ""),
        ([], 422, ""),
        ({}, 422, "rows"),
        ({"rows": []}, 422, "rows"),
        ({"rows": {}}, 422, "rows"),
        ({"rows": [5]}, 422, "rows[0]"),
        ({"rows": [GOOD], "rowz": 1}, 422, "rowz"),
        ({"rows": [GOOD] * 4}, 422, "rows"),
    ],
)
def test_bodies_of_another_form(body: Any, status: int, where: str) -> None:
    with pytest.raises(RequestError) as caught:
        READER.rows_of(body)
    assert caught.value.status == status
    assert caught.value.problems[0]["where"] == where


def test_problems_are_cut() -> None:
    reader = RowReader(Contract.parse({"columns": {"n": {"dtype": "int64"}}}), 100)
    with pytest.raises(RequestError, match=rf"\(60 places, {SHOWN} shown\)") as caught:
        reader.rows_of({"rows": [{"n": "x" * 500}] * 60})
    assert len(caught.value.problems) == SHOWN
    assert len(caught.value.problems[0]["given"]) < 100


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[NaN]", b"[Infinity]", b"\xff", b'"\xff"', b'"\\ud800"', b"[" * 100_000, b"9" * 5_000, b"{}x"]
)
def test_no_json(body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        parsed(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"9" * 4_300, b"-" + b"9" * 4_299])
def test_endless_and_huge_numbers_are_told_and_break_nothing(number: bytes) -> None:
    for name in ("n", "x", "t"):
        with pytest.raises(RequestError) as caught:
            READER.rows_of({"rows": [GOOD | {name: parsed(number)}]})
        assert [one["where"] for one in caught.value.problems] == [f"rows[0].{name}"]
