"""The checks a contract may hold: pandera's built-in ones for columns, by pandera's names and arguments.

Owns which arguments each check takes and for which types, the expression that
decides (the one of pandera's own backend, less its machinery), and the words for
a value that fails. Light: it works on Series and imports nothing heavy. Reading
checks from YAML is left to ``contract_form``.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from steadily.dtypes import DATETIME

if TYPE_CHECKING:
    import pandas as pd

Argument = Literal["value", "values", "text", "pattern", "length", "flag"]
Scalar = int | float | bool | str

ORDERED = ("int64", "float64", "str", DATETIME)
ANY = (*ORDERED, "bool")
TEXT = ("str",)


@dataclass(frozen=True)
class Spec:
    """What a check takes: its arguments in pandera's order, those it needs, and the types it is for."""

    arguments: Mapping[str, Argument]
    families: tuple[str, ...]
    needed: tuple[str, ...]


def spec(families: tuple[str, ...], **arguments: Argument) -> Spec:
    """Describe a check that needs all its arguments but flags."""
    return Spec(arguments, families, tuple(name for name, kind in arguments.items() if kind != "flag"))


SPECS: dict[str, Spec] = {
    "equal_to": spec(ANY, value="value"),
    "not_equal_to": spec(ANY, value="value"),
    "greater_than": spec(ORDERED, min_value="value"),
    "greater_than_or_equal_to": spec(ORDERED, min_value="value"),
    "less_than": spec(ORDERED, max_value="value"),
    "less_than_or_equal_to": spec(ORDERED, max_value="value"),
    "in_range": spec(ORDERED, min_value="value", max_value="value", include_min="flag", include_max="flag"),
    "isin": spec(ANY, allowed_values="values"),
    "notin": spec(ANY, forbidden_values="values"),
    "str_matches": spec(TEXT, pattern="pattern"),
    "str_contains": spec(TEXT, pattern="pattern"),
    "str_startswith": spec(TEXT, string="text"),
    "str_endswith": spec(TEXT, string="text"),
    "str_length": Spec({"min_value": "length", "max_value": "length", "exact_value": "length"}, TEXT, ()),
}
ALIASES = {
    "eq": "equal_to",
    "ne": "not_equal_to",
    "gt": "greater_than",
    "ge": "greater_than_or_equal_to",
    "lt": "less_than",
    "le": "less_than_or_equal_to",
    "between": "in_range",
}


@dataclass(frozen=True)
class Constraint:
    """One check of a column, its arguments typed; moments are ISO 8601 text in UTC.

    ``error`` replaces our words for a value that fails; ``warns`` means that such
    a value is told and its row kept (pandera's ``raise_warning``).
    """

    check: str
    arguments: tuple[tuple[str, Scalar | tuple[Scalar, ...]], ...]
    error: str | None = None
    warns: bool = False

    def argument(self, name: str, default: Any = None) -> Any:
        """Give an argument's value."""
        return dict(self.arguments).get(name, default)

    def form(self) -> dict[str, Any]:
        """Give the check in pandera's list form."""
        options: dict[str, Any] = {"check_name": self.check}
        options |= {"error": self.error} if self.error is not None else {}
        options |= {"raise_warning": True} if self.warns else {}
        return {**{name: plain(value) for name, value in self.arguments}, "options": options}


def plain(value: Scalar | tuple[Scalar, ...]) -> Scalar | list[Scalar]:
    """Give a tuple as a list, for JSON."""
    return list(value) if isinstance(value, tuple) else value


def passing(values: pd.Series, constraint: Constraint, moment: Callable[[Any], Any]) -> pd.Series:
    """Say for each value whether it passes; what stands for a missing one has no meaning.

    Args:
        values: The column in its contract's type.
        constraint: The check.
        moment: Makes an argument one that ``values`` can be compared with (ISO text a timestamp).
    """
    arguments = {name: moment(value) for name, value in constraint.arguments}
    passes: pd.Series = DECIDERS[constraint.check](values, **arguments)
    return passes


def in_range(
    values: pd.Series, min_value: Any, max_value: Any, include_min: bool = True, include_max: bool = True
) -> pd.Series:
    """Say which values lie between two bounds."""
    above = values >= min_value if include_min else values > min_value
    below = values <= max_value if include_max else values < max_value
    both: pd.Series = above & below
    return both


