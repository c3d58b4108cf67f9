"""The JSON Schema of one row in a request: made from the contract, so that there is one source for both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from steadily.contract import Contract
from steadily.contract.form import Column
from steadily.dtypes import DATETIME, FAMILY

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = {"int64": "integer", "float64": "number", "bool": "boolean", "str": "string", DATETIME: "string"}
BOUNDS = {
    "greater_than": ("exclusiveMinimum", "min_value"),
    "greater_than_or_equal_to": ("minimum", "min_value"),
    "less_than": ("exclusiveMaximum", "max_value"),
    "less_than_or_equal_to": ("maximum", "max_value"),
}
WHOLE = {"minimum": -(2**63), "maximum": 2**63 - 1}
LONGEST = 60


def request_schema(contract: Contract, example: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give the schema of a row that keeps a contract.

    What JSON Schema has no words for (bounds of moments, patterns from the
    text's beginning only) the contract still checks.

    Args:
        contract: The contract of rows as they come in.
        example: A row that keeps it.
    """
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "Row",
        "type": "object",
        "properties": {column.name: property_of(column) for column in contract.columns},
        "required": [column.name for column in contract.columns if column.required],
        "additionalProperties": contract.strict is not True,
    }
    return schema | ({"examples": [dict(example)]} if example else {})


def property_of(column: Column) -> dict[str, Any]:
    """Give the schema of one column's values."""
    family = FAMILY.get(column.dtype, column.dtype)
    found: dict[str, Any] = {"type": TYPES[family]}
    if family == DATETIME:
        found |= {"format": "date-time"}
    if family == "int64":
        found |= WHOLE
    for constraint in column.constraints:
        if not constraint.warns:
            add_check(found, family, constraint.check, dict(constraint.arguments))
    if column.nullable:
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


def add_check(found: dict[str, Any], family: str, name: str, arguments: Mapping[str, Any]) -> None:
    """Add what a check comes to in JSON Schema."""
    numbers = family in ("int64", "float64")
    if name in BOUNDS and numbers:
        key, argument = BOUNDS[name]
        narrow(found, key, arguments[argument])
    elif name == "in_range" and numbers:
        low = "minimum" if arguments.get("include_min", True) else "exclusiveMinimum"
        high = "maximum" if arguments.get("include_max", True) else "exclusiveMaximum"
        narrow(found, low, arguments["min_value"])
        narrow(found, high, arguments["max_value"])
    elif name == "isin" and family != DATETIME:
        allow(found, arguments["allowed_values"])
    elif name == "equal_to" and family != DATETIME:
        allow(found, [arguments["value"]])
    elif name == "str_length":
        exact = arguments.get("exact_value")
        bounds = {"minLength": arguments.get("min_value", exact), "maxLength": arguments.get("max_value", exact)}
        for key, bound in bounds.items():
            if bound is not None:
                narrow(found, key, bound)


def allow(found: dict[str, Any], values: Iterable[Any]) -> None:
    """Set the values that are allowed, or keep those that two lists have in common."""
    found["enum"] = [value for value in values if value in found.get("enum", [value])]


def narrow(found: dict[str, Any], key: str, bound: Any) -> None:
    """Set a bound, or keep the narrower of two."""
    pick = max if key.lower().endswith("minimum") or key == "minLength" else min
    found[key] = pick(found[key], bound) if key in found else bound


def example_of(row: Mapping[str, Any], contract: Contract) -> dict[str, Any]:
    """Give an example made of a real row: numbers and short categories as they are, longer text made up.

    Text may be somebody's mail, so that none longer than a category is shown.
    """
    found: dict[str, Any] = {}
    for column in contract.columns:
        value = row.get(column.name)
        family = FAMILY.get(column.dtype, column.dtype)
        listed = any(check.check == "isin" for check in column.constraints)
        if value is not None and family == "str" and not listed:
            value = made_up(str(value))
        found[column.name] = value
    return found


def made_up(value: str) -> str:
    """Keep a short text of one word, or one that is a date; put a neutral sentence in the place of any other."""
    if any(sign.isdigit() for sign in value) and len(value) <= LONGEST and "@" not in value:
        return value
    return value if len(value) <= 12 and value.isalnum() else "An example of the text that stands here."
