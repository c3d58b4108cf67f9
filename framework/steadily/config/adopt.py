"""Keeps an experiment: writes the values of its ``params.yaml`` into ``conf/``.

Owns the choice of what to change where; ``yamledit`` changes the text. Nothing
is written unless composing the changed files gives exactly the experiment's
values.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from steadily.config import PIPELINE, Composed, compose, defaults
from steadily.config.conffiles import CONF, plugin_folders, yaml_files
from steadily.config.edit import CannotEditError, flow, remove, set_value
from steadily.config.locate import Keys, Layer, child, find
from steadily.config.openvalues import dotted
from steadily.errors import ConfigError, Problem
from steadily.yamltext import unwritable
from steadily.yamltext.check import parse

PRIMARY: Final = f"{CONF}/{PIPELINE}.yaml"
ROUNDS_AT_MOST: Final = 12
SHOWN_AT_MOST: Final = 60


class Absent:
    """Stands for a value that is not there."""


ABSENT: Final = Absent()


@dataclass(frozen=True)
class Change:
    """One value that differs between ``conf/`` and the experiment."""

    path: Keys
    old: object
    new: object


def adopt(project: Path, params: Mapping[str, Any]) -> list[str]:
    """Write an experiment's values into ``conf/`` so that composing gives exactly these.

    Args:
        project: The project's folder.
        params: The values of ``params.yaml`` as the experiment left it.

    Returns:
        A line for each change, such as ``conf/model/svm.yaml:3: C: 1.0 → 4.0``; none where nothing differs.

    Raises:
        ConfigError: ``conf/`` can't be composed, or some values can't be written there. ``conf/`` is untouched then.
    """
    project = project.absolute()
    bad = unwritable(params, "")
    if bad:
        raise ConfigError(*bad)
    composed = compose(project)
    if not list(differences(composed.values, params)):
        return []
    with tempfile.TemporaryDirectory(prefix="steadily-adopt-") as folder:
        draft = Path(folder)
        shutil.copytree(project / CONF, draft / CONF)
        said = write_choices(draft, composed, params)
        said += write_values(draft, params)
        put_back(project, draft)
    return said


def differences(old: object, new: object, path: Keys = ()) -> Iterator[Change]:
    """Yield the leaves that differ, by value or type; a list is a leaf.

    >>> [(change.path, change.new) for change in differences({"a": {"b": 1}}, {"a": {"b": 1.0}})]
    [(('a', 'b'), 1.0)]
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), (*path, key))
    elif not same(old, new):
        yield Change(path, old, new)


def same(one: object, other: object) -> bool:
    """Tell whether two values are equal, types and all, in whatever order their keys stand."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def write_choices(draft: Path, composed: Composed, params: Mapping[str, Any]) -> list[str]:
    """Choose other options of config groups where that brings the values nearer, and write them."""
    folders = defaults.Folders(draft, (draft / CONF, *(folder for _, folder in plugin_folders())))
    said: list[str] = []
    left: float = weight(composed.values, params)
    for key, chosen in sorted(composed.choices.items()):
        place = entry_of(draft, composed, key, chosen)
        if place is None or not left:
            continue
        others = [name for name in folders.options(key.partition("@")[0]) if name != chosen]
        best, option = min(((weigh(draft, key, name, params), name) for name in others), default=(left, ""))
        if best < left:
            left = best
            file, entry = place
            write(file, defaults.chosen(read(file), entry, option))
            said.append(f"{file.relative_to(draft).as_posix()}:{entry.line}: {key}: {chosen} → {option}")
    return said


def weigh(draft: Path, key: str, option: str, params: Mapping[str, Any]) -> float:
    """Count what would still differ with another option."""
    try:
        return weight(compose(draft, overrides=[f"{key}={option}"]).values, params)
    except ConfigError:
        return float("inf")


def weight(values: Mapping[str, Any], params: Mapping[str, Any]) -> int:
    """Count the leaves that differ; a branch counts with all its leaves."""
    return sum(max(leaves(change.old), leaves(change.new)) for change in differences(values, params))


def leaves(value: object) -> int:
    """Count the leaves of a value."""
    return sum(map(leaves, value.values())) if isinstance(value, Mapping) and value else 1


def entry_of(draft: Path, composed: Composed, key: str, chosen: str | None) -> tuple[Path, defaults.Entry] | None:
    """Find the defaults entry that makes a choice, in the project's own files."""
    group, _, package = key.partition("@")
    for name in (name for name in reversed(composed.files) if not name.is_absolute()):
        folder = name.relative_to(CONF).parent.as_posix()
        for entry in defaults.entries(parse((draft / name).read_text(encoding="utf-8"))):
            is_it = entry.group is not None and entry.group_in(folder) == group and (entry.package or "") == package
            if is_it and entry.options == (chosen,) and entry.span:
                return draft / name, entry
    return None


def write_values(draft: Path, params: Mapping[str, Any]) -> list[str]:
    """Change single values until composing gives ``params``: where they stand, and else in the primary file.

    Raises:
        ConfigError: Some values can't be had from any change that is tried.
    """
    said: list[str] = []
    tried: set[tuple[Keys, str]] = set()
    for _ in range(ROUNDS_AT_MOST):
        composed = recomposed(draft)
        changes = list(differences(composed.values, params))
        if not changes:
            return said
        own = [change for change in changes if not is_derived(composed, change)]
        lines = [in_place(draft, composed, change, params, tried) for change in own]
        for some in (own, changes):  # what is derived may follow of itself, so it comes last
            lines = lines if any(lines) else [in_primary(draft, composed, change, params, tried) for change in some]
        if not any(lines):
            break
        said += [line for line in lines if line]
    raise refused(compose(draft), params)


