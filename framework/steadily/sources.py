"""Asks the pipeline's sources what they hold now, so that new data upstream reruns what reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadily.dvcfile import lookup
from steadily.errors import Problem, SourceUnreachable, SteadilyError, StepError
from steadily.parameters import read_parameters
from steadily.resolution import Resolution
from steadily.versions import digest_of_value

LISTED_AT_MOST = 100


def ask_sources(
    resolution: Resolution, earlier: Mapping[str, Any], *, keep_unreachable: bool
) -> tuple[dict[str, Any], list[str]]:
    """Give the version of each stage's source.

    Args:
        resolution: The pipeline.
        earlier: ``versions.yaml`` as it stands: what a source that is out of reach had last.
        keep_unreachable: Whether such a source keeps its last version.

    Returns:
        The versions by stage, and what is worth saying.

    Raises:
        SteadilyError: With the problems of all sources.
    """
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    notes: list[str] = []
    for stage in resolution.pipeline.stages:
        name = resolution.source_of(stage.name)
        if name is None:
            continue
        try:
            found[stage.name] = version_of_source(resolution, stage.name)
        except SourceUnreachable as error:
            last = source_in(earlier, stage.name, name)
            if keep_unreachable and last is not None:
                found[stage.name] = last
                notes.append(f"{stage.name}: the source is out of reach and keeps its last version: {error}")
            else:
                problems += error.problems
                hint = "to go on with what was read last, set sources.unreachable: keep in conf/operate.yaml"
                problems.append(Problem(stage.name, "the source is out of reach", hint=hint))
        except SteadilyError as error:
            problems += error.problems
    if problems:
        raise SteadilyError(*problems)
    return found, notes


def version_of_source(resolution: Resolution, stage: str) -> Any:
    """Ask one source for its version: a text, or a digest for each of its parts.

    Raises:
        SteadilyError: It can't say.
    """
    try:
        version = source_of(resolution, stage).version()
    except SteadilyError:
        raise
    except (Exception, SystemExit) as error:  # a plugin's own code may raise anything
        raise StepError.at(f"stage {stage}, source", f"raised {type(error).__name__}: {error}") from error
    if not isinstance(version, Mapping):
        return str(version)
    parts = {str(name): str(digest) for name, digest in sorted(version.items())}
    if len(parts) > LISTED_AT_MOST:
        return {"parts": len(parts), "digest": digest_of_value(parts)}
    return parts


def source_of(resolution: Resolution, stage: str) -> Any:
    """Make the source that a stage reads."""
    step = resolution.pipeline.stage(stage).steps[0]
    definition = resolution.catalog.definition(step.use)
    arguments, wrong = read_parameters(definition, step.params)
    if wrong:
        raise SteadilyError(*(item.at(f"stages.{stage}.steps.{step.name}") for item in wrong))
    return definition.target(**arguments)


def source_in(versions: Mapping[str, Any], stage: str, step: str) -> Any:
    """Give a source's version as ``versions.yaml`` has it."""
    return lookup(versions, f"{stage}.steps.{step}.source")


def untracked(project: Path, resolution: Resolution) -> list[str]:
    """Say which local sources neither git nor DVC tracks: an experiment's copy of the project would lack them."""
    import subprocess

    home = project.resolve()
    found = [
        str(Path(path).resolve().relative_to(home))
        for stage in resolution.pipeline.stages
        if resolution.source_of(stage.name) is not None
        for path in getattr(source_of(resolution, stage.name), "files", list)()
        if Path(path).resolve().is_relative_to(home)
    ]
    loose = [path for path in found if not in_dvc(project, path)]
    if not loose:
        return []
    folders = sorted({str(Path(path).parent) for path in loose})  # far fewer than files, which may be too many to pass
    try:
        done = subprocess.run(
            ["git", "ls-files", "-z", "--", *folders], cwd=project, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git at all
        return []
    missing = sorted(set(loose) - set(done.stdout.split("\0"))) if done.returncode == 0 else []
    if not missing:
        return []
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return [
        f"{missing[0]}{more}: tracked by neither git nor DVC, so queued experiments will not see it: "
        "`git add` or `dvc add` it"
    ]


def in_dvc(project: Path, path: str) -> bool:
    """Tell whether DVC tracks the file, or a folder above it."""
    return any((project / f"{one}.dvc").exists() for one in (Path(path), *Path(path).parents) if one.name)


def file_of(resolution: Resolution, stage: str, name: str) -> str:
    """Give the file that a source's name for a part stands for, or the name itself where that is no one local file.

    Args:
        resolution: The pipeline.
        stage: The stage with the source.
        name: What the source calls the part: a file's path with '__' for '/' and without its data suffixes.
    """
    files: list[Any] = getattr(source_of(resolution, stage), "files", list)() if stage else []
    ending = re.compile(rf"(^|__){re.escape(name)}(\.[A-Za-z0-9]+)*$")
    fitting = [Path(path) for path in files if ending.search(str(path).replace("/", "__"))]
    if len(fitting) != 1:
        return f"source {name!r}"
    found = fitting[0]
    return str(found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found)
