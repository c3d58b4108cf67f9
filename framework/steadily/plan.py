"""Says what ``dvc repro`` would do and why: what changed since the run that ``dvc.lock`` records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.dvcfile import LockedStage, wanted_params, written_by
from steadily.lineage import place_of
from steadily.resolution import Resolution
from steadily.spec import StageSpec

GONE = object()
SHOWN = 60


def reasons_to_run(
    project: Path,
    resolution: Resolution,
    stages: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, Mapping[str, Any]],
    lock: Mapping[str, LockedStage],
) -> dict[str, list[str]]:
    """Give for each stage that would run the reasons; stages that would not are left out.

    Args:
        project: The project's folder.
        resolution: The pipeline as it is now.
        stages: The ``stages`` of ``dvc.yaml``.
        files: ``params.yaml`` and ``versions.yaml`` as they would be written.
        lock: What DVC recorded.
    """
    found: dict[str, list[str]] = {}
    for stage in resolution.pipeline.stages:
        entry, locked = stages[stage.name], lock.get(stage.name)
        if locked is None:
            found[stage.name] = ["it has not run yet"]
            continue
        reasons = list(changes(stage.name, wanted_params(entry, files), locked.params, project, locked.outs))
        reasons += list(moved(entry, locked))
        reasons += list(come_anew(resolution, stage, lock, found))
        reasons += missing([path for path in locked.outs if not (project / path).exists()], len(locked.outs))
        if reasons:
            found[stage.name] = list(dict.fromkeys(reasons))  # two steps may be of one kind
    return found


def come_anew(
    resolution: Resolution, stage: StageSpec, lock: Mapping[str, LockedStage], found: Mapping[str, list[str]]
) -> Iterator[str]:
    """Find the inputs that a stage will read anew: their writer is to run, or has run since the stage last did."""
    for dataset in stage.inputs.values():
        writer = resolution.pipeline.writer(dataset)
        if writer is None:
            continue
        path = str(place_of(resolution.pipeline, dataset, resolution.kinds))
        is_to_run = writer.name in found and not only_missing(found[writer.name])
        if is_to_run or is_behind(lock[stage.name], lock.get(writer.name), path):
            yield f"{dataset} comes anew from {writer.name}"


def is_behind(reader: LockedStage, writer: LockedStage | None, path: str) -> bool:
    """Tell whether a stage last read something else than what now stands there, as after a run that went half way.

    >>> is_behind(LockedStage(deps={"data/a": "1"}), LockedStage(outs={"data/a": "2"}), "data/a")
    True
    """
    read, written = reader.deps.get(path), writer.outs.get(path) if writer else None
    return read is not None and written is not None and read != written


MISSING = "not here: brought back from the cache, or made again"


def missing(gone: list[str], outs: int) -> list[str]:
    """Say in a line which of a stage's outputs are not there.

    >>> missing(["data/raw", "reports/ingest/summary.json"], 4)
    ['data/raw and 1 more are not here: brought back from the cache, or made again']
    """
    if not gone:
        return []
    some = f"{gone[0]} and {len(gone) - 1} more are" if len(gone) > 1 else f"{gone[0]} is"
    return [f"{'its outputs are' if len(gone) == outs else some} {MISSING}"]


def only_missing(reasons: list[str]) -> bool:
    """Tell whether a stage would only be restored, so that nothing after it changes."""
    return all(reason.endswith(MISSING) for reason in reasons)


def moved(entry: Mapping[str, Any], locked: LockedStage) -> Iterator[str]:
    """Find inputs and outputs that came or went."""
    for what, now, then in (
        ("reads", entry.get("deps", []), locked.deps),
        ("writes", written_by(entry), locked.outs),
    ):
        for path in sorted(set(now) - set(then)):
            yield f"it {what} {path} now"
        for path in sorted(set(then) - set(now)):
            yield f"it no longer {what} {path}"


def changes(
    stage: str, now: Mapping[str, Any], then: Mapping[str, Any], project: Path, outs: Collection[str] = ()
) -> Iterator[str]:
    """Say what changed of a stage's parameters and versions, given what it writes."""
    said = False
    params, before = part(now, str(layout.PARAMS)), part(then, str(layout.PARAMS))
    for path, old, new in differences(before, params):
        said = True
        yield f"{readable(path, stage)} {shown(old)} → {shown(new)}"
    one, other = (part(part(side, str(layout.VERSIONS)), stage) for side in (now, then))
    steps, old_steps = part(one, "steps"), part(other, "steps")
    for name in steps:
        for line in step_changes(steps[name], part(old_steps, name), project):
            said = True
            yield line
    if not said and one.get("digest") != other.get("digest"):
        if list(steps) != list(old_steps):
            yield "the order of its steps"
        elif layout.BUNDLE in map(Path, outs):
            yield "the code in plugins/, which the bundle brings along, or the data format"
        else:
            yield "the pipeline's roles, task, contracts or data format"


