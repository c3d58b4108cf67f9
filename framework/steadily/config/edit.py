"""Changes single values in a YAML text that a person wrote, and leaves every other character as it is.

Owns setting and removing a key by its path. Which file is to be changed is
decided by ``adopt``. It works on the parser's positions instead of writing the
file anew, so comments, quotes, blank lines and line ends stay.
"""

from __future__ import annotations

import math
from typing import Any, Final

import yaml

from steadily.config.locate import Keys, child
from steadily.yamltext import CanonicalDumper
from steadily.yamltext.check import parse
from steadily.yamltext.rules import LegacyLoader

INDENT: Final = 2


class CannotEditError(Exception):
    """The text has an anchor or another form there that can't be changed in place."""


def set_value(text: str, path: Keys, value: object) -> str:
    r"""Set the value at ``path`` (keys of mappings), adding what is missing on the way.

    Args:
        text: The file's text.
        path: The keys, from the top of the file.
        value: A plain value.

    Raises:
        CannotEditError: What stands there can't be changed without touching something else.

    >>> print(set_value("a: 1  # one\nb: {c: x}\n", ("b", "d"), 2.0), end="")
    a: 1  # one
    b: {c: x, d: 2.0}
    """
    mark, body = split_mark(text)
    root = parse(body)
    if root is None:
        return (
            mark
            + body
            + ("" if not body or body.endswith("\n") else "\n")
            + block({str(path[0]): nested(path[1:], value)}, 0)
        )
    parent, depth = deepest(root, path)
    found = child(parent, path[depth])
    if found and depth == len(path) - 1:
        return mark + replace(body, parent, found, value)
    if found:  # a list or scalar stands where a mapping is wanted
        return mark + replace(body, parent, found, nested(path[depth + 1 :], value))
    return mark + add(body, root, parent, path[:depth], str(path[depth]), nested(path[depth + 1 :], value))


def remove(text: str, path: Keys) -> str:
    r"""Take the key at ``path`` out.

    >>> print(remove("a: 1\nb:\n  c: 2  # two\n  d: 3\n", ("b", "c")), end="")
    a: 1
    b:
      d: 3
    """
    mark, body = split_mark(text)
    root = parse(body)
    parent, depth = deepest(root, path)
    found = child(parent, path[-1])
    if depth != len(path) - 1 or not found:
        raise CannotEditError
    if parent.flow_style or len(parent.value) == 1:
        left = {key: item for key, item in plain(parent).items() if key != path[-1]}
        return mark + rewrite(body, root, parent, path[:-1], left)
    start = body.rfind("\n", 0, span(body, found)[0]) + 1
    return mark + body[:start] + body[line_end(body, span(body, found)[1]) :]


def split_mark(text: str) -> tuple[str, str]:
    """Split off a byte order mark."""
    return ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)


def nested(keys: Keys, value: object) -> object:
    """Put ``value`` under ``keys``.

    >>> nested(("a", "b"), 1)
    {'a': {'b': 1}}
    """
    for key in reversed(keys):
        value = {str(key): value}
    return value


def deepest(root: Any, path: Keys) -> tuple[Any, int]:
    """Give the deepest mapping along ``path``, and its depth; the last key is looked up in it by the caller."""
    node, depth = root, 0
    while depth < len(path) - 1:
        found = child(node, path[depth])
        if not found or not isinstance(found[1], yaml.MappingNode):
            break
        node, depth = found[1], depth + 1
    return node, depth


def span(text: str, found: tuple[Any, Any]) -> tuple[int, int]:
    """Give where an entry starts and where its value ends, without what follows on the line.

    Raises:
        CannotEditError: The value is an alias: it stands elsewhere.
    """
    key, value = found
    start = key.start_mark.index
    end = max(last(value), text.index(":", key.end_mark.index) + 1)
    if value.start_mark.index < start or text[key.end_mark.index :].lstrip(" \t").removeprefix(":").lstrip()[:1] in (
        "*",
        "&",
    ):
        raise CannotEditError
    return start, start + len(text[start:end].rstrip())


def last(node: Any) -> int:
    """Give where a value ends; a block's own mark lies behind the comments that follow it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    item = node.value[-1]
    return last(item[1] if isinstance(item, tuple) else item)


def replace(text: str, parent: Any, found: tuple[Any, Any], value: object) -> str:
    """Put another value behind an entry's key."""
    _, end = span(text, found)
    colon = text.index(":", found[0].end_mark.index) + 1
    if is_simple(value) or parent.flow_style:
        return f"{text[:colon]} {flow(value)}{text[end:]}"
    column = found[0].start_mark.column
    return f"{text[:colon]}{fitted(text, chr(10) + block(value, column + INDENT).rstrip())}{text[end:]}"


def add(text: str, root: Any, parent: Any, path: Keys, key: str, value: object) -> str:
    """Add a key at the end of a mapping."""
    if not isinstance(parent, yaml.MappingNode):
        raise CannotEditError
    if parent.flow_style or not parent.value:
        return rewrite(text, root, parent, path, {**plain(parent), key: value})
    column = parent.value[0][0].start_mark.column
    end = line_end(text, span(text, parent.value[-1])[1])
    gap = "" if text[:end].endswith("\n") else "\n"
    return text[:end] + fitted(text, gap + block({key: value}, column)) + text[end:]


def rewrite(text: str, root: Any, node: Any, path: Keys, value: object) -> str:
    """Write a whole mapping anew, on one line."""
    if not path:
        start, end = node.start_mark.index, last(node)
        return text[:start] + fitted(text, block(value, 0).rstrip()) + text[end:]
    holder, _ = deepest(root, path)
    found = child(holder, path[-1])
    if not found:
        raise CannotEditError
    _, end = span(text, found)
    colon = text.index(":", found[0].end_mark.index) + 1
    return f"{text[:colon]} {flow(value)}{text[end:]}"


def line_end(text: str, position: int) -> int:
    """Give the start of the line after ``position``."""
    found = text.find("\n", position)
    return len(text) if found < 0 else found + 1


def plain(node: yaml.MappingNode) -> dict[str, Any]:
    """Give a mapping's values as they stand in the file."""
    text = yaml.serialize(node, Dumper=CanonicalDumper)
    return dict(yaml.load(text, Loader=LegacyLoader))  # noqa: S506 (a safe loader)


def is_simple(value: object) -> bool:
    """Tell whether a value is written on the key's own line: a scalar, or a list of scalars, or something empty."""
    if isinstance(value, list):
        return not any(isinstance(item, dict | list) for item in value)
    return not isinstance(value, dict) or not value


def flow(value: object) -> str:
    """Write a value on one line.

    >>> flow({"a": [1, "on"]})
    "{a: [1, 'on']}"
    """
    text: str = yaml.dump(
        [value], Dumper=CanonicalDumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=math.inf
    )
    return text.strip()[1:-1]


def block(value: object, column: int) -> str:
    """Write a mapping or list as a block that starts at ``column``; lists of scalars stay on one line."""
    pad = " " * column
    if isinstance(value, dict) and value:
        return "".join(entry(str(key), item, column) for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}- {flow(item)}\n" for item in value)
    return f"{pad}{flow(value)}\n"


def entry(key: str, value: object, column: int) -> str:
    """Write one entry of a block mapping."""
    head = " " * column + flow(key) + ":"
    return f"{head} {flow(value)}\n" if is_simple(value) else f"{head}\n{block(value, column + INDENT)}"


def fitted(text: str, addition: str) -> str:
    """Give an addition the line ends that the text has."""
    return addition.replace("\n", "\r\n") if "\r\n" in text else addition
