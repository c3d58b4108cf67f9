"""What a piece of code takes from outside itself: names of its module, and imports of its own.

Owns Python's scopes: parameters and local names hide a module's names. Forms of
imports are ``importing``'s. Knows nothing of files; whoever asks resolves what is given here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from steadily.fingerprint.importing import Chain, Import, import_of, named_import, open_import, unwound

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
MUTATORS = frozenset(
    {
        *("add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop", "popitem"),
        *("register", "remove", "reverse", "setdefault", "sort", "subscribe", "update", "__setitem__", "__setattr__"),
    }
)
DYNAMIC = frozenset({("globals",), ("eval",), ("exec",), ("sys", "modules")})


@dataclass(frozen=True)
class Mention:
    """A dotted name: looked up in the module, or (with ``origin``) what follows a local import.

    One that is not ``certain`` may be a class's own name, so that nothing is missing where it is not found.
    """

    chain: Chain
    origin: Import | None = None
    certain: bool = True


@dataclass
class Mentions:
    """All that a piece of code mentions.

    Attributes:
        names: Dotted names.
        changed: Those of them that bodies of functions change in place.
        loads: Modules that bodies of functions import.
        whole: Modules imported by a literal text, ``import_module("name")``.
        trees: Packages of which any module may be imported, ``import_module(f".formats.{name}", __package__)``.
        dynamic: Whether it may ask for any name of its module, as with ``globals()``.
    """

    names: set[Mention] = field(default_factory=set)
    changed: set[Mention] = field(default_factory=set)
    loads: set[Import] = field(default_factory=set)
    whole: set[Import] = field(default_factory=set)
    trees: set[Import] = field(default_factory=set)
    dynamic: bool = False


@dataclass
class Scope:
    """Names bound in one function, class or comprehension."""

    parent: Scope | None = None
    bound: set[str] = field(default_factory=set)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    global_names: set[str] = field(default_factory=set)
    outer_names: set[str] = field(default_factory=set)
    is_class: bool = False


def mentions_of(node: ast.AST) -> Mentions:
    r"""Give what ``node``, a statement of a module, mentions.

    >>> found = mentions_of(ast.parse("def f(a, b=LIMIT):\n    c = a\n    return g.h(c)").body[0])
    >>> sorted(".".join(each.chain) for each in found.names)
    ['LIMIT', 'g.h']
    """
    out = Mentions()
    visit([node], Scope(), out)
    return out


def visit(nodes: Iterable[ast.AST | None], scope: Scope, out: Mentions) -> None:
    """Note what ``nodes`` mention, seen from ``scope``."""
    todo = [node for node in nodes if node is not None]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Attribute | ast.Name):
            todo.extend(note_chain(node, scope, out))
        elif isinstance(node, Function | ast.Lambda):
            visit_function(node, scope, out)
        elif isinstance(node, ast.ClassDef):
            visit_class(node, scope, out)
        elif isinstance(node, Comprehension):
            visit_comprehension(node, scope, out)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            note_import(node, scope, out)
        elif getattr(node, "type_params", None):  # type X[T] = ...
            visit(ast.iter_child_nodes(node), generics(node, scope, out), out)
        else:
            note_change(node, scope, out)
            if isinstance(node, ast.AnnAssign):
                visit(annotated([node.annotation]), scope, out)
            todo.extend(ast.iter_child_nodes(node))


def note_chain(node: ast.Attribute | ast.Name, scope: Scope, out: Mentions) -> list[ast.AST]:
    """Note a dotted name; give back what is left to visit where it hangs on no name."""
    root, chain = unwound(node)
    if not isinstance(root, ast.Name):
        return [root]
    stored = not isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and root.id not in scope.global_names:
        return []
    found = list(looked_up((root.id, *chain), scope))
    out.names.update(found)
    if stored and scope.parent:
        out.changed.update(found)
    if any(each.origin is None and each.chain[: len(way)] == way for each in found for way in DYNAMIC):
        out.dynamic = True
    return []


def looked_up(chain: Chain, scope: Scope) -> Iterator[Mention]:
    """Find what ``chain`` means in ``scope``: a local import, a name of the module, or (local) nothing."""
    name, at = chain[0], scope
    while at.parent is not None and name not in at.global_names:
        yield from (Mention(chain[1:], origin) for origin in at.imports.get(name, ()))
        if name in at.bound and not at.is_class:
            return
        at = at.parent
    yield Mention(chain, certain=name not in scope.bound)


def note_change(node: ast.AST, scope: Scope, out: Mentions) -> None:
    """Note names that a function's body changes in place, and modules that are imported by a literal name."""
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        changed: ast.AST | None = rooted(node)
    elif isinstance(node, ast.Call):
        out.whole.update(named_import(node))
        out.trees.update(open_import(node))
        callee = node.func
        changed = callee.value if isinstance(callee, ast.Attribute) and callee.attr in MUTATORS else None
    else:
        return
    root, chain = unwound(rooted(changed)) if changed is not None else (None, ())
    if isinstance(root, ast.Name) and scope.parent:
        out.changed.update(looked_up((root.id, *chain), scope))


