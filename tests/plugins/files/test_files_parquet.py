"""Parquet keeps its types in every piece, and a damaged file is refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steadily import DataError
from steadily_files.steps import ParquetFiles

BIG = 2**53 + 1


def read(path: str | Path, rows: int = 2, **params) -> pd.DataFrame:
    frames = [frame for _, frame in ParquetFiles(path=str(path), **params).read(rows)]
    assert all(frame.dtypes.equals(frames[0].dtypes) for frame in frames)
    assert all(len(frame) <= rows for frame in frames)
    return pd.concat(frames, ignore_index=True)


def refused(path: str | Path, **params) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **params)
    return str(caught.value)


@pytest.fixture
def table():
    return pa.table(
        {
            "whole": pa.array([BIG, None, 3, 4, 5], pa.int64()),
            "full": pa.array([BIG, 2, 3, 4, 5], pa.int64()),
            "small": pa.array([1, 2, None, 4, 5], pa.uint8()),
            "truth": pa.array([True, True, True, True, None]),
            "number": pa.array([1.5, None, 3.0, 4.0, 5.0]),
            "text": pa.array(["a", None, "é", "", "NA"]),
            "kind": pa.array(["x", "y", "x", None, "z"]).dictionary_encode(),
            "nothing": pa.nulls(5),
            "when": pa.array([datetime(2024, 1, 1, tzinfo=UTC), None] + [datetime(1, 1, 1, tzinfo=UTC)] * 3),
            "day": pa.array([date(2024, 1, 1), None, date(9999, 1, 1), date(1, 1, 1), None]),
            "price": pa.array([Decimal("1.10")] * 5),
        }
    )


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
def test_types_do_not_depend_on_the_piece(tmp_path, table, rows):
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    frame = read(tmp_path / "a.parquet", rows=rows)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "whole": "Int64",
        "full": "int64",
        "small": "UInt8",
        "truth": "boolean",
        "number": "float64",
        "text": "str",
        "kind": "str",
        "nothing": "str",
        "when": "datetime64[us, UTC]",
        "day": "datetime64[ms]",
        "price": "object",
    }
    assert frame["whole"].iloc[0] == BIG
    assert frame["kind"].fillna("-").tolist() == ["x", "y", "x", "-", "z"]
    assert frame["text"].isna().tolist() == [False, True, False, False, False]
    assert frame["price"].iloc[0] == Decimal("1.10")
    assert frame["day"].iloc[2].year == 9999


def test_columns_are_chosen_in_order(tmp_path, table):
    pq.write_table(table, tmp_path / "a.parquet")
    assert list(read(tmp_path / "a.parquet", columns=["text", "full"]).columns) == ["text", "full"]
    assert "has no column 'txt'" in refused(tmp_path / "a.parquet", columns=["txt"])
    assert "did you mean 'text'?" in refused(tmp_path / "a.parquet", columns=["txt"])


def test_without_statistics_every_whole_number_may_be_missing(tmp_path, table):
    pq.write_table(table, tmp_path / "a.parquet", write_statistics=False)
    assert str(read(tmp_path / "a.parquet")["full"].dtype) == "Int64"


def test_a_file_without_rows_has_its_columns(tmp_path, table):
    pq.write_table(table.slice(0, 0), tmp_path / "a.parquet")
    frame = read(tmp_path / "a.parquet")
    assert list(frame.columns) == table.column_names
    assert len(frame) == 0
    assert str(frame["text"].dtype) == "str"


def test_an_index_that_pandas_stored_is_a_column(tmp_path):
    pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key")).to_parquet(tmp_path / "a.parquet")
    frame = read(tmp_path / "a.parquet")
    assert frame.to_dict("list") == {"a": [1, 2], "key": ["x", "y"]}


def test_several_files_in_order_of_their_names(tmp_path):
    for name in ["b", "a"]:
        pq.write_table(pa.table({"x": [name] * 3}), tmp_path / f"{name}.parquet")
    got = [(name, frame["x"].tolist()) for name, frame in ParquetFiles(path=str(tmp_path / "*.parquet")).read(2)]
    assert got == [("a", ["a", "a"]), ("a", ["a"]), ("b", ["b", "b"]), ("b", ["b"])]
    assert list(ParquetFiles(path=str(tmp_path / "*.parquet")).version()) == ["a.parquet", "b.parquet"]


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_refused(tmp_path, table, share):
    pq.write_table(table, tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[: int(len(content) * share)])
    error = refused(tmp_path / "a.parquet")
    assert error.startswith(f"{tmp_path}/a.parquet: is no whole Parquet file")


def test_damage_in_the_middle_is_refused(tmp_path):
    pq.write_table(pa.table({"x": [f"v{i}" for i in range(50_000)]}), tmp_path / "a.parquet", compression="zstd")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[len(content) // 3 : len(content) // 3 + 500] = b"\xff" * 500
    (tmp_path / "a.parquet").write_bytes(content)
    assert "is no whole Parquet file" in refused(tmp_path / "a.parquet", rows=1000)


def test_columns_of_the_same_name_are_refused(tmp_path):
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), tmp_path / "a.parquet")
    assert "has columns of the same name: 'a'" in refused(tmp_path / "a.parquet")


def test_a_csv_file_is_no_parquet_file(tmp_path):
    (tmp_path / "a.parquet").write_text("a,b\n1,2\n")
    assert "is no whole Parquet file" in refused(tmp_path / "a.parquet")
