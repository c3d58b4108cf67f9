"""Hydra's defaults lists as they stand in the files: entries with their lines, and what is wrong with them.

Hydra's own message for an unknown group or option names neither file nor line;
this module finds them. It composes nothing and imports no Hydra.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import yaml

from steadily.config.conffiles import CONF, shown
from steadily.config.locate import child
from steadily.errors import Problem, listed, near
from steadily.yamltext.check import parse

SELF: Final = "_self_"


@dataclass(frozen=True)
class Entry:
    """One entry of a defaults list: ``- model: svm`` or ``- other_file``."""

    line: int
    group: str | None  # None for an entry that names a file
    options: tuple[str | None, ...]  # None: no option (null)
    words: frozenset[str] = frozenset()  # override, optional
    package: str | None = None
    span: tuple[int, int] | None = None  # of the only option, in the text without a byte order mark

    def group_in(self, folder: str) -> str:
        """Give the entry's group as a path below ``conf``, seen from a file in the group ``folder``."""
        return below(folder, self.group or "")


def below(folder: str, name: str) -> str:
    """Put a name under a group, where it does not start with '/'.

    >>> below("model", "svm"), below("model", "/data/mail")
    ('model/svm', 'data/mail')
    """
    return name.lstrip("/") if name.startswith("/") else (PurePosixPath(folder) / name).as_posix()


def entries(root: yaml.Node | None) -> Iterator[Entry]:
    """Yield the entries of a file's defaults list that can be understood; Hydra complains about others."""
    found = child(root, "defaults")
    items = found[1].value if found and isinstance(found[1], yaml.SequenceNode) else []
    for item in items:
        line = item.start_mark.line + 1
        if isinstance(item, yaml.ScalarNode):
            yield Entry(line, None, (item.value.partition("@")[0],))
        elif isinstance(item, yaml.MappingNode) and len(item.value) == 1:
            key, value = item.value[0]
            *words, group = str(key.value).split(" ")
            group, _, package = group.partition("@")
            marks = (value.start_mark.index, value.end_mark.index) if isinstance(value, yaml.ScalarNode) else None
            yield Entry(line, group, tuple(options(value)), frozenset(words), package or None, marks)


def options(node: yaml.Node) -> Iterator[str | None]:
    """Yield the options that an entry names."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from options(item)
    elif isinstance(node, yaml.ScalarNode):
        yield None if node.tag.endswith(":null") else str(node.value)


def chosen(text: str, entry: Entry, option: str) -> str:
    """Give a file's text with another option in one of its entries."""
    if entry.span is None:
        return text
    mark = len(text) - len(text.removeprefix("\ufeff"))
    start, end = (place + mark for place in entry.span)
    return text[:start] + option + text[end:]


def self_problem(root: yaml.Node | None, where: str) -> Problem | None:
    """Refuse a primary file that mixes defaults and keys of its own without saying which ones win."""
    listing = list(entries(root))
    keys = [key.value for key, _ in root.value] if isinstance(root, yaml.MappingNode) else []
    plain = [entry for entry in listing if "override" not in entry.words]
    if not plain or len(keys) < 2 or any(entry.options == (SELF,) for entry in listing):
        return None
    line = child(root, "defaults")
    place = f"{where}:{line[0].start_mark.line + 1}" if line else where
    return Problem(
        place, "the defaults list has no _self_", hint="end it with '- _self_': this file's own keys then win"
    )


def line_of(file: Path, words: str) -> int | None:
    """Find the line of a file's defaults list that an error's words speak of: an entry's, else the list's own."""
    try:
        root = parse(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, OSError):
        return None
    named = [entry.line for entry in entries(root) if entry.group and f"'{entry.group}'" in words]
    listing = child(root, "defaults")
    own = listing[0].start_mark.line + 1 if listing and "efault" in words else None
    return named[0] if named else own


