"""YAML as Steadily writes it, so that every reader reads the same typed values, and the seal over it.

Owns reading, the canonical form and the seal of ``params.yaml`` and its kind.
How readers differ stands in ``yamlrules``, the check of files that people
write in ``yamlcheck``.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import yaml

from steadily.errors import ConfigError, Problem
from steadily.yamltext.check import disagreements, parse_problem
from steadily.yamltext.rules import LegacyLoader, reads_as_text

__all__ = ["disagreements", "dump", "load", "parse_problem", "seal_of", "sealed"]

SEAL: Final = "# Written by steadily compose from conf/; edit conf/, or keep an experiment with steadily adopt. sha256:"
ODD: Final = re.compile(r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class CanonicalDumper(yaml.SafeDumper):
    """Writes block YAML without aliases, in which text that could be read as something else is quoted."""

    def ignore_aliases(self, data: object) -> bool:
        """Write a value out each time: an alias is one more thing for readers to differ about."""
        return True


def represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Quote what another reader could take for a number, a date or a truth value; keep line breaks as escapes."""
    style = '"' if ODD.search(text) else None if reads_as_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


CanonicalDumper.add_representer(str, represent_text)


def load(text: str, where: str = "") -> Any:
    r"""Read YAML into plain Python values, as OmegaConf reads it (dates stay text).

    Args:
        text: The YAML text; a byte order mark and CRLF are fine.
        where: The file's name, for errors.

    Raises:
        ConfigError: It is no YAML.

    >>> load("C: 1e3\nwhen: 2002-09-25")
    {'C': 1000.0, 'when': '2002-09-25'}
    """
    try:
        return yaml.load(text.removeprefix("\ufeff"), Loader=LegacyLoader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(parse_problem(error, where, text)) from error


def dump(values: Mapping[str, Any], header: str = "") -> str:
    """Write ``values`` as canonical block YAML, in their own order, and check that all readers agree on it.

    Args:
        values: Plain values: mappings with text keys, lists, text, numbers, truth values, None.
        header: Text for a comment at the top.

    Raises:
        ConfigError: A value that is none of these, is NaN, or would be read back as another one.

    >>> print(dump({"on": "off", "C": 1e-5}, header="demo"), end="")
    # demo
    'on': 'off'
    C: 1.0e-05
    """
    problems = list(unwritable(values, ""))
    if problems:
        raise ConfigError(*problems)
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    text = yaml.dump(
        dict(values),
        Dumper=CanonicalDumper,
        default_flow_style=False,
        allow_unicode=True,
        sort_keys=False,
        width=math.inf,
    )
    refuse_misread(values, text)
    return comment + text


def unwritable(value: object, path: str) -> list[Problem]:
    """List what can't be written so that it is read back alike: by path, such as ``stages.clean``."""
    if isinstance(value, Mapping):
        keys = [
            Problem(path or "values", "a key has to be text", given=repr(key)) for key in value if type(key) is not str
        ]
        return keys + [bad for key, item in value.items() for bad in unwritable(item, f"{path}.{key}".lstrip("."))]
    if type(value) is list:
        return [bad for index, item in enumerate(value) for bad in unwritable(item, f"{path}[{index}]")]
    if type(value) is float and math.isnan(value):
        return [Problem(path, "NaN is never equal to itself, so its stage would rerun for ever", hint="use null")]
    if type(value) is str and any("\ud800" <= letter <= "\udfff" for letter in value):
        return [Problem(path, "the text holds half a character (a lone surrogate)", given=ascii(value))]
    if value is None or type(value) in (str, int, float, bool):
        return []
    kinds = "text, numbers, true, false, null, lists, mappings"
    return [Problem(path, "a value that YAML can't hold", given=f"{value!r} ({type(value).__name__})", allowed=kinds)]


def refuse_misread(values: Mapping[str, Any], text: str) -> None:
    """Raise unless both kinds of reader get ``values`` back from ``text``, types and all."""
    from ruamel.yaml import YAML  # what DVC reads with

    for reader, found in (("OmegaConf", load(text)), ("DVC", YAML(typ="safe", pure=True).load(text))):
        if not alike(values, found):
            raise ConfigError(Problem("values", f"{reader} would not read back what was written", given=text[:200]))


def alike(one: object, other: object) -> bool:
    """Tell whether two plain values are equal with equal types: ``1``, ``1.0`` and ``True`` are not.

    >>> alike({"a": [1, None]}, {"a": [1, None]}), alike({"a": 1}, {"a": 1.0})
    (True, False)
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and (repr(one) == repr(other) if isinstance(one, float) else one == other)


def sealed(text: str) -> str:
    """Put a first line over ``text`` which says where it comes from and holds its digest."""
    return f"{SEAL}{digest_of(text)}\n{text}"


def seal_of(text: str) -> Literal["intact", "broken", "none"]:
    r"""Tell whether a sealed text is as it was written; 'none' where there is no seal, as after DVC's own composing.

    >>> seal_of(sealed("a: 1\n")), seal_of(sealed("a: 1\n").replace("1", "2", 1)), seal_of("a: 1\n")
    ('intact', 'broken', 'none')
    """
    first, _, rest = text.removeprefix("\ufeff").replace("\r\n", "\n").partition("\n")
    if not first.startswith(SEAL):
        return "none"
    return "intact" if first.removeprefix(SEAL).strip() == digest_of(rest) else "broken"


def digest_of(text: str) -> str:
    """Give the SHA-256 of ``text``, whatever the line ends that git or an editor chose."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()
