"""A stage of transforms: gathers what steps need to have seen, then finishes partition by partition.

A step that has to see all rows (learned, dataset, split) is prepared in a pass
of its own over its input, in which the steps before it are applied anew: memory
stays bounded by one partition and the columns that such a step asks for.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from steadily import layout
from steadily.chain import Chain, Places, keep_decision, result_of
from steadily.contract import Contract
from steadily.datasets import (
    Dataset,
    Part,
    open_dataset,
    part_columns,
    read_part,
    refuse_changed,
    write_manifest,
)
from steadily.errors import DataError, Problem, StepError, listed, rows_of
from steadily.ledger import Rows, Tally, merge_tallies
from steadily.operate import engine_settings
from steadily.sources import file_of
from steadily.stage.begin import Begun
from steadily.stage.drafts import SCRATCH, Drafts
from steadily.stage.engine import Engine
from steadily.stage.partition import (
    CONTRACT,
    Finished,
    Job,
    Task,
    chain_of,
    finish,
    gather,
    learn,
    refuse_unknown_parts,
)
from steadily.stage.refusal import refuse_poor
from steadily.stage.renames import hints_for, keep_sketches
from steadily.stage.report import summarize, write_report
from steadily.state import save_state


def transform(begun: Begun, drafts: Drafts) -> dict[str, Any]:
    """Transform the rows of a stage's inputs.

    Raises:
        SteadilyError: A step failed or broke its word, or more rows than allowed fail a contract.
    """
    stage = begun.stage
    inputs = {
        name: open_dataset(begun.project / layout.dataset_folder(dataset)) for name, dataset in stage.inputs.items()
    }
    scratch = Path(tempfile.mkdtemp(prefix=f"{stage.name}-", dir=scratch_folder(begun.project)))
    try:
        stream = Stream(begun, drafts, inputs, scratch)
        stream.refuse_missing_columns()
        stream.prepare()
        summary = stream.finish()
        refuse_changed(list(inputs.values()))
        stream.keep_sketches()
        return summary
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def scratch_folder(project: Path) -> Path:
    """Give the folder for what is needed only while a stage runs; what a killed one left is removed."""
    folder = project / SCRATCH
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


class Stream:
    """The partitions of a stage's inputs on their way through its steps."""

    def __init__(self, begun: Begun, drafts: Drafts, inputs: dict[str, Dataset], scratch: Path) -> None:
        self.begun, self.drafts, self.inputs, self.scratch = begun, drafts, inputs, scratch
        self.stage = begun.stage
        self.pipeline = begun.resolution.pipeline
        self.engine = Engine(engine_settings(begun.project))
        self.places = Places(
            learned=self.engine.reach(drafts.paths.get("(learned)", scratch / "learned")),
            gathered=self.engine.reach(scratch / "gathered"),
            tables={
                name: self.engine.reach(begun.project / layout.dataset_folder(dataset))
                for name, dataset in self.stage.tables.items()
            },
        )
        self.job = Job(
            project=self.engine.reach(begun.project),
            stage=self.stage.name,
            values=json.dumps(begun.resolution.values),
            places=self.places,
            drafts={name: self.engine.reach(drafts.paths[name]) for name in self.stage.outputs.values()},
            scratch=self.engine.reach(scratch),
            typed_from_text=self.typed_from_text,
        )

    @property
    def typed_from_text(self) -> bool:
        """Whether rows come as a source gave them, so that text has to be read as the contract's types."""
        writers = [self.pipeline.writer(dataset) for dataset in self.stage.streams.values()]
        return any(writer and self.begun.resolution.source_of(writer.name) for writer in writers)

    @property
    def learns_from(self) -> str:
        """The input that learned steps see: a stream, or a table that is there for them to learn from."""
        return self.stage.learn_on or next(iter(self.stage.streams))

    def tasks(self, stream: str, step: int | None = None) -> list[Task]:
        """List the partitions of an input."""
        dataset = self.inputs[stream]
        return [
            Task(self.job, stream, self.engine.reach(path), part.source, step)
            for part, path in zip(dataset.parts, dataset.paths(), strict=True)
        ]

    def refuse_missing_columns(self) -> None:
        """Refuse rows that lack columns of the contract, before anything else is looked at.

        Raises:
            DataError: Naming the file, the columns, and likely renames.
        """
        for stream, output, contract in self.snapshots():
            place = f"stage {self.stage.name}, contract of {output}"
            hints = hints_for(self.begun.project, output, self.inputs[stream], contract.dtypes)
            first: dict[tuple[str, ...], str] = {}
            for part, path in zip(self.inputs[stream].parts, self.inputs[stream].paths(), strict=True):
                first.setdefault(tuple(part_columns(path)), part.source)
            problems = [
                problem
                for columns, source in first.items()
                for problem in missing_columns(contract, columns, f"{place}, {self.file_of(stream, source)}", hints)
            ]
            if problems:
                raise DataError(*problems)

    def file_of(self, stream: str, source: str) -> str:
        """Name the file that a part of an input came from, or the source's own name for it."""
        writer = self.pipeline.writer(self.stage.inputs[stream])
        return file_of(self.begun.resolution, writer.name if writer else "", source)

    def snapshots(self) -> Iterator[tuple[str, str, Contract]]:
        """Give the inputs that are as their source gave them, with the output and its contract."""
        for stream, output in self.stage.outputs.items():
            contract = self.pipeline.dataset(output).contract
            if self.typed_from_text and contract is not None and stream in self.inputs:
                yield stream, output, Contract.parse(contract)

    def keep_sketches(self) -> None:
        """Keep sketches of columns that came in, so that a later rename can be named."""
        for stream, output, contract in self.snapshots():
            keep_sketches(self.begun.project, output, self.inputs[stream], contract.dtypes)

    def prepare(self) -> None:
        """Let each step that has to see all rows see them."""
        _, chain = chain_of(self.job)
        for position, step in enumerate(chain.steps):
            if step.entry.kind == "learned":
                self.learn(chain, position)
            elif step.needs_all:
                for stream in dict.fromkeys((*self.stage.streams, self.learns_from)):
                    self.decide(chain, position, stream)

    def learn(self, chain: Chain, position: int) -> None:
        """Let a learned step learn from the input that it may see."""
        step, stream = chain.steps[position], self.learns_from
        parts = list(
            self.engine.run(learn, self.tasks(stream, position), told=f"{self.stage.name}: {step.spec.name} learns")
        )
        if not self.inputs[stream].rows:
            raise DataError.at(step.where, "there are no rows to learn from", given=self.stage.inputs[stream])
        state = step.guarded(step.learner.merge, parts)
        if not isinstance(state, dict):
            raise StepError.at(step.where, "merge has to give back a dict", given=type(state).__name__)
        save_state(self.places.learned / step.spec.name, state)

    def decide(self, chain: Chain, position: int, stream: str) -> None:
        """Let a step that needs all rows of an input decide, and keep its decision by partition."""
        step = chain.steps[position]
        seen = list(self.engine.run(gather, self.tasks(stream, position), told=f"{self.stage.name}: {step.spec.name}"))
        frames = [read_part(path) for path in seen]
        if not frames:
            return
        rows = pd.concat(frames)
        given = rows.copy(deep=False)
        result = step.call(step.definition.target, given)
        if step.entry.kind == "split":
            decided, reasons = parts_of(step, result, rows, self.stage), None
        else:
            found = result_of(step, result, Rows.of(rows), given)
            decided, reasons = found.frame, found.reasons
        for path, frame in zip(seen, frames, strict=True):
            keep_decision(chain.gathered_part(step, stream, path.name), frame.index, decided, reasons)

    def finish(self) -> dict[str, Any]:
        """Finish every partition and sum up."""
        for folder in self.job.drafts.values():
            folder.mkdir()
        done: dict[str, list[Finished]] = {}
        for stream in self.stage.streams:
            tasks = self.tasks(stream)
            done[stream] = list(self.engine.run(finish, tasks, told=self.stage.name))
        everything = [finished for found in done.values() for finished in found]
        tallies = self.in_order(merge_tallies([finished.tallies for finished in everything]))
        contracts = merge_tallies([finished.contracts for finished in everything])
        refuse_poor(self.begun.project, self.pipeline, self.stage, tallies, contracts, list(self.pieces("ledger")))
        outputs = self.write_manifests(done)
        notes = [note for finished in everything for note in finished.notes]
        notes += [*warnings_of(everything), *self.class_notes(everything)]
        rows_in = sum(self.inputs[stream].rows for stream in self.stage.streams)
        notes += [f"{dataset} has no rows" for dataset, rows in outputs.items() if rows_in and not rows]
        summary = summarize(self.stage.name, rows_in, outputs, tallies, notes)
        write_report(self.drafts, summary, self.pieces("ledger"), self.pieces("quarantine"))
        return summary

    def in_order(self, tallies: dict[str, Tally]) -> dict[str, Tally]:
        """Put the tallies in the order of the steps, those of steps that saw no row included."""
        names = {step.name: step.use for step in self.stage.steps}
        if any(self.pipeline.dataset(name).contract is not None for name in self.stage.outputs.values()):
            names[CONTRACT] = CONTRACT
        return {name: tallies.get(name) or Tally(use) for name, use in names.items()}

    def pieces(self, kind: str) -> Iterator[Path]:
        """Give the pieces of the ledger or the quarantine, in the order of inputs and parts."""
        for stream in self.stage.streams:
            for task in self.tasks(stream):
                folder = self.scratch / kind / stream
                if kind == "ledger":
                    yield folder / task.path.name
                else:
                    yield from sorted(folder.glob(f"{task.path.name}.*"))

    def write_manifests(self, done: dict[str, list[Finished]]) -> dict[str, int]:
        """Describe the outputs, and give their numbers of rows."""
        rows = {}
        for dataset in self.stage.outputs.values():
            parts: list[Part] = []
            columns: dict[str, str] = {}
            for stream, found in done.items():
                for task, finished in zip(self.tasks(stream), found, strict=True):
                    written = finished.outputs.get(dataset)
                    if written is None:
                        continue
                    parts.append(Part(task.path.name, task.source, written.rows, written.digest))
                    columns = columns or written.columns
            write_manifest(self.drafts.paths[dataset], dataset, parts, columns, self.provenance())
            rows[dataset] = sum(part.rows for part in parts)
        return rows

    def provenance(self) -> dict[str, Any]:
        """Say where the rows come from: inputs by digest, and the version of every transform they went through."""
        earlier = [item for dataset in self.inputs.values() for item in dataset.provenance["transforms"]]
        own = [
            {"stage": self.stage.name, "step": name, **dict(version)}
            for name, version in self.begun.version["steps"].items()
        ]
        unique = {json.dumps(item, sort_keys=True): item for item in [*earlier, *own]}
        return {
            "stage": self.stage.name,
            "version": self.begun.version["digest"],
            "inputs": {
                name: {"dataset": self.stage.inputs[name], "digest": found.digest}
                for name, found in self.inputs.items()
            },
            "transforms": list(unique.values()),
        }

    def class_notes(self, everything: list[Finished]) -> list[str]:
        """Say which classes appear in some output but not in the first, which models learn from."""
        counts: dict[str, Counter[str]] = {}
        for finished in everything:
            for dataset, found in finished.classes.items():
                counts.setdefault(dataset, Counter()).update(found)
        outputs = list(self.stage.outputs.values())
        if len(outputs) < 2 or not counts:
            return []
        learned = self.stage.outputs.get(self.stage.learn_on or "", outputs[0])
        return [
            f"class {name!r} appears in {dataset} ({rows_of(count)}) and not in {learned}: no model can learn it"
            for dataset in outputs
            for name, count in sorted(counts.get(dataset, Counter()).items())
            if name not in counts.get(learned, Counter())
        ]


