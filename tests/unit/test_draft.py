"""Contracts drafted from data: kept by the data, readable, honest."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from steadily.catalog import Catalog
from steadily.cli import main
from steadily.contract import Contract
from steadily.draft import draft_contract, outwards, written
from steadily.errors import DataError
from steadily.readers import read_file
from steadily.yamltext.core import load_core
from unit.small import Small

CELL = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.booleans(),
    st.sampled_from(
        ["on", "010", "12:30", "0o10", "1e5", "2024-01-05T10:00:00Z", "2024-13-05", "", " ", "yes", "~", "NA"]
    ),
    st.text(max_size=6),
)
NAME = st.one_of(
    st.sampled_from(["on", "y", "a b", "a:b", "1", "ä", "#x", "'q'", "null"]), st.text(min_size=1, max_size=5)
)
CATALOG: list[Catalog] = []


def catalog() -> Catalog:
    if not CATALOG:
        CATALOG.append(Catalog(Path("/nonexistent"), cached=False))
    return CATALOG[0]


def draft(text: str, name: str = "new.csv", **more: Any) -> dict[str, Any]:
    Path(name).write_text(text, encoding="utf-8", newline="")
    made = draft_contract(catalog(), Path(name), "received", **more)
    values = yaml.safe_load(made)
    assert values == load_core(made)  # both readers of YAML read it alike
    return values["received"]  # type: ignore[no-any-return]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.data(),
    st.lists(NAME, min_size=1, max_size=3, unique_by=lambda name: name.strip().casefold()),
    st.sampled_from(["csv", "jsonl"]),
)
def test_every_row_keeps_the_contract_drafted_from_it(small: Small, data: Any, names: list[str], form: str) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELL)), min_size=1, max_size=8))
    frame = pd.DataFrame(rows, dtype=object)
    stream = io.StringIO(newline="")
    try:
        if form == "csv":
            frame.to_csv(stream, index=False)
        else:
            frame.to_json(stream, orient="records", lines=True)
        values = draft(stream.getvalue(), f"new.{form}")
    except (DataError, OverflowError, UnicodeEncodeError):
        return  # what no source can read, no contract can be drafted from
    contract = Contract.parse(values)
    for _, chunk in read_file(catalog(), Path(f"new.{form}"), 1000, {}):
        checked = contract.check(chunk.rename_axis("row_id"), typed_from_text=True)
        assert not len(checked.failures), (values, checked.failures.to_dict("records"))


def test_types_ranges_categories_and_what_is_missing(small: Small) -> None:
    rows = ["n,x,flag,when,city,note,code,gone"]
    for i in range(1, 61):
        city, flag, note = "Ulm" if i % 3 else "on", "true" if i % 2 else "false", "" if i == 5 else f"note {i}"
        rows.append(f"{i},{i / 7:.3f},{flag},2024-01-{i % 28 + 1:02d}T10:00:00Z,{city},{note},{i:03d},")
    found = draft("\n".join(rows) + "\n")["columns"]
    assert found["n"] == {
        "dtype": "int64",
        "nullable": False,
        "checks": {"in_range": {"min_value": 1, "max_value": 60}},
    }
    assert found["x"]["dtype"] == "float64"
    assert found["x"]["checks"]["in_range"] == {"min_value": 0.14, "max_value": 8.6}
    assert found["flag"] == {"dtype": "bool", "nullable": False}
    assert found["when"]["dtype"] == "datetime64[us, UTC]"
    assert found["when"]["checks"]["in_range"] == {"min_value": "2024-01-01", "max_value": "2024-01-29"}
    assert found["city"]["checks"] == {"isin": ["Ulm", "on"]}
    assert found["note"]["dtype"] == "str"
    assert found["note"]["nullable"] is True
    assert found["gone"] == {"dtype": "str", "nullable": True}


def test_words_for_missing_values_are_told(small: Small) -> None:
    text = "n\n1\nNA\n3\n"
    assert draft(text)["columns"]["n"]["dtype"] == "str"
    assert draft(text, missing=["NA"])["columns"]["n"]["dtype"] == "Int64"


@pytest.mark.parametrize(("text", "said"), [("", "new.csv"), ("a,b\n", "has no rows"), ("a,a\n1,2\n", "a")])
def test_what_no_contract_can_be_drafted_from(small: Small, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        draft(text)


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
@example(5e-324, True)
@example(-1.7976931348623157e308, False)
def test_bounds_are_rounded_outwards_and_written_for_both_readers(value: float, up: bool) -> None:
    bound = outwards(value, up=up)
    assert bound >= value if up else bound <= value
    text = written(float(bound))
    assert yaml.safe_load(text) == load_core(text) == float(bound)


def test_the_command(small: Small, capsys: pytest.CaptureFixture[str]) -> None:
    small.write("in/new.csv", "a,b\n1,x\n2,y\n")
    assert main(["contract", "draft", "in/new.csv", "--name", "orders"]) == 0
    text = capsys.readouterr().out
    assert text.startswith('# Drafted from "new.csv" (2 rows)')
    assert yaml.safe_load(text)["orders"]["columns"]["a"]["dtype"] == "int64"
    assert main(["contract", "draft", "nothing.csv"]) == 1
    assert "nothing.csv: there is no such file" in capsys.readouterr().err
