"""What an evaluation step gives: figures and plots, held to their form, and the verdicts on limits.

Figures are a tree of plain values. What is undefined is None, never 0; NaN
counts as undefined, and infinity as a mistake.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from steadily.errors import ConfigError, SteadilyError, StepError, listed, near

if TYPE_CHECKING:
    import pandas as pd


def figures_in(where: str, given: Any) -> dict[str, Any]:
    """Read the figures that a step gave, as plain values.

    Args:
        where: The step, as errors name it.
        given: What it gave.

    Raises:
        StepError: It is no mapping, or holds what JSON can't, named by its place.

    >>> figures_in("step", {"accuracy": float("nan"), "classes": {"a": [1, 2.5]}})
    {'accuracy': None, 'classes': {'a': [1, 2.5]}}
    """
    if not isinstance(given, Mapping):
        hint = "end the step with `return figures`, or `return figures, plots`"
        raise StepError.at(where, "has to give back a mapping of figures", given=type(given).__name__, hint=hint)
    found: dict[str, Any] = plain(where, given, ())
    return found


def plain(where: str, value: Any, keys: tuple[str, ...]) -> Any:
    """Turn a value of the tree into Python's own; NumPy's scalars have ``item``."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise misfit(where, keys, f"the key {key!r}, which is no text")
        return {str(key): plain(where, item, (*keys, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(where, item, (*keys, str(number))) for number, item in enumerate(value)]
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isinf(value):
            raise misfit(where, keys, "infinity")
        return None if math.isnan(value) else float(value)
    raise misfit(where, keys, f"a {type(value).__name__}")


def misfit(where: str, keys: tuple[str, ...], what: str) -> SteadilyError:
    """Say where in the figures something is that may not be there."""
    place = f"figure {'.'.join(keys)}" if keys else "its figures"
    return StepError.at(
        where,
        f"{place} holds {what}",
        allowed="numbers, text, true, false, None (undefined), lists and mappings of them by text",
        hint="`.tolist()` makes a list of an array, `.to_dict()` a mapping of a Series",
    )


def plots_in(where: str, given: Any, declared: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Read the plots that a step gave: the declared ones, each a DataFrame with the columns that its settings name.

    Raises:
        StepError: They are not those.
    """
    import pandas as pd

    if not isinstance(given, Mapping) or set(given) != set(declared):
        names = listed(given) if isinstance(given, Mapping) else type(given).__name__
        hint = "name them in the step's decorator: plots={NAME: {template: …, x: …, y: …}}"
        raise StepError.at(
            where,
            "gave other plots than it declares",
            given=names or "none",
            allowed=listed(declared) or "none",
            hint=hint,
        )
    for name, points in given.items():
        if not isinstance(points, pd.DataFrame):
            raise StepError.at(where, f"plot {name} is no DataFrame", given=type(points).__name__)
        missing = [column for axis in ("x", "y") if (column := declared[name].get(axis)) and column not in points]
        if missing:
            raise StepError.at(where, f"plot {name} has no column {missing[0]!r}", given=listed(points.columns))
    return {name: given[name] for name in declared}


def metrics_in(figures: Mapping[str, Any]) -> dict[str, float | int | None]:
    """Give the metrics among a step's figures: the numbers that stand at the top, and what is undefined there.

    >>> metrics_in({"accuracy": 0.9, "recall_spam": None, "rule": "wilson", "classes": {"spam": {"recall": None}}})
    {'accuracy': 0.9, 'recall_spam': None}
    """
    return {name: value for name, value in figures.items() if value is None or is_number(value)}


def is_number(value: Any) -> bool:
    """Tell a number from true and false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def flat(figures: Mapping[str, Any], before: str = "") -> dict[str, float | None]:
    """Give all numbers and undefined values of the tree by dotted names; lists are left out.

    >>> flat({"quality": {"accuracy": 0.9, "classes": {"spam": {"f1": None}}, "interval": [0.8, 0.95]}})
    {'quality.accuracy': 0.9, 'quality.classes.spam.f1': None}
    """
    return dict(walk(figures, before))


def walk(figures: Mapping[str, Any], before: str) -> Iterator[tuple[str, float | None]]:
    """Walk through the tree."""
    for key, value in figures.items():
        name = f"{before}.{key}" if before else key
        if isinstance(value, Mapping):
            yield from walk(value, name)
        elif value is None or is_number(value):
            yield name, value


def verdicts_on(
    where: str, figures: Mapping[str, float | None], minimums: Mapping[str, float], maximums: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Compare figures with their limits; one that is undefined meets none.

    Args:
        where: The stage in the configuration.
        figures: By dotted name.
        minimums: The least that a figure may be.
        maximums: The most that a figure may be.

    Raises:
        ConfigError: A limit names no figure.
    """
    unknown = [(key, name) for key, limits in (("minimums", minimums), ("maximums", maximums)) for name in limits]
    problems = [
        problem
        for key, name in unknown
        if name not in figures
        for problem in ConfigError.at(
            f"{where}.{key}.{name}", "there is no such figure", allowed=listed(figures), hint=near(name, figures)
        ).problems
    ]
    if problems:
        raise ConfigError(*problems)
    return [
        *(verdict(name, "minimum", wanted, figures[name]) for name, wanted in minimums.items()),
        *(verdict(name, "maximum", wanted, figures[name]) for name, wanted in maximums.items()),
    ]


def verdict(name: str, limit: str, wanted: float, given: float | None) -> dict[str, Any]:
    """Give the verdict on one limit."""
    met = given is not None and (given >= wanted if limit == "minimum" else given <= wanted)
    return {"figure": name, "limit": limit, "wanted": wanted, "given": given, "met": met}