@dataclass(frozen=True)
class Folders:
    """The ``conf`` folders that groups are looked up in, the project's first."""

    project: Path
    folders: tuple[Path, ...]

    def file(self, name: str) -> Path | None:
        """Give the file of a config such as ``model/svm``."""
        files = (folder / f"{name.removesuffix('.yaml')}.yaml" for folder in self.folders)
        return next((file for file in files if file.is_file()), None)

    def options(self, group: str) -> list[str]:
        """List the options of a group."""
        return sorted({file.stem for folder in self.folders for file in (folder / group).glob("*.yaml")})

    def groups(self) -> list[str]:
        """List all groups."""
        return sorted(
            {
                place.relative_to(folder).as_posix()
                for folder in self.folders
                for place in folder.rglob("*")
                if place.is_dir() and not place.name.startswith((".", "__"))
            }
        )

    def is_group(self, group: str) -> bool:
        """Tell whether any folder has the group."""
        return any((folder / group).is_dir() for folder in self.folders)


def problems(where: Folders, name: str, chosen: Mapping[str, str]) -> list[Problem]:
    """List the entries of all defaults lists, from ``name`` on, that name what is not there.

    Args:
        where: The folders to look in.
        name: The primary config's name.
        chosen: Options that the command line chose, by group.
    """
    unchosen = [
        bad for group, option in chosen.items() if (bad := option_problem(where, group, option, "command line"))
    ]
    return unchosen + list(file_problems(where, name, chosen, ()))


def file_problems(where: Folders, name: str, chosen: Mapping[str, str], above: tuple[str, ...]) -> Iterator[Problem]:
    """Yield the problems of one file's defaults list and of the files that it leads to; ``above`` led to it."""
    file = where.file(name)
    if file is None:
        return
    label = shown(file, where.project)
    try:
        listing = list(entries(parse(file.read_text(encoding="utf-8"))))
    except (yaml.YAMLError, UnicodeError, ValueError):
        return  # told by the check of each file
    for entry in listing:
        yield from entry_problems(where, entry, name, f"{label}:{entry.line}", chosen, (*above, name))


def entry_problems(
    where: Folders, entry: Entry, name: str, place: str, chosen: Mapping[str, str], above: tuple[str, ...]
) -> Iterator[Problem]:
    """Yield what is wrong with one entry, or with what it leads to."""
    folder = PurePosixPath(name).parent.as_posix()
    group = entry.group_in(folder) if entry.group is not None else None
    if group is not None and group.startswith("hydra"):
        return
    named: Sequence[str | None] = (chosen[group],) if group and group in chosen else entry.options
    for option in named:
        if option is None or option == SELF or "${" in option:
            continue
        if "optional" not in entry.words and group not in chosen:
            bad = option_problem(where, group, option, place) if group else config_problem(where, folder, option, place)
            if bad:
                yield bad
                continue
        further = below(group or folder, option)
        if further in above:
            yield Problem(place, f"the defaults lists lead back to {CONF}/{further}.yaml")
        else:
            yield from file_problems(where, further, chosen, above)


def option_problem(where: Folders, group: str, option: str, place: str) -> Problem | None:
    """Tell what is wrong with a choice of an option, if anything."""
    if not where.is_group(group):
        known = where.groups()
        return Problem(place, f"unknown config group '{group}'", allowed=listed(known) or None, hint=near(group, known))
    known = where.options(group)
    if option == "???":
        return Problem(place, f"no option is chosen for the group '{group}'", allowed=listed(known))
    if where.file(below(group, option)):
        return None
    return Problem(
        place, f"the group '{group}' has no option '{option}'", allowed=listed(known) or None, hint=near(option, known)
    )


def config_problem(where: Folders, folder: str, name: str, place: str) -> Problem | None:
    """Tell what is wrong with an entry that names a file, if anything."""
    if name.lstrip("/").startswith("hydra") or where.file(below(folder, name)):
        return None
    known = where.options(folder)
    return Problem(
        place, f"there is no {CONF}/{below(folder, name)}.yaml", allowed=listed(known) or None, hint=near(name, known)
    )
