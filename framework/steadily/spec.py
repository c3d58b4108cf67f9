"""The pipeline as data: stages, steps, datasets, read from the composed configuration.

Owns the shape of the configuration and what can be judged from it alone. Which
steps exist and what their parameters may be is left to `steadily.check`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, get_args

from steadily.errors import ConfigError, Problem, listed, near

Where = Callable[..., str]
When = Literal["always", "training"]
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
STAGE_KEYS = ("inputs", "steps", "outputs", "learn_on", "minimums", "maximums")
DATASET_KEYS = ("contract", "max_quarantined")
ROLE_KEYS = ("target", "time")
MAX_QUARANTINED = 0.05


@dataclass(frozen=True)
class StepSpec:
    """One named step of a stage: which step it uses, its parameters, and whether serving replays it."""

    name: str
    use: str
    params: Mapping[str, Any] = field(default_factory=dict)
    at: When = "always"


@dataclass(frozen=True)
class StageSpec:
    """One stage: its steps in order, and the datasets behind the names of its inputs and outputs.

    ``minimums`` and ``maximums`` are limits on figures of an evaluation, by dotted names
    such as "quality.accuracy".
    """

    name: str
    inputs: Mapping[str, str]
    steps: tuple[StepSpec, ...]
    outputs: Mapping[str, str]
    learn_on: str | None = None
    minimums: Mapping[str, float] = field(default_factory=dict)
    maximums: Mapping[str, float] = field(default_factory=dict)

    @property
    def streams(self) -> dict[str, str]:
        """Inputs whose rows pass through the steps; without a split or model these are outputs too.

        An input that no output is named after is a table for the steps that ask
        for it, unless it is the first.
        """
        return {
            name: dataset
            for position, (name, dataset) in enumerate(self.inputs.items())
            if position == 0 or name in self.outputs
        }

    @property
    def tables(self) -> dict[str, str]:
        """Inputs that are given whole to the steps that name them."""
        return {name: dataset for name, dataset in self.inputs.items() if name not in self.streams}


@dataclass(frozen=True)
class DatasetSpec:
    """What the configuration says of a dataset: its contract, and the share of rows that may fail it."""

    name: str
    contract: Mapping[str, Any] | None = None
    max_quarantined: float = MAX_QUARANTINED


@dataclass(frozen=True)
class PipelineSpec:
    """The whole pipeline, stages in an order in which they can run."""

    task: str
    roles: Mapping[str, str]
    stages: tuple[StageSpec, ...]
    datasets: Mapping[str, DatasetSpec]
    plugins: tuple[str, ...] = ()

    @property
    def steps(self) -> list[StepSpec]:
        """All steps, stage by stage."""
        return [step for stage in self.stages for step in stage.steps]

    def stage(self, name: str) -> StageSpec:
        """Give the stage called ``name``.

        Raises:
            ConfigError: There is none.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = [stage.name for stage in self.stages]
        raise ConfigError.at(f"stage {name!r}", "no such stage", allowed=listed(names), hint=near(name, names))

    def writer(self, dataset: str) -> StageSpec | None:
        """Give the stage that writes ``dataset``."""
        return next((stage for stage in self.stages if dataset in stage.outputs.values()), None)

    def readers(self, dataset: str) -> list[StageSpec]:
        """Give the stages that read ``dataset``, in order."""
        return [stage for stage in self.stages if dataset in stage.inputs.values()]

    def dataset(self, name: str) -> DatasetSpec:
        """Give what is said of a dataset; nothing said is a dataset without a contract."""
        return self.datasets.get(name) or DatasetSpec(name)


