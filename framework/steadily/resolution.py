"""What the configuration comes to: the pipeline, its checks, its versions, kept by content.

Composing and checking cost a second (Hydra, pydantic, the plugins); where
neither ``conf/`` nor any code has changed, what they gave last time is taken
from ``.steadily/cache``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from steadily import config, layout
from steadily.catalog import Catalog
from steadily.errors import ConfigError
from steadily.files import write_atomically
from steadily.lineage import work_of
from steadily.spec import PipelineSpec, Where, read_pipeline
from steadily.versions import digest_of_value

CONF_CACHE = layout.STATE / "cache" / "conf.json"
CACHE = layout.STATE / "cache" / "resolution.json"
CACHE_FORMAT = [2, layout.DATA_FORMAT]  # another form of data is another version of each stage


@dataclass(frozen=True)
class Resolution:
    """A checked pipeline, and everything about it that does not depend on its sources."""

    pipeline: PipelineSpec
    kinds: Mapping[str, Mapping[str, str]]
    specifications: Mapping[str, Any]
    steps: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]
    catalog: Catalog
    values: Mapping[str, Any]

    @property
    def plots(self) -> dict[str, Any]:
        """The plots of the evaluation steps, by the name that each is registered under."""
        used = {step.use for step in self.pipeline.steps}
        return {name: self.catalog.steps[name].plots for name in sorted(used & self.catalog.steps.keys())}

    def source_of(self, stage: str) -> str | None:
        """Name the source step of a stage, if it has one."""
        return next((name for name, kind in self.kinds[stage].items() if kind == "source"), None)


@dataclass(frozen=True)
class Kept:
    """What the cache holds of a resolution."""

    values: Mapping[str, Any] = field(default_factory=dict)
    catalog: str = ""
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    specifications: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    format: list[int] = field(default_factory=lambda: CACHE_FORMAT)


def compose_values(project: Path) -> dict[str, Any]:
    """Compose ``conf/``, or give what it came to last time if no file of it has changed.

    Raises:
        ConfigError: It does not compose.
    """
    digest = config.digest(project)
    kept = read_json(project / CONF_CACHE)
    if kept.get("digest") == digest and isinstance(kept.get("values"), dict):
        return dict(kept["values"])
    values = config.compose(project).values
    write_atomically(project / CONF_CACHE, json.dumps({"digest": digest, "values": values}))
    return values


def resolve(project: Path, values: Mapping[str, Any], *, experiment: bool = False) -> Resolution:
    """Check a composed pipeline and give its versions.

    Args:
        project: The project's folder.
        values: What ``conf/`` or an experiment's ``params.yaml`` comes to.
        experiment: Whether they are an experiment's, so that errors name ``params.yaml``.

    Raises:
        ConfigError: With everything that is wrong.
    """
    modules = values.get("plugins") or ()
    catalog = Catalog(project, tuple(modules) if isinstance(modules, list) and all_text(modules) else ())
    kept = read_kept(project / CACHE)
    if digest_of_value(kept.values) == digest_of_value(values) and kept.catalog == catalog.digest:
        pipeline = read_pipeline(values, nowhere)
        return Resolution(pipeline, kept.kinds, kept.specifications, kept.steps, tuple(kept.notes), catalog, values)
    found = examine(project, values, catalog, experiment=experiment)
    kept = Kept(values, catalog.digest, found.kinds, found.specifications, found.steps, found.notes)
    if not catalog.failures:  # a failure at import may be gone when next asked
        write_atomically(project / CACHE, json.dumps(asdict(kept)))
    return found


def examine(project: Path, values: Mapping[str, Any], catalog: Catalog, *, experiment: bool) -> Resolution:
    """Check a pipeline in full."""
    from steadily.check import check_pipeline
    from steadily.versions import stage_specification, step_version

    where = places(project, experiment=experiment)
    pipeline = read_pipeline(values, where)
    notes = check_pipeline(pipeline, catalog, where)
    kinds = {stage.name: {step.name: catalog.steps[step.use].kind for step in stage.steps} for stage in pipeline.stages}
    specifications = {stage.name: stage_specification(pipeline, stage, kinds[stage.name]) for stage in pipeline.stages}
    for stage in pipeline.stages:
        if work_of(pipeline, stage, kinds) == "pack":  # which brings the project's own plugins along
            carried = catalog.carried(pipeline.steps)
            digests = {name: blake2b(content, digest_size=16).hexdigest() for name, content in carried.items()}
            specifications[stage.name]["plugins"] = digests
    steps = {stage.name: {step.name: step_version(step, catalog) for step in stage.steps} for stage in pipeline.stages}
    return Resolution(pipeline, kinds, specifications, steps, tuple(notes), catalog, values)


def places(project: Path, *, experiment: bool) -> Where:
    """Give the function that names file and line for a path of keys."""
    if experiment:
        return lambda *_: f"{layout.PARAMS} (this experiment's)"

    @cache
    def located() -> Where:
        try:
            return config.compose(project).locate
        except ConfigError:
            return lambda *_: str(layout.CONF)

    return lambda *keys: located()(*keys)  # composed once something is wrong: where nothing is, no place is named


def nowhere(*_: str) -> str:
    """Name no place: what is read was checked before."""
    return ""


def all_text(values: list[Any]) -> bool:
    """Tell whether all are text."""
    return all(isinstance(value, str) for value in values)


def read_json(path: Path) -> dict[str, Any]:
    """Read a cache; an unreadable one is empty."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_kept(path: Path) -> Kept:
    """Read what was kept; what does not fit counts as nothing."""
    content = read_json(path)
    try:
        kept = Kept(**content)
    except TypeError:
        return Kept()
    return kept if kept.format == CACHE_FORMAT else Kept()