def str_contains(values: pd.Series, pattern: str) -> pd.Series:
    """Say which texts hold a match; pandas warns of groups that nobody asks for, and pandera lets it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found: pd.Series = values.str.contains(pattern, na=True)
    return found


def str_length(
    values: pd.Series, min_value: int | None = None, max_value: int | None = None, exact_value: int | None = None
) -> pd.Series:
    """Say which texts have as many characters as they should."""
    length: pd.Series = values.str.len()
    if exact_value is not None:
        min_value = max_value = exact_value
    least: pd.Series = length >= (min_value or 0)
    return least if max_value is None else in_range(length, min_value or 0, max_value)


DECIDERS: dict[str, Callable[..., pd.Series]] = {
    "equal_to": lambda values, value: values == value,
    "not_equal_to": lambda values, value: values != value,
    "greater_than": lambda values, min_value: values > min_value,
    "greater_than_or_equal_to": lambda values, min_value: values >= min_value,
    "less_than": lambda values, max_value: values < max_value,
    "less_than_or_equal_to": lambda values, max_value: values <= max_value,
    "in_range": in_range,
    "isin": lambda values, allowed_values: values.isin(allowed_values),
    "notin": lambda values, forbidden_values: ~values.isin(forbidden_values),
    "str_matches": lambda values, pattern: values.str.match(pattern, na=True),
    "str_contains": str_contains,
    "str_startswith": lambda values, string: values.str.startswith(string, na=True),
    "str_endswith": lambda values, string: values.str.endswith(string, na=True),
    "str_length": str_length,
}


def complaint(constraint: Constraint, value: Any, moment: Callable[[Any], Any]) -> str:
    """Say what is wrong with a value that failed, as the end of 'COLUMN VALUE …', without naming the value.

    >>> complaint(Constraint("in_range", (("min_value", 0.0), ("max_value", 9.0))), 12.0, lambda bound: bound)
    'is above 9'
    """
    if constraint.error is not None:
        return f"fails: {constraint.error}"
    name = constraint.check
    if name == "in_range":
        return out_of_range(constraint, value, moment)
    if name == "str_length":
        return wrong_length(constraint, len(value))
    given, phrase = constraint.arguments[0][1], PHRASES[name]
    if isinstance(given, tuple):
        return f"{phrase} {shown_all(given)}"
    if is_moment(given):
        phrase = phrase.replace("above", "after").replace("below", "before")
    return f"{phrase} {shown(given, bare=name not in QUOTED)}"


PHRASES = {
    "equal_to": "is not",
    "not_equal_to": "must not be",
    "greater_than": "is not above",
    "greater_than_or_equal_to": "is below",
    "less_than": "is not below",
    "less_than_or_equal_to": "is above",
    "isin": "is not one of",
    "notin": "must not be one of",
    "str_matches": "does not begin with a match of",
    "str_contains": "holds no match of",
    "str_startswith": "does not begin with",
    "str_endswith": "does not end with",
}
QUOTED = ("str_matches", "str_contains", "str_startswith", "str_endswith")
INSTANT = "T00:00:00+00:00"


def out_of_range(constraint: Constraint, value: Any, moment: Callable[[Any], Any]) -> str:
    """Say on which side of a range a value lies."""
    bound, inclusive = constraint.argument("min_value"), constraint.argument("include_min", True)
    if (operator.lt if inclusive else operator.le)(value, moment(bound)):
        return (
            f"is {'before' if is_moment(bound) else 'below'} {shown(bound)}"
            if inclusive
            else (f"is not {'after' if is_moment(bound) else 'above'} {shown(bound)}")
        )
    bound, inclusive = constraint.argument("max_value"), constraint.argument("include_max", True)
    if inclusive:
        return f"is {'after' if is_moment(bound) else 'above'} {shown(bound)}"
    return f"is not {'before' if is_moment(bound) else 'below'} {shown(bound)}"


def is_moment(bound: object) -> bool:
    """Tell a bound that is a moment by its form."""
    return isinstance(bound, str) and bound.endswith("+00:00")


def wrong_length(constraint: Constraint, length: int) -> str:
    """Say how a text's length is wrong, in words that are the same for all texts."""
    exact, least, most = (constraint.argument(name) for name in ("exact_value", "min_value", "max_value"))
    if exact is not None:
        return f"does not have {characters(exact)}"
    if least is not None and length < least:
        return f"has fewer than {characters(least)}"
    return f"has more than {characters(most)}"


def characters(count: int) -> str:
    """Count characters.

    >>> characters(1), characters(2)
    ('1 character', '2 characters')
    """
    return f"{count} character{'' if count == 1 else 's'}"


def shown(value: object, *, bare: bool = True) -> str:
    """Write an argument as a person would: 0 for 0.0, a day for its midnight.

    >>> shown(0.0), shown("1995-01-01T00:00:00+00:00"), shown("a.c", bare=False)
    ('0', '1995-01-01', "'a.c'")
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, str):
        return (value.removesuffix(INSTANT).replace("+00:00", "Z")) if bare else f"'{value}'"
    return str(value)


def shown_all(values: tuple[Scalar, ...], *, most: int = 12) -> str:
    """Write some arguments in a row, cut where there are many."""
    rest = f", … ({len(values)} in all)" if len(values) > most else ""
    return ", ".join(shown(value) for value in values[:most]) + rest