def recomposed(draft: Path) -> Composed:
    """Compose the changed files."""
    try:
        return compose(draft)
    except ConfigError as error:
        what = "the experiment's values can't be adopted: conf/ would not compose with them"
        raise ConfigError(Problem(CONF, what), *error.problems) from error


def is_derived(composed: Composed, change: Change) -> bool:
    """Tell whether a value comes from an interpolation: what it leads to may be changed too, and bring it along."""
    found = find(composed.layers, change.path)
    if found.via or change.new is ABSENT or isinstance(found.node, yaml.MappingNode):
        return found.via
    return "${" in str(getattr(found.node, "value", ""))


def refused(composed: Composed, params: Mapping[str, Any]) -> ConfigError:
    """Name the values that can't be written into ``conf/``."""
    hint = f"change it by hand; what {PRIMARY} says wins where its defaults list ends with _self_"
    changes = differences(composed.values, params)
    return ConfigError(*(Problem(composed.locate(*one.path), unadopted(one), hint=hint) for one in changes))


def unadopted(change: Change) -> str:
    """Say which value can't be adopted."""
    return f"'{dotted(change.path)}' can't be adopted: {told(change.old)} → {told(change.new)}"


def in_place(
    draft: Path, composed: Composed, change: Change, params: Mapping[str, Any], tried: set[tuple[Keys, str]]
) -> str | None:
    """Change a value in the file where it stands; say so, or give None where that is not the way."""
    found = find(composed.layers, change.path)
    layer = found.layer
    if layer is None or found.rank < 0:
        return None
    if not (draft / layer.where).is_file() or not suits_all(composed, layer, change, params):
        return None
    if change.new is ABSENT and found.depth < len(change.path):
        return None
    return edit(draft, layer.where, change, change.path[len(layer.package) :], tried)


def suits_all(composed: Composed, layer: Layer, change: Change, params: Mapping[str, Any]) -> bool:
    """Tell whether all the places in which a file is used take the new value."""
    rest = change.path[len(layer.package) :]
    uses = [other.package + rest for other in composed.layers if other.where == layer.where]
    return all(same(at(params, use), change.new) for use in uses)


def in_primary(
    draft: Path, composed: Composed, change: Change, params: Mapping[str, Any], tried: set[tuple[Keys, str]]
) -> str | None:
    """Set a value in the primary file, whose own keys come last; say so, or give None where it can't be."""
    if change.new is ABSENT:
        return None
    node, path = parse((draft / PRIMARY).read_text(encoding="utf-8")), change.path
    for depth, key in enumerate(path[:-1], start=1):
        entry = child(node, key)
        if entry is None:
            break
        node = entry[1]
        if not isinstance(node, yaml.MappingNode):  # an interpolation, say: all that it stood for has to be there
            path = path[:depth]
            break
    whole = Change(path, at(composed.values, path), at(params, path))
    return edit(draft, PRIMARY, whole, path, tried)


def edit(draft: Path, where: str, change: Change, path: Keys, tried: set[tuple[Keys, str]]) -> str | None:
    """Write one change into one file of the draft, once; say so with the line."""
    if (change.path, where) in tried or not path:
        return None
    tried.add((change.path, where))
    old = read(draft / where)
    try:
        new = remove(old, path) if change.new is ABSENT else set_value(old, path, escaped(change.new))
    except CannotEditError:
        return None
    if new == old:
        return None  # an earlier change, in a file that is used twice, has done it
    write(draft / where, new)
    line = line_of(old if change.new is ABSENT else new, path)
    return f"{where}:{line}: {dotted(path)}: {told(change.old)} → {told(change.new)}"


def line_of(text: str, path: Keys) -> int:
    """Give the line of a key in a file."""
    found = find([Layer("", (), parse(text))], path).where
    return int(found.rpartition(":")[2])


def at(values: Any, path: Keys) -> object:
    """Give the value at a path, or ``ABSENT``."""
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return ABSENT
        values = values[key]
    return values


def escaped(value: object) -> object:
    r"""Write ``${`` so that it stays text: the experiment's values are resolved already.

    >>> escaped(["${x}"])
    ['\\${x}']
    """
    if isinstance(value, str):
        return value.replace("${", "\\${")
    if isinstance(value, Mapping):
        return {key: escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


def told(value: object) -> str:
    """Say a value, not too long.

    >>> told(1.0), told(ABSENT)
    ('1.0', '(not there)')
    """
    text = "(not there)" if value is ABSENT else flow(value)
    return text if len(text) <= SHOWN_AT_MOST else f"{text[: SHOWN_AT_MOST - 1]}…"


def read(file: Path) -> str:
    """Read a file with its own line ends."""
    return file.read_bytes().decode("utf-8")


def write(file: Path, text: str) -> None:
    """Write a file with the line ends of ``text``."""
    file.write_bytes(text.encode("utf-8"))


def put_back(project: Path, draft: Path) -> None:
    """Replace the project's files by those of the draft that differ: all prepared first, then each in one move."""
    prepared = []
    for file in yaml_files(draft / CONF):
        real = (project / CONF / file.relative_to(draft / CONF)).resolve()
        if real.read_bytes() != file.read_bytes():
            beside = real.with_name(f".{real.name}.adopt")
            shutil.copyfile(file, beside)
            shutil.copymode(real, beside)
            prepared.append((beside, real))
    for beside, real in prepared:
        os.replace(beside, real)
