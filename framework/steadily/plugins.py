"""Plugins: where they are found, how one is imported, and the hooks that it implements.

What is known of their steps without importing them is the catalogue's matter.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from steadily import hookspecs
from steadily.errors import PluginError, Problem, listed, near
from steadily.steps import StepDefinition, definition_of


@dataclass(frozen=True)
class Plugin:
    """A plugin: its entry point or module, the distribution it comes in, and its top-level package."""

    name: str
    module: str
    distribution: str
    home: str | None = None  # the project's plugins/ folder, for a module of the project's own

    @property
    def package(self) -> str:
        """The top-level package, whose code is the plugin's own."""
        return self.module.partition(".")[0]


def installed_plugins() -> tuple[Plugin, ...]:
    """List the plugins of the entry-point group, by name."""
    points = sorted(metadata.entry_points(group=hookspecs.GROUP), key=lambda point: (point.name, point.value))
    found: dict[tuple[str, str], Plugin] = {}
    for point in points:
        name = f"{point.dist.name} {point.dist.version}" if point.dist else "?"
        found.setdefault((point.name, point.value), Plugin(point.name, point.module, name))
    return tuple(found.values())


def import_steps(plugin: Plugin) -> list[StepDefinition]:
    """Import a plugin and give its steps, through the hook ``register_steps``.

    Raises:
        PluginError: It has a hook of an unknown name, or two steps of one name.
    """
    found: dict[str, StepDefinition] = {}

    def register(target: Any) -> None:
        step = definition_of(target)
        if step is None:
            raise PluginError.at(f"plugin {plugin.name!r}", f"{target!r} is not a step", hint="decorate it with @step")
        if step.name in found and found[step.name].target is not step.target:
            raise PluginError.at(f"plugin {plugin.name!r}", f"has two steps called {step.name!r}")
        found[step.name] = step

    manager_of([import_fresh(plugin.module)]).hook.register_steps(register=register)
    return list(found.values())


def import_fresh(module: str) -> ModuleType:
    """Import a plugin's module without writing bytecode.

    Python takes bytecode for current by the source's size and full second: an edit
    right after a run could be fingerprinted anew and run as it was.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        return importlib.import_module(module)
    finally:
        sys.dont_write_bytecode = before


class Decorated:
    """Registers the steps that a module holds by name."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    @hookspecs.hookimpl
    def register_steps(self, register: Any) -> None:
        """Give each decorated function or class of the module to ``register``."""
        for value in list(vars(self.module).values()):
            if definition_of(value) is not None:
                register(value)


def manager_of(modules: list[ModuleType]) -> pluggy.PluginManager:
    """Give the hooks that ``modules`` implement.

    Raises:
        PluginError: One implements a hook that does not exist.
    """
    hooks = pluggy.PluginManager(hookspecs.GROUP)
    hooks.add_hookspecs(hookspecs)
    try:
        for module in modules:
            hooks.register(Decorated(module))
            hooks.register(module)
        hooks.check_pending()
    except pluggy.PluginValidationError as error:
        raise hook_error(hooks, modules, error) from error
    return hooks


def hook_error(
    hooks: pluggy.PluginManager, modules: list[ModuleType], error: pluggy.PluginValidationError
) -> PluginError:
    """Say which hook of a plugin does not exist, or takes other arguments."""
    known = [name for name in vars(hookspecs) if hasattr(vars(hookspecs)[name], f"{hookspecs.GROUP}_spec")]
    where = f"plugin {getattr(error.plugin, '__name__', '?')}"
    unknown = [one.name for module in modules for one in hooks.get_hookcallers(module) or () if not one.has_spec()]
    if unknown:
        return PluginError(Problem(where, f"{unknown[0]!r} is no hook", None, listed(known), near(unknown[0], known)))
    return PluginError(Problem(where, f"a hook takes other arguments: {str(error).splitlines()[-1].strip()}"))


def hooks_of(module: ModuleType) -> tuple[str, ...]:
    """Name the hooks that a module implements."""
    hooks = manager_of([module])
    return tuple(sorted(caller.name for caller in hooks.get_hookcallers(module) or ()))


def package_folder(package: str) -> Path | None:
    """Find the folder (or the file) of a top-level package without importing it."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if found is None:
        return None
    if found.submodule_search_locations:
        return Path(next(iter(found.submodule_search_locations)))
    return Path(found.origin) if found.origin else None


def origin(error: BaseException) -> str:
    """Name the last line of a file that an error came through, or that could not be parsed."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{short(error.filename)}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "<" not in frame.filename]
    return f"{short(frames[-1].filename)}:{frames[-1].lineno}" if frames else "at import"


def short(file: str) -> str:
    """Name a file with the folder that it lies in.

    >>> short("/somewhere/plugins/shop.py")
    'plugins/shop.py'
    """
    return "/".join(Path(file).parts[-2:])