def warnings_of(everything: list[Finished]) -> list[str]:
    """Say which checks only warn, and of how many rows."""
    counts = sum((finished.warned for finished in everything), Counter[tuple[str, str]]())
    return [
        f"{dataset}: {rows_of(count)} with a warning of the contract: {rule}"
        for (dataset, rule), count in sorted(counts.items())
    ]


def missing_columns(contract: Contract, columns: tuple[str, ...], where: str, hints: Any) -> Iterator[Problem]:
    """Find the columns of a contract that the parts of a source lack."""
    needed = [column.name for column in contract.columns if column.required]
    missing = [name for name in needed if name not in columns]
    new = [name for name in columns if name not in contract.dtypes]
    told = hints(missing, new) if missing else {}
    for name in missing:
        hint = told.get(name) or f"it has {listed(columns)}"
        yield Problem(where, f"column {name} is missing", hint=hint)


def parts_of(step: Any, result: Any, rows: pd.DataFrame, stage: Any) -> pd.DataFrame:
    """Hold the result of a split to its word."""
    if not isinstance(result, pd.Series) or not result.index.sort_values().equals(rows.index.sort_values()):
        raise StepError.at(
            step.where, "a split gives a Series with a part for each row id", given=type(result).__name__
        )
    refuse_unknown_parts(step.where, result, stage.outputs)
    return pd.DataFrame({"part": result.reindex(rows.index).astype("str")})
