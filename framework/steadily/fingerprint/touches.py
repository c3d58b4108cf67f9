"""What the statements of a module change when it is loaded, beyond the names that they bind.

Owns the reading of ``TABLE["a"] = 1``, ``TABLE.update(...)``, ``@PARSERS.register``,
``@parser("a")`` over a function that fills a table, and subclasses that their
base class collects. Which statements count for a step is the walk's matter.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from steadily.fingerprint.importing import Chain, unwound
from steadily.fingerprint.mentions import MUTATORS, Function, Mention, rooted
from steadily.fingerprint.resolve import WHOLE, Found, Node, Resolver
from steadily.fingerprint.sources import Module, Piece, at_import

COLLECTING = frozenset({"__init_subclass__", "__subclasses__"})


class Touches:
    """Finds which names each module changes when it is loaded, each module at most once."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self.sources = resolver.sources
        self.known: dict[str, dict[Node, list[Piece]]] = {}
        self.changes: dict[Node, frozenset[Node]] = {}

    def of(self, module: Module) -> dict[Node, list[Piece]]:
        """Give each name that statements of ``module`` change, with these statements in order."""
        if module.name not in self.known:
            out: dict[Node, list[Piece]] = {}
            for piece in module.pieces:
                for node in self.by_piece(module, piece):
                    out.setdefault(node, []).append(piece)
            self.known[module.name] = out
        return self.known[module.name]

    def by_piece(self, module: Module, piece: Piece) -> set[Node]:
        """Give the names that one statement changes."""
        out: set[Node] = set()
        for each, alone in run_at_import(piece.node):
            if isinstance(each, ast.Call):
                out |= self.by_call(module, each, alone)
            elif isinstance(each, ast.ClassDef):
                out |= self.by_subclass(module, each)
            elif isinstance(each, ast.Attribute | ast.Subscript) and not isinstance(each.ctx, ast.Load):
                root = each.value
                out |= {node for node, _ in self.ends(module, root)}
                out |= {node for node, _ in self.ends(module, each)}
        return out - {(module.name, name) for name, pieces in module.by_name.items() if piece in pieces}

    def by_call(self, module: Module, call: ast.Call, alone: bool) -> set[Node]:
        """Give the names that a call changes: what it hangs on, its arguments, and what the callee fills."""
        callee = call.func
        ends = self.ends(module, callee)
        changing = alone or (isinstance(callee, ast.Attribute) and callee.attr in MUTATORS)
        out = {node for node, asked in ends if asked and changing}
        for node, asked in ends:
            if not asked:
                out |= self.changed_by(node)
        for place, argument in enumerate([*call.args, *(each.value for each in call.keywords)] if alone else []):
            sets = place == 0 and isinstance(callee, ast.Name) and callee.id in {"setattr", "delattr"}
            out |= {node for node, _ in self.ends(module, argument) if sets or not self.is_definition(node)}
        return out

    def by_subclass(self, module: Module, node: ast.ClassDef) -> set[Node]:
        """Give the base classes that collect their subclasses, and what they fill."""
        out: set[Node] = set()
        for base in [*node.bases, *(each.value for each in node.keywords)]:
            for end, _ in self.ends(module, rooted(base)):
                if any(self.collects(piece.node) for piece in self.pieces(end)):
                    out |= {end} | self.changed_by(end)
        return out

    def collects(self, node: ast.stmt) -> bool:
        """Tell whether a class hears of its subclasses, or has somebody else hear of them."""
        if not isinstance(node, ast.ClassDef):
            return False
        named = {each.name for each in node.body if isinstance(each, Function)}
        asks = (each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute))
        return bool(named & COLLECTING or node.keywords or COLLECTING & set(asks))

    def changed_by(self, start: Node) -> frozenset[Node]:
        """Give the names that calling ``start`` changes, itself or through what it calls."""
        if start not in self.changes:
            out: set[Node] = set()
            todo, seen = [start], {start}
            while todo:
                for piece, module in self.bodies(todo.pop()):
                    for mention in piece.mentions.changed:
                        out |= {node for node, _ in self.resolver.follow(module, mention).ends}
                    reached = {node for each in piece.mentions.names for node, _ in self.follow(module, each).ends}
                    todo.extend(reached - seen)
                    seen |= reached
            self.changes[start] = frozenset(out)
        return self.changes[start]

    def follow(self, module: Module, mention: Mention) -> Found:
        """Resolve a mention."""
        return self.resolver.follow(module, mention)

    def bodies(self, node: Node) -> Iterator[tuple[Piece, Module]]:
        """Give the definitions behind ``node`` with the module they stand in."""
        module = self.sources.module(node[0])
        for piece in self.pieces(node):
            if module and piece.is_definition:
                yield piece, module

    def pieces(self, node: Node) -> list[Piece]:
        """Give the statements that bind ``node``."""
        module = self.sources.module(node[0])
        return module.by_name.get(node[1], []) if module else []

    def is_definition(self, node: Node) -> bool:
        """Tell whether ``node`` is a function, a class or a module: what being an argument does not change."""
        pieces = self.pieces(node)
        return node[1] == WHOLE or bool(pieces and all(piece.is_definition for piece in pieces))

    def ends(self, module: Module, node: ast.AST) -> set[tuple[Node, bool]]:
        """Resolve a dotted name, with or without subscripts; anything else is nothing."""
        root, chain = unwound(rooted(node))
        while isinstance(root, ast.Subscript):
            root, chain = unwound(rooted(root))
        if not isinstance(root, ast.Name):
            return set()
        asked: Chain = (root.id, *chain)
        return self.resolver.follow(module, Mention(asked)).ends


def run_at_import(node: ast.stmt) -> Iterator[tuple[ast.AST, bool]]:
    """Give calls, classes and stores that run when ``node`` does; whether a call stands alone (or decorates)."""
    alone: set[int] = set()
    todo = [node]
    while todo:
        for each in at_import(todo.pop()):
            if isinstance(each, Function | ast.ClassDef):
                calls = [as_call(decorator) for decorator in each.decorator_list]
                yield from ((call, True) for call in calls)
                yield from ((inner.func, True) for inner in calls if isinstance(inner.func, ast.Call))
            if isinstance(each, ast.ClassDef):
                todo.extend(part for part in each.body if not isinstance(part, Function))
            if isinstance(each, ast.Expr) and isinstance(each.value, ast.Call):
                alone.add(id(each.value))
            yield each, id(each) in alone


def as_call(decorator: ast.expr) -> ast.Call:
    """Give the call that a decorator is: ``@register`` calls register with what it decorates."""
    return ast.Call(decorator, [], [])
