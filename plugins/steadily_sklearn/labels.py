"""What a model learns to tell: the target's values as scikit-learn takes them.

Owns the checks of the target column, for classes and for numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily import DataError
from steadily_sklearn.wording import counted, shown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

KINDS = {"string": "U", "boolean": "bool", "integer": "int64", "floating": "float64"}


def refuse_incomplete(target: pd.Series[Any]) -> None:
    """Refuse a target without rows, or with missing values."""
    if not len(target):
        raise DataError.at(where(target), "there are no rows to learn from")
    missing = int(target.isna().sum())
    if missing:
        raise DataError.at(
            where(target),
            f"{counted(missing, 'value is', 'values are')} missing of {len(target):,}",
            hint="drop these rows before (rows.drop_missing)",
        )


def classes(target: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Give the class of each row.

    Raises:
        DataError: A class is missing, there is one class only, or the values are no classes.
    """
    import numpy as np
    import pandas as pd

    refuse_incomplete(target)
    held = pd.api.types.infer_dtype(target.astype(object), skipna=False)
    if held not in KINDS:
        raise DataError.at(
            where(target), "these values are no classes", given=held, allowed="text, whole numbers, true and false"
        )
    values = np.asarray(target.astype(object).tolist(), dtype=KINDS[held])
    if held == "floating" and not bool((np.isfinite(values) & (values == np.floor(values))).all()):
        raise DataError.at(
            where(target),
            "numbers with fractions are no classes",
            hint="a regressor predicts numbers (sklearn.linear_model.Ridge)",
        )
    distinct = np.unique(values)
    if len(distinct) < 2:
        raise DataError.at(
            where(target),
            f"all {len(values):,} rows have the same class; a model needs two or more",
            given=shown(distinct.tolist()[0]),
        )
    return values


def figures(target: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """Give the number of each row, for a regressor.

    Raises:
        DataError: A number is missing or infinite, or the values are no numbers.
    """
    import numpy as np
    import pandas as pd

    refuse_incomplete(target)
    held = pd.api.types.infer_dtype(target.astype(object), skipna=False)
    if held not in ("integer", "floating", "mixed-integer-float"):
        raise DataError.at(
            where(target), "a regressor learns numbers", given=held, hint="a classifier predicts classes"
        )
    values: np.ndarray[Any, Any] = np.asarray(target.to_numpy(dtype=np.float64))
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise DataError.at(where(target), f"{counted(infinite, 'value is', 'values are')} infinite")
    return values


def where(target: pd.Series[Any]) -> str:
    """Name the target's place.

    >>> import pandas as pd
    >>> where(pd.Series([1], name="late"))
    "target 'late'"
    """
    return f"target {target.name!r}" if target.name is not None else "target"
