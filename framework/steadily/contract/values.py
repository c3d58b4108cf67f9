"""Reading the arguments of a contract's checks from YAML: typed by the column, or refused in words.

Each reader takes what YAML gave and the column's type, and raises ValueError with
the end of the sentence 'min_value …'.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import warnings
from collections.abc import Callable
from typing import Any

from steadily.contract.constraints import Argument, Scalar
from steadily.dtypes import DATETIME


def read_value(given: object, family: str) -> Scalar:
    """Read a value of a column's type.

    >>> read_value("1995-01-01", "datetime64[us, UTC]")
    '1995-01-01T00:00:00+00:00'
    """
    if family == DATETIME:
        return read_moment(given)
    if isinstance(given, bool) or family == "bool":
        if not (isinstance(given, bool) and family == "bool"):
            hint = "; YAML reads yes, no, on and off as true and false: put it in quotes" if family == "str" else ""
            raise ValueError(f"has to be {NOUNS[family]}{hint}")
        return given
    if family == "str" and isinstance(given, str):
        return given
    if family == "float64" and isinstance(given, int | float) and math.isfinite(given):
        return float(given)
    if family == "int64" and isinstance(given, int | float) and math.isfinite(given) and int(given) == given:
        whole = int(given)
        if -(2**63) <= whole < 2**63:
            return whole
    raise ValueError(f"has to be {NOUNS[family]}")


NOUNS = {
    "int64": "a whole number of 64 bits",
    "float64": "a finite number",
    "bool": "true or false",
    "str": "text",
    DATETIME: "a day or moment in ISO 8601, such as 1995-01-01 or 1995-01-01T12:00:00Z",
}


def read_moment(given: object) -> str:
    """Read a day (its midnight) or a moment (UTC where it names no zone) as ISO 8601 text in UTC."""
    if isinstance(given, str):
        try:
            given = dt.datetime.fromisoformat(given)
        except ValueError:
            raise ValueError(f"has to be {NOUNS[DATETIME]}") from None
    if isinstance(given, dt.date) and not isinstance(given, dt.datetime):
        given = dt.datetime.combine(given, dt.time())
    if not isinstance(given, dt.datetime):
        raise ValueError(f"has to be {NOUNS[DATETIME]}")
    try:
        moment = given.astimezone(dt.UTC) if given.tzinfo else given.replace(tzinfo=dt.UTC)
    except OverflowError:
        raise ValueError(f"has to be {NOUNS[DATETIME]}") from None
    return moment.isoformat()


def read_values(given: object, family: str) -> tuple[Scalar, ...]:
    """Read a list of values of a column's type."""
    if not isinstance(given, list | tuple) or not given:
        raise ValueError("has to be a list with at least one value")
    return tuple(read_value(one, family) for one in given)


def read_text(given: object, family: str) -> str:
    """Read text."""
    if not isinstance(given, str):
        raise ValueError("has to be text")
    return given


def read_pattern(given: object, family: str) -> str:
    """Read a regular expression; one that Python warns of is read in two ways by two engines."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            found = re.compile(read_text(given, family)).pattern
    except (re.error, FutureWarning) as error:
        raise ValueError(f"is no regular expression: {error}") from None
    refuse_unknown(found)
    return found


def refuse_unknown(pattern: str) -> None:
    """Refuse a pattern that Python knows, and the engine behind text columns does not."""
    import pandas as pd  # only where a contract has patterns

    try:
        pd.Series([""], dtype="str").str.match(pattern)
    except ValueError as error:  # pyarrow's ArrowInvalid is one
        hint = "possessive and atomic groups and very long repetitions have to be written another way"
        raise ValueError(f"is not one that the engine behind text columns knows ({error}): {hint}") from None


def read_length(given: object, family: str) -> int:
    """Read a number of characters."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise ValueError("has to be a whole number, 0 or more")
    return given


def read_flag(given: object, family: str) -> bool:
    """Read true or false."""
    if not isinstance(given, bool):
        raise ValueError("has to be true or false")
    return given


READERS: dict[Argument, Callable[[Any, str], Any]] = {
    "value": read_value,
    "values": read_values,
    "text": read_text,
    "pattern": read_pattern,
    "length": read_length,
    "flag": read_flag,
}
