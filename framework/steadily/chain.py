"""The steps of a stage, bound and ready: applies them to rows one after another, and holds each to its word.

Works on one frame at a time and knows nothing of files but where the stage
keeps what its steps have learned.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily.catalog import Catalog, StepEntry
from steadily.columns import unfit_columns
from steadily.datasets import open_dataset, read_part, write_part
from steadily.errors import Problem, SteadilyError, StepError
from steadily.features.offline import open_offline
from steadily.ledger import Book, Rows, Where, memories, positions, same_memory, write_comparison
from steadily.lookups import Features
from steadily.parameters import read_parameters
from steadily.spec import StageSpec, StepSpec
from steadily.state import load_state
from steadily.steps import StepDefinition

ROW_ID = "row_id"
LONGEST = 600  # characters of what an exception says


@dataclass(frozen=True, eq=False)
class BoundStep:
    """A step with its parameters, ready to be applied."""

    stage: str
    spec: StepSpec
    entry: StepEntry
    definition: StepDefinition
    arguments: Mapping[str, Any]

    @property
    def where(self) -> str:
        """Name the step as errors do: stage, step, and where it comes from."""
        return f"stage {self.stage}, step {self.spec.name} ({self.spec.use}, {self.entry.distribution})"

    @property
    def needs_all(self) -> bool:
        """Whether rows have to be gathered before it can be applied."""
        return self.entry.kind in ("learned", "dataset", "split")

    @cached_property
    def reads(self) -> list[str] | None:
        """The columns that it looks at: those its parameters list; None where it does not say."""
        if self.definition.reads is None:
            return None
        named: list[str] = []
        for parameter in self.definition.reads:
            value = self.arguments.get(parameter)
            named += [value] if isinstance(value, str) else list(value or ())
        return list(dict.fromkeys(named))

    @cached_property
    def learner(self) -> Any:
        """The instance of a learned step or model."""
        return self.call(self.definition.target)

    def call(self, function: Any, *rows: Any) -> Any:
        """Call the step's code with its parameters; whatever it raises is told with its name."""
        return self.guarded(function, *rows, **{name: own_copy(value) for name, value in self.arguments.items()})

    def guarded(self, function: Any, *given: Any, **arguments: Any) -> Any:
        """Call the step's code.

        Raises:
            StepError: It raised; the cause is chained.
        """
        here = os.getcwd()
        try:
            return function(*given, **arguments)
        except SteadilyError as error:
            problems = [
                Problem(
                    self.where,
                    f"{item.where}: {item.what}" if item.where else item.what,
                    item.given,
                    item.allowed,
                    item.hint,
                )
                for item in error.problems
            ]
            raise type(error)(*problems) from error
        except OSError as error:
            raise StepError.at(self.where, in_a_line(error), hint=origin(error)) from error
        except (Exception, SystemExit) as error:  # a plugin's own code may raise anything
            if isinstance(error, ModuleNotFoundError) and error.name:
                what, hint = f"needs the package {error.name!r}, which is not installed", f"pip install {error.name}"
                raise StepError.at(self.where, what, hint=hint) from error
            raise StepError.at(self.where, f"raised {in_a_line(error)}", hint=origin(error)) from error
        finally:
            os.chdir(here)  # all our paths start here, wherever a step may have gone


def own_copy(value: Any) -> Any:
    """Copy an argument, so that a step which changes it changes it for one partition alone."""
    return value.copy(deep=False) if isinstance(value, pd.DataFrame) else deepcopy(value)


def in_a_line(error: BaseException) -> str:
    r"""Tell an exception's type and words in a line.

    >>> in_a_line(ValueError("first\n  second")), in_a_line(MemoryError())
    ('ValueError: first second', 'MemoryError')
    """
    words = " ".join(str(error).split())
    told = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"


