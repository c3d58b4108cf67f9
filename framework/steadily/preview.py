"""Shows what a stage's steps do to the first rows of its input, and writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from steadily import layout
from steadily.chain import BoundStep, Chain, Places, result_of
from steadily.contract import Contract
from steadily.datasets import open_dataset, read_part
from steadily.errors import ConfigError, StepError, rows_of
from steadily.lastgood import read_yaml
from steadily.ledger import Book, Rows, write_comparison
from steadily.lineage import work_of
from steadily.resolution import Resolution, compose_values, resolve
from steadily.spec import StageSpec
from steadily.versions import stage_versions

EXAMPLES = 3
WIDTH = 100
CELL = 34
REFUSED = {
    "materialise": "makes a feature set, which takes all rows: `steadily features show KEY` shows it",
    "fit": "fits a model, which takes all rows: `dvc repro` runs it",
    "evaluate": "judges a model by all rows: `dvc repro` runs it, and `steadily report` shows it",
    "pack": "packs the bundle: `steadily predict FILE` tries it on rows",
}


@dataclass
class Done:
    """What one step did to the rows.

    Attributes:
        name: The step's name in its stage.
        use: The step that it uses.
        rows_in: Rows before.
        rows_out: Rows after.
        notes: Where the preview can't be what a run would be.
        columns: Columns that came, went, or have another type.
        changed: By column, how many values differ, with examples of before and after.
        reasons: What the ledger would have: action, reason, count, examples.
    """

    name: str
    use: str
    rows_in: int
    rows_out: int
    notes: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    changed: dict[str, Any] = field(default_factory=dict)
    reasons: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Preview:
    """What a stage does to the first rows of its input."""

    stage: str
    source: str
    shown: int
    of: int | None
    steps: list[Done]
    before: pd.DataFrame
    after: pd.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        rows = {
            name: getattr(self, name).head(EXAMPLES).astype("str").to_dict("records") for name in ("before", "after")
        }
        steps = [asdict(step) for step in self.steps]
        return {"stage": self.stage, "source": self.source, "rows": self.shown, "of": self.of, "steps": steps, **rows}


def preview(project: Path, name: str, rows: int) -> Preview:
    """Apply a stage's steps, as ``conf/`` has them now, to the first rows of its input.

    Args:
        project: The project's folder.
        name: The stage.
        rows: How many rows.

    Raises:
        SteadilyError: The configuration is wrong, there is no input yet, or a step failed.
    """
    resolution = resolve(project, compose_values(project))
    stage = resolution.pipeline.stage(name)
    work = work_of(resolution.pipeline, stage, resolution.kinds)
    if work in REFUSED:
        raise ConfigError.at(f"stage {name}", REFUSED[work])
    if work == "ingest":
        return of_source(resolution, stage, rows)
    return Trial(project, resolution, stage).run(rows)


def of_source(resolution: Resolution, stage: StageSpec, rows: int) -> Preview:
    """Read the first rows of a source."""
    step = Chain(resolution.catalog, stage, Places(Path(), Path(), {})).steps[0]
    chunks, end = step.guarded(iter, step.guarded(step.learner.read, rows)), object()
    try:
        chunk = step.guarded(next, chunks, end)
    finally:
        getattr(chunks, "close", lambda: None)()  # a reader's threads must not outlive the rows that are asked for
    if chunk is end:
        raise StepError.at(step.where, "the source has no rows")
    frame = chunk[1].head(rows)
    done = Done(step.spec.name, step.spec.use, len(frame), len(frame))
    return Preview(stage.name, str(chunk[0]), len(frame), None, [done], frame.head(0), frame)


class Trial:
    """A stage's steps on a few rows."""

    def __init__(self, project: Path, resolution: Resolution, stage: StageSpec) -> None:
        self.project, self.resolution, self.stage = project, resolution, stage
        tables = {name: project / layout.dataset_folder(dataset) for name, dataset in stage.tables.items()}
        learned = project / layout.learned_folder(stage.name)
        self.chain = Chain(resolution.catalog, stage, Places(learned, learned, tables))

    def run(self, rows: int) -> Preview:
        """Apply the steps, and hold the outcome to the contract."""
        stream, dataset = next(iter(self.stage.streams.items()))
        first, total = first_rows(self.project, dataset, rows)
        before, steps = first, []
        for step in self.chain.steps:
            done, before = self.apply(step, before, rows)
            steps.append(done)
        output = self.stage.outputs.get(stream)
        contract = self.resolution.pipeline.dataset(output).contract if output else None
        if output and contract is not None:
            done, before = self.checked(Contract.parse(contract), output, before, dataset)
            steps.append(done)
        return Preview(self.stage.name, dataset, len(first), total, steps, first, before)

    def apply(self, step: BoundStep, frame: pd.DataFrame, rows: int) -> tuple[Done, pd.DataFrame]:
        """Apply one step."""
        before, notes = Rows.of(frame), []
        given = frame.copy(deep=False)
        if step.entry.kind == "learned":
            state, told = self.state_of(step, frame, rows)
            notes += told
            raw = step.guarded(step.learner.apply, given, state)
        elif step.entry.kind == "split":
            parts = step.call(step.definition.target, given)
            found = pd.Series(parts).value_counts().sort_index()
            sizes = ", ".join(f"{name} {count:,}" for name, count in found.items())
            return Done(step.spec.name, step.spec.use, len(frame), len(frame), [f"of these rows alone: {sizes}"]), frame
        else:
            notes += [f"sees these {rows_of(len(frame))} only"] if step.entry.kind == "dataset" else []
            raw = step.call(step.definition.target, given)
        result = result_of(step, raw, before, given)
        book = Book()
        write_comparison(
            book, step.spec.name, step.spec.use, before, Rows.of(result.frame), result.where, result.reasons
        )
        done = Done(step.spec.name, step.spec.use, len(frame), len(result.frame), notes)
        done.columns = list(column_changes(frame, result.frame))
        done.changed = dict(value_changes(frame, result.frame))
        done.reasons = list(reasons_in(book))
        return done, result.frame

    def state_of(self, step: BoundStep, frame: pd.DataFrame, rows: int) -> tuple[dict[str, Any], list[str]]:
        """Give what a learned step knows: from the last run, or from a few rows if the stage has changed since."""
        now = stage_versions(
            {self.stage.name: self.resolution.specifications[self.stage.name]}, self.resolution.steps, {}
        )
        then = read_yaml(self.project / layout.VERSIONS).get(self.stage.name, {})
        if (
            then.get("digest") == now[self.stage.name]["digest"]
            and (self.chain.places.learned / step.spec.name).is_dir()
        ):
            return dict(self.chain.learned_state(step.spec.name)), ["knows what it learned in the last run"]
        source = self.stage.inputs[self.stage.learn_on or next(iter(self.stage.streams))]
        seen, _ = first_rows(self.project, source, rows)
        learning = seen if source != self.stage.inputs[next(iter(self.stage.streams))] else frame
        state = step.guarded(step.learner.merge, [step.guarded(step.learner.learn, learning)])
        return dict(state), [f"learned from {rows_of(len(learning))} of {source}"]

    def checked(self, contract: Contract, output: str, frame: pd.DataFrame, dataset: str) -> tuple[Done, pd.DataFrame]:
        """Hold rows to the contract of an output."""
        writer = self.resolution.pipeline.writer(dataset)
        raw = writer is not None and self.resolution.source_of(writer.name) is not None
        where = f"stage {self.stage.name}, contract of {output}"
        checked = contract.check(frame, typed_from_text=raw, where=where)
        done = Done("contract", f"contract of {output}", len(frame), len(checked.frame))
        done.columns = list(column_changes(frame, checked.frame))
        for rule, found in checked.failures.groupby("rule", sort=False):
            examples = [f"row {row}: {reason}" for row, reason in zip(found["row_id"], found["reason"], strict=True)]
            done.reasons.append(reason_of("quarantined", str(rule), len(found), examples))
        return done, checked.frame


