"""Which of a file's columns are read.

Owns the choice and its refusals.
"""

from __future__ import annotations

import difflib
from collections import Counter

from steadily import DataError
from steadily_files.found import Found


def chosen(file: Found, names: list[str], columns: list[str] | None) -> list[str]:
    """Give the columns to read from a file that has ``names``.

    Raises:
        DataError: A column that was asked for is not in the file.
    """
    if columns is None:
        return names
    for column in columns:
        if column not in names:
            lowered = {name.lower(): name for name in names}
            close = difflib.get_close_matches(column.lower(), lowered, n=1)
            raise DataError.at(
                file.shown,
                f"has no column {column!r}",
                allowed=", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else ""),
                hint=f"did you mean {lowered[close[0]]!r}?" if close else None,
            )
    return columns


def refuse_repeated(columns: list[str] | None) -> None:
    """Refuse a list of columns that is empty or names one twice.

    Raises:
        DataError: It does.
    """
    if columns is None:
        return
    twice = [repr(name) for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise DataError.at("columns", f"the same column is named twice: {', '.join(twice)}")
    if not columns:
        raise DataError.at("columns", "no column is named", hint="leave the parameter out to read all of them")
