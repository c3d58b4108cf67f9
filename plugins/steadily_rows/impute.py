"""The learned step that fills in missing values.

Owns which value is learned, exactly the same however the rows are cut into
partitions: a part of the learning is the count of each value, never a sum.
That each filled cell is on record is the framework's part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, Literal

from steadily import DataError, PluginError, need_columns, step
from steadily_rows.comparing import Scalar, kind_of, kind_of_value
from steadily_rows.lookup import plain

if TYPE_CHECKING:
    import pandas as pd

Strategy = Literal["median", "mean", "most_frequent", "constant"]
COUNT = "number of rows"


def impute_one(
    state: Mapping[str, Any],
    *,
    columns: list[str],
    strategy: Strategy,
    value: Scalar | None = None,
    by: list[str] | None = None,
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``Impute`` for one row, with what it has learned; a row that lacks its group is left to the frame's way.

    So is a constant that is a whole number: 5 and 5.0 are the same in a configuration, and not in a column.
    """
    constant = strategy == "constant"
    unsure = constant and not isinstance(value, str | bool | None) and float(value).is_integer()
    everyone = dict.fromkeys(columns, value) if constant else {name: plain(state["all"][name])[0] for name in columns}
    groups: dict[str, dict[tuple[Any, ...], Any]] = {name: {} for name in columns}
    if by and not constant:
        keys = list(zip(*(plain(state["groups"][name]) for name in by), strict=True))
        for name in columns:
            found = zip(keys, plain(state["groups"][name]), strict=True)
            groups[name] = {key: typical for key, typical in found if typical is not None}

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        made = dict(row)
        for name in columns:
            if row[name] is None:
                if unsure:
                    return None
                key = tuple(row[one] for one in by or ())
                if None in key:
                    return None
                made[name] = groups[name].get(key, everyone[name])
        return made

    return single


