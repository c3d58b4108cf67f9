"""What an evaluation step is given: what a model said of rows, beside the truth and the rows it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model said of the evaluated rows; every Series and DataFrame has the same index, the row ids.

    Attributes:
        rows: The evaluated rows, all columns, the target too.
        target: The truth.
        predicted: The class (or number) that the model said, in the target's type.
        probabilities: One column per class in the model's order, float64; None where the model gives none.
        classes: The model's classes in its order, then those that only the truth has, sorted.
        reference: The rows that the model learned from, all columns, under their own ids; None where none are given.
        features: The columns that the model reads.
        roles: The columns of the roles "target" and "time".
    """

    rows: pd.DataFrame
    target: pd.Series[Any]
    predicted: pd.Series[Any]
    probabilities: pd.DataFrame | None
    classes: tuple[Any, ...]
    reference: pd.DataFrame | None
    features: tuple[str, ...]
    roles: Mapping[str, str]
