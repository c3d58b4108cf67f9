"""What is done with one partition of a stage, in whichever process: learn, gather, or finish.

Reads one part, applies the stage's steps, and writes what comes of it into the
stage's drafts. Only counts and paths go back to the stage.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from steadily.chain import BoundStep, Chain, Places
from steadily.columns import need_columns
from steadily.contract import Contract
from steadily.datasets import dtypes_of, part_columns, read_part, write_part
from steadily.errors import StepError, listed
from steadily.ledger import Book, Tally, texts
from steadily.resolution import resolve
from steadily.spec import PipelineSpec

CONTRACT = "contract"


@dataclass(frozen=True)
class Job:
    """What every partition of a stage has in common. It travels to workers, so it is plain."""

    project: Path
    stage: str
    values: str
    places: Places
    drafts: Mapping[str, Path]
    scratch: Path
    typed_from_text: bool


@dataclass(frozen=True)
class Task:
    """One partition: which part of which input, and the position of the step that it is prepared for (None: all)."""

    job: Job
    stream: str
    path: Path
    source: str
    step: int | None = None


@dataclass
class Written:
    """A part of an output."""

    rows: int
    digest: str
    columns: dict[str, str]


@dataclass
class Finished:
    """What came of a partition."""

    tallies: dict[str, Tally]
    outputs: dict[str, Written]
    notes: list[str]
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    contracts: dict[str, Tally] = field(default_factory=dict)  # by dataset, each having its own share
    warned: Counter[tuple[str, str]] = field(default_factory=Counter)


_chains: dict[Path, tuple[PipelineSpec, Chain]] = {}


def chain_of(job: Job) -> tuple[PipelineSpec, Chain]:
    """Give the pipeline and the stage's bound steps, once in each process; scratch is the stage's alone."""
    if job.scratch not in _chains:
        resolution = resolve(job.project, json.loads(job.values), experiment=True)
        _chains.clear()
        stage = resolution.pipeline.stage(job.stage)
        _chains[job.scratch] = resolution.pipeline, Chain(resolution.catalog, stage, job.places)
    return _chains[job.scratch]


def learn(task: Task) -> Any:
    """Let a learned step learn from one partition."""
    step, frame = shown(task)
    return step.guarded(step.learner.learn, frame)


def gather(task: Task) -> Path:
    """Put aside what a step that has to see all rows looks at in one partition."""
    step, frame = shown(task)
    path = task.job.scratch / "seen" / step.spec.name / task.stream / task.path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_part(frame, path)
    return path


def shown(task: Task) -> tuple[BoundStep, pd.DataFrame]:
    """Give a step that has to see all rows, and what it looks at in one partition, as the steps before it leave it."""
    _, chain = chain_of(task.job)
    assert task.step is not None  # noqa: S101 (for the type checker)
    step = chain.steps[task.step]
    rows = read_part(task.path, chain.columns_for(task.step, part_columns(task.path)))
    frame = chain.apply(rows, task.stream, task.path.name, until=task.step)
    columns = list(frame.columns) if step.reads is None else step.reads
    step.guarded(need_columns, frame, columns)
    return step, frame[columns]


def finish(task: Task) -> Finished:
    """Apply all steps to one partition, check the contracts, and write its part of each output."""
    job = task.job
    pipeline, chain = chain_of(job)
    stage = chain.stage
    book = Book()
    name = task.path.name
    frame = chain.apply(read_part(task.path), task.stream, name, book=book)
    done = Finished(book.tallies, {}, [])
    quarantined: list[pa.Table] = []
    for output, rows in outputs_of(chain, task, frame, book).items():
        dataset = stage.outputs[output]
        count_classes(done, pipeline, dataset, rows)
        contract = pipeline.dataset(dataset).contract
        if contract is not None:
            rows = keep_contract(job, dataset, Contract.parse(contract), rows, book, done, quarantined)
        path = job.drafts[dataset] / name
        done.outputs[dataset] = Written(len(rows), write_part(rows, path), dtypes_of(rows))
    write_table(book.table(), job.scratch / "ledger" / task.stream / name)
    for number, table in enumerate(quarantined):
        write_table(table, job.scratch / "quarantine" / task.stream / f"{name}.{number}")
    return done


def write_table(table: pa.Table, path: Path) -> None:
    """Write a piece of the ledger or the quarantine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def outputs_of(chain: Chain, task: Task, frame: pd.DataFrame, book: Book) -> dict[str, pd.DataFrame]:
    """Give the rows for each output: those of the stream, or those that a split assigns to it."""
    last = chain.steps[-1] if chain.steps else None
    if last is None or last.entry.kind != "split":
        return {task.stream: frame}
    parts = read_part(chain.gathered_part(last, task.stream, task.path.name))["part"]
    tally = book.tally(last.spec.name, last.spec.use)
    tally.rows_in += len(frame)
    gone = parts.index[parts.isna()]
    book.write(last.spec.name, last.spec.use, "dropped", gone, "belongs to no part")
    tally.rows_out += len(frame) - len(gone)
    return {output: frame.loc[parts.index[(parts == output).to_numpy()]] for output in chain.stage.outputs}