def origin(error: BaseException) -> str | None:
    """Name the line of a plugin's code that raised: the last one outside installed libraries, if any."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if not ("site-packages" in frame.filename or "<" in frame.filename)] or frames
    if not own:
        return None
    path = Path(own[-1].filename)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name
    return f"at {shown}:{own[-1].lineno}"


@dataclass(frozen=True)
class Places:
    """Where a stage keeps what its steps need to have gathered, while it runs.

    ``features`` opens those of the tables that are feature sets, for lookups.
    """

    learned: Path
    gathered: Path
    tables: Mapping[str, Path]
    features: Callable[[Path], Features] = open_offline


class Chain:
    """A stage's steps in order."""

    def __init__(self, catalog: Catalog, stage: StageSpec, places: Places) -> None:
        """Bind the steps.

        Args:
            catalog: Where the steps are found.
            stage: The stage.
            places: Where learned states, gathered rows and tables lie.
        """
        self.stage = stage
        self.places = places
        self.steps = [bind(catalog, stage.name, step, places) for step in stage.steps]
        self.states: dict[str, dict[str, Any]] = {}

    def apply(
        self, frame: pd.DataFrame, stream: str, part: str, *, until: int | None = None, book: Book | None = None
    ) -> pd.DataFrame:
        """Apply the steps to the rows of one partition.

        Args:
            frame: The rows.
            stream: The input that they belong to.
            part: The name of their partition.
            until: The position of the step to stop before; None applies all.
            book: Where to write down what each step did.

        Returns:
            The rows as they are then.
        """
        before = Rows.of(frame)
        for step in self.steps[:until]:
            if step.entry.kind == "split":
                break  # the split is made when the parts are written
            given = before.frame.copy(deep=False)
            result = result_of(step, self.run_step(step, given, stream, part), before, given)
            after = Rows.of(result.frame)
            if book is not None:
                write_comparison(book, step.spec.name, step.spec.use, before, after, result.where, result.reasons)
            before = after
        return before.frame

    def columns_for(self, position: int, present: list[str]) -> list[str] | None:
        """Name the columns that a step needs to be shown, with those that the steps before it look at.

        Args:
            position: The position of the step.
            present: The columns that are there before the first step.

        Returns:
            None where some step does not say, or looks at what another one makes: then all are needed.
        """
        reads = [step.reads for step in self.steps[: position + 1]]
        needed = {name for names in reads if names is not None for name in names}
        return None if None in reads or needed - set(present) else [name for name in present if name in needed]

    def run_step(self, step: BoundStep, frame: pd.DataFrame, stream: str, part: str) -> Any:
        """Run one step on rows."""
        if step.entry.kind == "learned":
            return step.guarded(step.learner.apply, frame, dict(self.learned_state(step.spec.name)))
        if step.entry.kind == "dataset":
            return patched(frame, self.gathered_part(step, stream, part), step.reads)
        return step.call(step.definition.target, frame)

    def learned_state(self, step: str) -> dict[str, Any]:
        """Give what a step has learned, read once in a chain: a cluster's worker outlives the stage, and the chain."""
        if step not in self.states:
            self.states[step] = load_state(self.places.learned / step)
        return self.states[step]

    def gathered_part(self, step: BoundStep, stream: str, part: str) -> Path:
        """Give the file with what a step that saw all rows decided about one partition."""
        return self.places.gathered / step.spec.name / stream / part


def bind(catalog: Catalog, stage: str, spec: StepSpec, places: Places) -> BoundStep:
    """Bind a step to its parameters, tables among them read whole, feature sets opened."""
    entry = catalog.entry(spec.use)
    definition = catalog.definition(spec.use)
    arguments, wrong = read_parameters(definition, spec.params)
    if wrong:
        raise SteadilyError(*(item.at(f"stages.{stage}.steps.{spec.name}") for item in wrong))
    for name in entry.tables:
        if arguments.get(name) is not None:
            folder = places.tables[arguments[name]]
            arguments[name] = places.features(folder) if name in entry.features else open_dataset(folder).read()
    return BoundStep(stage, spec, entry, definition, arguments)


