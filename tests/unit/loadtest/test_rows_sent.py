"""What is sent: rows of the evaluated data or of a file, as a client would give them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from steadily.bundle import open_bundle
from steadily.datasets import read_dataset
from steadily.errors import DataError
from steadily.loadtest.rows import Wanted, bodies, plain_rows, rows_of_evaluation, rows_of_file
from unit.small import Small


def test_the_evaluated_rows_as_they_came_in(ran_project: Path) -> None:
    wanted = Wanted.of(ran_project / "bundle")
    rows = rows_of_evaluation(wanted, ran_project)
    judged_ids = read_dataset("predictions", ran_project).index
    assert len(rows) == len(judged_ids)
    assert set(rows[0]) == {"order", "city", "weight", "ordered_at"}
    assert {type(row["order"]) for row in rows} == {int}
    assert {type(row["weight"]) for row in rows} == {float, type(None)}
    raw = read_dataset("raw", ran_project)
    assert [row["city"] for row in rows] == raw.loc[raw.index.isin(judged_ids), "city"].tolist()
    assert len(rows_of_evaluation(wanted, ran_project, 7)) == 7
    answers = open_bundle(ran_project / "bundle").predict(pd.DataFrame(rows))
    assert not answers.refused


def test_the_rows_of_a_file(ran_project: Path, tmp_path: Path) -> None:
    wanted = Wanted.of(ran_project / "bundle")
    file = tmp_path / "more.csv"
    text = "order,city,weight,ordered_at,late,extra\n1,Ulm,3.5,2024-01-02T10:00:00Z,y,q\nmany,Rom,,x,n,q\n"
    file.write_text(text, encoding="utf-8")
    rows = rows_of_file(wanted, file)
    assert rows == [
        {"order": 1, "city": "Ulm", "weight": 3.5, "ordered_at": "2024-01-02T10:00:00Z"},
        {"order": "many", "city": "Rom", "weight": None, "ordered_at": "x"},
    ]
    assert rows_of_file(wanted, file, 1) == rows[:1]
    assert json.loads(bodies(rows)[1]) == {"rows": [rows[1]]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("order,city,weight,ordered_at\n", "holds no row"),
        ("order,city\n1,Ulm\n", "column weight, ordered_at is missing; given: order, city"),
    ],
)
def test_files_that_will_not_do(ran_project: Path, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "more.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        rows_of_file(Wanted.of(ran_project / "bundle"), file)
    with pytest.raises(DataError, match="there is no such file"):
        rows_of_file(Wanted.of(ran_project / "bundle"), tmp_path / "none.csv")


def test_a_project_that_has_not_run(ran_project: Path, small: Small, tmp_path: Path) -> None:
    wanted = Wanted.of(ran_project / "bundle")
    with pytest.raises(DataError, match=r"no rows were evaluated here; .*--rows FILE names other rows"):
        rows_of_evaluation(wanted, Path())
    with pytest.raises(DataError, match="there is no such folder"):
        Wanted.of(tmp_path / "bundle")


def test_without_a_contract_all_but_what_training_needs_is_sent(ran_project: Path, tmp_path: Path) -> None:
    shutil.copytree(ran_project / "bundle", tmp_path / "bundle")
    found = Wanted.of(tmp_path / "bundle")
    wanted = Wanted(found.folder, found.manifest, None)
    moment = pd.Timestamp("2024-01-02T10:00Z")
    frame = pd.DataFrame({"a": [1, 2], "late": "y", "at": [moment, None], "b": [b"x", float("inf")]})
    assert list(plain_rows(wanted, frame)) == [
        {"a": 1, "at": "2024-01-02T10:00:00+00:00", "b": "b'x'"},
        {"a": 2, "at": None, "b": None},
    ]
