"""Steps on conditions: keep the rows that meet them, or note in a column which do.

Owns the form of a condition in the configuration. How a comparison is made is
left to ``comparing``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NotRequired

from typing_extensions import TypedDict

from steadily import DataError, PluginError, need_columns, step
from steadily_rows.comparing import Comparison, Presence, Scalar, met, met_by
from steadily_rows.reasons import always, saying, without

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


class Condition(TypedDict):
    """A column, an operator, and what to compare with."""

    column: str
    op: Comparison | Presence
    value: NotRequired[Scalar | list[Scalar]]


def check_comparison(where: str, op: str, value: Any) -> None:
    """Refuse an operator with a value that it can't have."""
    if op in ("is_missing", "not_missing"):
        wrong, allowed = value is not None, "no value"
    elif op in ("in", "not_in"):
        wrong, allowed = not isinstance(value, list), "a list"
    elif op == "contains":
        wrong, allowed = not isinstance(value, str), "a text"
    else:
        wrong, allowed = value is None or isinstance(value, list), "a number, a text, true or false"
    if wrong:
        raise PluginError.at(where, f"the value does not fit '{op}'", given=repr(value), allowed=allowed)


def check_filter(*, conditions: Sequence[Condition]) -> None:
    """Refuse conditions that can't be judged."""
    for place, condition in enumerate(conditions, start=1):
        check_comparison(f"condition {place}", condition["op"], condition.get("value"))


def keep_one(*, conditions: Sequence[Condition]) -> Callable[[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Give ``keep`` for one row."""

    def good(value: Any, condition: Condition) -> bool | None:
        if condition["op"] == "is_missing":
            return value is None
        if value is None or condition["op"] == "not_missing":
            return value is not None
        return met_by(value, condition["op"], condition.get("value"))

    return lambda row: row if all(good(row[one["column"]], one) for one in conditions) else None


@step("rows.filter", single=keep_one)
def keep(frame: pd.DataFrame, *, conditions: list[Condition]) -> tuple[pd.DataFrame, pd.Series]:
    """Keep the rows that meet all conditions.

    A missing value meets no comparison, not even ``!=`` and ``not_in``.

    Args:
        frame: The rows.
        conditions: Each with ``column``, ``op`` (==, !=, <, <=, >, >=, in, not_in, contains, is_missing,
            not_missing) and ``value`` (a list for ``in`` and ``not_in``; none for the last two).
    """
    need_columns(frame, [condition["column"] for condition in conditions])
    found = [reason for condition in conditions for reason in unmet(frame[condition["column"]], condition)]
    return without(frame, found)


keep.__dict__["check"] = check_filter


def unmet(column: pd.Series, condition: Condition) -> list[pd.Series]:
    """Say why rows do not meet a condition."""
    op, name = condition["op"], condition["column"]
    missing = column.isna()
    if op == "is_missing":
        return [saying(column[~missing], f"{name} is not missing")]
    gone = always(column.index[missing], f"{name} is missing")
    if op == "not_missing":
        return [gone]
    value = condition.get("value")
    good = met(column, op, value).fillna(True).to_numpy(dtype=bool)
    return [gone, saying(column[~good], f"{name} does not meet {op} {spelled(value)}")]


def spelled(value: Any) -> str:
    """Write what a condition compares with; without quotes, which in a reason stand around what was found.

    >>> spelled(["ham", 1])
    '[ham, 1]'
    """
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def check_compare(*, column: str, op: str, value: Any, into: str, labels: Mapping[str, str] | None = None) -> None:
    """Refuse a value that does not fit the operator, and labels that leave one case out."""
    check_comparison("value", op, value)
    if labels is not None and {str(key).lower() for key in labels} != {"true", "false"}:
        raise PluginError.at("labels", "has to name both cases", given=", ".join(labels), allowed="true and false")


def compare_one(
    *,
    column: str,
    op: Comparison,
    value: Scalar | list[Scalar],
    into: str,
    labels: Mapping[Literal["true", "false"], str] | None = None,
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``compare`` for one row."""
    texts = {str(key).lower() == "true": text for key, text in (labels or {}).items()}

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        given = row[column]
        answer = None if given is None else met_by(given, op, value)
        if into in row or (answer is None and given is not None):
            return None
        return {**row, into: answer if answer is None or labels is None else texts[answer]}

    return single


@step("rows.compare", reads=("column",), single=compare_one)
def compare(
    frame: pd.DataFrame,
    *,
    column: str,
    op: Comparison,
    value: Scalar | list[Scalar],
    into: str,
    labels: dict[Literal["true", "false"], str] | None = None,
) -> pd.DataFrame:
    """Compare a column with a value, and note the answer in a new column; where the value is missing, so is the answer.

    Args:
        frame: The rows.
        column: The column to compare.
        op: One of ==, !=, <, <=, >, >=, in, not_in, contains.
        value: What to compare with; a list for ``in`` and ``not_in``; a date is written in ISO 8601.
        into: The new column: truth values (dtype boolean), or text where there are labels.
        labels: The texts for ``true`` and ``false``.
    """
    need_columns(frame, [column])
    if into in frame.columns:
        raise DataError.at(f"column '{into}'", "is there already; compare writes a new one")
    answer = met(frame[column], op, value)
    return frame.assign(**{into: answer if labels is None else labelled(answer, labels)})


compare.__dict__["check"] = check_compare


def labelled(answer: pd.Series, labels: Mapping[Literal["true", "false"], str]) -> pd.Series:
    """Put texts in the place of truth values."""
    texts = {str(key).lower() == "true": text for key, text in labels.items()}
    return answer.astype(object).map(texts).astype("str")
