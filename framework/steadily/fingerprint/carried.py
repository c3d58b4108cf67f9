"""What a bundle carries of a project's own plugins: the code that the used steps reach, without comments.

Owns the choice. A comment, a docstring or a step that the pipeline does not use changes no byte of it, so that
it changes no bundle. Only functions and classes that nobody names are left out: whatever runs at import stays, and
where names are made up at run time all stays. What is left is opened and tried by whoever packs it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TypeGuard

from steadily.errors import PluginError
from steadily.fingerprint.canonical import BLOCKS, canonical, without_strings
from steadily.fingerprint.sources import is_main_guard, parse

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DYNAMIC = frozenset({"globals", "locals", "vars", "getattr", "eval", "exec", "__dict__", "__getattr__", "inspect"})


def carried(sources: Mapping[str, Path], used: Collection[str], reached: Collection[str]) -> dict[str, bytes]:
    """Give the content of each file of a project's own plugins as a bundle has it.

    Args:
        sources: The files, by their path in the bundle; what is no valid Python is carried as it is.
        used: Names of the steps that the pipeline uses.
        reached: Names of definitions that they reach, or are told of.
    """
    trees = {name: tree for name, path in sources.items() if (tree := silent(path)) is not None}
    names = names_kept([node for tree in trees.values() for node in tree.body], used, reached)

    def stays(node: ast.stmt) -> bool:
        return not is_droppable(node, used) or names is None or node.name in names

    kept = {name: ast.Module([node for node in tree.body if stays(node)], []) for name, tree in trees.items()}
    return {
        name: (ast.unparse(kept[name]) + "\n").encode() if name in kept else path.read_bytes()
        for name, path in sources.items()
    }


def silent(path: Path) -> ast.Module | None:
    """Parse a module without comments and docstrings; None where that can't be done, or would change what it does."""
    if path.suffix != ".py":
        return None
    try:
        tree = parse(path.read_bytes(), path)
        tree.body = [node for node in tree.body if not is_main_guard(node)]
        meant = canonical(tree)
        for node in ast.walk(tree):
            take_out_strings(node)
        return tree if canonical(ast.parse(ast.unparse(tree))) == meant else None
    except (PluginError, RecursionError):
        return None


def take_out_strings(node: ast.AST) -> None:
    """Take statements that are nothing but a string out of the blocks of a statement."""
    for field in BLOCKS & set(node._fields):
        block = getattr(node, field)
        if isinstance(block, list):
            needed = block and field == "body" and not isinstance(node, ast.Module)
            setattr(node, field, without_strings(block) or ([ast.Pass()] if needed else []))


def names_kept(body: list[ast.stmt], used: Collection[str], reached: Collection[str]) -> set[str] | None:
    """Give all names that kept statements mention, in code or text; None where any name may be meant."""
    waiting = [node for node in body if is_droppable(node, used)]
    todo = [node for node in body if not is_droppable(node, used)]
    todo += [node for node in waiting if node.name in reached]
    names = set(reached)
    while todo:
        names.update(word for node in todo for word in words(node))
        todo = [node for node in waiting if node.name in names]
        waiting = [node for node in waiting if node.name not in names]
    return None if names & DYNAMIC else names


def is_droppable(node: ast.stmt, used: Collection[str]) -> TypeGuard[Definition]:
    """Tell whether nothing is lost without a definition that nobody names: it registers itself nowhere."""
    if not isinstance(node, Definition):
        return False
    collected = isinstance(node, ast.ClassDef) and (node.bases or node.keywords)
    return not collected and all(is_unused(each, used) for each in node.decorator_list)


def is_unused(decorator: ast.expr, used: Collection[str]) -> bool:
    """Tell the decorator of a step that the pipeline does not use."""
    if not isinstance(decorator, ast.Call) or not decorator.args:
        return False
    named = getattr(decorator.func, "id", getattr(decorator.func, "attr", ""))
    first = decorator.args[0]
    return named == "step" and isinstance(first, ast.Constant) and first.value not in used


def words(node: ast.AST) -> Iterator[str]:
    """Give every name in a statement, also those in its text."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr
        elif isinstance(each, ast.alias):
            yield from each.name.split(".")
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield from re.findall(r"\w+", each.value)
