"""The step that gives each row what was known of its keys by its time.

Owns what a lookup that finds nothing comes to. How a value is found, in a file or
in a store, is left to what it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily import DataError, Features, need_columns, step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

SHOWN = 80


def join_one(
    *, values: Features, keys: list[str] | None = None, time: str | None = None, columns: list[str] | None = None
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``join`` for one row; one that finds nothing takes the way of the frame, which has the reason."""
    own, when = keys or list(values.set.keys), time or values.set.time
    added = list(values.set.columns) if columns is None else list(dict.fromkeys(columns))
    fills = values.set.missing == "default"

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        moment = row[when]
        found = None if moment is None else values.one(tuple(row[name] for name in own), moment)
        if found is None:
            return None
        new = {name: found[name] for name in added}
        return None if new.keys() & row.keys() or (fills and None in new.values()) else {**row, **new}

    return single


@step("features.join", single=join_one)
def join(
    frame: pd.DataFrame,
    *,
    values: Features,
    keys: list[str] | None = None,
    time: str | None = None,
    columns: list[str] | None = None,
) -> tuple[pd.DataFrame, pd.Series]:
    """Add the values of a feature set: for each row the newest that is no younger than its time and not too old.

    What a lookup that finds nothing comes to, the feature set says: missing values, a default, or no row. Each is on
    record in the ledger, with the reason. At serving the values come from the online store, under the version that
    the bundle names.

    Args:
        frame: The rows.
        values: The input of the stage that is a feature set.
        keys: The columns of the rows that hold the keys, in the order of the feature set; those of the same names by
            default.
        time: The column with the rows' time; the one of the same name by default.
        columns: Which values to add; all by default.
    """
    own, when = keys or list(values.set.keys), time or values.set.time
    need_columns(frame, [*own, when])
    added = refuse_columns(frame, values, own, columns)
    asked = frame[own].set_axis(list(values.set.keys), axis="columns")
    found = values.lookup(asked, frame[when])
    reasons = reasons_of(found.outcome, asked, values)
    taken = {name: found.values[name] for name in added}
    if values.set.missing == "refuse":
        kept = (found.outcome == "found").to_numpy(dtype=bool)
        return frame[kept].assign(**{name: column[kept] for name, column in taken.items()}), reasons
    if values.set.missing == "default":
        empty = found.values[added].isna().any(axis="columns") & ~found.values.index.isin(reasons.index)
        reasons = joined(reasons, empty.index[empty], f"{values.set.name} holds no value, for nothing happened in time")
        taken = {name: column.fillna(values.set.defaults[name]) for name, column in taken.items()}
    return frame.assign(**taken), reasons


def refuse_columns(frame: pd.DataFrame, values: Features, own: list[str], columns: list[str] | None) -> list[str]:
    """Give the values to add; refuse those that the set has not, and those that the rows have already."""
    if len(own) != len(values.set.keys):
        raise DataError.at(
            "keys", "have to be as many as the feature set's", given=", ".join(own), allowed=", ".join(values.set.keys)
        )
    added = list(values.set.columns) if columns is None else list(dict.fromkeys(columns))
    unknown = [name for name in added if name not in values.set.columns]
    if unknown:
        allowed = ", ".join(values.set.columns)
        raise DataError.at(f"value '{unknown[0]}'", f"is not in {values.set.name}", allowed=allowed)
    both = [name for name in added if name in frame.columns]
    if both:
        raise DataError.at(f"column '{both[0]}'", f"both the rows and {values.set.name} have it")
    return added


def reasons_of(outcome: pd.Series, asked: pd.DataFrame, values: Features) -> pd.Series:
    """Say of each row that found nothing why, with its keys in quotes at the end."""
    import pandas as pd

    lonely = outcome[outcome != "found"]
    if not len(lonely):
        return pd.Series([], index=lonely.index, dtype="str")
    name, keys = values.set.name, ", ".join(values.set.keys)
    words = {
        "unknown": f"{name} knew no such {keys} by then",
        "stale": f"{name} is too old for this {keys}",
        "away": f"{name} can't be asked: its store is away",
    }
    shown = asked.loc[lonely.index].astype("str").fillna("missing").agg(", ".join, axis="columns").str.slice(0, SHOWN)
    return (lonely.map(words) + ": '" + shown + "'").astype("str")


def joined(reasons: pd.Series, index: pd.Index[Any], text: str) -> pd.Series:
    """Add one reason for further rows."""
    import pandas as pd

    return pd.concat([reasons, pd.Series(text, index=index, dtype="str")]) if len(index) else reasons