def keep_decision(path: Path, ids: pd.Index, decided: pd.DataFrame, reasons: pd.Series | None) -> None:
    """Keep what a step that saw all rows decided about one partition: the rows that stay, and why others go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_part(decided.loc[ids[ids.isin(decided.index)]], path)
    if reasons is not None:
        said = reasons[reasons.index.isin(ids)]
        write_part(pd.DataFrame({"reason": said}).rename_axis(index=ROW_ID), path.with_suffix(".reasons"))


def patched(frame: pd.DataFrame, path: Path, seen: list[str] | None) -> tuple[pd.DataFrame, pd.Series | None]:
    """Bring what a step that saw all rows decided to one partition: which rows stay, and the columns that it saw."""
    decided = read_part(path)
    gone = set(frame.columns if seen is None else seen) - set(decided.columns)
    kept = frame.loc[frame.index.isin(decided.index), [name for name in frame.columns if name not in gone]]
    for name in decided.columns:
        kept[name] = decided.loc[kept.index, name]
    told = path.with_suffix(".reasons")
    return kept, read_part(told)["reason"] if told.is_file() else None


@dataclass(frozen=True, eq=False)
class Result:
    """What a step gave: rows, where they stood before (None: as they stood), and why others are gone."""

    frame: pd.DataFrame
    where: Where
    reasons: pd.Series | None


def result_of(step: BoundStep, result: Any, before: Rows, given: pd.DataFrame) -> Result:
    """Hold a step's result to what every step promises.

    Args:
        step: The step.
        result: What it gave back: rows, or rows and reasons.
        before: The rows as they were.
        given: The frame that the step was given, a copy of them.

    Raises:
        StepError: It gave no frame, changed its input, or lost, reset or invented row ids.
    """
    frame, reasons = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    if not isinstance(frame, pd.DataFrame):
        hint = "end the step with `return frame`" if frame is None else None
        raise StepError.at(step.where, "has to give back a DataFrame", given=type(frame).__name__, hint=hint)
    refuse_changed_input(step, before, given)
    where = refuse_lost_ids(step, before.frame, frame)
    if why := unfit_columns(frame):
        raise StepError.at(step.where, f"gave a frame that {why}")
    if reasons is not None and not isinstance(reasons, pd.Series):
        raise StepError.at(
            step.where, "gave reasons that are not a Series of texts by row id", given=type(reasons).__name__
        )
    return Result(frame, where, None if reasons is None else reasons.dropna().astype("str"))


def refuse_changed_input(step: BoundStep, before: Rows, given: pd.DataFrame) -> None:
    """Refuse a step that changed the frame that it was given."""
    frame = before.frame
    same = list(frame.columns) == list(given.columns) and (
        frame.index is given.index or frame.index.identical(given.index)
    )
    changed = [
        str(name)
        for name, memory in (memories(given).items() if same else ())
        if not same_memory(before.memories[name], memory) and not frame[name].equals(given[name])
    ]
    if same and not changed:
        return
    raise StepError.at(
        step.where,
        "changed its input in place" + (f" (column {', '.join(changed)})" if changed else ""),
        hint="give back a new frame: `frame = frame.assign(column=…)`, or begin with `frame = frame.copy()`",
    )


def refuse_lost_ids(step: BoundStep, before: pd.DataFrame, frame: pd.DataFrame) -> Where:
    """Refuse a step that lost, reset or doubled row ids, or made rows of its own.

    Returns:
        Where the rows stood before; None where all stand as they stood.
    """
    if frame.index is before.index:
        return None
    hint = "keep the index: avoid reset_index, and after a merge put it back with set_axis"
    if frame.index.nlevels != 1 or frame.index.dtype != before.index.dtype:
        raise StepError.at(step.where, "lost the row ids, which are the frame's index", hint=hint)
    where = positions(before.index, frame.index)
    if where is not None:
        refuse_foreign(step, frame, where, hint)
    if frame.index.name != ROW_ID:
        frame.index = frame.index.rename(ROW_ID)
    return where


def refuse_foreign(step: BoundStep, frame: pd.DataFrame, where: Any, hint: str) -> None:
    """Refuse rows that the step was not given, or that it gave twice."""
    in_order = bool((np.diff(where) > 0).all())
    if not in_order and not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()][0]
        hint = "a step may drop rows, never add any"
        raise StepError.at(step.where, "gave rows twice", given=f"row {twice}", hint=hint)
    foreign = where < 0
    if foreign.any():
        reset = isinstance(frame.index, pd.RangeIndex) or ROW_ID in frame.columns
        what = "reset the index, which holds the row ids" if reset else "gave rows that it was not given"
        raise StepError.at(step.where, what, given=f"row {frame.index[foreign][0]}", hint=hint)
