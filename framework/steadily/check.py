"""Judges the pipeline before anything runs: steps, parameters, contracts, how stages fit together.

All problems are reported at once. The shape of the configuration itself is
judged by `steadily.spec`, its YAML by `steadily.config`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from steadily import layout
from steadily.catalog import Catalog, StepEntry
from steadily.contract import Contract
from steadily.errors import ConfigError, PluginError, Problem, SteadilyError, listed, near
from steadily.lineage import Kinds, models_among, work_of
from steadily.parameters import read_parameters
from steadily.spec import PipelineSpec, StageSpec, StepSpec, Where

TRANSFORMS = ("row", "learned", "dataset")


def check_pipeline(pipeline: PipelineSpec, catalog: Catalog, where: Where) -> list[str]:
    """Check everything that can be checked before a run.

    Returns:
        What is worth saying, though it stops nothing.

    Raises:
        ConfigError: With all problems.
    """
    problems = [*own_plugin_problems(pipeline, catalog, where), *contract_problems(pipeline, where)]
    for stage in pipeline.stages:
        problems += step_problems(stage, catalog, where)
        problems += stage_problems(pipeline, stage, catalog, where)
    if problems:
        raise ConfigError(*problems)
    unused = [f"plugin {name!r} failed at import and is not used: {cause}" for name, cause in catalog.failures.items()]
    return [*unused, *leaks(pipeline, catalog)]


def own_plugin_problems(pipeline: PipelineSpec, catalog: Catalog, where: Where) -> list[Problem]:
    """Find modules that the configuration names and ``plugins/`` lacks, and clashing step names."""
    problems = list(catalog.clashes)
    for name in pipeline.plugins:
        if catalog.find_source(name) is None:
            folder = catalog.home
            present = [path.stem for path in folder.glob("*")] if folder.is_dir() else []
            place = f"{where('plugins')}: plugins"
            problems.append(Problem(place, f"plugins/ has no module {name!r}", None, None, near(name, present)))
    return problems


def contract_problems(pipeline: PipelineSpec, where: Where) -> Iterator[Problem]:
    """Find what is wrong with the contracts."""
    for name, dataset in pipeline.datasets.items():
        if dataset.contract is None:
            continue
        try:
            Contract.parse(dataset.contract, lambda *keys, name=name: place(where, "datasets", name, "contract", *keys))
        except SteadilyError as error:
            yield from error.problems


def target_problems(pipeline: PipelineSpec, stage: StageSpec, where: Where) -> Iterator[Problem]:
    """Find a model without a target, and a target that the contract of its rows lacks."""
    target = pipeline.roles.get("target")
    if target is None:
        at = place(where, "stages", stage.name)
        yield Problem(at, "no target is named that a model could learn", hint="roles: {target: COLUMN}")
        return
    dataset = next(iter(stage.inputs.values()))
    try:
        columns = Contract.parse(pipeline.dataset(dataset).contract or {}).dtypes
    except SteadilyError:
        return  # told already
    if target not in columns:
        at = place(where, "roles", "target")
        yield Problem(at, f"dataset {dataset!r} has no column {target!r}", None, listed(columns), near(target, columns))


def leaks(pipeline: PipelineSpec, catalog: Catalog) -> Iterator[str]:
    """Say which steps learn from rows that are divided only later, so that a test part is seen in training."""
    kinds = {stage.name: {catalog.steps[step.use].kind for step in stage.steps} for stage in pipeline.stages}
    for stage in pipeline.stages:
        later = downstream(pipeline, stage)
        split = next((name for name in later if "split" in kinds[name]), None)
        for step in stage.steps if split else ():
            if catalog.steps[step.use].kind == "learned":
                yield (
                    f"{stage.name}: {step.name} learns from rows that {split} divides later, so what is learned has "
                    f"seen the test part; move it behind {split}, with learn_on"
                )


def downstream(pipeline: PipelineSpec, stage: StageSpec) -> list[str]:
    """Name the stages that come after a stage, in order."""
    reached = set(stage.outputs.values())
    found = []
    for other in pipeline.stages:
        if reached & set(other.inputs.values()):
            reached |= set(other.outputs.values())
            found.append(other.name)
    return found


def place(where: Where, *keys: str) -> str:
    """Name file, line and path of keys."""
    return f"{where(*keys)}: {'.'.join(str(key) for key in keys)}"


def step_problems(stage: StageSpec, catalog: Catalog, where: Where) -> Iterator[Problem]:
    """Find unknown steps, and parameters that do not fit."""
    for step in stage.steps:
        keys = ("stages", stage.name, "steps", step.name)
        try:
            entry = catalog.entry(step.use)
        except PluginError as error:
            for found in error.problems:
                what = found.what if step.use in found.what else f"{step.use!r}: {found.what}"
                what = f"unknown step {step.use!r}" if "no plugin has" in found.what else what
                yield Problem(place(where, *keys, "use"), what, None, found.allowed, found.hint)
            continue
        yield from parameter_problems(stage, step, entry, catalog, where)


def parameter_problems(
    stage: StageSpec, step: StepSpec, entry: StepEntry, catalog: Catalog, where: Where
) -> Iterator[Problem]:
    """Check a step's parameters against its schema, then by its own ``check``."""
    keys = ("stages", stage.name, "steps", step.name)
    definition = catalog.definition(step.use)
    arguments, wrong = read_parameters(definition, step.params)
    for item in wrong:
        path = [str(key) for key in item.path if not str(key).startswith("function-")]
        yield item.at(place(where, *keys, *path))
    if wrong:
        return
    for table in entry.tables:
        if arguments.get(table) is not None and arguments[table] not in stage.tables:
            given, allowed = arguments[table], listed(stage.tables) or "this stage has none but the rows"
            yield Problem(
                place(where, *keys, table),
                "names no further input of this stage",
                repr(given),
                allowed,
                near(given, stage.tables),
            )
    if entry.checks:
        try:
            definition.target.check(**arguments)  # type: ignore[attr-defined]
        except SteadilyError as error:
            for found in error.problems:
                inner = keys_of(found.where, step.params)
                what = found.what if inner or not found.where else f"{found.where}: {found.what}"
                yield Problem(place(where, *keys, *inner), what, found.given, found.allowed, found.hint)
        except Exception as error:  # a plugin's own check may do anything
            yield Problem(place(where, *keys), f"check of {step.use} raised {type(error).__name__}: {error}")


