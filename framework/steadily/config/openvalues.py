"""What the composed configuration leaves open: ``???``, interpolations that lead nowhere, and refused ones.

Owns these checks on the tree as it is before interpolations are resolved. It
never puts a resolved value into a message, since that may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from steadily.config.locate import Keys, reference
from steadily.errors import Problem, listed, near

MISSING: Final = "???"
CALL: Final = re.compile(r"(?<!\\)\$\{\s*([A-Za-z_][\w.]*)\s*:")
KEY: Final = re.compile(r"(?<!\\)\$\{\s*(\.*)([^${}:\s]+)\s*\}")
START: Final = re.compile(r"(?<!\\)\$\{")
NO_VARIABLE: Final = re.compile(r"Environment variable '([^']*)' not found")
PURE: Final = frozenset({"oc.select", "oc.dict.keys", "oc.dict.values"})
OPERATING: Final = PURE | {"oc.env", "oc.decode", "oc.create"}
FOLLOWED_AT_MOST: Final = 20

Locate = Callable[[Keys], str]
Resolve = Callable[[Keys], object]


def problems(raw: Mapping[str, Any], locate: Locate, resolve: Resolve, *, operating: bool) -> list[Problem]:
    """List all that is left open in the composed tree ``raw``.

    Args:
        raw: The composed values with interpolations as text.
        locate: Gives file and line of a path.
        resolve: Resolves the value at a path; raises where it can't.
        operating: Whether it is ``operate.yaml``, which may read the environment.
    """
    found: list[Problem] = []
    for path, text in texts(raw, ()):
        if text == MISSING:
            where = locate(path)
            found.append(Problem(where, f"'{dotted(path)}' is ??? and nobody sets it", hint="give it a value"))
        elif START.search(text):
            found += list(interpolation_problems(raw, path, text, locate, resolve, operating))
    return found


def texts(value: object, path: Keys) -> Iterator[tuple[Keys, str]]:
    """Yield each text in the tree with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))


def interpolation_problems(
    raw: Mapping[str, Any], path: Keys, text: str, locate: Locate, resolve: Resolve, operating: bool
) -> Iterator[Problem]:
    """Yield what is wrong with the interpolations in one value."""
    where = locate(path)
    calls_refused = [name for name in CALL.findall(text) if name not in allowed(operating)]
    ends = [dead_end(raw, path, match, where) for match in KEY.finditer(text)]
    told = [call_problem(name, where, operating) for name in calls_refused] + [end for end in ends if end]
    yield from told
    if not told:
        yield from unresolvable(raw, path, text, locate, resolve)


def allowed(operating: bool) -> frozenset[str]:
    """Give the names of the resolvers that may be used."""
    return OPERATING if operating else PURE


def call_problem(name: str, where: str, operating: bool) -> Problem:
    """Refuse a resolver, with the way out."""
    if not operating and name in ("oc.env", "oc.decode", "oc.create"):
        return Problem(
            where,
            f"${{{name}:…}} would write a secret or this machine's state into params.yaml",
            hint="name the variable in a source (url_env: NAME), or put the value into conf/operate.yaml",
        )
    only = "; ".join(f"${{{known}:…}}" for known in sorted(allowed(operating)))
    return Problem(where, f"${{{name}:…}} is not an interpolation that may be used here", allowed=f"${{key}}; {only}")


def dead_end(raw: Mapping[str, Any], path: Keys, match: re.Match[str], where: str) -> Problem | None:
    """Tell where an interpolation of a key leads nowhere: which key is missing, and which ones are there."""
    target = reference(match[1], match[2], path)
    found = walk(raw, target)
    if not isinstance(found, Mapping | list):
        return None
    known, depth = missing_at(raw, target)
    what = f"{match[0]} leads nowhere: "
    if isinstance(known, list):
        return Problem(where, f"{what}'{dotted(target[:depth])}' has {len(known)} items", given=target[depth])
    holder = f"'{dotted(target[:depth])}'" if depth else "the configuration"
    key = str(target[depth])
    names = listed(str(name) for name in known)
    return Problem(where, f"{what}{holder} has no '{key}'", allowed=names, hint=near(key, map(str, known)))


def walk(raw: Mapping[str, Any], target: Keys) -> object:
    """Give the container in which ``target`` ends short, or None where all of it is there (or can't be judged)."""
    known, depth = missing_at(raw, target)
    return known if depth < len(target) else None


def missing_at(raw: Mapping[str, Any], target: Keys, hops: int = 0) -> tuple[Any, int]:
    """Walk along ``target``: the container reached and how many keys were found.

    Where an interpolation stands in the way it is followed if it is a plain one;
    otherwise the rest is taken as found, and resolving will tell.
    """
    node: Any = raw
    for depth, key in enumerate(target):
        if isinstance(node, str) and START.search(node):
            whole = KEY.fullmatch(node.strip())
            if not whole or hops >= FOLLOWED_AT_MOST:
                return node, len(target)
            start = reference(whole[1], whole[2], target[:depth])
            further, reached = missing_at(raw, start + target[depth:], hops + 1)
            return further, max(depth, depth + reached - len(start))
        entry = entry_of(node, key)
        if entry is None:
            return node if isinstance(node, Mapping | list) else {}, depth
        node = entry[0]
    return node, len(target)


def entry_of(node: Any, key: str | int) -> tuple[Any] | None:
    """Give the entry under ``key`` in a mapping or list, in a tuple, or None."""
    if isinstance(node, Mapping):
        return next(((node[name],) for name in (key, str(key)) if name in node), None)
    if isinstance(node, list) and isinstance(key, int) and -len(node) <= key < len(node):
        return (node[key],)
    return None


def unresolvable(raw: Mapping[str, Any], path: Keys, text: str, locate: Locate, resolve: Resolve) -> Iterator[Problem]:
    """Yield a problem where resolving fails for a reason that the checks before did not see."""
    try:
        resolve(path)
    except RecursionError:
        yield Problem(locate(path), f"'{dotted(path)}' is an interpolation that leads back to itself")
    except Exception as error:  # OmegaConf's family is wide, and a value in its words may be a secret
        if type(error).__name__ == "InterpolationToMissingValueError" or leads_to_open(raw, path, text):
            return  # told where the ??? stands
        variable = NO_VARIABLE.search(str(error))
        if variable:
            hint = f"set it, or give a default: ${{oc.env:{variable[1]},null}}"
            yield Problem(locate(path), f"the environment variable {variable[1]} is not set", hint=hint)
        elif "recursi" in str(error).lower():
            yield Problem(locate(path), f"'{dotted(path)}' is an interpolation that leads back to itself")
        else:
            yield Problem(locate(path), f"the interpolation in '{dotted(path)}' can't be resolved", given=calls(text))


def leads_to_open(raw: Mapping[str, Any], path: Keys, text: str) -> bool:
    """Tell whether an interpolation in ``text`` leads to a ``???``."""
    targets = (reference(match[1], match[2], path) for match in KEY.finditer(text))
    return any(missing_at(raw, target)[0] == MISSING for target in targets)


def calls(text: str) -> str:
    """Give the names in a text's interpolations without what stands around them.

    >>> calls("postgres://me:secret@${host}/${oc.env:NAME}")
    '${host}, ${oc.env:…}'
    """
    names = [match[0] for match in KEY.finditer(text)] + [f"${{{name}:…}}" for name in CALL.findall(text)]
    return ", ".join(names) or "${…"


def dotted(path: Keys) -> str:
    """Write a path as people do.

    >>> dotted(("stages", "clean", "columns", 0))
    'stages.clean.columns[0]'
    """
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
