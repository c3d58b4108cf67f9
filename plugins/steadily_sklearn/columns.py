"""Columns as scikit-learn is given them: numbers as float64, text as objects, missing as NaN.

Owns what a column holds (its kind) and the conversion, so that a column is the
same to a model whether it came as int64, float64 or bool, from Parquet or from a
request. Which columns a model reads is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from steadily import DataError
from steadily_sklearn.wording import any_near, counted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Kind = Literal["number", "text"]

EXACT = 2**53  # whole numbers beyond can't be told apart as float64
NUMBERS = {"boolean", "integer", "floating", "mixed-integer-float", "empty"}
WHERE = "features"


def ready(frame: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """Give the columns that ``kinds`` names, and no others, converted for scikit-learn.

    Raises:
        DataError: A column is missing from the frame, or holds what its kind does not allow.
    """
    import pandas as pd

    refuse_absent(frame, kinds)
    found = {name: converted(frame[name], kind) for name, kind in kinds.items()}
    series = {name: pd.Series(values, frame.index, values.dtype, copy=False) for name, values in found.items()}
    return pd.DataFrame(series, index=frame.index, copy=False)


def kinds_of(frame: pd.DataFrame, columns: Iterable[str]) -> dict[str, Kind]:
    """Tell what each of ``columns`` holds.

    Raises:
        DataError: A column is missing from the frame, or is of a kind that no model takes.
    """
    wanted = list(dict.fromkeys(columns))
    refuse_absent(frame, wanted)
    return {name: kind_of(frame[name]) for name in wanted}


def refuse_absent(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuse a frame that lacks one of ``columns``, or has one twice."""
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        have = [str(name) for name in frame.columns]
        raise DataError.at(
            WHERE,
            f"the rows have no column {', '.join(map(repr, absent))}",
            given=", ".join(have) or "no columns",
            hint=any_near(absent[0], have),
        )
    twice = [] if frame.columns.is_unique else [name for name in columns if list(frame.columns).count(name) > 1]
    if twice:
        raise DataError.at(WHERE, f"the rows have several columns named {twice[0]!r}")


def kind_of(column: pd.Series[Any]) -> Kind:
    """Tell whether a column holds numbers or text.

    >>> import pandas as pd
    >>> kind_of(pd.Series([1, 2])), kind_of(pd.Series([True, None])), kind_of(pd.Series(["a"], dtype="category"))
    ('number', 'number', 'text')
    """
    import pandas as pd

    dtype = column.cat.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    if pd.api.types.is_object_dtype(dtype):
        held = pd.api.types.infer_dtype(column, skipna=True)
    elif pd.api.types.is_string_dtype(dtype):
        held = "string"
    elif pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        held = "floating"
    else:
        held = str(dtype)
    if held in NUMBERS:
        return "number"
    if held == "string":
        return "text"
    raise DataError.at(
        WHERE, f"column {column.name!r} can't be a feature", given=held, allowed="numbers, text", hint=way_out(held)
    )


def way_out(held: str) -> str:
    """Say what to do with a column that is neither numbers nor text.

    >>> way_out("datetime64[us, UTC]")
    'make numbers of it first, such as the hour or the day of the week'
    """
    if "date" in held or "time" in held or "period" in held:
        return "make numbers of it first, such as the hour or the day of the week"
    return "make it one type first"


def converted(column: pd.Series[Any], kind: Kind) -> np.ndarray[Any, Any]:
    """Give a column's values as scikit-learn takes them.

    Raises:
        DataError: The column holds another kind of values, or numbers that float64 can't hold.
    """
    import numpy as np

    missing = column.isna().to_numpy()
    if not missing.all():
        held = kind_of(column)
        if held != kind:
            raise DataError.at(
                WHERE,
                f"column {column.name!r} holds {named(held)}",
                allowed=f"{named(kind)}, as when the model learned",
            )
        if kind == "number":
            return numbers(column, missing)
    if kind == "number":
        return np.full(len(column), np.nan)
    text = column.to_numpy(dtype=object, copy=True)
    text[missing] = np.nan
    return text


def numbers(column: pd.Series[Any], missing: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give a column of numbers as float64, missing as NaN.

    Raises:
        DataError: A number is infinite, or a whole number too large to be exact.
    """
    import numpy as np

    if column.dtype.kind in "fiub" and not hasattr(column.dtype, "na_value"):
        given = column.to_numpy()
    else:
        given = column.to_numpy(dtype=object, copy=True)
        given[missing] = np.nan
    values = given.astype(np.float64)
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise DataError.at(
            WHERE,
            f"column {column.name!r} has {counted(infinite, 'infinite value', 'infinite values')}",
            allowed="finite numbers, missing values",
            hint="mend them in a step before the model",
        )
    if given.dtype.kind in "iu" and len(values) and float(np.abs(values).max()) > EXACT:
        raise DataError.at(
            WHERE,
            f"column {column.name!r} has whole numbers beyond 2^53, which models can't tell apart",
            given=int(np.abs(values).max()),
            hint="if they are names, make them text first",
        )
    return values


def named(kind: Kind) -> str:
    """Name a kind in a sentence."""
    return "numbers" if kind == "number" else "text"


def missing_counts(frame: pd.DataFrame, columns: Iterable[str]) -> dict[str, int]:
    """Count the missing values of those of ``columns`` that have any."""
    counts = {name: int(frame[name].isna().sum()) for name in columns}
    return {name: count for name, count in counts.items() if count}
