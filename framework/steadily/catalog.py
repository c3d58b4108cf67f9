"""The catalogue: which plugins there are, which steps they bring, and what is known of each.

Plugins are imported only when their code is new: names, schemas, docstrings and
fingerprints are kept under ``.steadily/cache`` by the content of the sources. A
plugin that fails at import is remembered with its cause, and matters only to
those who use it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from steadily.errors import PluginError, Problem, SteadilyError, listed, near
from steadily.files import write_atomically
from steadily.fingerprint import Fingerprint, Fingerprints, installed_source, source_finder
from steadily.fingerprint.carried import carried
from steadily.packages import environment_digest
from steadily.plugins import Plugin, hooks_of, import_steps, installed_plugins, origin, package_folder
from steadily.spec import StepSpec
from steadily.steps import StepDefinition

CACHE = Path(".steadily/cache/catalog.json")
CACHE_FORMAT = 4


@dataclass(frozen=True)
class StepEntry:
    """What is known of a step without importing it.

    ``tables`` are the parameters that name a further input of the stage, ``features`` those of
    them that name a feature set.
    """

    name: str
    kind: str
    plugin: str
    distribution: str
    module: str
    qualname: str
    summary: str
    doc: str
    schema: Mapping[str, Any]
    tables: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    code: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    checks: bool = False
    plots: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class PluginEntry:
    """What a plugin brought when it was last imported, or why it could not be."""

    plugin: Plugin
    steps: tuple[StepEntry, ...] = ()
    hooks: tuple[str, ...] = ()
    failure: str | None = None


class Catalog:
    """All plugins that a project can use, and their steps by name."""

    def __init__(self, project: Path, modules: tuple[str, ...] = (), *, cached: bool = True) -> None:
        """Find the plugins.

        Args:
            project: The project's folder.
            modules: Names of modules in the project's own ``plugins/`` folder.
            cached: Whether what is known may be kept under ``.steadily/cache``.
        """
        self.cached = cached
        self.project = project
        self.home = project / "plugins"
        self._fingerprints: dict[str, Fingerprints] = {}
        if modules and str(self.home) not in sys.path:
            sys.path.insert(0, str(self.home))
        own = [Plugin(name, name, "plugins/", str(self.home)) for name in modules]
        self.plugins = (*installed_plugins(), *own)

    @cached_property
    def entries(self) -> dict[str, PluginEntry]:
        """What each plugin brings, from the cache where its code is the one that was seen before."""
        kept = read_cache(self.project / CACHE) if self.cached else {}
        entries, cache = {}, {}
        for plugin in self.plugins:
            key = self.key(plugin)
            entry = kept.get(f"{plugin.name} {key}")
            if entry is None or entry.failure:  # what made it fail may be mended without a change of its code
                entry = self.examine(plugin)
            entries[plugin.name] = entry
            cache[f"{plugin.name} {key}"] = entry
        if self.cached and cache.keys() - kept.keys():
            write_cache(self.project / CACHE, cache)
        return entries

    @cached_property
    def steps(self) -> dict[str, StepEntry]:
        """All steps by name; of a name that two plugins claim, the first (see ``clashes``)."""
        found: dict[str, StepEntry] = {}
        for entry in self.entries.values():
            for step in entry.steps:
                found.setdefault(step.name, step)
        return dict(sorted(found.items()))

    @cached_property
    def clashes(self) -> list[Problem]:
        """Names that more than one plugin goes by, and step names that more than one claims."""
        named: dict[str, list[str]] = {}
        for plugin in self.plugins:
            named.setdefault(plugin.name, []).append(f"{plugin.distribution}: {plugin.module}")
        claimed: dict[str, list[StepEntry]] = {}
        for entry in self.entries.values():
            for step in entry.steps:
                claimed.setdefault(step.name, []).append(step)
        plugins = [
            Problem(f"plugin {name!r}", "two plugins have this name", " and ".join(found), hint="rename one")
            for name, found in named.items()
            if len(found) > 1
        ]
        return plugins + [
            Problem(
                f"step {name!r}",
                "two plugins have a step of this name",
                " and ".join(f"{step.plugin} ({step.distribution}: {step.module}.{step.qualname})" for step in steps),
                hint="rename one, or uninstall one of the plugins",
            )
            for name, steps in sorted(claimed.items())
            if len(steps) > 1
        ]

    @property
    def failures(self) -> dict[str, str]:
        """Plugins that could not be imported, with the cause."""
        return {name: entry.failure for name, entry in self.entries.items() if entry.failure}

    @cached_property
    def digest(self) -> str:
        """A digest of all code that the catalogue rests on."""
        keys = [f"{plugin.name} {self.key(plugin)}" for plugin in self.plugins]
        return hashlib.blake2b("\n".join(keys).encode(), digest_size=16).hexdigest()

    @cached_property
    def environment(self) -> str:
        """A digest of what is installed."""
        return environment_digest()

    def carried(self, steps: Sequence[StepSpec]) -> dict[str, bytes]:
        """Give what the bundle of a pipeline of ``steps`` carries of each file of the project's own plugins."""
        used = {step.use for step in steps}
        reached = {word for step in steps for word in re.findall(r"\w+", repr(step.params))}
        files: set[Path] = set()
        for plugin in self.plugins:
            if plugin.home:
                files.update(self.files(plugin))
                for entry in self.entries[plugin.name].steps:
                    if entry.name in used:
                        reached |= self.fingerprints(plugin).of(entry.module, entry.qualname).names
        return carried({path.relative_to(self.home).as_posix(): path for path in sorted(files)}, used, reached)

    def fingerprints(self, plugin: Plugin) -> Fingerprints:
        """Give the fingerprints of a plugin's own code, each source parsed once."""
        if plugin.package not in self._fingerprints:
            self._fingerprints[plugin.package] = Fingerprints(self.find_source, lambda name: self.own(plugin, name))
        return self._fingerprints[plugin.package]

    def key(self, plugin: Plugin) -> str:
        """Digest a plugin's own sources, and the environment that it would be imported in."""
        digest = hashlib.blake2b(f"{CACHE_FORMAT} {self.environment} {plugin}".encode(), digest_size=16)
        for path in self.files(plugin):
            digest.update(str(path).encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def files(self, plugin: Plugin) -> list[Path]:
        """List the files of a plugin's own top-level package, or of the project's ``plugins/`` folder."""
        if plugin.home:
            modules = [path for path in Path(plugin.home).rglob("*") if "__pycache__" not in path.parts]
            return sorted(path for path in modules if path.is_file())
        folder = package_folder(plugin.package)
        if folder is None:
            return []
        if folder.is_file():
            return [folder]
        found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
        return sorted(path for path in found if path.is_file())

    def find_source(self, module: str) -> Path | None:
        """Find the source file of one of the plugins' own modules, without importing it."""
        return source_finder([self.home])(module) or installed_source(module)

    def own(self, plugin: Plugin, name: str) -> bool:
        """Tell whether a top-level name is the plugin's own code."""
        if name == plugin.package:
            return True
        if not plugin.home:
            return False
        return (self.home / f"{name}.py").is_file() or (self.home / name).is_dir()

    def examine(self, plugin: Plugin) -> PluginEntry:
        """Import a plugin and note what it brings."""
        if plugin.home and self.find_source(plugin.module) is None:
            return PluginEntry(plugin, failure=f"plugins/ has no module {plugin.module!r}")
        try:
            found = import_steps(plugin)
            hooks = hooks_of(importlib.import_module(plugin.module))
            return PluginEntry(plugin, tuple(self.describe(plugin, step) for step in found), hooks)
        except SteadilyError as error:
            return PluginEntry(plugin, failure=str(error))
        except (Exception, SystemExit) as error:  # whatever a plugin does at import is told to those who use it
            words = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
            return PluginEntry(plugin, failure=f"{type(error).__name__}: {words} ({origin(error)})")

    def describe(self, plugin: Plugin, found: StepDefinition) -> StepEntry:
        """Note what is known of one step."""
        from steadily.parameters import features_of, schema_of, tables_of

        version = self.fingerprints(plugin).of(found.target.__module__, found.target.__qualname__, found.files)
        return StepEntry(
            name=found.name,
            kind=found.kind,
            plugin=plugin.name,
            distribution=plugin.distribution,
            module=found.target.__module__,
            qualname=found.target.__qualname__,
            summary=found.summary,
            doc=inspect.getdoc(found.target) or "",
            schema=schema_of(found),
            tables=tables_of(found),
            features=features_of(found),
            code={**version.code, **version.files},
            packages=tuple(sorted(version.packages)),
            checks=callable(getattr(found.target, "check", None)),
            plots={name: dict(settings) for name, settings in found.plots.items()},
        )

    def fingerprint_of_path(self, path: str) -> Fingerprint | None:
        """Give the fingerprint of what an import path names, or None where it is no plugin's own code."""
        module, _, qualname = path.rpartition(".")
        for plugin in self.plugins:
            if self.own(plugin, path.partition(".")[0]):
                return self.fingerprints(plugin).of(module, qualname)
        return None

    def entry(self, name: str) -> StepEntry:
        """Give what is known of the step called ``name``.

        Raises:
            PluginError: There is none, or the plugin it should be in failed at import.
        """
        if name in self.steps:
            return self.steps[name]
        plugin = name.partition(".")[0]
        for failed, cause in self.failures.items():
            if failed == plugin or name.startswith(f"{self.entries[failed].plugin.package}."):
                raise PluginError.at(f"step {name!r}", f"plugin {failed!r} failed at import: {cause}")
        hints = [near(name, self.steps)]
        hints += [
            f"or is it in plugin {failed!r}, which failed at import: {cause}" for failed, cause in self.failures.items()
        ]
        hint = "; ".join(filter(None, hints)) or None
        same = [step for step in self.steps if step.startswith(f"{plugin}.")]
        raise PluginError.at(
            f"step {name!r}", "no plugin has a step of this name", allowed=listed(same or self.steps), hint=hint
        )

    def listeners(self, hook: str) -> list[str]:
        """Name the modules of the plugins that implement a hook."""
        return [entry.plugin.module for entry in self.entries.values() if hook in entry.hooks]

    def definition(self, name: str) -> StepDefinition:
        """Import the plugin that has the step, and give the step itself."""
        entry = self.entry(name)
        plugin = self.entries[entry.plugin].plugin
        for found in import_steps(plugin):
            if found.name == name:
                return found
        raise PluginError.at(f"step {name!r}", f"is gone from {entry.module}", hint="run dvc repro again")


def read_cache(path: Path) -> dict[str, PluginEntry]:
    """Read what was known; anything unreadable counts as nothing known."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: PluginEntry(
                Plugin(**item["plugin"]),
                tuple(StepEntry(**{**step, **tuples_of(step)}) for step in item["steps"]),
                tuple(item["hooks"]),
                item["failure"],
            )
            for key, item in kept.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def tuples_of(step: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Turn back into tuples what JSON made lists of."""
    return {name: tuple(step[name]) for name in ("tables", "features", "packages")}


def write_cache(path: Path, entries: Mapping[str, PluginEntry]) -> None:
    """Keep what is known, failures left out: they may have gone when next asked."""
    kept = {key: asdict(entry) for key, entry in entries.items() if not entry.failure}
    write_atomically(path, json.dumps(kept, ensure_ascii=False))
