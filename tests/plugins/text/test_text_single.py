"""The steps' forms for single rows give what the steps give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_row import BothWays, Row, typed_rows
from steadily_text.steps import length, normalize, replace

PATTERNS = [
    (r"\s+", " "), (r"", "-"), (r"(?i)σ", "s"), (r"(\w)(\w*)", r"\2\1"), (r"^|$", "|"), (r".", r"\g<0>\n"),
    (r"(?m)^.", ""), (r"\d", "0"), (r"\b", "·"), ("\0", ""), (r"(?s).+", "x"),
    (r"[^\W\d_]", ""), (r"\u00e9|e\u0301", "e"),
]  # fmt: skip
ROWS = typed_rows(t=("str",), u=("str",), n=())
FLAGS = st.fixed_dictionaries(
    {
        "lower": st.booleans(),
        "strip": st.booleans(),
        "collapse_spaces": st.booleans(),
        "unicode": st.sampled_from(["none", "NFC", "NFKC"]),
    }
)


@settings(max_examples=200)
@given(ROWS, FLAGS, st.sampled_from([["t"], ["t", "u"], ["u", "t", "t"], []]))
def test_normalize(rows: tuple[Row, dict[str, str]], flags: dict[str, Any], columns: list[str]) -> None:
    BothWays(normalize, {"columns": columns, **flags}).agree(*rows, sure=True)


@settings(max_examples=200)
@given(ROWS, st.sampled_from(PATTERNS), st.sampled_from([["t"], ["u", "t"]]))
def test_replace(rows: tuple[Row, dict[str, str]], change: tuple[str, str], columns: list[str]) -> None:
    params = {"columns": columns, "pattern": change[0], "replacement": change[1]}
    BothWays(replace, params).agree(*rows, sure=True)


@settings(max_examples=100)
@given(ROWS, st.sampled_from(["len", "u"]))
def test_length(rows: tuple[Row, dict[str, str]], into: str) -> None:
    BothWays(length, {"column": "t", "into": into}).agree(*rows, sure=into == "len")


@pytest.mark.parametrize(
    ("step", "params"),
    [
        (normalize, {"columns": ["n"]}),
        (replace, {"columns": ["n"], "pattern": "x", "replacement": ""}),
        (length, {"column": "n", "into": "len"}),
    ],
)
@pytest.mark.parametrize("row", [{"n": 5}, {"n": True}, {"n": 1.5}, {"t": "a"}])
def test_what_is_no_text_or_not_there_is_left_to_the_frame(step: Any, params: dict[str, Any], row: Row) -> None:
    assert BothWays(step, params).by_row(row) is None
