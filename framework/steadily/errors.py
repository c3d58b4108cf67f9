"""Steadily's own family of errors: where, what is wrong, what was given, what is allowed, a hint.

Owns the wording's form and the search for near names. What is wrong is said by
the module that finds it; only the command line catches this family.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

SHOWN_AT_MOST = 10


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, with what a person needs to mend it.

    >>> print(Problem("conf/config.yaml:7", "unknown step 'text.lower'", hint="did you mean 'text.normalize'?"))
    conf/config.yaml:7: unknown step 'text.lower'; did you mean 'text.normalize'?
    """

    where: str
    what: str
    given: object = None
    allowed: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        parts = [self.what]
        if self.given is not None:
            parts.append(f"given: {self.given}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.hint:
            parts.append(self.hint)
        text = "; ".join(parts)
        return f"{self.where}: {text}" if self.where else text


class SteadilyError(Exception):
    """What Steadily refuses, as one or more problems. The command line prints it, unless it was ``told`` already."""

    told = False

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem("", one) if isinstance(one, str) else one for one in problems)
        super().__init__(render(self.problems))

    def __reduce__(self) -> tuple[type[SteadilyError], tuple[Problem, ...]]:
        return type(self), self.problems  # workers send errors back to the stage

    @classmethod
    def at(
        cls,
        where: str,
        what: str,
        *,
        given: object = None,
        allowed: str | None = None,
        hint: str | None = None,
    ) -> Self:
        """Make an error of a single problem."""
        return cls(Problem(where, what, given, allowed, hint))


class ConfigError(SteadilyError):
    """The configuration, or what stands in its place, can't be run as it is."""


class PluginError(SteadilyError):
    """A plugin or one of its steps is not what it has to be."""


class DataError(SteadilyError):
    """Data that can't be read or does not keep its contract."""


class StepError(SteadilyError):
    """A step raised, or gave back what no step may."""


class SourceUnreachable(DataError):  # noqa: N818 (what it says is not that somebody erred)
    """A source that can't be asked now: its last version may be kept if the operator says so."""


class RunError(SteadilyError):
    """The run can't go on as it is: something changed under it, or another one is at work."""


class ReleaseError(SteadilyError):
    """A bundle that can't become a release, a release that can't be had, or a slot that it can't be put into."""


class DatabaseError(SteadilyError):
    """What the database of operations refused, or what can't be put into it."""


class DatabaseAway(DatabaseError):  # noqa: N818 (as above: nobody erred)
    """The database can't be reached, or can't take anything now: the same may well succeed later."""


def render(problems: Sequence[Problem]) -> str:
    """Give ``problems`` a line each, at most ten, and say how many more there are."""
    lines = [str(problem) for problem in problems[:SHOWN_AT_MOST]]
    if len(problems) > SHOWN_AT_MOST:
        lines.append(f"… and {len(problems) - SHOWN_AT_MOST} more")
    return "\n".join(lines)


def near(name: str, allowed: Iterable[str]) -> str | None:
    """Suggest the allowed name that is nearest to ``name``, as a hint, or None.

    >>> near("colums", ["columns", "format"])
    "did you mean 'columns'?"
    """
    found = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return f"did you mean '{found[0]}'?" if found else None


def rows_of(count: int) -> str:
    """Say how many rows.

    >>> rows_of(1), rows_of(1200)
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {'row' if count == 1 else 'rows'}"


def listed(names: Iterable[str], *, most: int = 12) -> str:
    """Join names for an error's 'allowed', cut where there are many.

    >>> listed(["b", "a"])
    'a, b'
    """
    ordered = sorted(names)
    rest = f", … ({len(ordered)} in all)" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + rest
