"""Where a value of the composed configuration comes from: file and line.

Owns the search through the files in Hydra's order of precedence. It is given
their node trees and packages by ``config`` and imports no Hydra.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from steadily.yamltext.rules import TAG

Keys = tuple[str | int, ...]

WHOLE: Final = re.compile(r"\s*\$\{\s*(\.*)([^${}:\s]+)\s*\}\s*")
PART: Final = re.compile(r"([^.\[\]]+)|\[([^\[\]]*)\]")
MISSING: Final = "???"
INTERPOLATIONS_AT_MOST: Final = 20


@dataclass(frozen=True)
class Layer:
    """One file (or override) among those that are merged: what it holds, and under which keys it is put."""

    where: str
    package: Keys
    root: Any  # yaml.Node of a file, plain Python of an override
    is_file: bool = True

    def place(self, node: object) -> str:
        """Give ``file:line`` of a node, or the layer's name where there are no lines."""
        return f"{self.where}:{node.start_mark.line + 1}" if isinstance(node, yaml.Node) else self.where


@dataclass(frozen=True)
class Found:
    """How far a layer defines a path, and where."""

    depth: int = 0
    rank: int = -2  # a value before a package's mere name before a '???', at the same depth
    where: str = ""
    layer: Layer | None = None
    closed: bool = False  # the layer has a list or a scalar there: it replaces what earlier layers have
    target: Keys | None = None  # an interpolation that stands in for the rest of the path
    node: Any = field(default=None, repr=False)
    via: bool = False  # found behind an interpolation

    @property
    def score(self) -> tuple[int, int]:
        """Order findings: the deepest first, then the best rank."""
        return self.depth, self.rank


def find(layers: Sequence[Layer], keys: Keys, *, hops: int = 0) -> Found:
    """Find the last layer that defines the deepest prefix of ``keys``, through interpolations.

    Args:
        layers: The layers in the order in which they are merged.
        keys: The path in the composed tree.
        hops: How many interpolations have been followed so far.
    """
    best = Found()
    for layer in reversed(layers):
        found = in_layer(layer, keys)
        if found.target is not None and found.depth < len(keys) and hops < INTERPOLATIONS_AT_MOST:
            found = beyond(layers, keys, found, hops)
        if found.score > best.score:
            best = found
        if found.closed:
            break
    return best


def beyond(layers: Sequence[Layer], keys: Keys, found: Found, hops: int) -> Found:
    """Go on behind the interpolation that ``found`` ended at, if anything of the path is there."""
    target = found.target or ()
    further = find(layers, target + keys[found.depth :], hops=hops + 1)
    gained = further.depth - len(target)
    if gained <= 0:
        return found
    return Found(
        found.depth + gained, further.rank, further.where, further.layer, closed=True, node=further.node, via=True
    )


def in_layer(layer: Layer, keys: Keys) -> Found:
    """Tell how far one layer defines ``keys``."""
    common = 0
    while common < min(len(keys), len(layer.package)) and str(keys[common]) == str(layer.package[common]):
        common += 1
    if common < len(layer.package):
        return Found(common, -1, layer.place(layer.root), layer) if common else Found()
    return descend(layer, layer.root, keys, common)


def descend(layer: Layer, root: Any, keys: Keys, depth: int) -> Found:
    """Follow ``keys`` from ``depth`` on through the layer's own tree, as far as it goes."""
    node, where, rank = root, layer.place(root), 0 if layer.is_file and depth else -2
    if not layer.is_file:
        rank = 0
    while depth < len(keys):
        step = child(node, keys[depth])
        if step is None:
            break
        key, node = step
        where, rank, depth = layer.place(key), 0, depth + 1
    text = scalar(node)
    if text == MISSING:
        return Found(depth, -1, where, layer, node=node)
    is_leaf = node is not None and not isinstance(node, (yaml.MappingNode, Mapping))
    target = absolute(text, keys[:depth]) if text else None
    return Found(depth, rank, where, layer, closed=is_leaf, target=target, node=node)


def child(node: Any, key: str | int) -> tuple[Any, Any] | None:
    """Give the key and value nodes of an entry; the last of equal keys, then merged-in ones."""
    if isinstance(node, yaml.MappingNode):
        own = [(name, value) for name, value in node.value if name.value == str(key) and name.tag != TAG + "merge"]
        return own[-1] if own else merged(node, key)
    if isinstance(node, yaml.SequenceNode):
        inside = isinstance(key, int) and 0 <= key < len(node.value)
        return (node.value[key], node.value[key]) if inside else None
    if isinstance(node, Mapping):
        return (key, node[key]) if key in node else None
    if isinstance(node, list) and isinstance(key, int) and 0 <= key < len(node):
        return key, node[key]
    return None


def merged(node: yaml.MappingNode, key: str | int) -> tuple[Any, Any] | None:
    """Look for a key in what ``<<`` merges into a mapping."""
    for name, value in node.value:
        if name.tag == TAG + "merge":
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in sources:
                found = child(source, key)
                if found:
                    return found
    return None


def scalar(node: Any) -> str | None:
    """Give the text of a scalar node or plain value."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    return node if isinstance(node, str) else None


def absolute(text: str, path: Keys) -> Keys | None:
    """Give the path that a whole-value interpolation at ``path`` leads to, or None.

    >>> absolute("${contract.clean}", ("datasets", "clean", "contract"))
    ('contract', 'clean')
    >>> absolute("${..b[0]}", ("a", "x", "y"))
    ('a', 'b', 0)
    """
    match = WHOLE.fullmatch(text)
    return reference(match[1], match[2], path) if match else None


def reference(dots: str, words: str, path: Keys) -> Keys:
    """Give the absolute path of ``words`` after the leading ``dots``, seen from the value at ``path``."""
    names = [name or index for name, index in PART.findall(words)]
    start = path[: max(len(path) - len(dots), 0)] if dots else ()
    return start + tuple(int(name) if name.isdigit() else name for name in names)
