"""What a learned step has learned, stored as JSON and Parquet, never as objects."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from steadily.errors import StepError

FILE = "state.json"
UNSAFE = re.compile(r"[^A-Za-z0-9._=-]+")
NAME_AT_MOST = 60


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Store a state: scalars and lists in ``state.json``, arrays and tables as Parquet beside it.

    Raises:
        StepError: It holds something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    try:
        refuse_other_keys(state)
        for name, value in state.items():
            if isinstance(value, pd.DataFrame | np.ndarray):
                file = f"{UNSAFE.sub('_', name)[:NAME_AT_MOST]}-{len(stored)}.parquet"
                stored[name] = {"file": file, "shape": store(value, folder / file)}
            else:
                plain[name] = value
        text = json.dumps({"plain": plain, "stored": stored}, default=scalar, indent=1, ensure_ascii=False)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise StepError.at(
            str(folder),
            f"a learned state holds what can't be stored: {error}",
            allowed="scalars, lists and mappings of them by text, arrays, tables",
        ) from error
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def store(value: pd.DataFrame | np.ndarray[Any, Any], path: Path) -> list[int] | None:
    """Store a table, or an array as a column of its values in a row; give the array's shape."""
    table = value if isinstance(value, pd.DataFrame) else pd.DataFrame({"value": value.ravel()})
    table.to_parquet(path)
    return None if isinstance(value, pd.DataFrame) else list(value.shape)


def load_state(folder: Path) -> dict[str, Any]:
    """Load a state as it was stored."""
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    state = dict(content["plain"])
    for name, item in content["stored"].items():
        table = pd.read_parquet(folder / item["file"])
        state[name] = table if item["shape"] is None else table["value"].to_numpy().reshape(item["shape"])
    return state


def refuse_other_keys(state: Any) -> None:
    """Refuse keys that are no text: JSON would make text of them, and the step would not find them again.

    Raises:
        TypeError: There is one.
    """
    for name, value in state.items() if isinstance(state, Mapping) else ():
        if not isinstance(name, str):
            raise TypeError(f"the key {name!r}, which is no text")
        refuse_other_keys(value)


def scalar(value: object) -> Any:
    """Turn a NumPy scalar into Python's own."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__}")
