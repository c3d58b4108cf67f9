"""The forms in which code imports: statements, and calls of ``import_module``.

Owns reading these forms; what they lead to is found elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

Chain = tuple[str, ...]
CALLS = frozenset({"import_module", "__import__"})
HERE = frozenset({"__package__", "__name__"})


@dataclass(frozen=True)
class Import:
    """One name's import as written: ``from (level dots)module import name``, or ``import module`` (no name)."""

    module: str
    name: str | None = None
    level: int = 0


def import_of(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Import:
    """Give what ``alias`` binds: of ``import a.b`` that is ``a``."""
    if isinstance(node, ast.ImportFrom):
        return Import(node.module or "", alias.name, node.level)
    return Import(alias.name if alias.asname else alias.name.partition(".")[0])


def unwound(node: ast.AST) -> tuple[ast.AST, Chain]:
    """Give the root of an attribute chain and the attributes after it."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return node, tuple(reversed(attributes))


def named_import(call: ast.Call) -> Iterator[Import]:
    """Read ``importlib.import_module("name")``.

    >>> list(named_import(ast.parse("import_module('.lib', __package__)", mode="eval").body))
    [Import(module='lib', name=None, level=1)]
    """
    if is_import(call) and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
        yield dotted(call.args[0].value)


def open_import(call: ast.Call) -> Iterator[Import]:
    """Read an import whose name is only known when it runs, as the package that it may be in.

    >>> call = ast.parse("import_module(f'{__package__}.formats.{name}')", mode="eval").body
    >>> list(open_import(call)), list(open_import(ast.parse("import_module(name)", mode="eval").body))
    ([Import(module='formats', name=None, level=1)], [])
    """
    root, chain = unwound(call.func)
    if (chain or (getattr(root, "id", ""),))[-1] in {"iter_modules", "walk_packages"}:
        yield from (Import("", None, 1) for each in ast.walk(call) if is_named(each, {"__path__"}))
    if not is_import(call) or isinstance(call.args[0], ast.Constant):
        return
    here = any(is_named(each, HERE) for each in ast.walk(call))
    package = dotted(leading(call.args[0]).rpartition(".")[0])
    if package.level or package.module:
        yield Import(package.module, None, max(package.level, int(here)))
    elif here:
        yield Import("", None, 1)


def leading(node: ast.expr) -> str:
    """Give the text that a composed name starts with, after ``__package__``."""
    if isinstance(node, ast.BinOp):
        return leading(node.left) or leading(node.right)
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    if isinstance(parts[0], ast.FormattedValue) and is_named(parts[0].value, HERE):
        parts = parts[1:]
    first = parts[0] if parts else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def is_import(call: ast.Call) -> bool:
    """Tell whether a call imports a module."""
    root, chain = unwound(call.func)
    return bool(call.args) and (chain or (getattr(root, "id", ""),))[-1] in CALLS


def is_named(node: ast.AST, names: frozenset[str] | set[str]) -> bool:
    """Tell whether a node is one of these names, or asks for it as an attribute."""
    return getattr(node, "id", getattr(node, "attr", None)) in names


def dotted(text: str) -> Import:
    """Split leading dots from a module's name.

    >>> dotted("..a.b")
    Import(module='a.b', name=None, level=2)
    """
    bare = text.lstrip(".")
    return Import(bare, None, len(text) - len(bare))
