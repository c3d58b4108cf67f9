"""Answering rows with a bundle: the training's steps again, the contracts at their boundaries, then the model.

Each row is answered or refused with the reason that the ledger would have given
it. A row that makes a step or the model fail is told by itself: the others
are answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily.answers import Answered, answer_rows
from steadily.bundle.manifest import Manifest
from steadily.chain import BoundStep, Chain
from steadily.contract import Contract
from steadily.errors import DataError, Problem, SteadilyError, listed, near
from steadily.ledger import Book, kind_of
from steadily.lookups import Features

ROW_ID = "row_id"
CONTRACT = "contract"


@dataclass(frozen=True)
class Boundary:
    """The contract that rows have to keep where they leave a stage, and that of training, with all its columns."""

    dataset: str
    contract: Contract
    trained: Contract


@dataclass(frozen=True, eq=False)
class Leg:
    """One stage, ready to be repeated."""

    stage: str
    chain: Chain
    boundary: Boundary | None


@dataclass(frozen=True)
class Refusal:
    """Why a row has no answer: the stage and step that refused it, the column where there is one, the ledger's reason.

    ``kind`` is the reason without values, to count by. ``fault`` says that it was not the row's contents that the step
    refused: the step or the model failed on it.
    """

    stage: str
    step: str
    column: str | None
    reason: str
    kind: str
    fault: bool = False

    def told(self, why: str) -> str:
        """Name stage and step before a reason."""
        return f"{self.stage}, {self.step}: {why}" if self.stage else f"{self.step}: {why}"


@dataclass(frozen=True)
class Filled:
    """A value that was missing and has been filled in."""

    column: str
    value: str
    step: str


@dataclass(eq=False)
class Answers:
    """What came of rows, by their position (0 for the first).

    Attributes:
        rows: How many rows there were.
        table: prediction, confidence, probability_CLASS for each row that is answered, by position.
        refused: The refused rows, by position.
        imputed: The values filled in, by position.
        notes: What is worth knowing of all of them.
    """

    rows: int
    table: pd.DataFrame
    refused: dict[int, Refusal] = field(default_factory=dict)
    imputed: dict[int, list[Filled]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Bundle:
    """An opened bundle. It is not changed by use, so threads may share it."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        legs: tuple[Leg, ...],
        model_step: BoundStep,
        model: Any,
        features: tuple[Features, ...] = (),
    ) -> None:
        self.folder, self.manifest, self.legs, self.model_step, self.model = folder, manifest, legs, model_step, model
        self.features = features  # where its rows are looked up, in files or in a store

    @property
    def row_types(self) -> dict[str, str] | None:
        """The types that ingestion makes row ids of: those of the whole contract of rows as they come."""
        return next((leg.boundary.trained.dtypes for leg in self.legs if leg.boundary), None)

    @property
    def number_columns(self) -> list[str]:
        """The columns of an answer that are numbers."""
        if not callable(getattr(self.model, "predict_proba", None)) or self.manifest.task != "classification":
            return []
        known = getattr(self.model, "classes", None) or self.manifest.classes
        return ["confidence", *(f"probability_{name}" for name in known)]

    @property
    def contract(self) -> Contract | None:
        """What rows have to be like, as a client gives them."""
        return next((leg.boundary.contract for leg in self.legs if leg.boundary), None)

    def predict(self, frame: pd.DataFrame) -> Answers:
        """Answer rows.

        Args:
            frame: The rows as they come: text is read as the contract's types. Columns that only training needs are
                left out.

        Returns:
            An answer or a refusal for each row.

        Raises:
            DataError: Columns are missing, there twice, or refused by a strict contract: no row can be answered.
        """
        rows = frame.set_axis(pd.RangeIndex(len(frame)).astype("int64").rename(ROW_ID), axis=0)
        gone = [name for name in self.manifest.training_only if name in rows.columns]
        rows = rows.drop(columns=gone)
        notes = [f"not looked at, since only training needs it: {', '.join(gone)}"] if gone else []
        notes += self.refuse_columns(rows)
        found = Answers(len(rows), pd.DataFrame(), notes=notes)
        pieces = [piece for piece in self.answered(rows, found) if len(piece)]
        found.table = pd.concat(pieces).sort_index() if pieces else pd.DataFrame({"prediction": []})
        return found

    def refuse_columns(self, rows: pd.DataFrame) -> list[str]:
        """Refuse rows that lack columns; say which ones nobody asked for.

        Raises:
            DataError: Naming each column, and what may have been meant.
        """
        contract = self.contract
        if contract is None:
            return []
        names = [str(name) for name in rows.columns]
        doubled = sorted({name for name in names if names.count(name) > 1})
        new = [name for name in names if name not in contract.dtypes]
        missing = [column.name for column in contract.columns if column.required and column.name not in names]
        problems = [Problem("rows", f"column {name} is there twice") for name in doubled]
        for name in missing:
            likely = near(name, new) or (f"is it {new[0]} now?" if len(new) == len(missing) == 1 else None)
            problems.append(Problem("rows", f"column {name} is missing", listed(names) or "no columns", None, likely))
        if contract.strict is True:
            problems += [Problem("rows", f"column {name} is not in the contract, which is strict") for name in new]
        if problems:
            raise DataError(*problems)
        return [f"not in the contract and left out: {listed(new)}"] if new else []

    def answered(self, rows: pd.DataFrame, found: Answers) -> Iterator[pd.DataFrame]:
        """Answer rows together; where that fails, each half by itself, down to the row that makes it fail."""
        if not len(rows):
            return
        trial = Answers(len(rows), pd.DataFrame())
        try:
            table = self.run(rows, trial)
        except SteadilyError as error:
            if len(rows) > 1:
                half = len(rows) // 2
                yield from self.answered(rows.iloc[:half], found)
                yield from self.answered(rows.iloc[half:], found)
                return
            problem = error.problems[0]
            found.refused[int(rows.index[0])] = Refusal(
                "", problem.where, None, without_row(problem.what), problem.what, fault=True
            )
            return
        found.refused |= trial.refused
        found.imputed |= trial.imputed
        yield table

    def run(self, rows: pd.DataFrame, found: Answers) -> pd.DataFrame:
        """Take rows through all stages to the model."""
        for number, leg in enumerate(self.legs):
            book = Book()
            rows = leg.chain.apply(rows, "rows", "rows", book=book)
            note(found, leg.stage, book)
            if leg.boundary is not None:
                rows = keep_contract(found, leg, rows, first=number == 0)
        for position in found.refused:
            found.imputed.pop(position, None)
        if not len(rows):
            return pd.DataFrame()
        return self.ask(rows).table()

    def ask(self, rows: pd.DataFrame) -> Answered:
        """Let the model answer."""
        return answer_rows(self.model_step, self.model, rows, self.manifest.task)


