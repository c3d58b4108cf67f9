"""The bundle's stage: packs a model with all that answering a row takes, and tries it before it is committed.

What is packed answers rows of the raw data once more, from the beginning; where
the answers are not those of the evaluation, there is no bundle.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from steadily import layout, yamltext
from steadily.answers import answer_rows, features_of
from steadily.bundle import manifest as manifests
from steadily.bundle import open_bundle
from steadily.bundle.manifest import Manifest, ReplayedStage, ReplayedStep
from steadily.bundle.replay import same_answers
from steadily.bundle.schema import example_of, request_schema
from steadily.chain import BoundStep, Chain, Places, bind
from steadily.contract import Contract
from steadily.datasets import open_dataset, read_part
from steadily.errors import RunError, SteadilyError, StepError, rows_of
from steadily.features.offline import described
from steadily.lineage import Packed, what_is_packed
from steadily.spec import StageSpec, StepSpec
from steadily.stage.begin import Begun
from steadily.stage.drafts import Drafts
from steadily.stage.evaluate import digests_of, write_json
from steadily.stage.report import summarize, write_report

TRIED = 500  # rows that the finished bundle is tried on
REPLAYED = ("row", "learned")


def pack(begun: Begun, drafts: Drafts) -> dict[str, Any]:
    """Pack the bundle.

    Raises:
        SteadilyError: The raw rows can't be answered with what is packed as the evaluation answered them.
    """
    stage, resolution = begun.stage, begun.resolution
    found = Packing(begun, what_is_packed(resolution.pipeline, stage, resolution.kinds))
    before = found.digests()
    rows, expected = found.sample()
    found.leave_out(rows, expected)
    name = next(iter(stage.outputs.values()))
    folder = drafts.paths[name]
    folder.mkdir()
    found.write(folder, rows)
    try_out(folder, rows, expected)
    if found.digests() != before:
        raise RunError.at(
            f"stage {stage.name}", "its inputs changed while it was reading them", hint="run dvc repro again"
        )
    tried = f"tried on {rows_of(len(expected))}, which it answers as the evaluation did"
    summary = summarize(stage.name, len(expected), {name: len(expected)}, {}, [tried])
    write_report(drafts, summary)
    return summary


@dataclass(frozen=True, eq=False)
class Repeated:
    """A stage that serving repeats: its steps, and the contract where rows leave it."""

    stage: StageSpec
    chain: Chain
    dataset: str
    contract: Contract | None
    left_out: tuple[str, ...] = ()


class Packing:
    """What goes into a bundle, and what of it rows need not have."""

    def __init__(self, begun: Begun, packed: Packed) -> None:
        self.begun, self.packed = begun, packed
        self.pipeline, self.catalog = begun.resolution.pipeline, begun.resolution.catalog
        self.model_folder = begun.place(packed.model)
        fit = packed.fit.steps[0]
        self.model_step = bind(self.catalog, packed.fit.name, fit, Places(self.model_folder, self.model_folder, {}))
        self.model = self.model_step.guarded(self.model_step.definition.target.load, self.model_folder)  # type: ignore[attr-defined]
        self.legs = [self.repeated(leg.stage, leg.dataset) for leg in packed.way[1:]]
        self.training_only: list[str] = []

    def repeated(self, stage: StageSpec, dataset: str) -> Repeated:
        """Bind the steps of a stage that serving repeats."""
        project, kinds = self.begun.project, self.begun.resolution.kinds[stage.name]
        steps = tuple(step for step in stage.steps if step.at != "training" and kinds[step.name] in REPLAYED)
        kept = StageSpec(stage.name, stage.inputs, steps, stage.outputs, stage.learn_on)
        tables = {name: project / layout.dataset_folder(table) for name, table in stage.tables.items()}
        learned = project / layout.learned_folder(stage.name)
        contract = self.pipeline.dataset(dataset).contract
        chain = Chain(self.catalog, kept, Places(learned, learned, tables))
        return Repeated(kept, chain, dataset, None if contract is None else Contract.parse(contract))

    def digests(self) -> list[Any]:
        """Digest everything that is packed."""
        folders = [self.begun.project / path for path in self.packed.files]
        return [digests_of(folder) for folder in (self.model_folder, *folders)]

    def sample(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Take rows as they came in, and what the evaluation's predictions say of them."""
        predictions = next(name for name in self.begun.stage.inputs.values() if name != self.packed.model)
        expected = open_dataset(self.begun.place(predictions)).read().drop(columns="target")
        raw = open_dataset(self.begun.place(self.packed.way[0].dataset))
        pieces, rows = [], 0
        for path in raw.paths():
            part = read_part(path)
            pieces.append(part.loc[part.index.isin(expected.index)].head(TRIED - rows))
            rows += len(pieces[-1])
            if rows >= TRIED:
                break
        found = pd.concat(pieces)
        return found, expected.loc[found.index]

    def candidates(self) -> list[str]:
        """Name the raw columns that only training may need: the target, and what else is read by steps left out."""
        repeated = {column for leg in self.legs for step in leg.chain.steps for column in step.reads or ()}
        looked_at: list[str] = []
        for way in self.packed.way[1:]:
            kept = {step.name for leg in self.legs if leg.stage.name == way.stage.name for step in leg.stage.steps}
            for spec in way.stage.steps:
                if spec.name not in kept:
                    looked_at += self.bound(way.stage, spec).reads or ()
        names = [self.pipeline.roles["target"], *looked_at]
        raw = next((leg.contract for leg in self.legs if leg.contract), None)
        known = raw.dtypes if raw else {}
        return [name for name in dict.fromkeys(names) if name in known and name not in repeated]

    def bound(self, stage: StageSpec, spec: StepSpec) -> BoundStep:
        """Bind a step to ask what it looks at."""
        project = self.begun.project
        tables = {name: project / layout.dataset_folder(table) for name, table in stage.tables.items()}
        return bind(self.catalog, stage.name, spec, Places(project, project, tables))

    def leave_out(self, rows: pd.DataFrame, expected: pd.DataFrame) -> None:
        """Find out, by trying, which of the raw columns answers do not need.

        Raises:
            SteadilyError: Rows can't be answered with all their columns.
        """
        for name in self.candidates():
            try:
                table, _ = self.replay(rows.drop(columns=[*self.training_only, name], errors="ignore"))
            except SteadilyError:
                continue
            if same_answers(table, expected):
                self.training_only.append(name)
        _, self.legs = self.replay(rows.drop(columns=self.training_only, errors="ignore"))

    def replay(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[Repeated]]:
        """Take rows through what is repeated; columns of a contract that only training made by then are left out."""
        legs = []
        gone = {name for leg in self.legs[:1] if leg.contract for name in leg.contract.dtypes} - set(rows.columns)
        for number, leg in enumerate(self.legs):
            rows = leg.chain.apply(rows, "rows", "rows")
            left_out: tuple[str, ...] = ()
            if leg.contract is not None:
                lacking = {column.name for column in leg.contract.columns if column.required} - set(rows.columns)
                left_out = tuple(name for name in leg.contract.dtypes if name in lacking | gone)
                where = f"stage {leg.stage.name}, contract of {leg.dataset}"
                rows = leg.contract.without(left_out).check(rows, typed_from_text=number == 0, where=where).frame
            legs.append(replace(leg, left_out=left_out))
        return answer_rows(self.model_step, self.model, rows, self.pipeline.task).table(), legs

    def write(self, folder: Path, rows: pd.DataFrame) -> None:
        """Write the bundle's files, the manifest last."""
        project = self.begun.project
        without = shutil.ignore_patterns(layout.PROVENANCE)  # the manifest says it
        shutil.copytree(self.model_folder, folder / manifests.MODEL, ignore=without)
        for leg in self.legs:
            self.write_leg(folder, leg)
        for name, content in self.catalog.carried(self.pipeline.steps).items():
            target = folder / manifests.PLUGINS / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        evaluation = project / layout.evaluation_folder(self.packed.evaluation.name)
        for name in ("figures.json", "reference.json"):
            shutil.copyfile(evaluation / name, folder / name)
        contract = next((leg.contract.without(leg.left_out) for leg in self.legs if leg.contract), None)
        if contract is not None:
            typed = contract.check(rows.head(1), typed_from_text=True).frame
            example = {str(name): plain(value) for name, value in typed.iloc[0].items()} if len(typed) else {}
            write_json(folder / "request.schema.json", request_schema(contract, example_of(example, contract)))
        manifests.write(folder, self.manifest(read_figures(evaluation)))

    def write_leg(self, folder: Path, leg: Repeated) -> None:
        """Write what one stage takes: learned states, tables, the contract."""
        project, kinds = self.begun.project, self.begun.resolution.kinds[leg.stage.name]
        for step in leg.stage.steps:
            if kinds[step.name] == "learned":
                learned = project / layout.learned_folder(leg.stage.name) / step.name
                shutil.copytree(learned, folder / manifests.LEARNED / leg.stage.name / step.name)
        for table in leg.stage.tables.values():
            shutil.copytree(
                project / layout.dataset_folder(table), folder / manifests.TABLES / table, dirs_exist_ok=True
            )
        if leg.contract is not None:
            path = folder / contract_file(leg)
            path.parent.mkdir(exist_ok=True)
            path.write_text(yamltext.dump(leg.contract.canonical()), encoding="utf-8", newline="\n")

    def manifest(self, figures: Mapping[str, Any]) -> Manifest:
        """Say what the bundle is."""
        steps, source = self.begun.resolution.steps, self.packed.way[0].stage.steps[0]
        fit = self.packed.fit
        stages = tuple(
            ReplayedStage(
                leg.stage.name,
                tuple(
                    ReplayedStep(step.name, step.use, step.params, steps[leg.stage.name][step.name])
                    for step in leg.stage.steps
                ),
                leg.dataset,
                contract_file(leg) if leg.contract else None,
                leg.left_out,
                leg.stage.tables,
            )
            for leg in self.legs
        )
        model = ReplayedStep(
            fit.steps[0].name, fit.steps[0].use, fit.steps[0].params, steps[fit.name][fit.steps[0].name]
        )
        used = [step.version["packages"] for stage in stages for step in stage.steps]
        packages = {name: version for found in [*used, model.version["packages"]] for name, version in found.items()}
        judged = open_dataset(self.begun.place(next(iter(self.packed.evaluation.inputs.values()))))
        learned = open_dataset(self.begun.place(next(iter(fit.inputs.values()))))
        return Manifest(
            task=self.pipeline.task,
            roles=self.pipeline.roles,
            classes=tuple(figures["classes"]),
            features=features_of(self.model, judged.columns, self.pipeline.roles["target"]),
            source={"use": source.use, "params": {key: value for key, value in source.params.items() if key != "path"}},
            stages=stages,
            model={"stage": fit.name, "step": vars(model)},
            training_only=tuple(self.training_only),
            plugins=self.pipeline.plugins,
            verdicts=tuple(figures["verdicts"]),
            data={"learned": learned.digest, "judged": judged.digest},
            packages=dict(sorted(packages.items())) | {"python": ".".join(platform.python_version_tuple()[:2])},
            feature_sets=dict(sorted(self.feature_sets())),
        )

    def feature_sets(self) -> Iterator[tuple[str, str]]:
        """Give the name and version of each feature set that rows are looked up in."""
        for leg in self.legs:
            for table in leg.stage.tables.values():
                found = described(self.begun.project / layout.dataset_folder(table))
                if found is not None:
                    yield found.name, found.version


