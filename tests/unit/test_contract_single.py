"""Holding one row against a contract in the short way: it says nothing that ``check`` does not say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_row import NULLABLE, SIGNS, TURNS, VALUES, Row, differing, frame_of, plain, series, typed_rows, values_of
from steadily.contract import Contract
from steadily.contract.single import single
from steadily.dtypes import DATETIME, DTYPES, FAMILY
from steadily.errors import SteadilyError
from steadily.serving.requests import RowReader

FLAGS = {"include_min": st.booleans(), "include_max": st.booleans()}
PATTERNS = ["", "^a", r"\d+", "Σ", r"\s", "(a|b)$", r"\w", "a{2}", "(?i)ss", r"[^\x00]", "(?>a)", r"a\Z"]


@st.composite
def checks(draw: st.DrawFn, dtype: str) -> dict[str, Any]:
    """One check that fits a column's type, in the form of a list of them."""
    family = FAMILY.get(dtype, dtype)
    values = bounds(family)
    names = ["equal_to", "not_equal_to", "isin", "notin"]
    if family != "bool":
        names += ["greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range"]
    if family == "str":
        names += ["str_matches", "str_contains", "str_startswith", "str_endswith", "str_length"]
    name = draw(st.sampled_from(names))
    many, few, size = st.lists(values, min_size=1, max_size=3), st.integers(0, 3), st.integers(3, 6)
    arguments: dict[str, st.SearchStrategy[Any]] = {
        "equal_to": st.fixed_dictionaries({"value": values}),
        "not_equal_to": st.fixed_dictionaries({"value": values}),
        "isin": st.fixed_dictionaries({"allowed_values": many}),
        "notin": st.fixed_dictionaries({"forbidden_values": many}),
        "in_range": st.tuples(ranges(values), st.fixed_dictionaries({}, optional=FLAGS)).map(
            lambda two: two[0] | two[1]
        ),
        "str_matches": st.fixed_dictionaries({"pattern": st.sampled_from(PATTERNS)}),
        "str_contains": st.fixed_dictionaries({"pattern": st.sampled_from(PATTERNS)}),
        "str_startswith": st.fixed_dictionaries({"string": st.sampled_from(SIGNS)}),
        "str_endswith": st.fixed_dictionaries({"string": st.sampled_from(SIGNS)}),
        "str_length": st.one_of(
            st.fixed_dictionaries({"exact_value": few}),
            st.fixed_dictionaries({"min_value": few}),
            st.fixed_dictionaries({"max_value": size}),
            st.fixed_dictionaries({"min_value": few, "max_value": size}),
        ),
    }
    low = st.fixed_dictionaries({"min_value" if name.startswith("greater") else "max_value": values})
    options = {"check_name": name, "raise_warning": draw(st.sampled_from([False, False, False, True]))}
    return {**draw(arguments.get(name, low)), "options": options}


