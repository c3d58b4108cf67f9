"""What is replayed: rows, their times as the pipeline reads them, their labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.bundle import open_bundle
from steadily.datasets import read_dataset
from steadily.errors import DataError
from steadily.loadtest.rows import Wanted
from steadily.replay.recording import UNREAD, Recording, carried, frames_of_file, frames_of_project, recording_of

HEAD = "order,city,weight,ordered_at,late\n"


def recorded(project: Path, path: Path, since_us: int | None = None) -> Recording:
    bundle = project / "bundle"
    wanted = Wanted.of(bundle)
    frames = frames_of_file(bundle, wanted, path)
    return recording_of(wanted, frames, str(path), open_bundle(bundle), since_us)


def us(moment: str) -> int:
    return int(pd.Timestamp(moment).timestamp() * 1_000_000)


def test_rows_come_in_the_order_of_their_times(ran_project: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        HEAD
        + "1,Ulm,1,2024-01-03T10:00:00Z,y\n"
        + "2,Ulm,2,nobody knows,n\n"
        + "3,Ulm,3,2024-01-01T10:00:00+01:00,\n"
        + "4,Ulm,4,,y\n"
    )
    found = recorded(ran_project, path)
    assert [json.loads(body)["rows"][0]["order"] for body in found.bodies] == [3, 4, 1, 2]
    first, second = us("2024-01-01T09:00Z"), us("2024-01-03T10:00Z")
    assert found.times.tolist() == [first, first, second, second]
    assert found.labels == [None, "y", "y", "n"]
    assert found.unread == 2
    assert "late" not in json.loads(found.bodies[0])["rows"][0]
    later = recorded(ran_project, path, second)
    assert [json.loads(body)["rows"][0]["order"] for body in later.bodies] == [1, 2]


def test_the_rows_that_the_last_run_took_in(ran_project: Path) -> None:
    wanted = Wanted.of(ran_project / "bundle")
    bundle = open_bundle(ran_project / "bundle")
    found = recording_of(wanted, frames_of_project(ran_project), "the data", bundle)
    raw = read_dataset("raw", ran_project)
    assert len(found.bodies) == len(raw)
    assert (np.diff(found.times) >= 0).all()


@pytest.mark.parametrize(
    ("rows", "told"),
    [("", "holds no row"), ("1,Ulm,1,never,y\n", "no row whose time can be read")],
)
def test_what_can_not_be_replayed(ran_project: Path, tmp_path: Path, rows: str, told: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEAD + rows)
    with pytest.raises(DataError, match=told):
        recorded(ran_project, path)


@given(st.lists(st.one_of(st.none(), st.integers(0, 100)), min_size=1).filter(any))
def test_unread_times_are_those_of_the_row_before(values: list[int | None]) -> None:
    found = carried(np.array([UNREAD if one is None else one for one in values], dtype=np.int64)).tolist()
    last = next(one for one in values if one is not None)
    for one, got in zip(values, found, strict=True):
        last = last if one is None else one
        assert got == last


def test_without_a_need_for_times_rows_without_any_stay_as_they_stand(ran_project: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEAD + "2,Ulm,1,never,y\n1,Ulm,1,,n\n")
    bundle = ran_project / "bundle"
    wanted = Wanted.of(bundle)
    found = recording_of(wanted, frames_of_file(bundle, wanted, path), "rows", open_bundle(bundle), timed=False)
    assert [json.loads(body)["rows"][0]["order"] for body in found.bodies] == [2, 1]
    assert not len(found.times)