def part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give a part of what was recorded; what is no mapping, as in a lock that was cut off, counts as an empty one.

    >>> part({"code": {"a.py": "1"}}, "code"), part({"code": "a."}, "code")
    ({'a.py': '1'}, {})
    """
    found = whole.get(name)
    return found if isinstance(found, Mapping) else {}


def step_changes(now: Mapping[str, Any], then: Mapping[str, Any], project: Path) -> Iterator[str]:
    """Say what changed of one step's version."""
    if not then or now.get("use") != then.get("use"):
        return  # the parameters have told it
    code, old = part(now, "code"), part(then, "code")
    files = [file for file in sorted(code.keys() | old.keys()) if code.get(file) != old.get(file)]
    if files:
        yield f"{now['use']} changed ({', '.join(place(file, project) for file in files)})"
    packages, earlier = part(now, "packages"), part(then, "packages")
    for name in sorted(packages.keys() | earlier.keys()):
        if packages.get(name) != earlier.get(name):
            yield f"{name} {earlier.get(name, 'not used')} → {packages.get(name, 'not used')} (used by {now['use']})"
    yield from source_changes(now.get("source"), then.get("source"))


def source_changes(now: Any, then: Any) -> Iterator[str]:
    """Say which parts of a source are new, changed or gone."""
    if now == then:
        return
    if not isinstance(now, Mapping) or not isinstance(then, Mapping) or "digest" in now or "digest" in then:
        yield f"the source changed: {shown(then)} → {shown(now)}"
        return
    groups = {
        "new": [name for name in now if name not in then],
        "changed": [name for name in now if name in then and now[name] != then[name]],
        "gone": [name for name in then if name not in now],
    }
    for what, names in groups.items():
        if names:
            more = f", … ({len(names)} in all)" if len(names) > 3 else ""
            yield f"{what} in the source: {', '.join(names[:3])}{more}"


def place(file: str, project: Path) -> str:
    """Name a source file from the project's folder where it lies in its plugins/."""
    own = project / layout.PLUGINS / file
    return str(layout.PLUGINS / file) if own.is_file() else file


def differences(then: Any, now: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Find the values that differ, type and order included, as (path, old, new)."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in [*then, *(key for key in now if key not in then)]:
            yield from differences(then.get(key, GONE), now.get(key, GONE), (*path, str(key)))
    elif type(then) is not type(now) or then != now or repr(then) != repr(now):
        yield path, then, now


def readable(path: tuple[str, ...], stage: str) -> str:
    """Shorten ``stages.train.steps.model.estimator.C`` to ``model.estimator.C``."""
    text = ".".join(path)
    return text.removeprefix(f"stages.{stage}.steps.").removeprefix(f"stages.{stage}.")


def shown(value: Any) -> str:
    """Write a value in a few characters."""
    if value is GONE:
        return "(none)"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def told(reasons: Mapping[str, list[str]]) -> list[str]:
    """Give a line for each stage that would run."""
    return [f"{stage} will run: {'; '.join(why)}" for stage, why in reasons.items()]
