"""The walk: every definition that a step reaches within own code, and the packages these mention.

Owns the order and the digests. A file's digest is over its reached names in
alphabetical order, each with its statements in the order of the file, so that
moving a definition changes nothing and swapping two changes of one table does.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from steadily.fingerprint.importing import Import
from steadily.fingerprint.mentions import Mention
from steadily.fingerprint.resolve import WHOLE, Found, Node, Resolver
from steadily.fingerprint.sources import Module, Piece
from steadily.fingerprint.touches import Touches


class Walk:
    """One step's walk. ``start`` is where it begins; ``finish`` gives digests by file."""

    def __init__(self, resolver: Resolver, touches: Touches) -> None:
        self.resolver = resolver
        self.touches = touches
        self.sources = resolver.sources
        self.nodes: set[Node] = set()
        self.passed: set[Node] = set()
        self.pieces: dict[Node, set[Piece]] = {}
        self.entered: set[Piece] = set()
        self.loaded: dict[str, Module] = {}
        self.packages: set[str] = set()
        self.unresolved: set[str] = set()
        self.todo: list[Node] = []

    def run(self, start: Node) -> None:
        """Reach all there is to reach from ``start``."""
        self.load(start[0])
        self.reach([start])
        while self.todo:
            node = self.todo.pop()
            for module in list(self.loaded.values()):
                self.enter(node, self.touches.of(module).get(node, ()))
            self.enter(node, self.bound(node))

    def reach(self, nodes: Iterable[Node]) -> None:
        """Put names on the list, each once, and load their modules."""
        for node in nodes:
            if node not in self.nodes:
                self.nodes.add(node)
                self.todo.append(node)
                self.load(node[0])

    def bound(self, node: Node) -> list[Piece]:
        """Give the statements that bind ``node``; a whole module is each of its names, and what binds none."""
        module = self.sources.module(node[0])
        if module is None or module.is_opaque:
            return []
        if node[1] != WHOLE:
            return module.by_name.get(node[1], [])
        self.reach((module.name, name) for name in module.by_name)
        for name in module.imports:
            self.take_import(module, name)
        named = {piece for pieces in module.by_name.values() for piece in pieces}
        return [piece for piece in module.pieces if piece not in named]

    def take_import(self, module: Module, name: str) -> None:
        """Follow a name that a module taken as a whole passes on; modules that it imports are not its own."""
        for origin in module.imports[name]:
            if origin.name is not None or not self.sources.own(origin.module.partition(".")[0]):
                self.take(self.resolver.follow(module, Mention((name,))))

    def enter(self, node: Node, pieces: Iterable[Piece]) -> None:
        """Enter the statements that make ``node`` what it is, and follow what they mention."""
        for piece in pieces:
            self.pieces.setdefault(node, set()).add(piece)
            if piece not in self.entered:
                self.entered.add(piece)
                self.follow(piece)

    def follow(self, piece: Piece) -> None:
        """Follow all that a statement mentions."""
        module = self.sources.module(piece.module)
        if module is None:
            return
        mentions = piece.mentions
        for mention in mentions.names:
            self.take(self.resolver.follow(module, mention))
        for origin in mentions.loads | mentions.whole:
            self.take_load(module.absolute(origin), whole=origin in mentions.whole)
        for origin in map(module.absolute, mentions.trees):
            self.take_load(origin, whole=False)
            self.reach((name, WHOLE) for name in self.sources.below(origin.module) if self.sources.module(name))
        if mentions.dynamic:
            self.reach([(module.name, WHOLE)])

    def take_load(self, origin: Import, *, whole: bool) -> None:
        """Take a module that a function's body imports."""
        found = Found()
        self.resolver.whole(origin.module, found)
        self.packages |= found.packages
        self.load(f"{origin.module}.{origin.name}" if origin.name else origin.module)
        if whole:
            self.take(found)

    def take(self, found: Found) -> None:
        """Take what a mention was resolved to."""
        self.passed |= found.passed
        self.packages |= found.packages
        self.unresolved |= found.unresolved
        self.reach(node for node, _ in found.ends)

    def load(self, name: str) -> None:
        """Note that ``name`` is loaded, with its packages and all that these load in turn."""
        todo = [name]
        while todo:
            name = todo.pop()
            if name in self.loaded:
                continue
            module = self.sources.module(name)
            if "." in name:
                todo.append(name.rpartition(".")[0])
            if module:
                self.loaded[name] = module
                todo.extend(module.loads)
                changed = self.touches.of(module)
                self.todo.extend(node for node in changed if node in self.nodes)

    def digests(self) -> dict[str, str]:
        """Give 12 hexadecimal digits for each file of which something was reached."""
        entries: dict[str, dict[str, list[bytes]]] = {}
        for node, pieces in self.pieces.items():
            for piece in sorted(pieces, key=lambda each: each.place):
                self.entry(entries, piece.module, node).append(piece.digest)
        for node in self.passed:
            module = self.sources.module(node[0])
            origins = module.imports.get(node[1], ()) if module else ()
            self.entry(entries, node[0], node).extend(f"{each.module}:{each.name}".encode() for each in origins)
        for name, member in self.nodes:
            module = self.sources.module(name)
            if module and module.is_opaque:
                self.entry(entries, name, (name, member)).append(module.content)
        return {file: digest_of(entries[file]) for file in sorted(entries)}

    def entry(self, entries: dict[str, dict[str, list[bytes]]], holder: str, node: Node) -> list[bytes]:
        """Give the list under which ``holder``'s share of ``node`` is kept."""
        module = self.sources.module(holder)
        key = node[1] if holder == node[0] else f"{node[0]}:{node[1]}"
        file = module.file if module else holder
        return entries.setdefault(file, {}).setdefault(key, [])


def digest_of(entries: dict[str, list[bytes]]) -> str:
    """Digest a file's reached names with what makes them."""
    out = blake2b(digest_size=6)
    for name in sorted(entries):
        for part in (name.encode(), *entries[name]):
            out.update(len(part).to_bytes(8, "big") + part)
    return out.hexdigest()
