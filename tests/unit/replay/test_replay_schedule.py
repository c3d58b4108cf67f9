"""When rows are sent."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.errors import ConfigError
from steadily.replay import schedule
from steadily.replay.schedule import STEP_US, Due, at_rate, bounded, own_times, steps

TIMES = st.lists(st.integers(0, 10**12), min_size=1, max_size=30).map(sorted)


@given(TIMES, st.integers(1, 100))
def test_own_times_keep_their_distances_and_go_on_rising_in_a_loop(times: list[int], more: int) -> None:
    once = list(own_times(times, loop=False))
    assert [due.offset_us for due in once] == [one - times[0] for one in times]
    looped = list(islice(own_times(times, loop=True), len(times) + more))
    assert looped[: len(times)] == once
    assert [due.place for due in looped] == [number % len(times) for number in range(len(looped))]
    assert all(one.offset_us <= two.offset_us for one, two in pairwise(looped))
    assert looped[len(times)].offset_us > once[-1].offset_us


@given(st.integers(1, 50), st.floats(0.001, 1000), st.integers(0, 200))
def test_a_rate_sends_so_many_in_a_time(rows: int, rate: float, wanted: int) -> None:
    found = list(islice(at_rate(rows, rate, loop=True), wanted))
    assert all(abs(due.offset_us * rate / 1e6 - number) <= rate for number, due in enumerate(found))
    assert len(list(at_rate(rows, rate, loop=False))) == rows


@given(TIMES)
def test_steps_hold_each_row_once_in_order(times: list[int]) -> None:
    due = list(own_times(times, loop=False))
    found = list(steps(due))
    assert [one for _, members in found for one in members] == due
    assert all(members[0].offset_us == at_us and members[-1].offset_us - at_us < STEP_US for at_us, members in found)


def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "MOST", 3)
    assert bounded(at_rate(5, 1, loop=True), 3_000_000) == [Due(0, 0), Due(1_000_000, 1), Due(2_000_000, 2)]
    with pytest.raises(ConfigError, match="too many requests"):
        bounded(at_rate(5, 1, loop=True), 4_000_000)
