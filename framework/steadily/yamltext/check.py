"""What is wrong with a YAML file that a person wrote, each with its line.

Owns the refusal of scalars that readers differ about, of duplicate keys and of
what is no plain data. It leaves the meaning of scalars to ``yamlrules`` and
what the values stand for to ``config``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from steadily.errors import Problem
from steadily.yamltext.rules import PLAIN_TAGS, TAG, LegacyLoader, core_tag, core_value, legacy_tag, legacy_value

DEEPEST = 60  # OmegaConf's own recursion ends at some hundred levels, without a word about where
PACKAGE_LINE = re.compile(r"\s*#\s*@package\b")


def disagreements(text: str, where: str) -> list[Problem]:
    """List all that is wrong with the YAML ``text`` of the file ``where``, with line numbers.

    >>> print(*disagreements("clean: on", "conf/a.yaml"))
    conf/a.yaml:1: 'on' is read as true by some readers and as 'on' by others; write true or false, or quote it: 'on'
    """
    try:
        root = parse(text)
    except RecursionError:
        return [Problem(where, f"nested more than {DEEPEST} levels deep")]
    except (yaml.YAMLError, ValueError) as error:
        return [parse_problem(error, where, text)]
    problems = list(header_problems(text, where))
    if root is None:
        return problems
    if not isinstance(root, yaml.MappingNode):
        kind = "list" if isinstance(root, yaml.SequenceNode) else "single value"
        return [Problem(line(where, root), f"the file holds a {kind} and has to hold a mapping (key: value)")]
    return problems + sorted_by_line(node_problems(root, where, []))


def parse(text: str) -> yaml.Node | None:
    """Give the tree of nodes with their lines, or None where the text is empty or only comments.

    Raises:
        yaml.YAMLError: It is no YAML.
    """
    return yaml.compose(text.removeprefix("\ufeff"), Loader=LegacyLoader)


def parse_problem(error: Exception, where: str, text: str) -> Problem:
    """Make the parser's words short, with file and line where it knows them."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = f"{where}:{mark.line + 1}" if mark else where
    words = str(getattr(error, "problem", None) or str(error).partition("\n")[0])
    if "cannot start any token" in words and mark and "\t" in "".join(text.splitlines()[mark.line : mark.line + 1]):
        return Problem(place, "YAML can't start with a tab here", hint="indent with spaces")
    if "expected <document start>" in words or "another document" in words:
        return Problem(place, "the file has a second YAML document (---)", hint="keep one")
    if "mapping values are not allowed" in words:
        return Problem(place, "this is no YAML: a ':' where no key can be", hint="quote text that holds ': '")
    if mark and "???" in "".join(text.splitlines()[mark.line : mark.line + 1]):
        return Problem(place, "this is no YAML: ??? inside brackets", hint="quote it: '???'")
    context = getattr(error, "context", None)
    return Problem(place, f"this is no YAML: {words}" + (f" ({context})" if context else ""))


def header_problems(text: str, where: str) -> Iterator[Problem]:
    """Yield the ``# @package`` lines that Hydra would pass over without a word."""
    header = True
    for number, content in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        is_package = bool(PACKAGE_LINE.match(content))
        if is_package and text.startswith("\ufeff"):
            yield Problem(
                f"{where}:{number}",
                "the file starts with a byte order mark, which hides this line",
                hint="save without it",
            )
        elif is_package and len(content.split("@package")[1].split()) != 1:
            yield Problem(f"{where}:{number}", "an @package line has one package", given=content.strip())
        elif is_package and not header:
            yield Problem(f"{where}:{number}", "this @package line is not read", hint="make it the file's first line")
        header = header and (is_package or not content.strip())


def sorted_by_line(problems: Iterator[Problem]) -> list[Problem]:
    """Order problems as the file has them, each once (an alias leads to the same place twice)."""
    unique = {str(problem): problem for problem in problems}
    return sorted(unique.values(), key=lambda problem: int(problem.where.rpartition(":")[2]))


