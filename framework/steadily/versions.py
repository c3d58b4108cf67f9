"""Versions: what each stage would do, as readable parts and one digest.

A step's version is its code, the packages it uses and its files; a stage's adds
its own canonical, typed specification and the contracts of what it writes. The
digest settles what DVC's comparison of parameters can't (1 and 1.0 and true are
equal to it, and a parameter taken away is nothing to it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from steadily import layout
from steadily.catalog import Catalog
from steadily.packages import version_of
from steadily.spec import PipelineSpec, StageSpec, StepSpec

DIGITS = 16


def digest_of_value(value: Any) -> str:
    """Digest a plain value by its canonical typed form, in which 1, 1.0 and true differ and order counts.

    >>> digest_of_value(1) == digest_of_value(1.0)
    False
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=DIGITS // 2).hexdigest()


def step_version(step: StepSpec, catalog: Catalog) -> dict[str, Any]:
    """Give a step's version in parts: its name, its code by file, its packages by version."""
    entry = catalog.entry(step.use)
    code, packages = dict(entry.code), set(entry.packages)
    for path in import_paths(step.params):
        own = catalog.fingerprint_of_path(path)
        if own is None:
            packages.add(path.partition(".")[0])
        else:
            for file, digest in own.code.items():
                code[f"{file} ({path})" if file in code else file] = digest
            packages |= own.packages
    found_packages = dict(filter(None, (version_of(name) for name in sorted(packages))))
    return {"use": step.use, "code": dict(sorted(code.items())), "packages": dict(sorted(found_packages.items()))}


def import_paths(params: Any) -> Iterator[str]:
    """Find the import paths that nested parameters name under ``use``."""
    if isinstance(params, Mapping):
        for key, value in params.items():
            if key == "use" and isinstance(value, str) and "." in value:
                yield value
            else:
                yield from import_paths(value)
    elif isinstance(params, list):
        for value in params:
            yield from import_paths(value)


def stage_specification(pipeline: PipelineSpec, stage: StageSpec, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Give everything but code and sources that decides what a stage writes, in a canonical form."""
    specification: dict[str, Any] = {
        "format": layout.DATA_FORMAT,
        "inputs": list(stage.inputs.items()),
        "outputs": list(stage.outputs.items()),
        "learn_on": stage.learn_on,
        "steps": [[step.name, step.use, step.at, dict(step.params)] for step in stage.steps],
        "contracts": {name: contract_of(pipeline, name) for name in stage.outputs.values()},
    }
    found = set(kinds.values())
    if "source" in found:
        specification["types"] = [dict(types_of(pipeline, name)) for name in stage.outputs.values()]
    if found & {"model", "split", "evaluation"} or len(stage.outputs) > 1:  # classes are counted by output, and told
        specification |= {"task": pipeline.task, "roles": dict(pipeline.roles)}
    if stage.minimums or stage.maximums:
        specification["limits"] = [list(stage.minimums.items()), list(stage.maximums.items())]
    return specification


def definition_of(
    pipeline: PipelineSpec, stage: StageSpec, specifications: Mapping[str, Any], steps: Mapping[str, Mapping[str, Any]]
) -> str:
    """Digest all that decides what a stage would make of the same sources: itself, and all stages before it.

    This is the version of a feature set. What the sources hold is no part of it: new data refreshes the values, which
    go on to mean the same.

    Args:
        pipeline: The pipeline.
        stage: The stage.
        specifications: By stage, what ``stage_specification`` gives.
        steps: By stage and step, what ``step_version`` gives.
    """
    before = {stage.name}
    for other in reversed(pipeline.stages):
        if any(other.name == name or feeds(pipeline, other, name) for name in before):
            before.add(other.name)
    parts = [[name, specifications[name], list(steps[name].items())] for name in sorted(before)]
    return digest_of_value([layout.FEATURES_FORMAT, parts])


def feeds(pipeline: PipelineSpec, stage: StageSpec, name: str) -> bool:
    """Tell whether a stage reads what another one writes: whether ``stage`` writes an input of the one called so."""
    return bool(set(stage.outputs.values()) & set(pipeline.stage(name).inputs.values()))


def contract_of(pipeline: PipelineSpec, name: str) -> Any:
    """Give the canonical contract of a dataset, and the share of rows that may fail it."""
    from steadily.contract import Contract

    dataset = pipeline.dataset(name)
    if dataset.contract is None:
        return None
    return {"contract": Contract.parse(dataset.contract).canonical(), "max_quarantined": dataset.max_quarantined}


def types_of(pipeline: PipelineSpec, name: str) -> Mapping[str, str]:
    """Give the column types that a source's rows will be checked against: those of the first contract downstream.

    Row ids are made from content in these types.
    """
    from steadily.contract import Contract

    for stage in pipeline.readers(name):
        for key, output in stage.outputs.items():
            contract = pipeline.dataset(output).contract
            if contract is not None and stage.inputs.get(key) == name:
                return Contract.parse(contract).dtypes
    return {}


def stage_versions(
    specifications: Mapping[str, Any],
    steps: Mapping[str, Mapping[str, Any]],
    sources: Mapping[str, Any],
) -> dict[str, Any]:
    """Put together ``versions.yaml``: for each stage a digest, and its steps' versions.

    Args:
        specifications: By stage, what ``stage_specification`` gives.
        steps: By stage and step, what ``step_version`` gives.
        sources: By stage, the version of its source.
    """
    found: dict[str, Any] = {}
    for stage, specification in specifications.items():
        parts = {name: dict(version) for name, version in steps[stage].items()}
        if stage in sources:
            first = next(iter(parts))
            parts[first]["source"] = sources[stage]
        found[stage] = {"digest": digest_of_value([specification, parts]), "steps": parts}
    return found
