"""What a load test sends: rows as a client would give them, by a bundle's own contract of rows as they come in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from steadily import layout
from steadily.bundle import manifest as manifests
from steadily.bundle.manifest import Manifest
from steadily.casting import cast
from steadily.catalog import Catalog
from steadily.contract import Contract
from steadily.errors import DataError
from steadily.readers import read_file
from steadily.releases.judged import judged_rows

MOST = 5_000  # rows that are kept ready to be sent
CHUNK = 20_000
Row = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What a bundle wants of a row.

    Attributes:
        folder: The bundle's folder.
        manifest: What it says of itself.
        contract: What rows have to be like; None where anything goes.
    """

    folder: Path
    manifest: Manifest
    contract: Contract | None

    @classmethod
    def of(cls, folder: Path) -> Wanted:
        """Read it from a bundle; neither its model nor its code is loaded.

        Raises:
            DataError: It is no bundle, or not whole.
        """
        manifest = manifests.read(folder)
        first = next((stage for stage in manifest.stages if stage.contract), None)
        if first is None or first.contract is None:
            return cls(folder, manifest, None)
        values = yaml.safe_load((folder / first.contract).read_text(encoding="utf-8"))
        return cls(folder, manifest, Contract.parse(values).without(first.left_out))

    def columns_in(self, names: Sequence[str]) -> list[str]:
        """Choose the columns that a request holds."""
        if self.contract is None:
            return [name for name in names if name not in self.manifest.training_only]
        there = set(names)
        return [name for name in self.contract.dtypes if name in there]


def rows_of_file(wanted: Wanted, path: Path, most: int = MOST) -> list[Row]:
    """Read the first rows of a file, as ``steadily predict`` would.

    Raises:
        DataError: There is no such file, no reader for its name, no row in it, or a column is missing.
    """
    source = wanted.manifest.source
    found: list[Row] = []
    catalog = Catalog(wanted.folder, cached=False)
    for _, frame in read_file(catalog, path, CHUNK, {source["use"]: source["params"]}):
        found += plain_rows(wanted, frame.head(most - len(found)))
        if len(found) >= most:
            break
    if not found:
        raise DataError.at(str(path), "holds no row")
    need_columns(wanted, str(path), found[0])
    return found


def rows_of_evaluation(wanted: Wanted, project: Path, most: int = MOST) -> list[Row]:
    """Take rows on which the project's last run was judged, as they came in, evenly from all of them.

    Raises:
        DataError: They are not there.
    """
    for path in (layout.PARAMS, layout.LOCK, layout.BUNDLE):
        if not (project / path).exists():
            hint = "`dvc repro` makes it; --rows FILE names other rows"
            raise DataError.at(str(path), "is not there, so that no rows were evaluated here", hint=hint)
    rows = judged_rows(project, list(wanted.manifest.training_only))
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int))
    found = list(plain_rows(wanted, rows.iloc[places]))
    need_columns(wanted, "the evaluated rows", found[0])
    return found


def need_columns(wanted: Wanted, where: str, row: Mapping[str, Any]) -> None:
    """Refuse rows that lack a column.

    Raises:
        DataError: Naming the columns.
    """
    required = [column.name for column in wanted.contract.columns if column.required] if wanted.contract else []
    missing = [name for name in required if name not in row]
    if missing:
        raise DataError.at(where, f"column {', '.join(missing)} is missing", given=", ".join(row) or "no columns")


def plain_rows(wanted: Wanted, frame: pd.DataFrame) -> Iterator[Row]:
    """Give rows as JSON has them, in the contract's types: a number as a number, a moment as text, missing as null.

    A value that can't be read as its type is sent as it is: the service is to refuse it.
    """
    types = wanted.contract.dtypes if wanted.contract else {}
    names = wanted.columns_in([str(name) for name in frame.columns])
    columns = [list(plain_values(frame[name], types.get(name))) for name in names]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def plain_values(column: pd.Series[Any], dtype: str | None) -> Iterator[Any]:
    """Give a column's values as JSON has them."""
    found = cast(column, dtype) if dtype else None
    if found is None:
        yield from map(plain, column.tolist())
        return
    bad = found.bad if found.bad is not None else np.zeros(len(column), dtype=bool)
    for value, given, unread in zip(found.values.tolist(), column.tolist(), bad.tolist(), strict=True):
        yield plain(given if unread else value)


def plain(value: Any) -> Any:
    """Give a value as JSON has it.

    >>> plain(pd.Timestamp("2024-05-02T10:00Z")), plain(float("nan")), plain(True), plain(3)
    ('2024-05-02T10:00:00+00:00', None, True, 3)
    """
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return str(value)


def bodies(rows: Sequence[Row]) -> list[bytes]:
    """Write a request's body for each row.

    >>> bodies([{"a": 1}])
    [b'{"rows":[{"a":1}]}']
    """
    return [json.dumps({"rows": [row]}, allow_nan=False, separators=(",", ":")).encode() for row in rows]
