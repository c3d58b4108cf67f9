"""Why scikit-learn refused rows, in terms of columns.

Owns the search for the cause after a refusal; nothing here runs while all is well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steadily import DataError, SteadilyError
from steadily_sklearn.columns import missing_counts
from steadily_sklearn.wording import shown

if TYPE_CHECKING:
    import pandas as pd

WHERE = "features"


def refusal_of_rows(features: Any, rows: pd.DataFrame, error: Exception) -> SteadilyError:
    """Word scikit-learn's refusal: which columns have missing values that nothing fills in, or what it said.

    Args:
        features: The ``ColumnTransformer``, fitted or not.
        rows: The rows that were refused, converted.
        error: What scikit-learn raised.

    Returns:
        The error to raise in its stead.
    """
    bare = {name: count for part in blocks(features) for name, count in left_missing(*part, rows).items()}
    if bare:
        told = ", ".join(f"{name} ({count:,})" for name, count in bare.items())
        made = DataError.at(
            WHERE,
            "missing values in columns that can't have any",
            given=told,
            hint="fill them in (rows.impute, or sklearn.impute.SimpleImputer in the block) or drop the rows",
        )
    elif "unknown categor" in str(error):
        made = DataError.at(
            WHERE,
            "a category that was not there when the model learned",
            given=shown(str(error)),
            hint="handle_unknown: ignore",
        )
    elif text := text_columns(features, rows):
        made = DataError.at(
            WHERE,
            f"text where numbers are needed, in {', '.join(text)}",
            hint="give them a block with sklearn.preprocessing.OneHotEncoder or OrdinalEncoder",
        )
    else:
        made = DataError.at(WHERE, "scikit-learn can't work with these rows and parameters", given=str(error).strip())
    return made


def blocks(features: Any) -> Iterator[tuple[Any, bool, list[str] | str]]:
    """Give each block's transformer, whether it is fitted, and its columns."""
    fitted = hasattr(features, "transformers_")
    for _, transformer, columns in features.transformers_ if fitted else features.transformers:
        yield transformer, fitted, columns


def left_missing(transformer: Any, fitted: bool, columns: list[str] | str, rows: pd.DataFrame) -> dict[str, int]:
    """Count the missing values of a block's columns, if the block does not take them away."""
    counts = missing_counts(rows, [columns] if isinstance(columns, str) else list(columns))
    return counts if counts and not takes_away(transformer, fitted, rows[columns]) else {}


def takes_away(transformer: Any, fitted: bool, rows: Any) -> bool:
    """Tell whether what comes out of a transformer has no missing values."""
    import numpy as np
    from sklearn.base import clone

    if isinstance(transformer, str):
        return False
    try:
        made = transformer.transform(rows) if fitted else clone(transformer).fit_transform(rows)
    except (ValueError, TypeError):
        return False
    values = getattr(made, "data", made) if hasattr(made, "nnz") else made
    return not bool(np.isnan(np.asarray(values, dtype=np.float64)).any())


def text_columns(features: Any, rows: pd.DataFrame) -> list[str]:
    """Name the columns of text in blocks that take numbers."""
    found = []
    for transformer, _, columns in blocks(features):
        encodes = not isinstance(transformer, str) and takes_text(transformer)
        if not encodes and not isinstance(columns, str):
            found += [name for name in columns if rows[name].dtype == object]
    return found


def takes_text(transformer: Any) -> bool:
    """Tell whether a transformer is made for categories or text."""
    from sklearn.utils import get_tags

    first = transformer[0] if hasattr(transformer, "steps") else transformer
    tags = get_tags(first).input_tags
    return bool(tags.categorical or tags.string)
