"""DVC's two files: ``dvc.yaml``, which is generated from the pipeline, and ``dvc.lock``, which is read.

Knows which outputs a stage has and what DVC recorded of the last run; never
imports DVC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from steadily import layout
from steadily.errors import RunError
from steadily.lineage import Kinds, place_of, what_is_packed, work_of
from steadily.spec import PipelineSpec, StageSpec

HEADER = "Written by `steadily compose` from conf/: change the stages there."
OWN: Final = "exec steadily "
FIGURES = ("metrics", "plots")  # what dvc.yaml lists beside its stages
Plots = Mapping[str, Mapping[str, Any]]


def outputs_of(pipeline: PipelineSpec, stage: StageSpec, kinds: Kinds) -> list[str]:
    """List what a stage writes, as DVC names it, metrics left out."""
    work = work_of(pipeline, stage, kinds)
    outputs = [place_of(pipeline, name, kinds) for name in stage.outputs.values()]
    if "learned" in kinds[stage.name].values():
        outputs.append(layout.learned_folder(stage.name))
    if work == "evaluate":
        outputs.append(layout.evaluation_folder(stage.name))
    return [str(path) for path in (*outputs, *layout.report_files(stage.name))]


def pipeline_file(pipeline: PipelineSpec, kinds: Kinds, plots: Plots) -> dict[str, Any]:
    """Give the content of ``dvc.yaml``: flat, one command a stage.

    Args:
        pipeline: The pipeline.
        kinds: The kinds of its steps, by stage and name.
        plots: The plots of each step, by the name that it is registered under.
    """
    kept = {"cache": False, "persist": True}
    compose = {
        "cmd": f"{OWN}compose",
        "desc": "Composes conf/, checks the pipeline, and writes down what each stage would do",
        "always_changed": True,
        "outs": [{str(layout.PARAMS): dict(kept)}, {str(layout.VERSIONS): dict(kept)}],
    }
    stages = {stage.name: stage_entry(pipeline, stage, kinds) for stage in pipeline.stages}
    evaluations = [stage for stage in pipeline.stages if work_of(pipeline, stage, kinds) == "evaluate"]
    return {
        "stages": {"compose": compose, **stages},
        "metrics": [str(layout.LATENCY)] if evaluations else [],
        "plots": [entry for stage in evaluations for entry in plot_entries(stage, plots)],
    }


def plot_entries(stage: StageSpec, plots: Plots) -> Iterator[dict[str, Any]]:
    """Give the plots of an evaluation, each with the settings that its step declares."""
    for step in stage.steps:
        for name, settings in plots.get(step.use, {}).items():
            file = str(layout.plot_file(stage.name, step.name, name))
            rest = {key: value for key, value in settings.items() if key != "y"}
            yield {f"{step.name}_{name}": {**rest, "y": {file: settings.get("y", name)}}}


def stage_entry(pipeline: PipelineSpec, stage: StageSpec, kinds: Kinds) -> dict[str, Any]:
    """Give one stage's entry."""
    work = work_of(pipeline, stage, kinds)
    deps = [str(place_of(pipeline, name, kinds)) for name in stage.inputs.values()]
    described = [f"datasets.{name}" for name in stage.outputs.values() if name in pipeline.datasets]
    if work == "pack":
        deps += [str(path) for path in what_is_packed(pipeline, stage, kinds).files]
    entry: dict[str, Any] = {"cmd": f"{OWN}run {stage.name}"}
    if deps:
        entry["deps"] = deps
    entry["params"] = [f"stages.{stage.name}", *described, {str(layout.VERSIONS): [stage.name]}]
    if work == "evaluate":
        entry["metrics"] = [str(layout.metrics_file(stage.name))]
    entry["outs"] = outputs_of(pipeline, stage, kinds)
    return entry


@dataclass(frozen=True)
class LockedStage:
    """What DVC recorded of one stage's last good run."""

    deps: Mapping[str, str] = field(default_factory=dict)
    outs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_lock(path: Path) -> dict[str, LockedStage]:
    """Read ``dvc.lock``; a project that never ran has none.

    Raises:
        RunError: It can't be read.
    """
    from steadily.yamltext.core import load_core

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        content = load_core(text) or {}
        return {name: locked(entry) for name, entry in content.get("stages", {}).items()}
    except Exception as error:
        raise RunError.at(
            str(path),
            f"can't be read: {' '.join(str(error).split())}",
            hint="`steadily restore` brings the last one back",
        ) from error


def locked(entry: Mapping[str, Any]) -> LockedStage:
    """Read one stage of ``dvc.lock``."""
    return LockedStage(
        deps={item["path"]: item.get("md5", "") for item in entry.get("deps", [])},
        outs={item["path"]: item.get("md5", "") for item in entry.get("outs", [])},
        params=dict(entry.get("params") or {}),
    )


def is_foreign(entry: Any) -> bool:
    """Tell whether a stage of ``dvc.yaml`` is somebody's own, which Steadily neither writes nor takes away."""
    return not (isinstance(entry, Mapping) and str(entry.get("cmd", "")).startswith(OWN))


def is_foreign_figure(entry: Any) -> bool:
    """Tell whether one of the metrics or plots of ``dvc.yaml`` is somebody's own: it names none of our files."""
    text = json.dumps(entry)
    return f'"{layout.EVALUATION}/' not in text and str(layout.LATENCY) not in text


def is_complete(
    lock: Mapping[str, LockedStage], stages: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]
) -> bool:
    """Tell whether the lock records a whole run: each stage, by the parameters now, on its inputs' last outputs.

    Args:
        lock: What DVC recorded.
        stages: The ``stages`` of ``dvc.yaml``.
        files: ``params.yaml`` and ``versions.yaml`` by name, as they stand.
    """
    written = {path: md5 for stage in lock.values() for path, md5 in stage.outs.items()}
    for name, entry in stages.items():
        if name == "compose" or is_foreign(entry):
            continue
        found = lock.get(name)
        if found is None or set(written_by(entry)) != set(found.outs):
            return False
        if any(written.get(path, md5) != md5 for path, md5 in found.deps.items()):
            return False
        if wanted_params(entry, files) != {file: dict(values) for file, values in found.params.items()}:
            return False
    return True


def wanted_params(entry: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give the values that a stage of ``dvc.yaml`` would be locked with now."""
    wanted: dict[str, dict[str, Any]] = {}
    for item in entry.get("params", []):
        paths = item if isinstance(item, Mapping) else {str(layout.PARAMS): [item]}
        for file, keys in paths.items():
            for key in keys:
                wanted.setdefault(file, {})[key] = lookup(files.get(file, {}), key)
    return wanted


def written_by(entry: Mapping[str, Any]) -> list[str]:
    """List what a stage of ``dvc.yaml`` writes."""
    return [*entry.get("metrics", []), *entry.get("outs", [])]


def lookup(values: Any, key: str) -> Any:
    """Follow a dotted key; None where it leads nowhere."""
    for part in key.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return None
        values = values[part]
    return values