def keep_contract(
    job: Job,
    dataset: str,
    contract: Contract,
    rows: pd.DataFrame,
    book: Book,
    done: Finished,
    quarantined: list[pa.Table],
) -> pd.DataFrame:
    """Check rows against a dataset's contract: those that fail go to quarantine, with reasons."""
    where = f"stage {job.stage}, contract of {dataset}"
    checked = contract.check(rows, typed_from_text=job.typed_from_text, where=where)
    failures = checked.failures
    done.contracts[dataset] = Tally(CONTRACT, len(rows), len(checked.frame))
    book.tally(CONTRACT, CONTRACT).add(done.contracts[dataset])
    if len(failures):
        first = failures.drop_duplicates("row_id")
        done.contracts[dataset].reasons["quarantined"].update(first["rule"])
        book.write(
            CONTRACT,
            CONTRACT,
            "quarantined",
            pd.Index(first["row_id"]),
            failures.groupby("row_id", sort=False)["reason"].agg("; ".join),
            kinds=list(first["rule"]),
            column=first["column"],
            before=first["value"],
        )
        quarantined.append(quarantine_table(dataset, checked.quarantined, failures))
    if checked.dropped_columns:
        done.notes.append(f"{dataset}: not in the contract and left out: {listed(checked.dropped_columns)}")
    done.warned.update((dataset, rule) for rule in checked.warned["rule"])
    return checked.frame


def quarantine_table(dataset: str, rows: pd.DataFrame, failures: pd.DataFrame) -> pa.Table:
    """Give the rows in quarantine as text, as they came, with the reasons.

    A column of theirs that is called as one of the table's own gets "its " before its name.
    """
    reasons = failures.groupby("row_id", sort=False)["reason"].agg("; ".join)
    columns = {
        "row_id": pa.array(rows.index.to_numpy(), pa.int64()),
        "dataset": pa.array([dataset] * len(rows), pa.string()),
        "reason": pa.array(list(reasons.loc[rows.index]), pa.string()),
    }
    for name in rows.columns:
        columns[f"its {name}" if name in columns else str(name)] = pa.array(texts(rows[name]), pa.string())
    return pa.table(columns)


def count_classes(done: Finished, pipeline: Any, dataset: str, rows: pd.DataFrame) -> None:
    """Count the classes of the target in an output, so that one that training never sees can be told."""
    target = pipeline.roles.get("target")
    if pipeline.task == "classification" and target in rows.columns and len(rows):
        counts = rows[target].value_counts()
        done.classes[dataset] = Counter({str(name): int(count) for name, count in counts.items()})


def refuse_unknown_parts(where: str, parts: pd.Series, outputs: Mapping[str, str]) -> None:
    """Refuse a split that names parts which the stage has no output for.

    Raises:
        StepError: Naming them.
    """
    unknown = sorted(set(parts.dropna().unique()) - set(outputs), key=str)
    if unknown:
        raise StepError.at(
            where,
            f"gave part '{unknown[0]}'",
            allowed=", ".join(outputs),
            hint="the stage's outputs are named after the split's parts",
        )
