from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily import DataError, PluginError
from steadily.testing import check_step
from steadily_text.steps import check_pattern, length, normalize, replace

INBOX = Path(__file__).parents[3] / "data" / "inbox" / "spam_messages.csv.gz"
TEXTS = [
    "  Äpfel\tUND ",
    None,
    "",
    " \n ",
    "ΟΔΟΣ",
    "İstanbul",
    "ﬁne e\u0301",
    "a\x00b",
    "x" * 5000,
    "\U0001f600 OK",
    "ß ẞ",
]


def frame(texts: list[str | None] = TEXTS) -> pd.DataFrame:
    return pd.DataFrame({"text": pd.Series(texts, dtype="str"), "n": range(len(texts))}).rename_axis("row_id")


@pytest.mark.parametrize(
    ("step", "params"),
    [
        (normalize, {"columns": ["text"]}),
        (normalize, {"columns": ["text"], "lower": False, "collapse_spaces": True, "unicode": "NFKC"}),
        (normalize, {"columns": []}),
        (replace, {"columns": ["text"], "pattern": r"(?<=x)(.)", "replacement": r"<\1>"}),
        (length, {"column": "text", "into": "length"}),
    ],
)
def test_a_step_keeps_its_promises(step: object, params: dict) -> None:
    check_step(step, params, frame())


@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), max_size=8))
def test_lower_case_is_that_of_python(texts: list[str | None]) -> None:
    done = normalize(frame(texts), columns=["text"]).text
    assert done.dtype == "str"
    assert [None if value is np.nan else value for value in done] == [
        None if text is None else text.lower().strip() for text in texts
    ]


@given(
    st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))), max_size=8),
    st.sampled_from([r"\w", r"\s+", r"(?i)a|é", r"^.", r"[^\x00-\x7f]"]),
)
def test_patterns_are_those_of_python(texts: list[str | None], pattern: str) -> None:
    done = replace(frame(texts), columns=["text"], pattern=pattern, replacement="_").text
    assert [None if value is np.nan else value for value in done] == [
        None if text is None else re.sub(pattern, "_", text) for text in texts
    ]


def test_white_space_alone_becomes_empty_and_not_missing() -> None:
    done = normalize(frame([" \t ", None]), columns=["text"]).text
    assert done.iloc[0] == ""
    assert done.isna().tolist() == [False, True]


def test_unicode_forms_make_equal_letters_equal() -> None:
    done = normalize(frame(["e\u0301", "é", "ﬁ"]), columns=["text"], unicode="NFC").text
    assert done.tolist() == ["é", "é", "ﬁ"]
    assert normalize(frame(["ﬁ"]), columns=["text"], unicode="NFKC").text.tolist() == ["fi"]


def test_spaces_collapse() -> None:
    done = normalize(frame(["a  b\n\t c", "a\u00a0 b"]), columns=["text"], collapse_spaces=True).text
    assert done.tolist() == ["a b c", "a b"]


def test_all_real_mails_are_lowered_as_python_does() -> None:
    mails = pd.read_csv(INBOX, usecols=["text"]).rename_axis("row_id")
    assert normalize(mails, columns=["text"], strip=False).text.tolist() == [text.lower() for text in mails.text]


def test_length_counts_characters() -> None:
    done = length(frame(["äö", None, "", "\U0001f600"]), column="text", into="size")["size"]
    assert done.dtype == "Int64"
    assert done.tolist() == [2, pd.NA, 0, 1] or done.fillna(-1).tolist() == [2, -1, 0, 1]


def test_numbers_are_refused() -> None:
    with pytest.raises(DataError, match=r"column 'n': is no text; given: int64"):
        normalize(frame(), columns=["n"])


def test_an_unknown_column_is_named_with_a_near_one() -> None:
    with pytest.raises(DataError, match=r"column 'texd'.*did you mean 'text'\?"):
        normalize(frame(), columns=["texd"])


def test_a_column_is_never_overwritten_by_lengths() -> None:
    with pytest.raises(DataError, match="column 'n': is there already"):
        length(frame(), column="text", into="n")


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [("(", "", "no regular expression"), ("a", r"\1", "can't be filled in"), ("a", r"\g<x>", "can't be filled in")],
)
def test_a_bad_pattern_is_refused_before_the_run(pattern: str, replacement: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        check_pattern(columns=["text"], pattern=pattern, replacement=replacement)
