"""The canonical text of a piece of code: what it does, without comments, formatting and docstrings.

Owns the form of that text, which is the same in every version of Python.
``ast.unparse`` is not: it quotes f-strings differently since 3.12, and ``repr``
escapes what the Unicode tables of an older Python don't know.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

SILENT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
BLOCKS = frozenset({"body", "orelse", "finalbody"})


def canonical(node: ast.AST) -> str:
    """Give the text of ``node``: nested type names with their fields, empty ones left out.

    >>> canonical(ast.parse("x = 1  # one").body[0])
    'Assign(targets=[Name(id=x;)];value=0x1;)'
    >>> one, other = (ast.parse(text).body[0] for text in ("def f(): 'doc'", "def f():  pass"))
    >>> canonical(one) == canonical(other)
    True
    """
    out: list[str] = []
    todo: list[str | ast.AST] = [node]
    while todo:  # not recursive: a sum of a thousand terms is nested a thousand deep
        item = todo.pop()
        if isinstance(item, str):
            out.append(item)
        else:
            todo.extend(reversed(parts(item)))
    return "".join(out)


def parts(node: ast.AST) -> list[str | ast.AST]:
    """Break ``node`` into finished text and the nodes below it, in order."""
    if isinstance(node, ast.Constant):
        return [literal(node.value)]
    out: list[str | ast.AST] = [type(node).__name__, "("]
    for field, value in ast.iter_fields(node):
        if field not in SILENT:
            out.extend(field_parts(field, tidy(field, value)))
    out.append(")")
    return out


def field_parts(field: str, value: object) -> list[str | ast.AST]:
    """Give the parts of one field; an empty one has none."""
    if value is None or value == []:
        return []
    if isinstance(value, list):
        items = [part for item in value for part in (",", atom(item))]
        return [f"{field}=[", *items[1:], "];"]
    return [f"{field}=", atom(value), ";"]


def atom(value: object) -> str | ast.AST:
    """Give a node as it is, a name as it is, the None that stands for a gap in a list as '~'."""
    if isinstance(value, ast.AST | str):
        return value
    return "~" if value is None else repr(value)


def literal(value: object) -> str:
    r"""Give a constant in a form that depends on no version.

    >>> literal("naïve"), literal(10), literal(1.0), literal(None)
    ("'na\\xefve'", '0xa', '1.0', 'None')
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value)  # repr refuses numbers of many thousand digits
    return ascii(value)


def tidy(field: str, value: object) -> object:
    """Take docstrings out of a block of statements, and make the parts of an f-string unique."""
    if field in BLOCKS and isinstance(value, list):
        kept = without_strings(value)
        return kept or ([ast.Pass()] if field == "body" else [])
    if field == "values" and isinstance(value, list):
        return joined(value)
    if field == "format_spec" and isinstance(value, ast.JoinedStr) and not joined(value.values):
        return None
    return value


def without_strings(body: Iterable[ast.stmt]) -> list[ast.stmt]:
    """Leave out statements that are nothing but a string: they do nothing."""
    return [each for each in body if not is_string(each)]


def is_string(node: ast.AST) -> bool:
    """Tell whether a statement is a string alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def joined(values: list[ast.expr]) -> list[ast.expr]:
    """Merge neighbouring string constants of an f-string, whose cuts are not the same in all versions."""
    out: list[ast.expr] = []
    for value in values:
        text = string_of(value)
        before = string_of(out[-1]) if out else None
        if text is not None and before is not None:
            out[-1] = ast.Constant(before + text)
        elif text != "":
            out.append(value)
    return out


def string_of(node: ast.expr) -> str | None:
    """Give a string constant's text, None for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