def note(found: Answers, stage: str, book: Book) -> None:
    """Take from a stage's ledger which rows it dropped, and which values it filled in."""
    for entries in book.entries:
        columns = [entries[name].tolist() for name in ("row_id", "step", "action", "column", "after", "reason")]
        for row, step, action, column, after, reason in zip(*columns, strict=True):
            if action == "dropped":
                found.refused.setdefault(row, Refusal(stage, step, None, reason, kind_of(reason)))
            elif action == "imputed":
                found.imputed.setdefault(row, []).append(Filled(column, after, step))


def keep_contract(found: Answers, leg: Leg, rows: pd.DataFrame, *, first: bool) -> pd.DataFrame:
    """Hold rows to the contract where they leave a stage; those that fail are refused with all reasons."""
    assert leg.boundary is not None  # noqa: S101 (for the type checker)
    where = f"stage {leg.stage}, contract of {leg.boundary.dataset}"
    checked = leg.boundary.contract.check(rows, typed_from_text=first, where=where)
    if len(checked.failures):
        firsts = checked.failures.drop_duplicates("row_id").set_index("row_id")
        reasons: dict[Any, str] = checked.failures.groupby("row_id", sort=False)["reason"].agg("; ".join).to_dict()
        for row, reason in reasons.items():
            column, rule = firsts.at[row, "column"], firsts.at[row, "rule"]
            found.refused.setdefault(row, Refusal(leg.stage, CONTRACT, str(column), reason, str(rule)))
    return checked.frame


def without_row(text: str) -> str:
    """Take the position of a row out of an error, which depends on how rows were put together."""
    return text.split("; given: row ")[0]


def same_answers(one: pd.DataFrame, other: pd.DataFrame, within: float = 1e-9) -> bool:
    """Tell whether two tables of answers are equal, numbers within a rounding error."""
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        return False
    for name in one:
        numbers = pd.api.types.is_float_dtype(one[name].dtype)
        first, second = one[name].to_numpy(), other[name].to_numpy()
        if not (np.allclose(first, second, rtol=0, atol=within) if numbers else bool((first == second).all())):
            return False
    return True
