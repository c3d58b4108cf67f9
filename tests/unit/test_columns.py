from __future__ import annotations

import pandas as pd
import pytest

from steadily.columns import need_columns
from steadily.errors import DataError


def test_all_columns_that_are_not_there_are_named_at_once() -> None:
    with pytest.raises(DataError) as caught:
        need_columns(pd.DataFrame({"text": [], "target": []}), ["txt", "target", "zzz", "txt"])
    assert [problem.where for problem in caught.value.problems] == ["column 'txt'", "column 'zzz'"]
    assert "did you mean 'text'?" in str(caught.value)


def test_nothing_needed_is_nothing_missing() -> None:
    need_columns(pd.DataFrame(), [])


def test_no_columns_at_all() -> None:
    with pytest.raises(DataError, match="the rows have no columns at all"):
        need_columns(pd.DataFrame(index=[1]), ["x"])


def test_columns_that_are_no_text_do_not_break_the_error() -> None:
    with pytest.raises(DataError, match="the rows have 0"):
        need_columns(pd.DataFrame([[1]]), ["x"])
