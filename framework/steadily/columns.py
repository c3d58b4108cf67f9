"""Whether a frame has the columns that a step names in its parameters.

Owns the wording for a column that is not there. Which columns a dataset must
have at a stage's boundary is left to its contract.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from steadily.errors import DataError, Problem, listed, near

if TYPE_CHECKING:
    import pandas as pd

ROW_ID = "row_id"


def need_columns(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuse to go on unless ``frame`` has all of ``columns``.

    Args:
        frame: The rows that a step was given.
        columns: The names that its parameters say.

    Raises:
        DataError: With a problem for each column that is not there.

    >>> import pandas as pd
    >>> need_columns(pd.DataFrame({"text": []}), ["txt"])
    Traceback (most recent call last):
    steadily.errors.DataError: column 'txt': the step needs it and the rows do not have it; \
the rows have text; did you mean 'text'?
    """
    there = [str(name) for name in frame.columns]
    gone = [name for name in dict.fromkeys(columns) if name not in frame.columns]
    if gone:
        raise DataError(*(missing(name, there) for name in gone))


def unfit_columns(frame: pd.DataFrame) -> str | None:
    """Say why a frame's columns can't be those of a dataset, or None if they can.

    >>> import pandas as pd
    >>> unfit_columns(pd.DataFrame({"text": [], "row_id": []}))
    "has a column 'row_id', which is the name of the index that holds the row ids"
    """
    if frame.columns.nlevels > 1:
        return "has names of columns in several levels"
    names = [str(name) for name in frame.columns]
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        return f"has two columns of the same name: {listed(doubled)}"
    if ROW_ID in names:
        return f"has a column {ROW_ID!r}, which is the name of the index that holds the row ids"
    return None


def missing(name: str, there: list[str]) -> Problem:
    """Say that a column is not there, what is, and which one may be meant."""
    hints = [f"the rows have {listed(there)}" if there else "the rows have no columns at all", near(name, there)]
    what = "the step needs it and the rows do not have it"
    return Problem(f"column '{name}'", what, hint="; ".join(hint for hint in hints if hint))
