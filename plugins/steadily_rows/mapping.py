"""The step that puts values in the place of others.

Owns how a configuration's keys, which are always text, meet a column's values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from steadily import DataError, PluginError, need_columns, step
from steadily_rows.comparing import Scalar, is_large, kind_of, kind_of_value
from steadily_rows.reasons import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

DTYPES = {"text": "str", "truth value": "boolean", "whole number": "Int64", "number": "float64"}
TRUTHS = {"true": True, "false": False}


def check_map(
    *, column: str, values: Mapping[Scalar, Scalar | None], other: Literal["keep", "missing", "raise"] = "raise"
) -> None:
    """Refuse values of more than one type."""
    if not values:
        raise PluginError.at("values", "is empty", hint="name at least one value and what takes its place")
    kind_of_new(values)


def map_one(
    *,
    column: str,
    values: Mapping[Scalar, Scalar | None],
    other: Literal["keep", "missing", "raise"] = "raise",
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``map_values`` for one row, of texts and truth values; whole numbers are left to the frame's way."""
    floating = kind_of_new(values) == "number"
    new = {key: float(value) if floating and value is not None else value for key, value in values.items()}
    tables: dict[type, dict[Any, Any]] = {str: {str(key): value for key, value in new.items()}}
    if all(str(key).lower() in TRUTHS for key in new):
        tables[bool] = {TRUTHS[str(key).lower()]: value for key, value in new.items()}

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        value = row[column]
        if value is None:
            return dict(row)
        table = tables.get(type(value))
        if table is None or (value not in table and other == "raise"):
            return None
        if is_large(table.get(value)):
            return None  # a column may round it on its way
        if other == "keep" and any(type(one) is not type(value) for one in table.values() if one is not None):
            return None
        return {**row, column: table.get(value, value if other == "keep" else None)}

    return single


@step("rows.map_values", reads=("column",), single=map_one)
def map_values(
    frame: pd.DataFrame,
    *,
    column: str,
    values: dict[Scalar, Scalar | None],
    other: Literal["keep", "missing", "raise"] = "raise",
) -> pd.DataFrame:
    """Put other values in the place of a column's; what is missing stays missing.

    Args:
        frame: The rows.
        column: The column, of text, whole numbers or truth values.
        values: The new value for each old one; ``null`` makes it missing. The new ones have one type.
        other: What becomes of values that are not listed: they stay (``keep``; the new ones have to be of
            the column's own type), become ``missing``, or stop the run (``raise``).
    """
    need_columns(frame, [column])
    old = frame[column]
    found = {key_for(old, key): value for key, value in values.items()}
    listed = old.isin(list(found)).to_numpy(dtype=bool)
    if other == "raise":
        refuse_others(old[~listed & old.notna().to_numpy()], values)
    dtype: Any = dtype_of(old, values, other)
    new = old.astype(object).where(listed).map(found).astype(dtype)
    return frame.assign(**{column: new if other != "keep" else new.where(listed, old.astype(dtype))})


map_values.__dict__["check"] = check_map


def key_for(old: pd.Series, key: Scalar) -> Any:
    """Read a key as a value of the column."""
    kind = kind_of(old)
    try:
        if kind == "text":
            return str(key)
        if kind == "truth value":
            return TRUTHS[str(key).lower()]
        if kind == "number" and old.dtype.kind in "iu":
            return int(str(key))
    except (KeyError, ValueError):
        raise DataError.at(
            f"column '{old.name}'", f"values names what a column of {old.dtype} can't hold", given=repr(key)
        ) from None
    raise DataError.at(
        f"column '{old.name}'",
        "its values can't be mapped",
        given=old.dtype,
        allowed="text, whole numbers, truth values",
    )


def refuse_others(unlisted: pd.Series, values: Mapping[Scalar, object]) -> None:
    """Stop at values that nothing is said about."""
    if len(unlisted):
        some = shown(unlisted).drop_duplicates().head(3).tolist()
        raise DataError.at(
            f"column '{unlisted.name}'",
            f"{len(unlisted)} rows have a value that is not listed",
            given=", ".join(some),
            allowed=", ".join(str(key) for key in list(values)[:12]),
            hint="list it, or say other: keep or other: missing",
        )


def kind_of_new(values: Mapping[Scalar, Scalar | None]) -> str:
    """Tell the one type of the new values; ``null`` has any."""
    new = [value for value in values.values() if value is not None]
    kinds = {kind_of_value(value) for value in new}
    if len(kinds) > 1:
        raise PluginError.at("values", "the new values have to be of one type", given=", ".join(sorted(kinds)))
    if kinds == {"number"} and all(isinstance(value, int) for value in new):
        return "whole number"
    return kinds.pop() if kinds else "text"


def dtype_of(old: pd.Series, values: Mapping[Scalar, Scalar | None], other: str) -> str:
    """Tell the type of the result from the parameters and the column's type alone, never from its values."""
    kind = kind_of_new(values)
    if other != "keep":
        return DTYPES[kind]
    own = {"number": "whole number"}.get(kind_of(old), kind_of(old))
    if kind != own and any(value is not None for value in values.values()):
        raise DataError.at(
            f"column '{old.name}'", "with other: keep the new values have to be of the column's type", given=f"a {kind}"
        )
    return DTYPES[own]