def contract_file(leg: Repeated) -> str:
    """Name the file of a contract in the bundle."""
    return f"{manifests.CONTRACTS}/{leg.dataset}.yaml"


def read_figures(evaluation: Path) -> dict[str, Any]:
    """Read what the evaluation found out."""
    found: dict[str, Any] = json.loads((evaluation / "figures.json").read_text(encoding="utf-8"))
    return found


def plain(value: Any) -> Any:
    """Give a value as JSON has it; missing is null."""
    if value is None or value is pd.NaT or value != value:
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value


def try_out(folder: Path, rows: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Answer rows with the finished bundle, and compare with what the evaluation's model said of them.

    Raises:
        StepError: A row is refused, or answered otherwise.
    """
    found = open_bundle(folder).predict(rows)
    where = "what is packed does not answer as the evaluation did"
    if found.refused:
        position, refusal = next(iter(found.refused.items()))
        hint = "a step that sees all rows, or one for training only, can't be repeated for one row: is one needed here?"
        told = f"{refusal.stage}, {refusal.step}: {refusal.reason}"
        raise StepError.at(where, f"it refuses row {rows.index[position]}", given=told, hint=hint)
    if not same_answers(found.table, expected):
        hint = "does a step depend on other rows than its own, on the row id, or on time?"
        raise StepError.at(where, f"its answers differ in {len(rows):,} tried rows", hint=hint)
