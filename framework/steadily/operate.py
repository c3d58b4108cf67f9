"""What ``conf/operate.yaml`` says: how to work, never what to compute."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from steadily import config, layout
from steadily.errors import ConfigError, Problem, listed, near
from steadily.files import write_atomically

CACHE = layout.STATE / "cache" / "operate.json"
KNOWN: dict[str, tuple[str, ...]] = {
    "engine": ("backend", "workers", "address", "read_rows"),
    "sources": ("unreachable",),
}
CHOICES = {"engine.backend": ("local", "sequential", "dask"), "sources.unreachable": ("fail", "keep")}


def operation(project: Path) -> dict[str, Any]:
    """Give the parts of ``conf/operate.yaml`` that a pipeline's run needs.

    They are kept by content, unless some come from the environment, which may be another one next time.

    Raises:
        ConfigError: It does not compose, or says what can't be.
    """
    digest = config.digest(project)
    try:
        kept = json.loads((project / CACHE).read_text(encoding="utf-8"))
        if kept["digest"] == digest:
            return dict(kept["values"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    composed = config.operate(project)
    values = {name: composed.values[name] for name in KNOWN if name in composed.values}
    judge(values, lambda *keys: f"{composed.locate(*keys)}: {'.'.join(keys)}")
    if not any("oc.env" in (project / file).read_text(encoding="utf-8") for file in composed.files):
        write_atomically(project / CACHE, json.dumps({"digest": digest, "values": values}))
    return values


def judge(values: Mapping[str, Any], place: Callable[..., str]) -> None:
    """Refuse unknown keys and values in the parts that a run needs.

    Args:
        values: The parts by name.
        place: Names where a path of keys stands.

    Raises:
        ConfigError: With all that is wrong.
    """
    problems = []
    for section, body in values.items():
        if body is not None and not isinstance(body, Mapping):
            problems.append(Problem(place(section), "has to be a mapping", None, f"keys {listed(KNOWN[section])}"))
            continue
        for key, value in (body or {}).items():
            where = place(section, str(key))
            if key not in KNOWN[section]:
                problems.append(
                    Problem(where, f"unknown key {key!r}", None, listed(KNOWN[section]), near(key, KNOWN[section]))
                )
            choices = CHOICES.get(f"{section}.{key}")
            if choices and value not in choices:
                problems.append(
                    Problem(where, "unknown value", repr(value), listed(choices), near(str(value), choices))
                )
            if key in ("workers", "read_rows") and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                problems.append(Problem(where, "has to be a whole number above 0", repr(value)))
    if problems:
        raise ConfigError(*problems)


def engine_settings(project: Path) -> dict[str, Any]:
    """Give the engine's settings: ``STEADILY_ENGINE`` (``local:4``, ``dask:ADDRESS``) goes over conf/operate.yaml."""
    settings: dict[str, Any] = {"backend": "local", "workers": 1, **(operation(project).get("engine") or {})}
    chosen = os.environ.get("STEADILY_ENGINE")
    if chosen:
        backend, _, rest = chosen.partition(":")
        given: dict[str, Any] = {"backend": backend}
        if backend == "dask":
            given["address"] = rest
        elif rest:
            given["workers"] = int(rest) if rest.isdecimal() else rest
        judge({"engine": given}, lambda *keys: f"STEADILY_ENGINE={chosen}: {keys[-1]}")
        settings |= given
    return settings