def ranges(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give two bounds, most often the smaller one first."""
    pairs = st.tuples(values, values).map(lambda pair: sorted(pair) if pair[0] != pair[1] else pair)
    return pairs.map(lambda pair: {"min_value": pair[0], "max_value": pair[1]})


def bounds(family: str) -> st.SearchStrategy[Any]:
    """Give what a check of a type may compare with."""
    if family == DATETIME:
        return st.sampled_from([*(f"{turn}Z" for turn in TURNS), "1995-01-01", "2024-03-31T02:30:00+02:00"])
    if family == "float64":
        return st.one_of(st.sampled_from([0, -0.0, 1.5, 5.0, 1e300, 2.0**53]), st.floats(-20, 20))
    return VALUES[family]


@st.composite
def contracts(draw: st.DrawFn, dtypes: tuple[str, ...] = DTYPES, most: int = 2) -> Contract:
    """A contract of two columns, or None's where what was drawn is none."""
    columns: dict[str, Any] = {}
    for name in ("x", "y"):
        dtype = draw(st.sampled_from(dtypes))
        columns[name] = {
            "dtype": dtype,
            "nullable": dtype in NULLABLE and draw(st.booleans()),
            "required": draw(st.sampled_from([True, True, False])) or dtype not in NULLABLE,
            "checks": draw(st.lists(checks(dtype), max_size=most)),
        }
        columns[name]["nullable"] |= not columns[name]["required"]
    values = {"columns": columns, "strict": draw(st.sampled_from([True, False, "filter"]))}
    try:
        return Contract.parse(values)
    except SteadilyError:  # a range in which there is nothing
        columns = {name: {**about, "checks": []} for name, about in columns.items()}
        return Contract.parse({**values, "columns": columns})


def kept_by(contract: Contract, frame: Any, *, from_text: bool) -> dict[str, Any] | None:
    """Give the row as ``check`` lets it pass, or None."""
    try:
        checked = contract.check(frame, typed_from_text=from_text)
    except SteadilyError:
        return None
    assert len(checked.frame) + len(checked.quarantined) == 1
    return plain(checked.frame) if len(checked.frame) else None


def compare(contract: Contract, row: Row, frame: Any, *, from_text: bool) -> dict[str, Any] | None:
    """Hold both ways against each other; give what the short one says."""
    before = dict(row)
    try:
        quick = single(contract, from_text=from_text)(row)
    except SteadilyError:
        quick = None
    assert not differing(row, before)
    if quick is not None:
        slow = kept_by(contract, frame, from_text=from_text)
        assert slow is not None, f"check refuses {quick}"
        assert not differing(quick, slow), f"{quick} and {slow}"
        assert list(quick) == list(slow)
    return quick


@settings(max_examples=200)
@given(contracts(), st.data())
def test_between_stages(contract: Contract, data: st.DataObject) -> None:
    own = {name: data.draw(st.sampled_from([(dtype,), (dtype,), ()])) for name, dtype in contract.dtypes.items()}
    more = data.draw(st.sampled_from([{}, {}, {"z": ()}]))
    row, dtypes = data.draw(typed_rows(**own, **more))
    if data.draw(st.sampled_from([False, False, False, True])):
        row, dtypes = {name: row[name] for name in row if name != "y"}, {k: v for k, v in dtypes.items() if k != "y"}
    try:
        contract.check(frame_of([], dtypes), typed_from_text=False)
    except SteadilyError:
        return  # columns of other types have stopped the training
    compare(contract, row, frame_of([row], dtypes), from_text=False)


MOMENT = st.one_of(
    st.sampled_from([*(f"{turn}Z" for turn in TURNS), *TURNS, "2024-02-30T00:00:00Z", "2024-01-01", " 2024-01-01 "]),
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["2024-03-31", "0001-01-01", "9999-12-31", "2023-02-29", "1582-10-10", "24-01-01"]),
        st.sampled_from(["", "T", " ", "t"]),
        st.sampled_from(["", "00:00", "23:59:59", "24:00:00", "10:00:60", "12:30:15.1234567891", "10:00:00.5", "1:00"]),
        st.sampled_from(["", "Z", "z", "+00:00", "-23:59", "+0530", "+05", " +01:00", "-00:00"]),
        st.sampled_from(["", "\n", "\x1f", "\xa0", "\0", " "]),
    ),
    VALUES["str"],
)


@settings(max_examples=200)
@given(contracts(), st.data())
def test_where_rows_come_in(contract: Contract, data: st.DataObject) -> None:
    row = {
        name: data.draw(st.one_of(st.none(), MOMENT) if dtype == DATETIME else values_of(dtype))
        for name, dtype in contract.dtypes.items()
    }
    compare(contract, row, RowReader(contract, 9).frame([row]), from_text=True)


@pytest.mark.parametrize(
    ("dtype", "value", "becomes"),
    [
        ("str", "", ""),
        ("int64", 5.0, 5),
        ("Int64", 2**63 - 1, 2**63 - 1),
        ("float64", 5, 5.0),
        ("bool", True, True),
    ],
)
def test_plain_values_are_answered(dtype: str, value: Any, becomes: Any) -> None:
    found = single(Contract.parse({"columns": {"x": {"dtype": dtype}}}))({"x": value})
    assert found is not None
    assert not differing(found, {"x": becomes})


@pytest.mark.parametrize("text", ["2024-01-05T10:00:00Z", " 2024-01-05 10:00+01:00 ", "2024-01-05", "0001-01-01"])
def test_moments_as_text_are_answered_where_rows_come_in_and_not_later(text: str) -> None:
    contract = Contract.parse({"columns": {"x": {"dtype": "datetime"}}})
    frame = RowReader(contract, 1).frame([{"x": text}])
    assert compare(contract, {"x": text}, frame, from_text=True) is not None
    assert compare(contract, {"x": text}, frame, from_text=False) is None


def test_a_check_that_only_warns_lets_the_row_pass() -> None:
    check = [{"min_value": 5, "options": {"check_name": "greater_than", "raise_warning": True}}]
    contract = Contract.parse({"columns": {"x": {"dtype": "int64", "checks": check}}})
    frame = series([1], "int64", frame_of([{"x": 1}], {"x": "int64"}).index).to_frame("x")
    assert compare(contract, {"x": 1}, frame, from_text=False) == {"x": 1}
