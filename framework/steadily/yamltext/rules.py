"""How the two YAML readers that matter read a plain scalar: YAML 1.1 (OmegaConf, PyYAML) and 1.2 (the core schema).

Owns the loader that reads as OmegaConf does, and the meaning of a scalar under
each of the two rules. Which of them are refused is said by ``yamlcheck``.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

try:
    from yaml import CSafeLoader as FastLoader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as FastLoader  # type: ignore[assignment]

TAG: Final = "tag:yaml.org,2002:"
PLAIN_TAGS: Final = {TAG + kind for kind in ("null", "bool", "int", "float", "str", "map", "seq", "merge")}
# Copied from OmegaConf, which widens PyYAML's floats (1e3) and reads dates as text; a test compares them.
OMEGACONF_FLOAT: Final = re.compile(
    r"""^(?:
     [-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)
    |\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?
    |[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.X,
)


class LegacyLoader(FastLoader):
    """Reads YAML into plain Python values as OmegaConf does."""


LegacyLoader.add_implicit_resolver(TAG + "float", OMEGACONF_FLOAT, list("-+0123456789."))
LegacyLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != TAG + "timestamp"]
    for first, rules in LegacyLoader.yaml_implicit_resolvers.items()
}

CORE: Final = (
    ("null", re.compile(r"(?:null|Null|NULL|~|)")),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)")),
    ("int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)")),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")),
    ("float", re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))")),
)
DATE: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?")
RUAMEL_NUMBER: Final = re.compile(r"[-+]?(?:0b[0-1_]+|0o?[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+|[0-9_]*\.?[0-9_]*(?:[eE].*)?)")


def legacy_tag(text: str) -> str:
    """Tell what a plain scalar is for YAML 1.1 as OmegaConf reads it.

    >>> legacy_tag("on"), legacy_tag("2002-09-25")
    ('tag:yaml.org,2002:bool', 'tag:yaml.org,2002:str')
    """
    for tag, pattern in LegacyLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return TAG + "str"


def legacy_value(text: str, tag: str) -> Any:
    """Give the value of a scalar of ``tag`` as YAML 1.1 reads it: ``010`` is 8, ``12:30`` is 750.

    >>> legacy_value("010", legacy_tag("010"))
    8
    """
    constructor = yaml.constructor.SafeConstructor()
    return constructor.construct_object(yaml.ScalarNode(tag, text))


def core_tag(text: str) -> str:
    """Tell what a plain scalar is in the core schema of YAML 1.2.

    >>> core_tag("on"), core_tag("010")
    ('tag:yaml.org,2002:str', 'tag:yaml.org,2002:int')
    """
    return TAG + next((kind for kind, pattern in CORE if pattern.fullmatch(text)), "str")


def core_value(text: str, tag: str) -> Any:
    """Give the value of a scalar of ``tag`` as the core schema of YAML 1.2 reads it.

    >>> core_value("010", core_tag("010")), core_value("0o10", core_tag("0o10"))
    (10, 8)
    """
    kind = tag.removeprefix(TAG)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def reads_as_text(text: str) -> bool:
    """Tell whether every reader takes ``text``, written without quotes, for text.

    Wider than the two rules: ruamel reads dates and things such as ``-_`` in its own way.

    >>> reads_as_text("ham"), reads_as_text("off"), reads_as_text("2002-09-25"), reads_as_text("y")
    (True, False, False, False)
    """
    if legacy_tag(text) != TAG + "str" or core_tag(text) != TAG + "str" or text in ("y", "Y", "n", "N"):
        return False
    return not (DATE.match(text) or RUAMEL_NUMBER.fullmatch(text))