def rooted(node: ast.AST) -> ast.AST:
    """Strip subscripts: what ``table[key][other]`` hangs on."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node


def note_import(node: ast.Import | ast.ImportFrom, scope: Scope, out: Mentions) -> None:
    """Note an import inside a function or class; those of the module are not this module's matter."""
    if scope.parent is None:
        return
    for alias in node.names:
        from_import = isinstance(node, ast.ImportFrom)
        out.loads.add(import_of(node, alias) if from_import else Import(alias.name))
        if scope.is_class and from_import:  # it becomes an attribute, asked for as self.name
            out.names.add(Mention((), import_of(node, alias)))


def visit_function(node: Function | ast.Lambda, scope: Scope, out: Mentions) -> None:
    """Visit a function: what is evaluated outside seen from outside, its body from inside."""
    spec = node.args
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, (spec.vararg, spec.kwarg))]
    inner = Scope(scope, {each.arg for each in every})
    visit([*spec.defaults, *spec.kw_defaults], scope, out)
    if isinstance(node, ast.Lambda):
        bind([node.body], inner)
        return visit([node.body], inner, out)
    generic = generics(node, scope, out)
    visit(node.decorator_list, scope, out)
    visit(annotated([*(each.annotation for each in every), node.returns]), generic, out)
    inner.parent = generic
    bind(node.body, inner)
    return visit(node.body, inner, out)


def visit_class(node: ast.ClassDef, scope: Scope, out: Mentions) -> None:
    """Visit a class: its body's names are seen by its body alone, not by its methods."""
    generic = generics(node, scope, out)
    visit(node.decorator_list, scope, out)
    visit([*node.bases, *node.keywords], generic, out)
    inner = Scope(generic, is_class=True)
    bind(node.body, inner)
    visit(node.body, inner, out)


def generics(node: ast.AST, scope: Scope, out: Mentions) -> Scope:
    """Give the scope of type parameters (``def f[T]``), which is the outer one where there are none."""
    parameters: Sequence[ast.AST] = getattr(node, "type_params", ())
    if not parameters:
        return scope
    inner = Scope(scope, {str(getattr(each, "name", "")) for each in parameters})
    visit((part for each in parameters for part in ast.iter_child_nodes(each)), inner, out)
    return inner


def visit_comprehension(node: Comprehension, scope: Scope, out: Mentions) -> None:
    """Visit a comprehension: its first iterable is seen from outside."""
    inner = Scope(scope)
    for generator in node.generators:
        bind([generator.target], inner)
    first, *rest = node.generators
    visit([first.iter], scope, out)
    visit([first.target, *first.ifs, *rest], inner, out)
    visit([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner, out)


def annotated(nodes: Iterable[ast.expr | None]) -> Iterator[ast.AST]:
    """Give annotations with those parsed that are written as strings."""
    todo: list[ast.AST | None] = list(nodes)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Subscript):
            yield node.value
            name = unwound(node.value)[1][-1:] or (getattr(node.value, "id", ""),)
            if name[0] == "Literal":
                continue
            inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            todo.extend(inside if name[0] != "Annotated" else inside[:1])
            yield from inside[1:] if name[0] == "Annotated" else ()
        elif isinstance(node, ast.BinOp):
            todo.extend([node.left, node.right])
        elif isinstance(node, ast.List):
            todo.extend(node.elts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            todo.append(parsed(node.value))
        elif node is not None:
            yield node


def parsed(text: str) -> ast.expr | None:
    """Parse an expression, None where it is none."""
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None


def bind(nodes: Iterable[ast.AST], scope: Scope) -> None:
    """Collect into ``scope`` the names that ``nodes`` bind in it."""
    for name, origin in bindings(nodes, scope):
        scope.bound.add(name)
        if origin:
            scope.imports.setdefault(name, []).append(origin)
    scope.bound -= scope.global_names | scope.outer_names


def bindings(nodes: Iterable[ast.AST], scope: Scope) -> Iterator[tuple[str, Import | None]]:
    """Give each name that ``nodes`` bind, with its import where it is one; note ``global`` ones in ``scope``."""
    todo = list(reversed(list(nodes)))
    while todo:
        node = todo.pop()
        if isinstance(node, Function | ast.ClassDef):
            yield node.name, None
        elif isinstance(node, Comprehension):
            todo.extend(each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0], import_of(node, alias)
        elif isinstance(node, ast.Global):
            scope.global_names.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            scope.outer_names.update(node.names)
        elif not isinstance(node, ast.Lambda):
            yield from ((name, None) for name in own_names(node))
            todo.extend(reversed(list(ast.iter_child_nodes(node))))


def own_names(node: ast.AST) -> Iterator[str]:
    """Give the names that this very node binds."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