def keys_of(where: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the path of keys that a step's own check names, if it leads to or into one of the parameters.

    >>> keys_of("estimator.steps[0].C", {"estimator": {}}), keys_of("the table", {"estimator": {}})
    (('estimator', 'steps', '0', 'C'), ())
    """
    keys = tuple(re.findall(r"[^.\[\]]+", where))
    return keys if keys and keys[0] in params else ()


def stage_problems(pipeline: PipelineSpec, stage: StageSpec, catalog: Catalog, where: Where) -> Iterator[Problem]:
    """Find steps that do not go together, and outputs and inputs that do not fit them."""
    kinds = {step.name: catalog.steps[step.use].kind for step in stage.steps if step.use in catalog.steps}
    if len(kinds) < len(stage.steps):
        return  # an unknown step has been told already
    writers = [pipeline.writer(dataset) for dataset in stage.inputs.values()]
    if any(step.use not in catalog.steps for writer in writers if writer for step in writer.steps):
        return  # what such a stage writes can't be known
    keys = ("stages", stage.name)
    at_work = work_of(pipeline, stage, catalog_kinds(pipeline, catalog))
    for kind in ("source", "split", "features", "model"):
        yield from lone_step_problems(stage, kinds, kind, where)
    found = set(kinds.values())
    if "source" in found:
        if stage.inputs:
            yield Problem(place(where, *keys, "inputs"), "a stage with a source has no inputs")
        for dataset in stage.outputs.values():
            if pipeline.dataset(dataset).contract is not None:
                yield Problem(
                    place(where, "datasets", dataset, "contract"),
                    "a source's dataset is kept as it came",
                    hint="give the contract to the dataset of the stage that reads it",
                )
        return
    if not stage.inputs:
        yield Problem(place(where, *keys, "inputs"), "a stage without a source needs inputs")
        return
    if at_work == "transform" and "split" not in found:
        yield from stream_problems(stage, where)
    if at_work == "materialise":
        yield from feature_set_problems(pipeline, stage, where)
    yield from lookup_problems(pipeline, stage, catalog, where)
    if at_work == "evaluate":
        yield from evaluation_problems(pipeline, stage, kinds, catalog, where)
        return
    if at_work == "pack":
        yield from packing_problems(pipeline, stage, catalog, where)
        return
    yield from limit_problems(stage, where)
    if "model" in found:
        yield from target_problems(pipeline, stage, where)
    yield from reading_problems(pipeline, stage, kinds, catalog, where)
    if "learned" in kinds.values() and stage.learn_on is None and len(stage.streams) > 1:
        yield Problem(
            place(where, *keys, "learn_on"),
            "is missing: learned steps need to know which input they learn from",
            allowed=listed(stage.streams),
        )


def feature_set_problems(pipeline: PipelineSpec, stage: StageSpec, where: Where) -> Iterator[Problem]:
    """Find what is wrong with a stage that makes a feature set."""
    if len(stage.inputs) > 1:
        yield Problem(place(where, "stages", stage.name, "inputs"), "a feature set is made of one input")
    for dataset in stage.outputs.values():
        if pipeline.dataset(dataset).contract is not None:
            what = "the columns of a feature set follow from its step: it has no contract"
            yield Problem(place(where, "datasets", dataset, "contract"), what)


def lookup_problems(pipeline: PipelineSpec, stage: StageSpec, catalog: Catalog, where: Where) -> Iterator[Problem]:
    """Find steps that ask for values of what is no feature set."""
    for step in stage.steps:
        for name in catalog.steps[step.use].features:
            dataset = stage.tables.get(str(step.params.get(name)))
            writer = pipeline.writer(dataset) if dataset else None
            if writer and all(catalog.steps[other.use].kind != "features" for other in writer.steps):
                at = place(where, "stages", stage.name, "steps", step.name, name)
                hint = "a stage with a step such as features.windows makes one"
                yield Problem(at, f"{dataset!r} is no feature set", hint=hint)


def catalog_kinds(pipeline: PipelineSpec, catalog: Catalog) -> Kinds:
    """Give the kinds of all steps by stage and name; those of unknown steps are left out."""
    return {
        stage.name: {step.name: catalog.steps[step.use].kind for step in stage.steps if step.use in catalog.steps}
        for stage in pipeline.stages
    }


def limit_problems(stage: StageSpec, where: Where) -> Iterator[Problem]:
    """Find limits on figures in a stage that makes none."""
    for key in ("minimums", "maximums"):
        if getattr(stage, key):
            yield Problem(place(where, "stages", stage.name, key), "only a stage of evaluation steps has figures")


def evaluation_problems(
    pipeline: PipelineSpec, stage: StageSpec, kinds: dict[str, str], catalog: Catalog, where: Where
) -> Iterator[Problem]:
    """Find what is wrong with a stage that judges a model."""
    keys = ("stages", stage.name)
    others = [name for name, kind in kinds.items() if kind != "evaluation"]
    if others:
        at = place(where, *keys, "steps", others[0])
        yield Problem(at, "a stage of evaluation steps has no others", f"{others[0]} is a {kinds[others[0]]} step")
    models = models_among(pipeline, stage, catalog_kinds(pipeline, catalog))
    inputs = partial(place, where, *keys, "inputs")
    if len(models) != 1:
        hint = "inputs: {rows: …, model: …, reference: …}; the reference are the rows that the model learned from"
        yield Problem(inputs(), "an evaluation needs one model", given=listed(models) or "none", hint=hint)
    elif next(iter(stage.inputs)) == models[0]:
        yield Problem(inputs(), "the first input of an evaluation are the rows", f"{models[0]} is a model")
    unknown = [name for name in list(stage.inputs)[1:] if name not in (*models, "reference")]
    for name in unknown:
        yield Problem(
            place(where, *keys, "inputs", name), "is no input of an evaluation", None, "rows, model, reference"
        )
    if len(stage.outputs) > 1:
        yield Problem(place(where, *keys, "outputs"), "an evaluation has one output, the predictions")
    if stage.name == layout.LATENCY.stem:
        yield Problem(
            place(where, *keys), f"its metrics would be {layout.LATENCY}, which holds times", hint="rename it"
        )
    if "target" not in pipeline.roles:
        yield Problem(inputs(), "no target is named to judge by", hint="roles: {target: COLUMN}")


def packing_problems(pipeline: PipelineSpec, stage: StageSpec, catalog: Catalog, where: Where) -> Iterator[Problem]:
    """Find what is wrong with a stage that packs a model into the bundle."""
    keys = ("stages", stage.name)
    kinds = catalog_kinds(pipeline, catalog)
    models = models_among(pipeline, stage, kinds)
    inputs = partial(place, where, *keys, "inputs")
    hint = "inputs: {model: …, predictions: …}; the predictions are what the model's evaluation wrote"
    writers = [pipeline.writer(name) for key, name in stage.inputs.items() if key not in models]
    judges = [found for found in writers if found and work_of(pipeline, found, kinds) == "evaluate"]
    if len(models) != 1 or len(judges) != 1 or len(stage.inputs) != 2:
        yield Problem(inputs(), "a bundle is packed from a model and the predictions that judge it", hint=hint)
    elif stage.inputs[models[0]] not in judges[0].inputs.values():
        yield Problem(inputs(), f"{judges[0].name} judges another model than {stage.inputs[models[0]]}", hint=hint)
    if len(stage.outputs) != 1:
        yield Problem(
            place(where, *keys, "outputs"), "a bundle is the one output of its stage", hint="outputs: {bundle: bundle}"
        )
    packing = [
        other.name
        for other in pipeline.stages
        if kinds.get(other.name) == {} and work_of(pipeline, other, kinds) == "pack"
    ]
    if len(packing) > 1 and packing[0] != stage.name:
        yield Problem(
            place(where, *keys), f"stage {packing[0]} packs the bundle already", hint="a project has one bundle"
        )
    yield from limit_problems(stage, where)


def lone_step_problems(stage: StageSpec, kinds: dict[str, str], kind: str, where: Where) -> Iterator[Problem]:
    """Find a source, split or model that shares its stage: a split stands last, the others alone."""
    names = [name for name, found in kinds.items() if found == kind]
    if not names:
        return
    at = partial(place, where, "stages", stage.name, "steps", names[0])
    if kind == "split":
        if len(names) > 1 or list(kinds)[-1] != names[0]:
            yield Problem(at(), "a split is the last step of its stage")
        if len(stage.streams) > 1:
            yield Problem(at(), "a split has one input of rows", listed(stage.streams))
    elif len(kinds) > 1:
        yield Problem(at(), f"a {kind} stands alone in its stage", listed(kinds))
    elif len(stage.outputs) > 1:
        yield Problem(at(), f"a {kind} has one output", listed(stage.outputs))


def stream_problems(stage: StageSpec, where: Where) -> Iterator[Problem]:
    """Find outputs that no input of the same name flows into, and first inputs that flow nowhere."""
    for name in stage.outputs:
        if name not in stage.streams:
            at = place(where, "stages", stage.name, "outputs", name)
            hint = "an output is named after the input whose rows it gets"
            yield Problem(
                at, f"no input is called {name!r}", None, listed(stage.inputs), near(name, stage.inputs) or hint
            )
    for name in stage.streams:
        if name not in stage.outputs:
            at = place(where, "stages", stage.name, "inputs", name)
            yield Problem(at, f"no output is called {name!r}", None, listed(stage.outputs), near(name, stage.outputs))


def reading_problems(
    pipeline: PipelineSpec, stage: StageSpec, kinds: dict[str, str], catalog: Catalog, where: Where
) -> Iterator[Problem]:
    """Find transforms that read rows which no contract has checked, and models in the place of rows."""
    for key, dataset in stage.inputs.items():
        at = partial(place, where, "stages", stage.name, "inputs", key)
        writer = pipeline.writer(dataset)
        if writer is None:
            continue
        written_by = {catalog.steps[step.use].kind for step in writer.steps if step.use in catalog.steps}
        if "model" in written_by:
            hint = "a stage of evaluation steps judges it, one without steps packs it into the bundle"
            yield Problem(at(), f"{dataset!r} is a model, not a dataset", hint=hint)
        elif kinds and pipeline.dataset(dataset).contract is None and "features" not in written_by:
            if "source" in written_by:
                hint = "put a stage without steps between, whose output has the contract"
            else:
                hint = f"give it one: datasets.{dataset}.contract"
            yield Problem(
                at(),
                f"dataset {dataset!r} has no contract, and a transform may read only what one has checked",
                hint=hint,
            )
