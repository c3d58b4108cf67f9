"""A release, ready to answer: rows of plain values in, an answer, a refusal or an error for each out.

Owns which way a row takes: the quick one where nothing unusual happens to it, else the bundle's own. It knows
nothing of HTTP, queues or databases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadily.bundle import open_bundle
from steadily.bundle.open import OpenFeatures
from steadily.bundle.quick import Quick, QuickWay
from steadily.bundle.replay import Answers, Bundle, Filled, Refusal
from steadily.serving.requests import Row, RowReader

ANSWERED, REFUSED, ERROR = "answered", "refused", "error"
WAYS = ONNX, QUICK, FRAME = "onnx", "quick", "frame"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one row: one of ``answered``, ``refused`` and ``error`` (a step or the model failed on it)."""

    outcome: str
    prediction: Any = None
    probabilities: list[float] | None = None
    imputed: tuple[Filled, ...] = ()
    refusal: Refusal | None = None

    @property
    def confidence(self) -> float | None:
        """The largest probability."""
        return max(self.probabilities) if self.probabilities else None


class Release:
    """A registered bundle, opened for serving.

    Args:
        number: The release's number.
        bundle: Its bundle.
        most_rows: The most rows that one request may have.
        way: How rows are answered: ``onnx``, ``quick`` or ``frame``; the next of them where one is not there.
    """

    def __init__(self, number: int, bundle: Bundle, most_rows: int = 1_000, way: str = QUICK) -> None:
        self.number, self.bundle = number, bundle
        self.manifest = bundle.manifest
        self.reader = RowReader(bundle.contract, most_rows, bundle.manifest.training_only)
        self.classes = [name.removeprefix("probability_") for name in bundle.number_columns[1:]]
        self.quick: QuickWay | None = None
        self.slow_because: str | None = None
        self.way = FRAME
        for tried in WAYS[WAYS.index(way) :]:
            try:
                self.quick = None if tried == FRAME else QuickWay(bundle, onnx=tried == ONNX)
                self.way = tried
                break
            except LookupError as error:
                self.slow_because = str(error.args[0])

    @classmethod
    def open(
        cls,
        number: int,
        folder: Path,
        *,
        most_rows: int = 1_000,
        way: str = QUICK,
        tell: Callable[[str], None] = lambda text: None,
        features: OpenFeatures | None = None,
    ) -> Release:
        """Open a bundle's folder, digests checked; ``features`` opens the feature sets that its rows are looked up in.

        Raises:
            SteadilyError: It is not what was written, or can't be used here.
        """
        return cls(number, open_bundle(folder, tell=tell, features=features), most_rows, way)

    def answer(self, rows: Sequence[Row]) -> list[Answer]:
        """Answer rows that ``reader`` has read, in order."""
        found: list[Answer | None] = [None] * len(rows)
        if self.quick is not None:
            found = [None if one is None else answer_of(one) for one in self.quick.answer(rows)]
        rest = [place for place, one in enumerate(found) if one is None]
        if rest:
            answers = self.bundle.predict(self.reader.frame([rows[place] for place in rest]))
            for place, one in zip(rest, answers_of(answers, self.bundle.number_columns), strict=True):
                found[place] = one
        return [one for one in found if one is not None]


def answer_of(quick: Quick) -> Answer:
    """Give a quick answer in the one form."""
    return Answer(ANSWERED, quick.prediction, quick.probabilities, quick.imputed)


def answers_of(answers: Answers, number_columns: list[str]) -> list[Answer]:
    """Give a bundle's answers in the one form."""
    table = answers.table
    predictions = dict(zip(table.index.tolist(), table["prediction"].tolist(), strict=True))
    probabilities: dict[int, list[float]] = {}
    if number_columns and len(table):
        values = table[number_columns[1:]].to_numpy().tolist()
        probabilities = dict(zip(table.index.tolist(), values, strict=True))
    found = []
    for place in range(answers.rows):
        refusal = answers.refused.get(place)
        if refusal is not None:
            found.append(Answer(ERROR if refusal.fault else REFUSED, refusal=refusal))
        elif place in predictions:
            filled = tuple(answers.imputed.get(place, ()))
            found.append(Answer(ANSWERED, predictions[place], probabilities.get(place), filled))
        else:
            lost = Refusal("", "serving", None, "the row came back without an answer", "no answer", fault=True)
            found.append(Answer(ERROR, refusal=lost))
    return found