def line(where: str, node: yaml.Node) -> str:
    """Give ``where:line`` of a node."""
    return f"{where}:{node.start_mark.line + 1}"


def node_problems(node: yaml.Node, where: str, above: list[yaml.Node]) -> Iterator[Problem]:
    """Yield the problems of a node and all below it; ``above`` are the nodes that hold it."""
    if any(node is holder for holder in above):
        yield Problem(line(where, node), "an anchor that holds itself")
        return
    if len(above) > DEEPEST:
        yield Problem(line(where, node), f"nested more than {DEEPEST} levels deep")
        return
    if isinstance(node, yaml.ScalarNode):
        yield from scalar_problems(node, where)
        return
    if node.tag not in PLAIN_TAGS:
        yield Problem(line(where, node), "a tag that is no plain data", given=shown(node.tag))
    if isinstance(node, yaml.MappingNode):
        yield from key_problems(node, where)
    children = [child for _, child in node.value] if isinstance(node, yaml.MappingNode) else node.value
    for child in children:
        yield from node_problems(child, where, [*above, node])


def scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Yield the scalars that are values in a tree of nodes without loops."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from scalars(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from scalars(item)


def key_problems(node: yaml.MappingNode, where: str) -> Iterator[Problem]:
    """Yield keys that stand twice or are no text."""
    first: dict[str, yaml.Node] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            yield Problem(line(where, key), "a key that is itself a list or a mapping")
            continue
        if key.tag == TAG + "merge":
            continue
        found = list(scalar_problems(key, where))
        yield from found
        if not found and key.tag != TAG + "str":
            yield Problem(line(where, key), "a key that is no text", given=key.value, hint=f"quote it: '{key.value}'")
        if key.value in first:
            twice = f"the key '{key.value}' stands here and in line {first[key.value].start_mark.line + 1}"
            yield Problem(line(where, key), twice, hint="keep one")
        first.setdefault(key.value, key)


def scalar_problems(node: yaml.ScalarNode, where: str) -> Iterator[Problem]:
    """Yield what is wrong with one scalar: a tag that is no plain data, NaN, or two readings."""
    text, place = node.value, line(where, node)
    plain = not node.style and node.tag == legacy_tag(text)
    if node.tag not in PLAIN_TAGS or (plain and node.tag == TAG + "merge"):
        given = text if plain else shown(node.tag)
        yield Problem(
            place, "a value that is no plain data", given=given, hint=f"quote it: '{text}'" if plain else None
        )
    elif not plain and node.tag == TAG + "str":
        return
    else:
        yield from two_readings(text, node.tag, core_tag(text) if plain else node.tag, place)


def two_readings(text: str, legacy: str, core: str, place: str) -> Iterator[Problem]:
    """Yield a problem where YAML 1.1 and 1.2 read ``text`` as different types or values."""
    try:
        old, new = legacy_value(text, legacy), core_value(text, core)
    except (ValueError, OverflowError, LookupError, yaml.YAMLError):
        yield Problem(place, "a number that can't be read", given=text[:40], hint="quote it if it is text")
        return
    if old != old:  # NaN
        yield Problem(place, "NaN is never equal to itself, so its stage would rerun for ever", hint="use null")
    elif type(old) is not type(new) or old != new:
        yield Problem(
            place,
            f"'{text}' is read as {told(old)} by some readers and as {told(new)} by others",
            hint=way_out(text, old),
        )


def told(value: Any) -> str:
    """Say a value as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def way_out(text: str, old: object) -> str:
    """Say how to write what was meant."""
    if isinstance(old, bool):
        return f"write true or false, or quote it: '{text}'"
    return f"quote it if it is text: '{text}'; write a number in plain decimal digits"


def shown(tag: str) -> str:
    """Give a tag in its short form."""
    return tag.replace(TAG, "!!")
