"""Holding a partition against its contract: who passes, what fails, and in which words.

Owns the verdict on rows. The types are ``casting``'s, the checks ``constraints``'.
A row with several failures is listed with each, and quarantined once.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from steadily.casting import DAY, INTEGER, Mask, cast
from steadily.contract.constraints import complaint, passing
from steadily.contract.form import Column
from steadily.dtypes import DATETIME, FAMILY
from steadily.errors import DataError, Problem, listed

if TYPE_CHECKING:
    from steadily.contract import Contract, Hints

VALUE_CUT = 200
REASON_CUT = 60
NAIVE = re.compile(DAY + r"[T ][0-9:.]+$")


@dataclass(frozen=True)
class Checked:
    """What a contract says about a frame.

    Attributes:
        frame: The rows that pass, with exactly the contract's columns, order and types.
        failures: ``row_id``, ``column``, ``value`` (text, missing where the value is), ``reason``
            ("distance -3.0 is below 0") and ``rule`` (the reason without the value, to count by);
            by row, then by column.
        quarantined: The rows that failed, as they came.
        dropped_columns: Columns which the contract does not have.
        warned: As ``failures``, for checks that only warn; these rows pass.
    """

    frame: pd.DataFrame
    failures: pd.DataFrame
    quarantined: pd.DataFrame
    dropped_columns: list[str]
    warned: pd.DataFrame


@dataclass(frozen=True)
class Failing:
    """The cells of one column that fail in one way; ``reason`` puts it into words, value by value."""

    mask: Mask
    column: str
    shown: pd.Series
    reason: Callable[[Any], str]
    warns: bool = False


def check(
    contract: Contract, frame: pd.DataFrame, *, typed_from_text: bool, where: str, hints: Hints | None
) -> Checked:
    """Hold ``frame`` against ``contract``; see ``Contract.check``."""
    extra = refuse_columns(contract, frame, where, hints)
    values: dict[str, pd.Series] = {}
    failing: list[Failing] = []
    problems: list[Problem] = []
    labels = {str(label): label for label in frame.columns}  # a frame may call its columns 0, 1, 2
    for column in contract.columns:
        given = frame[labels[column.name]] if column.name in labels else absent(column, frame)
        made = cast(given, column.dtype, from_text=typed_from_text)
        if made is None:
            problems.append(another_type(column, given, where))
            continue
        values[column.name] = made.values
        failing += failures_of(column, given, made.values, made.bad)
    if problems:
        raise DataError(*problems)
    kept = ~functools.reduce(np.logical_or, (one.mask for one in failing if not one.warns), np.zeros(len(frame), bool))
    return Checked(
        typed(contract, values, kept, frame),
        table(frame.index, [one for one in failing if not one.warns]),
        frame.loc[~kept],
        extra,
        table(frame.index, [one for one in failing if one.warns]),
    )


def refuse_columns(contract: Contract, frame: pd.DataFrame, where: str, hints: Hints | None) -> list[str]:
    """Refuse a frame whose columns are not the contract's; give those which are left out."""
    names = [str(name) for name in frame.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise DataError.at(where, "two columns have the same name", given=", ".join(doubled))
    extra = [name for name in names if name not in contract.dtypes]
    missing = [column.name for column in contract.columns if column.required and column.name not in names]
    found = hints(missing, extra) if hints and missing and extra else {}
    problems = [Problem(where, f"column {name} is missing", hint=found.get(name)) for name in missing]
    if missing and not found:
        problems[-1] = Problem(where, problems[-1].what, given=listed(names) or "no columns")
    if contract.strict is True:
        why = "the contract is strict"
        problems += [Problem(where, f"column {name} is not in the contract, and {why}") for name in extra]
    if problems:
        raise DataError(*problems)
    return extra


def absent(column: Column, frame: pd.DataFrame) -> pd.Series:
    """Give a column that may be absent: all of it is missing, so that all parts of a dataset have one schema."""
    return pd.Series(np.nan, index=frame.index, dtype="str", name=column.name)


def another_type(column: Column, given: pd.Series, where: str) -> Problem:
    """Say that a column has another type than it should."""
    hint = None
    if column.dtype == DATETIME and given.dtype.kind == "M":
        hint = "its moments have no time zone: a step has to say which one they are in, as dates.parse does"
    elif isinstance(given.dtype, pd.StringDtype):
        hint = "its text is read as another type only where the data comes as text, as from CSV"
    kind = str(given.dtype)
    if given.dtype == object:
        kind = f"Python objects ({pd.api.types.infer_dtype(given, skipna=True)})"
    return Problem(where, f"column {column.name} is of another type", given=kind, allowed=column.dtype, hint=hint)


def failures_of(column: Column, given: pd.Series, values: pd.Series, bad: Mask | None) -> Iterator[Failing]:
    """Give the ways in which cells of a column fail: unreadable, missing, or by a check."""
    missing = values.isna().to_numpy(dtype=bool) if values.hasnans else None
    if bad is not None:
        yield Failing(bad, column.name, given, functools.partial(unreadable, column.dtype))
    if missing is not None and not column.nullable:
        gone = missing & ~bad if bad is not None else missing
        if gone.any():
            yield Failing(gone, column.name, given, lambda value: "")
    for constraint in column.constraints:
        moment = comparable(column.dtype)
        passes = passing(values, constraint, moment)
        fails = ~(passes.to_numpy(dtype=bool, na_value=True) if passes.hasnans else passes.to_numpy(dtype=bool))
        if missing is not None:
            fails &= ~missing
        if fails.any():
            words = functools.partial(complaint, constraint, moment=moment)
            yield Failing(fails, column.name, values, words, constraint.warns)


def comparable(dtype: str) -> Callable[[Any], Any]:
    """Give what makes a check's argument comparable with a column's values."""
    return to_timestamps if dtype == DATETIME else lambda value: value


def to_timestamps(value: Any) -> Any:
    """Make ISO text timestamps; flags stay flags.

    >>> to_timestamps("1995-01-01T00:00:00+00:00")
    Timestamp('1995-01-01 00:00:00+0000', tz='UTC')
    """
    if isinstance(value, tuple):
        return [pd.Timestamp(one) for one in value]
    return pd.Timestamp(value) if isinstance(value, str) else value


def unreadable(dtype: str, value: Any) -> str:
    """Say why a value can't be read as its type."""
    family = FAMILY.get(dtype, dtype)
    text = value.strip() if isinstance(value, str) else str(value)
    if family == "int64" and re.match(INTEGER, text):
        return f"does not fit into 64 bits ({dtype})"
    if family == "float64" and not isinstance(value, str):
        return f"is too large to stay exact ({dtype})"
    if family == DATETIME and NAIVE.match(text):
        return "has no time zone"
    return f"is {UNREADABLE[family]} ({dtype})"


UNREADABLE = {
    "int64": "not a whole number",
    "float64": "not a finite number",
    "bool": "neither true nor false",
    DATETIME: "not a moment in ISO 8601",
}


def typed(contract: Contract, values: dict[str, pd.Series], kept: Mask, frame: pd.DataFrame) -> pd.DataFrame:
    """Make the frame of the passing rows, in the contract's order and types."""
    made = pd.DataFrame(values, index=frame.index, copy=False)
    made = made if kept.all() else made.loc[kept]
    other = {column.name: column.dtype for column in contract.columns if str(made[column.name].dtype) != column.dtype}
    return made.astype(other) if other else made


def table(index: pd.Index, failing: list[Failing]) -> pd.DataFrame:
    """List failures by row, and by column within a row."""
    pieces = [piece(index, one) for one in failing]
    empty = {"row_id": index[:0].to_numpy(), "column": [], "value": [], "reason": [], "rule": []}
    at = np.concatenate([np.flatnonzero(one.mask) for one in failing]) if failing else np.array([], dtype=int)
    found = pd.concat([pd.DataFrame(one) for one in pieces]) if pieces else pd.DataFrame(empty)
    found = found.iloc[np.argsort(at, kind="stable")].reset_index(drop=True)
    return found.astype(dict.fromkeys(("column", "value", "reason", "rule"), "str"))


def piece(index: pd.Index, failing: Failing) -> dict[str, Any]:
    """Put the cells of one column that fail in one way into words; each distinct value once."""
    codes, distinct = pd.factorize(failing.shown[failing.mask])
    gone = f"{failing.column} is missing"
    rules = [f"{failing.column} {failing.reason(value)}".rstrip() for value in distinct]
    rules = [gone if rule == failing.column else rule for rule in rules]  # blank text is missing, too
    reasons = [sentence(failing.column, value, rule) for value, rule in zip(distinct, rules, strict=True)]
    words = {"value": [*map(text_of, distinct), None], "reason": [*reasons, gone], "rule": [*rules, gone]}
    column = np.full(len(codes), failing.column, dtype=object)
    found = {name: np.array(texts, dtype=object)[codes] for name, texts in words.items()}
    return {"row_id": index[failing.mask].to_numpy(), "column": column, **found}


def sentence(column: str, value: Any, rule: str) -> str:
    """Say what is wrong with one value: put it into the words of the rule.

    >>> sentence("n", -3.0, "n is below 0"), sentence("word", "aha", "word has more than 2 characters")
    ('n -3.0 is below 0', "word 'aha' has more than 2 characters (3)")
    """
    if rule == f"{column} is missing":
        return rule
    text = text_of(value)
    text = f"{text[:REASON_CUT]}…" if len(text) > REASON_CUT else text
    quoted = f"'{text}'" if isinstance(value, str) else text
    length = f" ({len(value)})" if isinstance(value, str) and rule.endswith(("character", "characters")) else ""
    return f"{column} {quoted}{rule.removeprefix(column)}{length}"


def text_of(value: Any) -> str:
    """Write a value as text of at most 200 characters; moments in ISO 8601."""
    text = value.isoformat().replace("+00:00", "Z") if isinstance(value, pd.Timestamp) else str(value)
    return text[:VALUE_CUT]
