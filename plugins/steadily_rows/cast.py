"""The step that gives columns another type, where nothing is lost by it.

Owns what becomes of values that do not fit. How text is read as numbers, truth
values and moments is Steadily's own, the same as at a contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from steadily import DataError, PluginError, need_columns, step
from steadily_rows.comparing import kind_of
from steadily_rows.reasons import always, saying, shown, without

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

Dtype = Literal["int64", "Int64", "float64", "bool", "boolean", "str", "datetime64[us, UTC]"]
NEVER_MISSING = {"int64": "Int64", "bool": "boolean"}


def check_cast(*, types: Mapping[str, Dtype], errors: Literal["raise", "missing", "drop"] = "raise") -> None:
    """Refuse a type that can't hold what ``errors: missing`` makes."""
    for name, dtype in types.items():
        if errors == "missing" and dtype in NEVER_MISSING:
            raise PluginError.at(
                f"types.{name}", f"{dtype} can't hold missing values", hint=f"use {NEVER_MISSING[dtype]}"
            )


OF_PYTHON: dict[type, str] = {str: "str", int: "int64", float: "float64", bool: "bool"}


def cast_one(
    *, types: Mapping[str, Dtype], errors: Literal["raise", "missing", "drop"] = "raise"
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``cast`` for one row; moments, and what does not fit, are left to the frame's way."""

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        import pandas as pd

        made = dict(row)
        for name, dtype in types.items():
            value = row[name]
            if value is None and dtype not in NEVER_MISSING:
                continue
            if type(value) not in OF_PYTHON or dtype == "datetime64[us, UTC]":
                return None
            column = pd.Series([value], dtype=OF_PYTHON[type(value)])
            values, bad = converted(column, dtype)
            if bad.any() or values.isna().any():
                return None
            made[name] = values.tolist()[0]
        return made

    return single


@step("rows.cast", reads=("types",), single=cast_one)
def cast(
    frame: pd.DataFrame, *, types: dict[str, Dtype], errors: Literal["raise", "missing", "drop"] = "raise"
) -> tuple[pd.DataFrame, pd.Series]:
    """Give columns another type without losing anything: 2.0 becomes the whole number 2, and 1.5 does not fit.

    Text is read strictly: numbers in digits with a point, true and false, ISO 8601 (a zone or a day alone);
    blank text is missing. Truth values become "true" and "false", moments ISO 8601.

    Args:
        frame: The rows.
        types: The new type for each column. int64 and bool hold no missing values, Int64 and boolean do.
            Categories are not among them: they would depend on the rows of a partition.
        errors: What becomes of a value that does not fit: it stops the run (``raise``), becomes ``missing``,
            or its row is dropped (``drop``).
    """
    need_columns(frame, types)
    made, found = {}, []
    for name, dtype in types.items():
        values, bad = converted(frame[name], dtype)
        reasons = misfits(frame[name], values, bad, dtype)
        if errors == "raise":
            refuse(frame[name], reasons, dtype)
        elif errors == "drop":
            found.append(reasons)
        made[name] = values
    kept, reasons = without(frame.assign(**made), found)
    return kept.astype({name: dtype for name, dtype in types.items() if dtype in NEVER_MISSING}), reasons


cast.__dict__["check"] = check_cast


def converted(column: pd.Series, dtype: Dtype) -> tuple[pd.Series, np.ndarray[Any, Any]]:
    """Read a column as another type, one that holds missing values; say which cells can't be read."""
    import numpy as np

    from steadily import casting

    if dtype == "str":
        return texts_of(column), np.zeros(len(column), dtype=bool)
    done = casting.cast(column, dtype)
    if done is None:
        raise DataError.at(f"column '{column.name}'", f"{column.dtype} can't become {dtype} without a loss")
    bad = np.zeros(len(column), dtype=bool) if done.bad is None else done.bad
    holding: Any = NEVER_MISSING.get(dtype, dtype)
    return done.values.astype(holding), bad


def texts_of(column: pd.Series) -> pd.Series:
    """Write a column as text that can be read back to the same values."""
    kind = kind_of(column)
    if kind == "truth value":
        return column.astype("boolean").astype("str").str.lower()
    if kind == "moment":
        import pandas as pd

        texts = [pd.NA if value is pd.NaT else value.isoformat() for value in column]
        return pd.Series(texts, index=column.index, name=column.name, dtype="str")
    return column.astype("str")


def misfits(old: pd.Series, new: pd.Series, bad: np.ndarray[Any, Any], dtype: Dtype) -> pd.Series:
    """Say why values do not fit."""
    import pandas as pd

    unread = saying(old[bad], f"{old.name} is no {dtype}")
    if dtype not in NEVER_MISSING:
        return unread
    missing = always(old.index[new.isna().to_numpy() & ~bad], f"{old.name} is missing, and {dtype} can't hold that")
    both: pd.Series = pd.concat([unread, missing])
    return both


def refuse(column: pd.Series, reasons: pd.Series, dtype: Dtype) -> None:
    """Stop the run if any value does not fit, with examples."""
    if not len(reasons):
        return
    missing = bool(column[reasons.index].isna().all())
    what = f"{len(reasons)} values do not fit {dtype}"
    examples = ", ".join(shown(column[reasons.index]).fillna("missing").drop_duplicates().head(3))
    instead = NEVER_MISSING.get(dtype)
    hint = (
        f"{instead} can hold missing values" if missing and instead else "errors: drop or errors: missing go on without"
    )
    raise DataError.at(f"column '{column.name}'", what, given=examples, hint=hint)
