"""The sections of ``conf/operate.yaml`` that operating needs: typed, strict, all that is wrong at once.

Owns the list of sections. Each is a ``Section`` beside the module that it is for, which
is imported when sections are read: such a module imports nothing heavy. A value that
comes from the environment stands in no error and in no file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pydantic
import yaml

from steadily import config, operate
from steadily.config import Composed
from steadily.config.conffiles import digest
from steadily.config.locate import find
from steadily.errors import ConfigError, Problem, listed, near
from steadily.parameters import WORDS

SECTIONS = {
    "dashboard": "steadily.dashboard.settings:DashboardSettings",
    "database": "steadily.database.settings:DatabaseSettings",
    "features": "steadily.features.settings:FeaturesSettings",
    "deploy": "steadily.rollout.settings:DeploySettings",
    "loadtest": "steadily.loadtest.settings:LoadtestSettings",
    "releases": "steadily.releases.settings:ReleasesSettings",
    "retention": "steadily.database.settings:RetentionSettings",
    "monitor": "steadily.monitor.settings:MonitorSettings",
    "alerts": "steadily.monitor.settings:AlertSettings",
    "serve": "steadily.serving.settings:ServeSettings",
}
FROM_ENVIRONMENT = "put it into the environment, and ${oc.env:NAME} here"
DECODED = "what comes from the environment is text: ${oc.decode:${oc.env:NAME}} reads it as YAML"


class Section(pydantic.BaseModel):
    """A section's settings: nothing unknown, nothing coerced, never changed.

    Secrets are ``pydantic.SecretStr``. What a validator of its own refuses with ValueError is told without the value.
    """

    model_config = pydantic.ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


S = TypeVar("S", bound=Section)


def section_kinds() -> dict[str, type[Section]]:
    """Import the sections there are, by name."""
    found: dict[str, type[Section]] = {}
    for name, place in SECTIONS.items():
        module, _, kind = place.partition(":")
        found[name] = getattr(import_module(module), kind)
    return found


def settings(project: Path, kind: type[S]) -> S:
    """Read one section of ``conf/operate.yaml``, having checked them all; its defaults where it is not there.

    Args:
        project: The project's folder.
        kind: The section's class, which is in ``SECTIONS``.

    Raises:
        ConfigError: All that is wrong in the file.
    """
    return next(section for section in read_sections(project).values() if isinstance(section, kind))


def read_sections(project: Path) -> dict[str, Section]:
    """Read all sections; a second time only where a file or the environment has changed, for it takes a while.

    Raises:
        ConfigError: All that is wrong.
    """
    project = project.absolute()
    return dict(sections_of(project, digest(project), frozenset(os.environ.items())))


@lru_cache(maxsize=4)
def sections_of(project: Path, files: str, environment: frozenset[tuple[str, str]]) -> dict[str, Section]:
    """Read all sections of the files with this digest, in this environment."""
    composed = config.operate(project)
    kinds = section_kinds()
    problems = list(unknown_sections(composed, kinds))
    known = {name: composed.values[name] for name in operate.KNOWN if name in composed.values}
    try:
        operate.judge(known, lambda *keys: place(composed, keys))
    except ConfigError as error:
        problems += error.problems
    found: dict[str, Section] = {}
    for name, kind in kinds.items():
        try:
            found[name] = kind.model_validate_json(json.dumps(composed.values.get(name) or {}))
        except pydantic.ValidationError as error:
            problems += [problem_of(composed, name, item, kind) for item in error.errors(include_url=False)]
        except (TypeError, ValueError) as error:  # a value that JSON has no form for
            problems.append(Problem(place(composed, (name,)), f"holds what no setting can be: {error}"))
    problems += committed_passwords(composed, kinds)
    if problems:
        raise ConfigError(*problems)
    return found


def place(composed: Composed, keys: tuple[str | int, ...]) -> str:
    """Name where a path of keys stands."""
    return f"{composed.locate(*keys)}: {'.'.join(str(key) for key in keys)}"


def unknown_sections(composed: Composed, kinds: Mapping[str, Any]) -> Iterator[Problem]:
    """Find the sections that nobody reads: a misspelt one would be silently without effect."""
    known = [*operate.KNOWN, *kinds]
    for name in composed.values:
        if name not in known:
            where = composed.locate(name)
            yield Problem(where, f"unknown section {name!r}", None, listed(known, most=20), near(str(name), known))


def problem_of(composed: Composed, section: str, item: Any, kind: type[Section]) -> Problem:
    """Say in our words what pydantic found; what was given only where it stands in the file itself."""
    keys = (section, *item["loc"])
    where = place(composed, keys)
    if item["type"] == "extra_forbidden":
        allowed = list(kind.model_fields) if len(keys) == 2 else []
        name = str(keys[-1])
        return Problem(where, f"unknown key {name!r}", None, listed(allowed) or None, near(name, allowed))
    if item["type"] == "missing":
        return Problem(place(composed, keys[:-1]), f"{str(keys[-1])!r} is missing")
    if len(keys) == 1:
        return Problem(where, "has to be a mapping", None, f"keys {listed(kind.model_fields)}")
    words = item["msg"].removeprefix("Value error, ")
    message = WORDS.get(item["type"]) or words[:1].lower() + words[1:]
    stands = None if item["type"] == "value_error" else written(composed, keys)
    hint = DECODED if stands is not None and "${" in stands and item["type"].endswith(("_type", "_parsing")) else None
    return Problem(where, message, stands if stands is None or "${" in stands else repr(item["input"]), hint=hint)


def written(composed: Composed, keys: tuple[str | int, ...]) -> str | None:
    """Give the text of a value as it stands in the file, or None where it stands in none or is no single one."""
    found = find(composed.layers, keys)
    whole = found.depth == len(keys) and not found.via
    return str(found.node.value) if whole and isinstance(found.node, yaml.ScalarNode) else None


def committed_passwords(composed: Composed, kinds: Mapping[str, type[Section]]) -> Iterator[Problem]:
    """Find the secrets that stand in the file: an address with a password, or a secret that is no address."""
    for name, kind in kinds.items():
        for key, field in kind.model_fields.items():
            text = written(composed, (name, key))
            if "SecretStr" in str(field.annotation) and text is not None and "${" not in text and is_secret(text):
                what = "holds a secret, and conf/ is committed"
                yield Problem(place(composed, (name, key)), what, hint=FROM_ENVIRONMENT)


def is_secret(text: str) -> bool:
    """Tell whether a secret setting is one that must not be committed; an address without a password may be.

    >>> is_secret("sqlite:///a.db"), is_secret("postgresql://ann:s3cret@db/shop"), is_secret("hunter2")
    (False, True, True)
    """
    if text in ("", "null", "~"):
        return False
    try:
        return "://" not in text or urlsplit(text).password is not None
    except ValueError:
        return True
