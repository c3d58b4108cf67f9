"""Fingerprints: what a step would do, read from its sources without importing them.

Owns the public face: ``Fingerprint``, ``fingerprint`` and ``Fingerprints``. Under it,
``finding`` looks for sources, ``sources`` parses, ``importing`` and
``mentions`` know the forms of imports and Python's scopes, ``resolve`` follows names
across modules, ``touches`` finds what statements change in place, ``reach`` walks,
``canonical`` is the text that is digested, ``files`` are what a step declares, ``carried`` is what a bundle has of it.
Versions of the packages that are named here are ``steadily.packages``' matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from steadily.errors import PluginError
from steadily.fingerprint.files import file_digests
from steadily.fingerprint.finding import FindSource, installed_source, source_finder
from steadily.fingerprint.reach import Walk
from steadily.fingerprint.resolve import WHOLE, Node, Resolver
from steadily.fingerprint.sources import Module, Sources
from steadily.fingerprint.touches import Touches

__all__ = ["FindSource", "Fingerprint", "Fingerprints", "fingerprint", "installed_source", "source_finder"]


@dataclass(frozen=True)
class Fingerprint:
    """What a step would do, in readable parts.

    Attributes:
        code: For each file of own code (from its top-level package on), 12 hexadecimal
            digits over the definitions in it that the step reaches.
        packages: Top-level import names of other packages that these definitions mention.
        unresolved: Names that were found nowhere; for information.
        files: The same digits for the content of each file that the step declares.
        names: Names of the definitions that the step reaches, from all files together.
    """

    code: dict[str, str]
    packages: frozenset[str]
    unresolved: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


class Fingerprints:
    """Fingerprints of many steps of one distribution, or of a project's plugins; each source is parsed once.

    Args:
        find_source: Gives the file of a dotted module name, or None; it must not import.
        own: Tells whether a top-level name is own code, whose definitions count.
    """

    def __init__(self, find_source: FindSource, own: Callable[[str], bool]) -> None:
        self.sources = Sources(find_source, own)
        self.resolver = Resolver(self.sources)
        self.touches = Touches(self.resolver)

    def of(self, module: str, qualname: str, files: Iterable[str] = ()) -> Fingerprint:
        """Give the fingerprint of the function or class ``qualname`` in ``module``.

        Args:
            module: Dotted name of the module.
            qualname: The ``__qualname__``; what is made inside a function takes its module as a whole.
            files: Files that the step declares, relative to the module's folder.

        Raises:
            PluginError: No source is found, it is not valid Python, or a declared file is missing.
        """
        found = self.sources.module(module)
        if found is None:
            raise PluginError.at(f"module {module}", "its source can't be found, so its version can't be known")
        walk = Walk(self.resolver, self.touches)
        walk.run(start_of(found, qualname))
        declared = self.declared(found, files)
        names = frozenset(name for _, name in walk.nodes)
        return Fingerprint(walk.digests(), frozenset(walk.packages), tuple(sorted(walk.unresolved)), declared, names)

    def declared(self, module: Module, files: Iterable[str]) -> dict[str, str]:
        """Give the digests of declared files."""
        path = self.sources.find_source(module.name)
        return file_digests(path.parent, module.file.rpartition("/")[0], files) if path else {}


def start_of(module: Module, qualname: str) -> Node:
    """Give where a walk begins: the definition, or the whole module where it can't be told which."""
    name = qualname.partition(".")[0]
    return module.name, name if "<" not in qualname and name in module.by_name else WHOLE


def fingerprint(
    module: str,
    qualname: str,
    find_source: FindSource,
    *,
    own: Callable[[str], bool] | None = None,
    files: Iterable[str] = (),
) -> Fingerprint:
    """Give the fingerprint of one step; ``Fingerprints`` is for many.

    Args:
        module: Dotted name of the step's module.
        qualname: The step's ``__qualname__``.
        find_source: Gives the file of a dotted module name, or None; it must not import.
        own: Tells whether a top-level name is own code; by default the module's top-level package alone.
        files: Files that the step declares, relative to the module's folder.

    Raises:
        PluginError: No source is found, it is not valid Python, or a declared file is missing.
    """
    top = module.partition(".")[0]
    return Fingerprints(find_source, own or (lambda name: name == top)).of(module, qualname, files)
