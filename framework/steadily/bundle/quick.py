"""Answering rows as plain values: the quick way, for rows that nothing unusual happens to.

A frame for one row costs many times what the steps and the model themselves
take. Where each step has a form for one row (``@step(…, single=…)``) and the model
one for few (``scorer``), rows go through these. A row that a step would drop, a
contract refuse, or that anything fails on is not answered here: it takes
``Bundle.predict``, which has the reason. So this way has no words of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steadily.answers import SUM_WITHIN
from steadily.bundle.replay import Bundle, Filled, Leg
from steadily.contract.single import single
from steadily.ledger import text_of

Row = Mapping[str, Any]
OneRow = Callable[[Row], Row | None]


@dataclass(frozen=True, slots=True)
class Quick:
    """The answer to one row: the prediction, probabilities in the order of the classes, and what was filled in."""

    prediction: Any
    probabilities: list[float] | None
    imputed: tuple[Filled, ...]


class QuickWay:
    """A bundle's steps, contracts and model, ready for rows as plain values.

    Args:
        bundle: The bundle.
        onnx: Whether the model is asked by way of ONNX.

    Raises:
        LookupError: A step or the model has no form for single rows; says which.
    """

    def __init__(self, bundle: Bundle, *, onnx: bool = False) -> None:
        self.legs = [QuickLeg(leg, first=number == 0) for number, leg in enumerate(bundle.legs)]
        name = "onnx_scorer" if onnx else "scorer"
        made = getattr(bundle.model, name, None)
        scorer = made() if callable(made) else None
        if scorer is None:
            raise LookupError(f"the model ({bundle.model_step.spec.use}) has no {name}")
        self.score = scorer
        self.sure = bundle.manifest.task == "classification"

    def answer(self, rows: Sequence[Row]) -> list[Quick | None]:
        """Answer rows; None for each that has to take the other way."""
        found: list[Quick | None] = [None] * len(rows)
        ready: list[tuple[int, Row, list[Filled]]] = []
        for position, row in enumerate(rows):
            filled: list[Filled] = []
            made = self.prepared(row, filled)
            if made is not None:
                ready.append((position, made, filled))
        if not ready:
            return found
        try:
            predictions, probabilities = self.score([row for _, row, _ in ready])
        except (Exception, SystemExit):  # whatever it is: the other way tells it, row by row
            return found
        for place, (position, _, filled) in enumerate(ready):
            given = None if probabilities is None or not self.sure else probabilities[place]
            if self.is_answer(predictions[place], given):
                found[position] = Quick(predictions[place], None if given is None else given.tolist(), tuple(filled))
        return found

    def prepared(self, row: Row, filled: list[Filled]) -> Row | None:
        """Take one row to the model; None where it does not come through."""
        try:
            for leg in self.legs:
                made = leg.through(row, filled)
                if made is None:
                    return None
                row = made
        except (Exception, SystemExit):  # whatever a step raises for this row: the other way tells it
            return None
        return row

    def is_answer(self, prediction: Any, probabilities: Any) -> bool:
        """Hold an answer to its form, as ``answers`` does for frames."""
        if probabilities is None:
            return self.sure or bool(np.isfinite(prediction))
        values = probabilities
        return bool(
            np.isfinite(values).all()
            and values.min() >= 0
            and values.max() <= 1 + SUM_WITHIN
            and abs(values.sum() - 1) <= SUM_WITHIN
        )


class QuickLeg:
    """One stage for rows as plain values."""

    def __init__(self, leg: Leg, *, first: bool) -> None:
        self.steps = [(step.spec.name, one_row(leg, place)) for place, step in enumerate(leg.chain.steps)]
        self.keep = single(leg.boundary.contract, from_text=first) if leg.boundary else None

    def through(self, row: Row, filled: list[Filled]) -> Row | None:
        """Take a row through the steps and the contract, and note what was filled in."""
        for name, step in self.steps:
            gaps = [column for column, value in row.items() if value is None]
            made = step(row)
            if made is None:
                return None
            for column in gaps:
                value = made.get(column)
                if value is not None:
                    if isinstance(value, dt.datetime):
                        return None  # a column has words of its own for moments
                    filled.append(Filled(column, text_of(value), name))
            row = made
        return row if self.keep is None else self.keep(row)


def one_row(leg: Leg, place: int) -> OneRow:
    """Give a step's form for one row.

    Raises:
        LookupError: It has none.
    """
    step = leg.chain.steps[place]
    make = step.definition.single
    if make is None:
        raise LookupError(f"stage {leg.stage}, step {step.spec.name} ({step.spec.use}) has no form for single rows")
    given = [leg.chain.learned_state(step.spec.name)] if step.entry.kind == "learned" else []
    made: OneRow = make(*given, **step.arguments)
    return made
