"""Reads YAML 1.2 quickly: what DVC writes, such as ``dvc.lock`` and the ``params.yaml`` of an experiment."""

from __future__ import annotations

import copy
import functools
from typing import Any

import yaml

from steadily.yamltext.rules import CORE, TAG, LegacyLoader, core_value


class CoreLoader(LegacyLoader):
    """Reads plain scalars by the core schema of YAML 1.2."""


def construct_core(loader: Any, node: yaml.ScalarNode) -> Any:
    """Give a scalar's value by the core schema."""
    return core_value(node.value, node.tag)


class Whole:
    """Makes a pattern's ``match`` match the whole text, which is all that PyYAML calls."""

    def __init__(self, pattern: Any) -> None:
        self.match = pattern.fullmatch


CoreLoader.yaml_implicit_resolvers = {None: [(TAG + kind, Whole(pattern)) for kind, pattern in CORE]}
for kind in ("null", "bool", "int", "float"):
    CoreLoader.add_constructor(TAG + kind, construct_core)


def load_core(text: str) -> Any:
    r"""Read YAML 1.2 into plain Python values.

    Raises:
        yaml.YAMLError: It is no YAML.

    >>> load_core("a: on\nb: 010\nc: 1.0\nd:\n")
    {'a': 'on', 'b': 10, 'c': 1.0, 'd': None}
    """
    return copy.deepcopy(parsed(text))


@functools.lru_cache(maxsize=8)
def parsed(text: str) -> Any:
    """Parse a text once: ``compose`` reads the same few files several times."""
    return yaml.load(text.removeprefix("\ufeff"), Loader=CoreLoader)  # noqa: S506 (a safe loader)
