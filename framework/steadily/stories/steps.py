"""Shows steps to people: the list, and one whole with its parameters."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from steadily.catalog import Catalog, StepEntry

INDENT = "    "


def listing(catalog: Catalog) -> list[str]:
    """Give a line for each step with its parameters, and one below with what it does, by plugin."""
    lines: list[str] = []
    for entry in catalog.entries.values():
        head = f"{entry.plugin.name}  ({entry.plugin.distribution})"
        if entry.failure:
            lines += [f"{head}: failed at import: {entry.failure}", ""]
            continue
        lines.append(head)
        for step in sorted(entry.steps, key=lambda step: step.name):
            lines += wrapped(f"  {step.name}  {signature(step)}", INDENT * 2)
            lines += wrapped(f"{INDENT}{step.summary}", INDENT)
        lines.append("")
    return lines[:-1]


def wrapped(text: str, indent: str) -> list[str]:
    """Wrap a line to the terminal."""
    return textwrap.wrap(text, width=min(shutil.get_terminal_size().columns, 110), subsequent_indent=indent)


def signature(step: StepEntry) -> str:
    """Write a step's parameters in short: required ones plain, the others with their defaults."""
    required = set(step.schema.get("required", ()))
    words = []
    for name, schema in step.schema.get("properties", {}).items():
        default = "" if name in required else f"={json.dumps(schema.get('default'), ensure_ascii=False)}"
        words.append(f"{name}{default}")
    return ", ".join(words)


def whole(step: StepEntry) -> list[str]:
    """Show one step: what it is, its docstring, its parameters with types."""
    lines = [f"{step.name}  ({step.kind} step of {step.distribution}, {step.module}.{step.qualname})", ""]
    lines += step.doc.splitlines()
    parameters = list(parameter_lines(step.schema))
    return [*lines, "", "Parameters:", *parameters] if parameters else lines


def parameter_lines(schema: Mapping[str, Any]) -> Iterator[str]:
    """Give a line for each parameter: name, type, default."""
    required = set(schema.get("required", ()))
    for name, item in schema.get("properties", {}).items():
        default = "required" if name in required else f"default {json.dumps(item.get('default'), ensure_ascii=False)}"
        yield f"  {name}: {type_of(item, schema)}, {default}"


def type_of(item: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Write a JSON Schema's type in short.

    >>> type_of({"type": "array", "items": {"type": "string"}}, {})
    'list of string'
    """
    if "$ref" in item:
        return type_of(schema["$defs"][item["$ref"].rpartition("/")[2]], schema)
    if "enum" in item:
        return " | ".join(json.dumps(value) for value in item["enum"])
    if "const" in item:
        return json.dumps(item["const"])
    if "anyOf" in item:
        return " | ".join(type_of(part, schema) for part in item["anyOf"])
    if item.get("type") == "array":
        return f"list of {type_of(item.get('items', {}), schema)}"
    if item.get("type") == "object" and isinstance(item.get("additionalProperties"), Mapping):
        return f"mapping to {type_of(item['additionalProperties'], schema)}"
    return str(item.get("type", "anything"))
