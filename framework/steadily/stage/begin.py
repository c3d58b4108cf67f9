"""The beginning of a stage: reads what describes it, once, and makes sure that it is what ``compose`` wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.errors import RunError, SteadilyError
from steadily.files import digest_of
from steadily.lastgood import read_yaml
from steadily.lineage import Work, place_of, work_of
from steadily.resolution import Resolution, resolve
from steadily.sources import source_in, version_of_source
from steadily.spec import StageSpec
from steadily.versions import stage_versions


@dataclass(frozen=True)
class Begun:
    """A stage that has begun: the pipeline, its own version, and digests of the files that described it."""

    project: Path
    resolution: Resolution
    stage: StageSpec
    version: Mapping[str, Any]
    source: Any
    read: Mapping[Path, str]

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kinds of its steps by name."""
        return self.resolution.kinds[self.stage.name]

    @property
    def work(self) -> Work:
        """What it does."""
        return work_of(self.resolution.pipeline, self.stage, self.resolution.kinds)

    def place(self, name: str) -> Path:
        """Give the folder of one of the names among its inputs and outputs."""
        return self.project / place_of(self.resolution.pipeline, name, self.resolution.kinds)

    def refuse_changed(self) -> None:
        """Refuse to go on when the parameters or the source were edited since the stage began.

        Raises:
            RunError: Naming the file.
        """
        for path, digest in self.read.items():
            if not path.is_file() or digest_of(path) != digest:
                raise changed(path.name, self.stage.name)
        if self.source is not None and version_of_source(self.resolution, self.stage.name) != self.source:
            raise changed("the source", self.stage.name)


def changed(what: str, stage: str) -> SteadilyError:
    """Say that something was edited under a running stage."""
    return RunError.at(
        f"stage {stage}", f"{what} changed while the stage was running", hint="nothing was written; run dvc repro again"
    )


def begin(project: Path, name: str) -> Begun:
    """Read what describes a stage, once, and make sure that it is what ``compose`` wrote.

    Raises:
        RunError: Parameters, code or source are no longer those that were composed.
    """
    read = {
        project / path: digest_of(project / path)
        for path in (layout.PARAMS, layout.VERSIONS)
        if (project / path).is_file()
    }
    if len(read) < 2:
        raise RunError.at(f"stage {name}", f"{layout.PARAMS} or {layout.VERSIONS} is missing", hint="run dvc repro")
    values, versions = read_yaml(project / layout.PARAMS), read_yaml(project / layout.VERSIONS)
    resolution = resolve(project, values, experiment=True)
    stage = resolution.pipeline.stage(name)
    step = resolution.source_of(name)
    source = source_in(versions, name, step) if step else None
    now = stage_versions({name: resolution.specifications[name]}, resolution.steps, {name: source} if step else {})[
        name
    ]
    if now != versions.get(name):
        raise RunError.at(
            f"stage {name}",
            "its parameters or its code are not those that `steadily compose` wrote down",
            hint="run dvc repro, which composes first",
        )
    if step and version_of_source(resolution, name) != source:
        raise RunError.at(
            f"stage {name}",
            "the source is no longer what `steadily compose` saw",
            hint="run dvc repro, which composes first",
        )
    return Begun(project, resolution, stage, now, source, read)
