from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pandera.errors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily.contract import Contract
from steadily.contract.constraints import SPECS
from steadily.dtypes import DTYPES, FAMILY

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63)]),
    "float64": st.sampled_from([-1.5, -0.0, 0.0, 0.5, 1.0, 3.0, 1e300, float("inf"), float("-inf")]),
    "str": st.text(st.sampled_from("aAä🥫b \n.7"), max_size=4),
    "bool": st.booleans(),
    "datetime64[us, UTC]": st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2000, 1, 3)).map(
        lambda moment: pd.Timestamp(moment.replace(second=0, microsecond=0), tz="UTC")
    ),
}
BOUNDS = {**VALUES, "float64": st.sampled_from([-1.5, 0, 0.5, 1, 3.0])}


@st.composite
def checked_columns(draw: st.DrawFn) -> tuple[Contract, pd.Series]:
    dtype = draw(st.sampled_from(DTYPES))
    family = FAMILY.get(dtype, dtype)
    name = draw(st.sampled_from([name for name, spec in SPECS.items() if family in spec.families]))
    bound = BOUNDS[family].map(str) if family.startswith("date") else BOUNDS[family]
    kinds = {
        "value": bound,
        "values": st.lists(bound, min_size=1, max_size=3),
        "text": BOUNDS["str"],
        "pattern": st.sampled_from(["a", "^a$", "b+", "[aä]", "(a|b).", r"\d", r"\w\s", "", "."]),
        "length": st.integers(0, 4),
        "flag": st.booleans(),
    }
    arguments = {key: draw(kinds[kind]) for key, kind in SPECS[name].arguments.items()}
    if name == "str_length":
        del arguments["exact_value"]
    if "max_value" in arguments and "min_value" in arguments:
        arguments["min_value"], arguments["max_value"] = sorted([arguments["min_value"], arguments["max_value"]])
        if arguments["min_value"] == arguments["max_value"]:
            arguments |= dict.fromkeys(arguments.keys() & {"include_min", "include_max"}, True)
    nullable = dtype not in ("int64", "bool") and draw(st.booleans())
    values = draw(
        st.lists(VALUES[family] | st.none() if dtype not in ("int64", "bool") else VALUES[family], max_size=8)
    )
    made = Contract.parse({"columns": {"c": {"dtype": dtype, "nullable": nullable, "checks": {name: arguments}}}})
    column = pd.Series(values, dtype=dtype if not family.startswith("date") else object)
    return made, column.astype(made.dtypes["c"])


@pytest.mark.filterwarnings("ignore:This pattern is interpreted")  # pandera's
@settings(max_examples=300, deadline=None)
@given(checked_columns())
def test_pandera_agrees_on_which_rows_pass(drawn):
    made, column = drawn
    frame = pd.DataFrame({"c": column}).set_axis(pd.RangeIndex(100, 100 + len(column), name="row_id"), axis=0)
    found = made.check(frame, typed_from_text=False)
    try:
        made.schema().validate(frame, lazy=True)
        failing: set[int] = set()
    except pandera.errors.SchemaErrors as errors:
        failing = set(errors.failure_cases["index"])
    assert set(found.quarantined.index) == failing == set(found.failures["row_id"])
    assert len(made.schema().validate(found.frame)) == len(found.frame)
    pd.testing.assert_frame_equal(found.frame, frame.drop(index=sorted(failing)))
