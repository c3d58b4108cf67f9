"""Datasets on disk: a folder of Parquet parts with the row id, and ``dataset.json`` with schema, counts, provenance.

A part never spans two source files and is named after its own, so that a new
day leaves the parts of old ones alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from steadily import layout
from steadily.errors import DataError, RunError
from steadily.files import digest_of

MANIFEST = "dataset.json"
PART_ROWS = 100_000
UNSAFE = re.compile(r"[^A-Za-z0-9._=-]+")


@dataclass(frozen=True)
class Part:
    """One Parquet file of a dataset."""

    file: str
    source: str
    rows: int
    digest: str


@dataclass(frozen=True)
class Dataset:
    """A dataset as its ``dataset.json`` describes it."""

    folder: Path
    parts: tuple[Part, ...]
    columns: Mapping[str, str]
    provenance: Mapping[str, Any]
    digest: str

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(part.rows for part in self.parts)

    def paths(self) -> Iterator[Path]:
        """Give the paths of the parts."""
        return (self.folder / part.file for part in self.parts)

    def read(self, columns: list[str] | None = None) -> pd.DataFrame:
        """Read all rows at once."""
        frames = [read_part(path, columns) for path in self.paths()]
        if not frames:
            index = pd.Index([], dtype="int64", name="row_id")
            return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in self.columns.items()}, index=index)
        return pd.concat(frames) if len(frames) > 1 else frames[0]


def open_dataset(folder: Path) -> Dataset:
    """Open a dataset and check that its parts are the ones that were written.

    Raises:
        DataError: It is not there, not whole, or was changed by other hands.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
        content = json.loads(text)
        parts = tuple(Part(**part) for part in content["parts"])
        found = Dataset(folder, parts, content["columns"], content["provenance"], digest_of(folder / MANIFEST))
    except FileNotFoundError as error:
        raise DataError.at(str(folder), "there is no such dataset", hint="run dvc repro") from error
    except (ValueError, TypeError, KeyError) as error:
        raise DataError.at(str(folder / MANIFEST), f"can't be read: {error}", hint="run dvc repro") from error
    for part, path in zip(parts, found.paths(), strict=True):
        if not path.is_file() or digest_of(path) != part.digest:
            what = "was changed since it was written" if path.is_file() else "is missing"
            raise DataError.at(str(path), what, hint="`dvc checkout` or `dvc repro` brings it back")
    return found


def read_dataset(name: str, project: Path | str = ".") -> pd.DataFrame:
    """Read a dataset of a project, for a notebook.

    Args:
        name: The dataset's name.
        project: The project's folder.

    Returns:
        All its rows, indexed by row id.
    """
    return open_dataset(Path(project) / layout.dataset_folder(name)).read()


def read_part(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read one part, with the row id as its index."""
    table = pq.read_table(path, columns=columns if columns is None else [*columns, "row_id"], use_threads=False)
    frame: pd.DataFrame = table.to_pandas(use_threads=False)
    return frame if frame.index.name == "row_id" else frame.set_index("row_id")


def part_columns(path: Path) -> list[str]:
    """Name a part's columns without reading its rows."""
    return [name for name in pq.read_schema(path).names if name != "row_id"]


def write_part(frame: pd.DataFrame, path: Path) -> str:
    """Write one part and give its digest.

    Raises:
        DataError: It can't be written: a full disk, or values that no Parquet column holds.
    """
    try:
        table = pa.Table.from_pandas(frame, preserve_index=True)
        text = [name for name, type_ in zip(table.column_names, table.schema.types, strict=True) if is_text(type_)]
        pq.write_table(table, path, compression="snappy", use_dictionary=text)
        return digest_of(path)
    except OSError as error:
        raise DataError.at(str(path), f"can't be written: {error.strerror or error}") from error
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:  # Arrow's own are not all that come
        raise DataError.at(path.name, f"values can't be stored as Parquet: {error}") from error


def is_text(type_: pa.DataType) -> bool:
    """Tell whether a column repeats values often enough for a dictionary: text does, numbers seldom do."""
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


def write_manifest(
    folder: Path, name: str, parts: list[Part], columns: Mapping[str, str], provenance: Mapping[str, Any]
) -> None:
    """Write ``dataset.json``."""
    content = {
        "format": layout.DATA_FORMAT,
        "name": name,
        "rows": sum(part.rows for part in parts),
        "columns": dict(columns),
        "parts": [asdict(part) for part in parts],
        "provenance": dict(provenance),
    }
    (folder / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def refuse_changed(datasets: list[Dataset]) -> None:
    """Refuse inputs that were edited while a stage read them.

    Raises:
        RunError: Naming the file.
    """
    for dataset in datasets:
        found = open_or_none(dataset.folder)
        if found is None or found.digest != dataset.digest:
            raise RunError.at(str(dataset.folder), "changed while the stage was reading it", hint="run dvc repro again")


def open_or_none(folder: Path) -> Dataset | None:
    """Open a dataset; None where it is no longer whole."""
    try:
        return open_dataset(folder)
    except DataError:
        return None


def part_file(source: str, number: int) -> str:
    """Name a part after its source file.

    >>> part_file("2024/mails", 3)
    '2024_mails-0003.parquet'
    """
    return f"{UNSAFE.sub('_', source)}-{number:04d}.parquet"


def dtypes_of(frame: pd.DataFrame) -> dict[str, str]:
    """Name the types of a frame's columns."""
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}
