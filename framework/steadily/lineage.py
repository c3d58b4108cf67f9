"""Where rows come from: the stages that they pass, back to their source, and what those write.

Owns questions about the graph that need the kinds of its steps, which the
configuration alone does not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from steadily import layout
from steadily.spec import PipelineSpec, StageSpec

Kinds = Mapping[str, Mapping[str, str]]
Work = Literal["ingest", "transform", "materialise", "fit", "evaluate", "pack"]


def work_of(pipeline: PipelineSpec, stage: StageSpec, kinds: Kinds) -> Work:
    """Tell what a stage does, by the kinds of its steps; one without steps that is given a model packs the bundle."""
    found = set(kinds[stage.name].values())
    if "source" in found:
        return "ingest"
    if "features" in found:
        return "materialise"
    if "model" in found:
        return "fit"
    if "evaluation" in found:
        return "evaluate"
    if not found and models_among(pipeline, stage, kinds):
        return "pack"
    return "transform"


def models_among(pipeline: PipelineSpec, stage: StageSpec, kinds: Kinds) -> list[str]:
    """Name the inputs of a stage that are models."""
    return [name for name, dataset in stage.inputs.items() if is_model(pipeline, dataset, kinds)]


def is_model(pipeline: PipelineSpec, dataset: str, kinds: Kinds) -> bool:
    """Tell whether a name is that of a model rather than of rows."""
    writer = pipeline.writer(dataset)
    return writer is not None and "model" in kinds[writer.name].values()


def place_of(pipeline: PipelineSpec, dataset: str, kinds: Kinds) -> Path:
    """Give the folder of anything that a stage writes: rows, a model, the bundle."""
    writer = pipeline.writer(dataset)
    work = work_of(pipeline, writer, kinds) if writer else "transform"
    if work == "pack":
        return layout.BUNDLE
    return layout.model_folder(dataset) if work == "fit" else layout.dataset_folder(dataset)


@dataclass(frozen=True)
class Leg:
    """One stage on the way of rows: the input that they come in by, the output that they leave by."""

    stage: StageSpec
    stream: str
    output: str

    @property
    def dataset(self) -> str:
        """The dataset that they leave in."""
        return self.stage.outputs[self.output]


def way_of(pipeline: PipelineSpec, dataset: str) -> list[Leg]:
    """Give the stages that a dataset's rows have passed, from their source on."""
    found: list[Leg] = []
    name: str | None = dataset
    while name is not None and (writer := pipeline.writer(name)) is not None:
        output = next(key for key, value in writer.outputs.items() if value == name)
        stream = output if output in writer.inputs else next(iter(writer.inputs), "")
        found.append(Leg(writer, stream, output))
        name = writer.inputs.get(stream)
    return found[::-1]


@dataclass(frozen=True)
class Packed:
    """What a bundle is made of.

    Attributes:
        model: The model's name.
        fit: The stage that fitted it.
        evaluation: The stage that judged it.
        way: The stages that the judged rows passed, from the source on: what serving repeats.
        tables: Datasets that steps on the way are given whole.
        files: The folders that all this lies in, and the rows as they came, on which the bundle is tried.
    """

    model: str
    fit: StageSpec
    evaluation: StageSpec
    way: tuple[Leg, ...]
    tables: tuple[str, ...]
    files: tuple[Path, ...]


def what_is_packed(pipeline: PipelineSpec, stage: StageSpec, kinds: Kinds) -> Packed:
    """Gather what a packing stage's bundle is made of: its inputs are a model and the predictions that judge it."""
    model = stage.inputs[models_among(pipeline, stage, kinds)[0]]
    fit = pipeline.writer(model)
    judged = [pipeline.writer(name) for name in stage.inputs.values() if name != model]
    evaluation = next(found for found in judged if found and work_of(pipeline, found, kinds) == "evaluate")
    assert fit is not None  # noqa: S101 (the model has a writer, or it were none)
    rows = next(iter(evaluation.inputs.values()))
    way = tuple(way_of(pipeline, rows))
    tables = tuple(dict.fromkeys(name for leg in way for name in leg.stage.tables.values()))
    learned = [leg.stage.name for leg in way if "learned" in kinds[leg.stage.name].values()]
    files = (
        layout.evaluation_folder(evaluation.name),
        *(layout.learned_folder(name) for name in learned),
        *(layout.dataset_folder(name) for name in (way[0].dataset, *tables)),
    )
    return Packed(model, fit, evaluation, way, tables, files)
