from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.errors import ConfigError, DataError, Problem, RunError, SteadilyError, StepError, listed, near


def test_problems_may_be_plain_texts() -> None:
    error = DataError("one", Problem("here", "two"))
    assert str(error) == "one\nhere: two"
    assert error.problems[0] == Problem("", "one")


def test_at_most_ten_are_shown() -> None:
    lines = str(ConfigError(*(Problem(f"f:{n}", "wrong") for n in range(13)))).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "… and 3 more"


@pytest.mark.parametrize("kind", [SteadilyError, ConfigError, DataError, StepError, RunError])
def test_workers_can_send_errors_back(kind: type[SteadilyError]) -> None:
    error = kind.at("w", "x", given=[1], allowed="a", hint="h")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own process's)
    assert type(again) is kind
    assert again.problems == error.problems
    assert str(again) == "w: x; given: [1]; allowed: a; h"


def test_an_error_without_problems_is_an_empty_text() -> None:
    assert str(SteadilyError()) == ""


@given(st.lists(st.text(), max_size=30))
def test_listed_shows_a_few(names: list[str]) -> None:
    shown = listed(names)
    assert (f"({len(names)} in all)" in shown) == (len(names) > 12)


def test_near() -> None:
    assert near("tetx", ["text", "target"]) == "did you mean 'text'?"
    assert near("zzz", ["text"]) is None
    assert near("x", []) is None