class Reader:
    """Reads parts of the configuration and keeps every problem that it meets."""

    def __init__(self, where: Where) -> None:
        self.where = where
        self.problems: list[Problem] = []

    def wrong(self, keys: Iterable[str], what: str, **more: Any) -> None:
        """Keep a problem at the place of ``keys``."""
        path = [str(key) for key in keys]
        self.problems.append(Problem(f"{self.where(*path)}: {'.'.join(path)}" if path else self.where(), what, **more))

    def mapping(self, value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
        """Give ``value`` as a mapping; anything else is a problem and counts as empty."""
        if value is None:
            return {}
        if isinstance(value, Mapping):
            return {str(key): item for key, item in value.items()}
        self.wrong(keys, "has to be a mapping", given=repr(value))
        return {}

    def names(self, value: Any, keys: tuple[str, ...]) -> dict[str, str]:
        """Give a mapping of names to names of datasets."""
        found: dict[str, str] = {}
        for key, item in self.mapping(value, keys).items():
            if not isinstance(item, str) or not IDENTIFIER.fullmatch(item):
                self.wrong((*keys, key), "has to be the name of a dataset", given=repr(item), allowed="a-z, 0-9, _")
            elif not IDENTIFIER.fullmatch(key):
                self.wrong((*keys, key), "is no name", given=key, allowed="a-z, 0-9, _")
            else:
                found[key] = item
        return found

    def known(self, value: Mapping[str, Any], allowed: tuple[str, ...], keys: tuple[str, ...]) -> None:
        """Refuse keys that are not allowed here."""
        for key in value:
            if key not in allowed:
                self.wrong((*keys, key), f"unknown key {key!r}", allowed=listed(allowed), hint=near(key, allowed))


def read_pipeline(values: Mapping[str, Any], where: Where) -> PipelineSpec:
    """Read the pipeline from composed values.

    Args:
        values: The composed configuration, resolved.
        where: Gives "file:line" for a path of keys.

    Raises:
        ConfigError: With all problems of shape: wrong keys and types, datasets
            that nobody or two stages write, cycles.
    """
    reader = Reader(where)
    task = values.get("task", "classification")
    if task not in ("classification", "regression"):
        reader.wrong(("task",), "unknown task", given=repr(task), allowed="classification, regression")
    roles = read_roles(reader, values.get("roles"))
    plugins = read_plugins(reader, values.get("plugins"))
    stages = tuple(
        read_stage(reader, name, value) for name, value in reader.mapping(values.get("stages"), ("stages",)).items()
    )
    if not stages and not reader.problems:
        reader.wrong(("stages",), "there are no stages", hint="a pipeline needs at least one")
    datasets = {
        name: read_dataset(reader, name, value)
        for name, value in reader.mapping(values.get("datasets"), ("datasets",)).items()
    }
    judge_graph(reader, stages, datasets)
    if reader.problems:
        raise ConfigError(*reader.problems)
    return PipelineSpec(task, roles, in_order(reader, stages), datasets, plugins)


def read_roles(reader: Reader, value: Any) -> dict[str, str]:
    """Read which column is the target and which the time."""
    roles = reader.mapping(value, ("roles",))
    reader.known(roles, ROLE_KEYS, ("roles",))
    for key, column in roles.items():
        if not isinstance(column, str):
            reader.wrong(("roles", key), "has to be the name of a column", given=repr(column))
    return {key: column for key, column in roles.items() if isinstance(column, str)}


def read_plugins(reader: Reader, value: Any) -> tuple[str, ...]:
    """Read the names of the project's own plugin modules."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isidentifier() for item in value):
        reader.wrong(("plugins",), "has to be a list of module names in plugins/", given=repr(value))
        return ()
    return tuple(value)


def read_stage(reader: Reader, name: str, value: Any) -> StageSpec:
    """Read one stage."""
    keys = ("stages", name)
    if not IDENTIFIER.fullmatch(name) or name == "compose":
        reader.wrong(keys, "is no name for a stage", given=name, allowed="a-z, 0-9, _, and not 'compose'")
    stage = reader.mapping(value, keys)
    reader.known(stage, STAGE_KEYS, keys)
    steps = tuple(
        read_step(reader, (*keys, "steps", step), step, body)
        for step, body in reader.mapping(stage.get("steps"), (*keys, "steps")).items()
    )
    inputs = reader.names(stage.get("inputs"), (*keys, "inputs"))
    outputs = reader.names(stage.get("outputs"), (*keys, "outputs"))
    learn_on = stage.get("learn_on")
    if learn_on is not None and learn_on not in list(inputs):
        reader.wrong((*keys, "learn_on"), "is no input of this stage", given=repr(learn_on), allowed=listed(inputs))
        learn_on = None
    if not outputs:
        reader.wrong((*keys, "outputs"), "a stage needs at least one output")
    limits = {key: read_limits(reader, stage.get(key), (*keys, key)) for key in ("minimums", "maximums")}
    return StageSpec(name, inputs, steps, outputs, learn_on, **limits)


def read_limits(reader: Reader, value: Any, keys: tuple[str, ...]) -> dict[str, float]:
    """Read limits: a tree of numbers, shaped as the figures are; give them by dotted names."""
    found: dict[str, float] = {}
    for key, item in reader.mapping(value, keys).items():
        if isinstance(item, Mapping):
            found |= {f"{key}.{name}": limit for name, limit in read_limits(reader, item, (*keys, key)).items()}
        elif isinstance(item, bool) or not isinstance(item, int | float) or not math.isfinite(item):
            reader.wrong((*keys, key), "has to be a number, or a mapping of them", given=repr(item))
        else:
            found[key] = float(item)
    return found


def read_step(reader: Reader, keys: tuple[str, ...], name: str, value: Any) -> StepSpec:
    """Read one step: ``use`` names it, ``at`` says when it counts, the rest are its parameters."""
    if not IDENTIFIER.fullmatch(name) or name == "contract":
        reader.wrong(keys, "is no name for a step", given=name, allowed="a-z, 0-9, _, and not 'contract'")
    body = reader.mapping(value, keys)
    use, at = body.pop("use", None), body.pop("at", "always")
    if not isinstance(use, str):
        reader.wrong(keys, "names no step", hint="use: PLUGIN.STEP; `steadily steps` lists them")
        use = ""
    if at not in get_args(When):
        reader.wrong((*keys, "at"), "unknown time", given=repr(at), allowed=", ".join(get_args(When)))
        at = "always"
    return StepSpec(name, use, body, at)


def read_dataset(reader: Reader, name: str, value: Any) -> DatasetSpec:
    """Read what is said of one dataset."""
    keys = ("datasets", name)
    body = reader.mapping(value, keys)
    reader.known(body, DATASET_KEYS, keys)
    share = body.get("max_quarantined", MAX_QUARANTINED)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        reader.wrong((*keys, "max_quarantined"), "has to be a share of the rows", given=repr(share), allowed="0 to 1")
        share = MAX_QUARANTINED
    contract = body.get("contract")
    if contract is not None:
        contract = reader.mapping(contract, (*keys, "contract"))
    return DatasetSpec(name, contract, float(share))


def judge_graph(reader: Reader, stages: tuple[StageSpec, ...], datasets: Mapping[str, DatasetSpec]) -> None:
    """Refuse datasets that nobody writes, or that two stages write."""
    writers: dict[str, str] = {}
    for stage in stages:
        for key, dataset in stage.outputs.items():
            if dataset in writers:
                where = ("stages", stage.name, "outputs", key)
                reader.wrong(where, f"dataset {dataset!r} is written by stage {writers[dataset]!r} already")
            writers.setdefault(dataset, stage.name)
    for stage in stages:
        for key, dataset in stage.inputs.items():
            if dataset not in writers:
                where = ("stages", stage.name, "inputs", key)
                reader.wrong(where, f"no stage writes dataset {dataset!r}", hint=near(dataset, writers))
    for dataset in datasets:
        if dataset not in writers:
            hint = near(dataset, writers)
            reader.wrong(("datasets", dataset), f"no stage writes dataset {dataset!r}", hint=hint)


def in_order(reader: Reader, stages: tuple[StageSpec, ...]) -> tuple[StageSpec, ...]:
    """Put stages in an order in which each comes after those that write its inputs.

    Raises:
        ConfigError: There is a cycle.
    """
    writers = {dataset: stage.name for stage in stages for dataset in stage.outputs.values()}
    after = {stage.name: [writers[dataset] for dataset in stage.inputs.values()] for stage in stages}
    try:
        order = list(TopologicalSorter(after).static_order())
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        raise ConfigError.at(
            reader.where("stages", cycle[0]), "stages wait for each other in a circle", given=" → ".join(cycle)
        ) from None
    by_name = {stage.name: stage for stage in stages}
    return tuple(by_name[name] for name in order)
