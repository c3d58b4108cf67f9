"""The sources of modules, parsed once, as pieces: the statements of a module and the names they bind.

Owns reading and parsing. It never imports what it reads.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from steadily.errors import PluginError
from steadily.fingerprint.canonical import canonical, is_string
from steadily.fingerprint.finding import FindSource
from steadily.fingerprint.importing import Import, import_of
from steadily.fingerprint.mentions import Function, Mentions, Scope, bindings, mentions_of

NESTING = Function | ast.ClassDef | ast.Lambda


@dataclass(frozen=True, eq=False)
class Piece:
    """One statement of a module, at ``place`` among its statements."""

    module: str
    place: int
    node: ast.stmt

    @cached_property
    def digest(self) -> bytes:
        """The digest of the statement's canonical text."""
        return blake2b(canonical(self.node).encode(), digest_size=16).digest()

    @cached_property
    def mentions(self) -> Mentions:
        """What the statement mentions outside itself."""
        return mentions_of(self.node)

    @property
    def is_definition(self) -> bool:
        """Whether the statement defines a function or a class."""
        return isinstance(self.node, Function | ast.ClassDef)


@dataclass(frozen=True, eq=False)
class Module:
    """A module's pieces by name, its imports by name (all absolute), and the modules it star-imports or loads."""

    name: str
    file: str
    is_package: bool = False
    content: bytes = b""
    pieces: list[Piece] = field(default_factory=list)
    by_name: dict[str, list[Piece]] = field(default_factory=dict)
    imports: dict[str, list[Import]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    loads: set[str] = field(default_factory=set)

    @property
    def is_opaque(self) -> bool:
        """Whether this is no Python source, such as a compiled module: its bytes count as a whole."""
        return bool(self.content)

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether names appear in it that no statement spells out (``globals()[name] = ...``)."""
        return any(piece.mentions.dynamic for piece in self.pieces if not piece.is_definition)

    def absolute(self, origin: Import) -> Import:
        """Give ``origin`` with its leading dots resolved."""
        if not origin.level:
            return origin
        package = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        kept = package[: len(package) - origin.level + 1]
        return Import(".".join([*kept, *filter(None, [origin.module])]), origin.name)


class Sources:
    """The modules that ``find_source`` finds, parsed at most once.

    Args:
        find_source: Gives the file of a dotted module name, or None; it must not import.
        own: Tells whether a top-level name is own code, whose definitions count.
    """

    def __init__(self, find_source: FindSource, own: Callable[[str], bool]) -> None:
        self.find_source = find_source
        self.own = own
        self.modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """Give the module ``name``, None where it has no source or is not own code.

        Raises:
            PluginError: It can't be read or parsed.
        """
        if name not in self.modules:
            path = self.find_source(name) if name and self.own(name.partition(".")[0]) else None
            self.modules[name] = read_module(name, path) if path else None
        return self.modules[name]

    def below(self, name: str) -> list[str]:
        """Give the names of all modules in the package ``name``, itself first; a plain module has none below it."""
        path = self.find_source(name) if self.module(name) else None
        if path is None or path.stem != "__init__":
            return [name]
        found = {each.relative_to(path.parent).with_suffix("").parts for each in path.parent.rglob("*.py")}
        names = {".".join((name, *(parts[:-1] if parts[-1] == "__init__" else parts))) for parts in found}
        return [name, *sorted(names - {name})]


def read_module(name: str, path: Path) -> Module:
    """Read and parse the module ``name`` from ``path``."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PluginError.at(str(path), f"the source of {name} can't be read", given=error.strerror) from error
    is_package = path.stem == "__init__"
    file = name.replace(".", "/") + (f"/{path.name}" if is_package else path.suffix)
    if path.suffix != ".py":
        return Module(name, file, is_package, content or b"\0")
    module = Module(name, file, is_package)
    for place, node in enumerate(parse(content, path).body):
        enter(module, place, node)
    return module


def parse(content: bytes, path: Path) -> ast.Module:
    """Parse Python source; its own warnings are its own matter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content)
    except SyntaxError as error:
        where = f"{path}:{error.lineno}" if error.lineno else str(path)
        raise PluginError.at(where, f"this is not valid Python: {error.msg}", given=shown(error)) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise PluginError.at(str(path), f"this can't be parsed: {error}") from error


def shown(error: SyntaxError) -> str | None:
    """Give the line that a syntax error points at."""
    return error.text.strip() or None if error.text else None


def enter(module: Module, place: int, node: ast.stmt) -> None:
    """Enter one statement into ``module``: its imports and the names it binds."""
    if is_string(node) or is_main_guard(node):
        return
    enter_imports(module, node)
    if isinstance(node, ast.Import | ast.ImportFrom) or is_typing_guard(node):
        return
    piece = Piece(module.name, place, node)
    module.pieces.append(piece)
    for name in dict.fromkeys(name for name, _ in bindings([node], Scope())):
        module.by_name.setdefault(name, []).append(piece)


def enter_imports(module: Module, node: ast.stmt) -> None:
    """Enter the imports that run when the module is loaded."""
    for each in at_import(node):
        if isinstance(each, ast.Import | ast.ImportFrom):
            for alias in each.names:
                enter_alias(module, each, alias)


def enter_alias(module: Module, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> None:
    """Enter one imported name."""
    origin = module.absolute(import_of(node, alias))
    module.loads.add(origin.module if isinstance(node, ast.ImportFrom) else alias.name)
    if alias.name == "*":
        module.stars.append(origin.module)
        return
    if isinstance(node, ast.ImportFrom):
        module.loads.add(f"{origin.module}.{alias.name}")  # it may be a submodule
    module.imports.setdefault(alias.asname or alias.name.partition(".")[0], []).append(origin)


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when the module is loaded, in order: no function's body, no class's."""
    todo = [node]
    while todo:
        each = todo.pop()
        yield each
        if not isinstance(each, NESTING):
            todo.extend(reversed(list(ast.iter_child_nodes(each))))


def is_main_guard(node: ast.stmt) -> bool:
    """Tell ``if __name__ == "__main__"``, which never runs in a step."""
    test = node.test if isinstance(node, ast.If) else None
    left = test.left if isinstance(test, ast.Compare) else None
    return isinstance(left, ast.Name) and left.id == "__name__" and not (isinstance(node, ast.If) and node.orelse)


def is_typing_guard(node: ast.stmt) -> bool:
    """Tell ``if TYPE_CHECKING`` around nothing but imports."""
    if not isinstance(node, ast.If) or node.orelse:
        return False
    named = getattr(node.test, "id", getattr(node.test, "attr", ""))
    return named == "TYPE_CHECKING" and all(isinstance(each, ast.Import | ast.ImportFrom) for each in node.body)