@step("rows.impute", reads=("columns", "by"), single=impute_one)
class Impute:
    """Fill in missing values with one that is learned from the learning rows, or with a constant.

    Columns of whole numbers stay so: a median or mean between two is rounded, halves to the even one.
    Of values that are equally frequent the smallest counts. The median and mean of dates are cut to the microsecond.

    Args:
        columns: The columns to fill.
        strategy: What to fill in: the median, the mean, the most frequent value, or a constant.
        value: The constant.
        by: Learn a value for each group of rows that agree in these columns; where a group has
            nothing to learn from, or a row belongs to none, the value of all rows counts.
    """

    def __init__(
        self,
        *,
        columns: list[str],
        strategy: Strategy,
        value: Scalar | None = None,
        by: list[str] | None = None,
    ) -> None:
        self.columns = columns
        self.strategy = strategy
        self.value = value
        self.by = by or []

    @staticmethod
    def check(
        *, columns: list[str], strategy: Strategy, value: Scalar | None = None, by: list[str] | None = None
    ) -> None:
        """Refuse a constant without a value, a value without a constant, and columns that fill themselves."""
        if strategy == "constant" and value is None:
            raise PluginError.at("value", "the strategy 'constant' needs a value")
        if strategy != "constant" and value is not None:
            raise PluginError.at("value", f"the strategy '{strategy}' learns its value", hint="strategy: constant")
        if strategy == "constant" and by:
            raise PluginError.at("by", "a constant is the same for all groups")
        both = sorted(set(columns) & set(by or []))
        if both:
            raise PluginError.at("by", "a column can't be filled by its own groups", given=", ".join(both))

    def learn(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Count each value of each column, by group."""
        need_columns(frame, [*self.columns, *self.by])
        for name in self.columns:
            refuse_kind(frame[name], self.strategy, self.value)
        if self.strategy == "constant":
            return {}
        return {str(place): counted(frame, self.by, name) for place, name in enumerate(self.columns)}

    def merge(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """Find the values to fill in: a table with one row for all, and one for each group.

        Raises:
            DataError: A column has no value in any of the learning rows, or an infinite one.
        """
        import pandas as pd

        if self.strategy == "constant":
            return {}
        everyone, groups = {}, []
        for place, name in enumerate(self.columns):
            counts = pd.concat([part[str(place)] for part in parts], ignore_index=True)
            if counts.empty:
                raise DataError.at(
                    f"column '{name}'",
                    "is missing in all learning rows, so there is nothing to learn",
                    hint="leave the column out, or use strategy: constant",
                )
            everyone[name] = typical(counts[[name, COUNT]], [], self.strategy)[name].array
            if self.by:
                groups.append(typical(counts, self.by, self.strategy).set_index(self.by))
        state: dict[str, Any] = {"all": pd.DataFrame(everyone)}
        if self.by:
            state["groups"] = pd.concat(groups, axis="columns").sort_index().reset_index()
        return state

    def apply(self, frame: pd.DataFrame, state: dict[str, Any]) -> pd.DataFrame:
        """Fill in what is missing."""
        need_columns(frame, [*self.columns, *self.by])
        return frame.assign(**{name: self.filled(frame, name, state) for name in self.columns})

    def filled(self, frame: pd.DataFrame, name: str, state: dict[str, Any]) -> pd.Series:
        """Fill in one column: by group where there are groups, then with the value of all."""
        column = frame[name]
        if self.strategy == "constant":
            return filled_with(column, self.value)
        if self.by and column.isna().any():
            known = state["groups"][[*self.by, name]].dropna()
            own = frame[self.by].merge(known, how="left", on=self.by)[name].set_axis(frame.index)
            column = column.fillna(own.astype(column.dtype))
        return filled_with(column, state["all"][name].iloc[0])


def filled_with(column: pd.Series, value: Any) -> pd.Series:
    """Fill in one value; a column that holds no missing values is left alone."""
    return column.fillna(value) if column.isna().any() else column


def refuse_kind(column: pd.Series, strategy: Strategy, value: Scalar | None) -> None:
    """Refuse a strategy or a constant that a column of this type can't have."""
    kind, where = kind_of(column), f"column '{column.name}'"
    if strategy in ("median", "mean") and kind not in ("number", "moment"):
        raise DataError.at(where, f"{kind} has no {strategy}", hint="strategy: most_frequent")
    if strategy == "constant" and value is not None:
        whole = column.dtype.kind in "iu" and isinstance(value, float) and not value.is_integer()
        if kind != kind_of_value(value) or whole:
            raise DataError.at(where, f"a column of {column.dtype} can't be filled with this", given=repr(value))


def counted(frame: pd.DataFrame, by: list[str], name: str) -> pd.DataFrame:
    """Count each value of a column that is not missing, by group; rows without a group count for all rows."""
    import numpy as np
    import pandas as pd

    rows = frame.loc[frame[name].notna(), [*by, name]]
    if rows[name].dtype.kind == "f" and not np.isfinite(rows[name]).all():
        raise DataError.at(f"column '{name}'", "infinite values have no middle", hint="drop them with rows.in_range")
    if pd.api.types.is_bool_dtype(rows[name].dtype):
        rows = rows.astype({name: "boolean"})
    elif rows[name].dtype.kind in "iu":
        rows = rows.astype({name: "Int64"})
    return rows.groupby([*by, name], dropna=False, sort=False, observed=True).size().reset_index(name=COUNT)


def typical(counts: pd.DataFrame, by: list[str], strategy: Strategy) -> pd.DataFrame:
    """Find each group's value, from counts of values.

    Args:
        counts: The groups' columns, the value, and the number of rows; the same value may stand there twice.
        by: The groups' columns; none: all rows are one group.
        strategy: Any but ``constant``.

    Returns:
        A row for each group: the groups' columns and the value, in the value's type.
    """
    name = counts.columns[-2]
    keys = [*by, name]
    merged = counts.dropna(subset=by).groupby(keys, sort=True, observed=True)[COUNT].sum().reset_index()
    group = merged.groupby(by, sort=True, observed=True) if by else merged.groupby(lambda _: 0)
    if strategy == "most_frequent":
        chosen = merged.loc[group[COUNT].idxmax()]  # the first of equals, and they are sorted
        return chosen[keys].reset_index(drop=True)
    merged["__group"] = group.ngroup()
    found = medians(merged, name) if strategy == "median" else means(merged, name)
    first = merged.drop_duplicates("__group")[by].reset_index(drop=True)
    return first.assign(**{name: found})


def medians(merged: pd.DataFrame, name: str) -> pd.Series:
    """Find each group's median: the middle value, or the middle between two."""
    group = merged["__group"]
    upto = merged.groupby(group)[COUNT].cumsum()
    total = merged.groupby(group)[COUNT].transform("sum")
    low = merged[upto > (total - 1) // 2].drop_duplicates("__group")[name].reset_index(drop=True)
    high = merged[upto > total // 2].drop_duplicates("__group")[name].reset_index(drop=True)
    return between(low, high)


def between(low: pd.Series, high: pd.Series) -> pd.Series:
    """Give the middle between two values, in their type; whole numbers are rounded, halves to the even one."""
    import numpy as np
    import pandas as pd

    if kind_of(low) == "moment":
        return low + (high - low) // 2
    if low.dtype.kind in "iu":
        floor, odd = low // 2 + high // 2 + (low % 2 + high % 2) // 2, (low + high) % 2
        return floor + odd * (floor % 2)
    with np.errstate(over="ignore"):
        middle = low + (high - low) / 2
    return pd.Series(np.where(low == high, low, np.where(np.isfinite(middle), middle, low / 2 + high / 2)))


def means(merged: pd.DataFrame, name: str) -> pd.Series:
    """Find each group's mean, in the values' type: exact fractions first, so that no order of rows matters."""
    import pandas as pd

    moments = kind_of(merged[name]) == "moment"
    numbers = merged[name].astype("int64") if moments else merged[name]
    found = [
        mean_of(rows.tolist(), merged[COUNT][rows.index].tolist()) for _, rows in numbers.groupby(merged["__group"])
    ]
    if numbers.dtype.kind == "f":
        return pd.Series([float(mean) for mean in found], dtype=numbers.dtype)
    whole = pd.Series([floor(mean) if moments else round(mean) for mean in found], dtype="int64")
    return whole.astype(merged[name].dtype)


def mean_of(values: Sequence[float], counts: Sequence[int]) -> Fraction:
    """Find the exact mean of numbers that come a number of times each.

    >>> float(mean_of([0.1, 0.2], [3, 1]))
    0.125
    """
    sums: dict[int, int] = {}  # by denominator: those of floats are powers of two, so there are few
    for value, times in zip(values, counts, strict=True):
        above, below = value.as_integer_ratio()
        sums[below] = sums.get(below, 0) + above * times
    return sum((Fraction(above, below) for below, above in sums.items()), Fraction()) / sum(counts)
