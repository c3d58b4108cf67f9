"""JSON to text: each value exactly as it is written, so that nothing depends on what stands beside it.

Owns what a line of JSON becomes; files are ``jsonl_files``' business.
"""

from __future__ import annotations

import json
from typing import Any


class Number(str):
    """A number as it is written: ``1.0`` stays ``1.0``."""

    __slots__ = ()


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of an object's pairs, and refuse a key that is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def no_number(constant: str) -> Any:
    """Refuse NaN and Infinity, which Python would read and JSON does not know."""
    raise ValueError(f"{constant} is no JSON; write null for a missing value")


DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_float=Number, parse_int=Number, parse_constant=no_number)


def parse(line: str) -> dict[str, Any]:
    """Read one line of JSON lines.

    Raises:
        ValueError: It is no JSON, no object, has a key twice, or text that is not Unicode.

    >>> parse('{"a": 1.0}')
    {'a': '1.0'}
    """
    try:
        found = DECODER.decode(line.strip(" \t\r\n"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}, at sign {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError(f"it is a {name_of(found)}, and each line has to be an object")
    if "\\u" in line:
        refuse_half_signs(found)
    return found


def refuse_half_signs(found: dict[str, Any]) -> None:
    r"""Refuse half of a sign, such as ``\ud83d`` alone, which no text can hold."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds half of a sign ({error.object[error.start]!r})") from None


def name_of(value: object) -> str:
    """Name the JSON type of ``value``.

    >>> name_of(Number("1")), name_of([])
    ('number', 'list')
    """
    names = {Number: "number", str: "string", list: "list", dict: "object", bool: "truth value"}
    return names.get(type(value), "null")


def as_text(value: Any) -> str | None:
    """Give a value as JSON writes it, without the quotes of a string; null is missing.

    >>> [as_text(value) for value in parse('{"a": 1.50, "b": true, "c": null, "d": "x", "e": [1, "é"]}').values()]
    ['1.50', 'true', None, 'x', '[1,"é"]']
    """
    if value is None:
        return None
    return str(value) if isinstance(value, str) else compact(value)


def compact(value: Any) -> str:
    """Write a parsed value as JSON again, without spaces, numbers as they were."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(compact, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(key)}:{compact(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
