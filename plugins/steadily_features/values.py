"""What a feature set says of its values in YAML, and what can be judged of it before any row is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from steadily import PluginError, SteadilyError
from steadily_features.durations import microseconds
from steadily_features.where import Condition, Scalar, check_condition

AS_OF = "as_of"
ROW_ID = "row_id"
Take = Literal["mean", "count", "sum", "min", "max", "last"]
Missing = Literal["refuse", "default"] | None


class Value(TypedDict):
    """What is taken of which column over which time, and of which rows."""

    take: Take
    of: NotRequired[str]
    over: str
    where: NotRequired[list[Condition]]


def check_windows(
    *,
    keys: list[str],
    time: str,
    every: str,
    values: Mapping[str, Value],
    delay: str = "0s",
    available: str | None = None,
    ttl: str | None = None,
    missing: Missing = None,
    defaults: Mapping[str, Scalar] | None = None,
) -> None:
    """Refuse what can't be a feature set: all problems at once.

    Raises:
        PluginError: With all that is wrong.
    """
    problems: list[SteadilyError] = []
    for where, text, least in (("every", every, 1), ("delay", delay, 0), ("ttl", ttl, 1)):
        if text is not None:
            problems += wrong_length(where, text, least)
    if not keys or len(set(keys)) < len(keys):
        problems.append(
            PluginError.at("keys", "has to name one or more columns, each once", given=", ".join(keys) or "none")
        )
    if not values:
        problems.append(PluginError.at("values", "a feature set needs at least one value"))
    taken = {*keys, time, AS_OF, ROW_ID}
    problems += [
        PluginError.at(f"values.{name}", "is the name of a column already") for name in values if name in taken
    ]
    problems += [PluginError.at("keys", f"no key is called {name}") for name in keys if name in (AS_OF, ROW_ID)]
    for name, value in values.items():
        problems += wrong_value(f"values.{name}", value)
    if available is not None and delay != "0s":
        problems.append(PluginError.at("available", "says when a row was known: a delay beside it has no meaning"))
    problems += wrong_defaults(values, missing, defaults or {})
    if problems:
        raise PluginError(*(problem for error in problems for problem in error.problems))


def wrong_length(where: str, text: str, least: int = 1) -> Iterator[SteadilyError]:
    """Find what is no length of time."""
    try:
        microseconds(where, text, least=least)
    except SteadilyError as error:
        yield error


def wrong_value(where: str, value: Value) -> Iterator[SteadilyError]:
    """Find what is wrong with one value."""
    yield from wrong_length(f"{where}.over", value["over"])
    if "of" not in value and value["take"] != "count":
        yield PluginError.at(f"{where}.of", f"is missing: the {value['take']} of which column?")
    for condition in value.get("where", ()):
        try:
            check_condition(f"{where}.where", condition)
        except SteadilyError as error:
            yield error


def wrong_defaults(
    values: Mapping[str, Value], missing: Missing, defaults: Mapping[str, Scalar]
) -> Iterator[SteadilyError]:
    """Find defaults that nothing asks for, and values without the one that they need."""
    if missing != "default":
        if defaults:
            yield PluginError.at("defaults", "are looked at only with `missing: default`")
        return
    for name in defaults.keys() - values.keys():
        yield PluginError.at(f"defaults.{name}", "is no value of this feature set", allowed=", ".join(values))
    for name, value in values.items():
        given = defaults.get(name)
        number = isinstance(given, int | float) and not isinstance(given, bool)
        if name not in defaults:
            yield PluginError.at("defaults", f"has none for {name}")
        elif value["take"] in ("mean", "sum", "count") and not number:
            yield PluginError.at(f"defaults.{name}", f"has to be a number, as a {value['take']} is", given=repr(given))