def first_rows(project: Path, dataset: str, rows: int) -> tuple[pd.DataFrame, int]:
    """Read the first rows of a dataset, and how many it has."""
    found = open_dataset(project / layout.dataset_folder(dataset))
    pieces: list[pd.DataFrame] = []
    for path in found.paths():
        pieces.append(read_part(path).head(rows - sum(map(len, pieces))))
        if sum(map(len, pieces)) >= rows:
            break
    return (pd.concat(pieces) if pieces else found.read()), found.rows


def column_changes(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[str]:
    """Say which columns came, went, or have another type."""
    yield from (f"{name} is new ({after[name].dtype})" for name in after if name not in before)
    yield from (f"{name} is gone" for name in before if name not in after)
    for name in after:
        if name in before and before[name].dtype != after[name].dtype:
            yield f"{name}: {before[name].dtype} → {after[name].dtype}"


def value_changes(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Count the values of each column that differ as text, missing ones apart, with examples."""
    common = after.index
    for name in after:
        if name not in before:
            continue
        then, now = before[name].loc[common], after[name]
        both = then.notna() & now.notna()
        differ = both & (then.astype("str") != now.astype("str"))
        if differ.any():
            pairs = zip(then[differ].head(EXAMPLES), now[differ].head(EXAMPLES), strict=True)
            yield str(name), {"values": int(differ.sum()), "examples": [[cut(was), cut(new)] for was, new in pairs]}


def reasons_in(book: Book) -> Iterator[dict[str, Any]]:
    """Give what the ledger would have, by action and reason."""
    for tally in book.tallies.values():
        for action, reasons in tally.reasons.items():
            for reason, count in reasons.items():
                yield reason_of(action, reason, count, list(examples_in(book, action, reason)))


def examples_in(book: Book, action: str, reason: str) -> Iterator[str]:
    """Give rows that an action happened to."""
    for entries in book.entries:
        for entry in entries.head(EXAMPLES).to_dict("records"):
            if entry["action"] == action:
                what = f", {entry['column']} = {entry['after']}" if entry["after"] is not None else ""
                said = f": {entry['reason']}" if entry["reason"] != reason and not what else ""
                yield f"row {entry['row_id']}{what}{said}"


def reason_of(action: str, reason: str, count: int, examples: list[str]) -> dict[str, Any]:
    """Describe a reason."""
    return {"action": action, "reason": reason, "count": count, "examples": examples[:EXAMPLES]}


def cut(value: object, most: int = CELL) -> str:
    """Write a value in a line, cut where it is long."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def told(found: Preview) -> Iterator[str]:
    """Tell a preview on a screen."""
    rest = f" of {rows_of(found.of)}" if found.of is not None else ""
    yield f"{found.stage}: the first {rows_of(found.shown)}{rest} of {found.source}"
    for step in found.steps:
        name = step.use if step.name == "contract" else f"{step.name} ({step.use})"
        yield f"  {name}: {step.rows_in:,} in, {step.rows_out:,} out"
        yield from (f"    {note}" for note in step.notes)
        yield from (f"    {change}" for change in step.columns)
        for column, change in step.changed.items():
            yield f"    {column}: {change['values']:,} values differ"
            yield from (f"      {was!r} → {now!r}" for was, now in change["examples"])
        for reason in step.reasons:
            yield f"    {reason['action']} {reason['count']:,}: {reason['reason']}"
            yield from (f"      {cut(example, WIDTH - 6)}" for example in reason["examples"])
    if len(found.before.columns):
        yield from ("", "before", *table(found.before))
    yield from ("", "after" if len(found.before.columns) else "rows", *table(found.after), "", "nothing was written")


def table(frame: pd.DataFrame) -> Iterator[str]:
    """Write the first rows as a table that a screen has room for: columns beyond are named."""
    if not len(frame):
        yield "  no rows"
        return
    head = frame.head(EXAMPLES)
    cells = {str(name): [cut(name, 20), *(cut(value, 20) for value in head[name])] for name in head}
    room, names = WIDTH - 2, []
    for name, column in cells.items():
        room -= max(map(len, column)) + 2
        if room < 0:
            break
        names.append(name)
    widths = {name: max(map(len, cells[name])) for name in names}
    for line in range(len(head) + 1):
        yield ("  " + "  ".join(cells[name][line].ljust(widths[name]) for name in names)).rstrip()
    left = [name for name in cells if name not in names]
    if left:
        yield f"  and {len(left)} more: {cut(', '.join(left), WIDTH - 20)}"
