"""What a model answers, held to its word: one answer for each row, and probabilities that are some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from steadily.chain import BoundStep
from steadily.datasets import Dataset, read_part
from steadily.errors import StepError

SUM_WITHIN = 1e-6  # how far from 1 the probabilities of a row may add up to


@dataclass(frozen=True, eq=False)
class Answered:
    """A model's answers, by row id; probabilities have a column per class, or are None."""

    predicted: pd.Series[Any]
    probabilities: pd.DataFrame | None

    @property
    def confidence(self) -> pd.Series[Any] | None:
        """The largest probability of each row."""
        return None if self.probabilities is None else self.probabilities.max(axis=1)

    def table(self, truth: pd.Series[Any] | None = None) -> pd.DataFrame:
        """Give them as one table: target (where it is known), prediction, confidence, probability_CLASS."""
        columns: dict[str, Any] = {} if truth is None else {"target": truth}
        columns["prediction"] = self.predicted
        if self.probabilities is not None:
            columns["confidence"] = self.confidence
            columns |= {f"probability_{name}": self.probabilities[name] for name in self.probabilities}
        return pd.DataFrame(columns, index=self.predicted.index)


def answer(step: BoundStep, model: Any, dataset: Dataset, target: Any, task: str) -> Answered:
    """Let a model answer a dataset's rows, part by part.

    Args:
        step: The model's step, as errors name it.
        model: The model.
        dataset: The rows.
        target: The column that it must not see.
        task: "classification" or "regression".

    Raises:
        StepError: It failed, or gave what is no answer to each row.
    """
    parts = [
        answer_rows(step, model, read_part(path).drop(columns=[target], errors="ignore"), task)
        for path in dataset.paths()
    ]
    predicted = pd.concat([part.predicted for part in parts])
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    return Answered(predicted, pd.concat(probabilities) if probabilities else None)


def answer_rows(step: BoundStep, model: Any, rows: pd.DataFrame, task: str) -> Answered:
    """Let a model answer rows that are given as they are."""
    given = rows.copy(deep=False)
    probabilities = None
    if task == "classification" and callable(getattr(model, "predict_proba", None)):
        probabilities = checked_probabilities(step, step.guarded(model.predict_proba, given), rows.index)
    predicted = step.guarded(model.predict, given) if callable(getattr(model, "predict", None)) else None
    if predicted is None and probabilities is not None:
        predicted = pd.Series(probabilities.columns[probabilities.to_numpy().argmax(axis=1)], rows.index)
    return Answered(checked_predictions(step, predicted, rows.index, task), probabilities)


def checked_predictions(step: BoundStep, given: Any, index: pd.Index[Any], task: str) -> pd.Series[Any]:
    """Hold predictions to their form."""
    if not isinstance(given, pd.Series) or not given.index.equals(index):
        what = type(given).__name__ if not isinstance(given, pd.Series) else "a Series with other row ids"
        raise StepError.at(step.where, "predict has to give a Series by the frame's index", given=what)
    numbers = task == "regression"
    bad = ~np.isfinite(pd.to_numeric(given, errors="coerce")) if numbers else given.isna()
    if bad.any():
        row = given.index[bad.to_numpy()][0]
        what = "a prediction that is no finite number" if numbers else "no prediction"
        raise StepError.at(step.where, f"the model gave {what} for {int(bad.sum()):,} rows", given=f"row {row}")
    return given.rename("prediction")


def checked_probabilities(step: BoundStep, given: Any, index: pd.Index[Any]) -> pd.DataFrame:
    """Hold probabilities to their form: finite, from 0 to 1, adding up to 1 in each row."""
    if not isinstance(given, pd.DataFrame) or not given.index.equals(index) or not given.columns.is_unique:
        what = type(given).__name__ if not isinstance(given, pd.DataFrame) else "one with other row ids or columns"
        raise StepError.at(
            step.where, "predict_proba has to give a DataFrame by the frame's index, one column per class", given=what
        )
    for what, bad in wrong_rows(given):
        if bad.any():
            told = f"the model gave probabilities that {what} for {int(bad.sum()):,} rows"
            raise StepError.at(step.where, told, given=f"row {index[bad][0]}")
    return given.astype("float64")


def wrong_rows(given: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Give the ways in which probabilities are wrong, and the rows that are so."""
    values = given.to_numpy(dtype="float64", na_value=np.nan)
    yield "are not finite", ~np.isfinite(values).all(axis=1)
    yield "are below 0 or above 1", ((values < 0) | (values > 1 + SUM_WITHIN)).any(axis=1)
    yield "do not add up to 1", np.abs(values.sum(axis=1) - 1) > SUM_WITHIN


def classes_of(answered: Answered, truth: pd.Series[Any]) -> tuple[Any, ...]:
    """Give the classes: the model's in its order, then those that only the truth has, sorted."""
    if answered.probabilities is None:
        names = sorted(answered.predicted.unique().tolist(), key=str)
    else:
        names = answered.probabilities.columns.tolist()
    return (*names, *sorted(set(truth.unique().tolist()) - set(names), key=str))


def features_of(model: Any, columns: Iterable[str], target: str) -> tuple[str, ...]:
    """Name the columns that a model reads: those it says under ``features``, or all but the target."""
    said = getattr(model, "features", None)
    there = [name for name in columns if name != target]
    return tuple(map(str, said)) if said is not None and not callable(said) else tuple(there)
