"""Datasets as files: what is written is read, and what others did to it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from steadily.datasets import (
    Part,
    open_dataset,
    open_or_none,
    part_columns,
    part_file,
    read_dataset,
    read_part,
    refuse_changed,
    write_manifest,
    write_part,
)
from steadily.errors import DataError, RunError


def frame(*numbers: int) -> pd.DataFrame:
    return pd.DataFrame({"n": numbers}, index=pd.Index(numbers, name="row_id"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "some"
    folder.mkdir(parents=True)
    rows = {"a-0": (1, 2), "b-0": (3, 4)}
    parts = [Part(file, file[0], 2, write_part(frame(*rows[file]), folder / file)) for file in rows]
    write_manifest(folder, "some", parts, {"n": "int64"}, {"stage": "é"})
    return folder


def test_what_is_written_is_read(folder: Path) -> None:
    found = open_dataset(folder)
    assert found.rows == 4
    assert found.provenance == {"stage": "é"}
    pd.testing.assert_frame_equal(found.read(), frame(1, 2, 3, 4))
    pd.testing.assert_frame_equal(read_dataset("some", folder.parents[1]), frame(1, 2, 3, 4))
    assert list(found.read([]).index) == [1, 2, 3, 4]
    assert part_columns(folder / "a-0") == ["n"]
    refuse_changed([found])


def test_a_dataset_without_parts_has_its_columns(tmp_path: Path) -> None:
    write_manifest(tmp_path, "none", [], {"n": "int64", "t": "str"}, {})
    read = open_dataset(tmp_path).read()
    assert (len(read), list(read.columns), read.index.name) == (0, ["n", "t"], "row_id")


def spoil_digest(folder: Path) -> None:
    write_part(frame(9), folder / "a-0")


def take_part(folder: Path) -> None:
    (folder / "b-0").unlink()


def part_is_folder(folder: Path) -> None:
    take_part(folder)
    (folder / "b-0").mkdir()


def take_manifest(folder: Path) -> None:
    (folder / "dataset.json").unlink()


def manifest(text: str):  # type: ignore[no-untyped-def]
    return lambda folder: (folder / "dataset.json").write_text(text)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoil_digest, "a-0: was changed since it was written; `dvc checkout` or `dvc repro` brings it back"),
        (take_part, "b-0: is missing"),
        (part_is_folder, "b-0: is missing"),
        (take_manifest, "there is no such dataset; run dvc repro"),
        (manifest(""), "dataset.json: can't be read"),
        (manifest("[]"), "dataset.json: can't be read"),
        (manifest("{"), "dataset.json: can't be read"),
        (manifest('{"parts": [{"file": "a"}], "columns": {}, "provenance": {}}'), "dataset.json: can't be read"),
        (manifest('{"parts": []}'), "dataset.json: can't be read"),
    ],
)
def test_what_others_did_is_told(folder: Path, spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    before = open_dataset(folder)
    spoil(folder)
    with pytest.raises(DataError) as caught:
        open_dataset(folder)
    assert said in str(caught.value)
    assert open_or_none(folder) is None
    with pytest.raises(RunError, match="changed while the stage was reading it"):
        refuse_changed([before])


@pytest.mark.parametrize(
    "values",
    [[object()], [2**70], ["\ud800"], [1, "a"], [{1: 2}, {"a": object()}], [1 + 2j]],
)
def test_values_that_no_column_holds(tmp_path: Path, values: list[object]) -> None:
    odd = pd.DataFrame({"x": pd.Series(values, dtype=object)}).rename_axis("row_id")
    with pytest.raises(DataError, match=r"^part: values can't be stored as Parquet"):
        write_part(odd, tmp_path / "part")


def test_columns_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be stored"):
        write_part(pd.concat([frame(1), frame(1)], axis=1), tmp_path / "part")


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"can't be written: .*No such file"):
        write_part(frame(1), tmp_path / "none" / "part")


def test_ids_come_back_whatever_pandas_wrote_about_them(tmp_path: Path) -> None:
    frame(1).reset_index(names="row_id").to_parquet(tmp_path / "part")
    assert read_part(tmp_path / "part").index.name == "row_id"


def test_a_manifest_is_json_with_words_as_they_are(folder: Path) -> None:
    text = (folder / "dataset.json").read_text(encoding="utf-8")
    assert '"é"' in text
    assert json.loads(text)["rows"] == 4


@pytest.mark.parametrize("name", ["a/b", "../../x", "é", "", " ", "a\nb", "C:\\x"])
def test_parts_stay_in_their_folder(name: str) -> None:
    assert Path(part_file(name, 3)).name == part_file(name, 3)
