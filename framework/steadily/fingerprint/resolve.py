"""What a dotted name means, across the modules of own code: where it ends, and what it passes.

Owns resolution: imports of every form, star imports, names that a package's
``__init__`` passes on, submodules. Counts nothing.
"""

from __future__ import annotations

import builtins
import sys
from dataclasses import dataclass, field

from steadily.fingerprint.importing import Chain, Import
from steadily.fingerprint.mentions import Mention
from steadily.fingerprint.sources import Module, Sources

Node = tuple[str, str]  # module, name in it
WHOLE = "*"
BUILTINS = frozenset(dir(builtins)) | {"__file__", "__path__", "__builtins__", "__annotations__", "WindowsError"}
FRAMEWORK = "steadily"


@dataclass
class Found:
    """Where a name ends (and whether an attribute of that is asked for), and what it passes on the way."""

    ends: set[tuple[Node, bool]] = field(default_factory=set)
    passed: set[Node] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    unresolved: set[str] = field(default_factory=set)
    seen: set[tuple[Node, Chain]] = field(default_factory=set)


class Resolver:
    """Resolves mentions among ``sources``, each at most once."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.known: dict[tuple[str, Mention], Found] = {}

    def follow(self, module: Module, mention: Mention) -> Found:
        """Give what ``mention`` means when it stands in ``module``."""
        key = (module.name, mention)
        if key not in self.known:
            found = self.known[key] = Found()
            if mention.origin is not None:
                self.imported(module.absolute(mention.origin), mention.chain, found)
            elif not self.name(module, mention.chain[0], mention.chain[1:], found) and mention.certain:
                self.missing(module, mention.chain, found)
        return self.known[key]

    def name(self, module: Module, name: str, rest: Chain, found: Found) -> bool:
        """Look ``name`` up in ``module``'s own scope; tell whether it is there."""
        node = (module.name, name)
        if (node, rest) in found.seen:
            return True
        found.seen.add((node, rest))
        here = name in module.by_name
        if here:
            found.ends.add((node, bool(rest)))
        for origin in module.imports.get(name, ()):
            found.passed.add(node)
            self.imported(origin, rest, found)
        return here or name in module.imports or self.starred(module, name, rest, found)

    def starred(self, module: Module, name: str, rest: Chain, found: Found) -> bool:
        """Look ``name`` up in the modules that ``module`` star-imports."""
        hits = False
        for star in module.stars:
            target = self.sources.module(star)
            if target and not target.is_opaque:
                hit = self.name(target, name, rest, found)
            else:
                hit = self.whole(star, found) if name not in BUILTINS else False
            if hit:
                found.passed.add((module.name, name))
            hits = hits or hit
        return hits

    def imported(self, origin: Import, rest: Chain, found: Found) -> None:
        """Go on from what an import binds."""
        if origin.name is not None:
            self.member(origin.module, origin.name, rest, found)
        elif rest:
            self.member(origin.module, rest[0], rest[1:], found)
        else:
            self.whole(origin.module, found)

    def member(self, owner: str, name: str, rest: Chain, found: Found) -> None:
        """Look up the attribute ``name`` of the module ``owner``."""
        module = self.sources.module(owner)
        if not self.sources.own(owner.partition(".")[0]) or (module and module.is_opaque):
            self.whole(owner, found)
        elif module and self.name(module, name, rest, found):
            return
        elif self.is_module(f"{owner}.{name}"):
            self.imported(Import(f"{owner}.{name}"), rest, found)
        elif self.is_folder(f"{owner}.{name}", rest):
            self.member(f"{owner}.{name}", rest[0], rest[1:], found)
        elif module and ("__getattr__" in module.by_name or name == "__dict__" or module.is_dynamic):
            self.whole(owner, found)
        elif not (name.startswith("__") and name.endswith("__")):
            found.ends.add(((owner, name), bool(rest)))  # another module may set it
            found.unresolved.add(f"{owner}.{name}")

    def is_module(self, name: str) -> bool:
        """Tell whether ``name`` is a module of own code."""
        return self.sources.module(name) is not None

    def is_folder(self, name: str, rest: Chain) -> bool:
        """Tell whether ``name`` is a folder without ``__init__`` above a module that ``rest`` leads to."""
        return any(self.is_module(".".join((name, *rest[: depth + 1]))) for depth in range(len(rest)))

    def whole(self, name: str, found: Found) -> bool:
        """Take the module ``name`` as a whole: all its definitions, or the package it belongs to."""
        top = name.partition(".")[0]
        if self.sources.own(top):
            found.ends.add(((name, WHOLE), False))
            if not self.is_module(name):
                found.unresolved.add(name)
        elif top and top != FRAMEWORK and top not in sys.stdlib_module_names:
            found.packages.add(top)
        return True

    def missing(self, module: Module, chain: Chain, found: Found) -> None:
        """Note a name that its module does not have: a builtin, or nothing that can be known."""
        if chain[0] not in BUILTINS and module.is_dynamic:
            self.whole(module.name, found)
        elif chain[0] not in BUILTINS:
            found.ends.add(((module.name, chain[0]), len(chain) > 1))
            found.unresolved.add(f"{module.name}.{chain[0]}")
