"""What a release's bundle says of how its answers were when it was made: what later answers are compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from steadily.drift import Counts, Profile
from steadily.errors import DataError

FIGURES, REFERENCE = "figures.json", "reference.json"
CONFIDENCE, PREDICTED = "(confidence)", "(predicted class)"  # columns of the answers, beside those of the features
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Reference:
    """What a release's answers are compared with; what its bundle lacks is None or empty, and is not judged.

    Attributes:
        classes: The model's classes as text, in its order.
        features: The profile of the rows that the model learned from.
        answers: Profiles of confidence and predicted class of the judged rows, by their names in brackets.
        low: The judged rows' 10th percentile of confidence.
        accuracy: Of the judged rows, with interval: ``value``, ``low``, ``high``.
        figures: Precision, recall and F1 of each class on the judged rows: ``recall.spam`` → value, low, high.
        curve: How far accuracy was from confidence: points (confidence, gap) in order, gaps that chance explains 0.
        histogram: The judged rows' distribution of confidence in twenty equal cells.
    """

    classes: tuple[str, ...] = ()
    features: Profile | None = None
    answers: Mapping[str, Profile] = field(default_factory=dict)
    low: float | None = None
    accuracy: tuple[float, float, float] | None = None
    figures: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    curve: tuple[tuple[float, float], ...] = ()
    histogram: tuple[int, ...] = ()

    @classmethod
    def of_bundle(cls, folder: Path) -> Reference:
        """Read it from a bundle's folder.

        Raises:
            DataError: Its files can't be read.
        """
        try:
            reference = json.loads((folder / REFERENCE).read_text(encoding="utf-8"))
            figures = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError.at(str(folder), f"its reference can't be read: {error}") from error
        return cls.from_json(reference, figures)

    @classmethod
    def from_json(cls, reference: Mapping[str, Any], figures: Mapping[str, Any]) -> Reference:
        """Read it from the content of a bundle's ``reference.json`` and ``figures.json``."""
        by_use = {use: figures["figures"][name] for name, use in figures.get("uses", {}).items()}
        quality, confidence = by_use.get("evaluate.classification"), by_use.get("evaluate.confidence")
        answers = {
            name: Profile.from_json(reference[key])
            for name, key in ((CONFIDENCE, "confidence"), (PREDICTED, "predicted"))
            if reference.get(key)
        }
        return cls(
            classes=tuple(figures.get("classes", ())),
            features=Profile.from_json(reference["features"]) if reference.get("features") else None,
            answers=answers,
            low=(reference.get("confidence") or {}).get("low"),
            accuracy=within(quality, "accuracy") if quality else None,
            figures=dict(class_figures(quality)) if quality else {},
            curve=gaps(confidence["calibration"]) if confidence else (),
            histogram=tuple(confidence["histogram"]["counts"]) if confidence else (),
        )

    def calibrated(self, said: Numbers) -> Numbers:
        """Correct confidence by what the judged rows showed of it.

        Args:
            said: Probabilities of the predicted classes.
        """
        if not self.curve:
            return said
        places, moved = zip(*self.curve, strict=True)
        found: Numbers = np.clip(said + np.interp(said, places, moved), 0.0, 1.0)
        return found

    @cached_property
    def profile(self) -> Profile | None:
        """The profile of features and answers as one, or None where there is neither."""
        found: list[tuple[str | None, Profile]] = [(None, self.features)] if self.features else []
        found += self.answers.items()
        if not found:
            return None
        columns, counts = {}, {}
        for name, part in found:
            for column, bins in part.columns.items():
                columns[name or column] = bins
                counts[name or column] = part.counts.columns[column]
        return Profile(columns, Counts(found[0][1].counts.rows, counts))


def within(figures: Mapping[str, Any], name: str) -> tuple[float, float, float] | None:
    """Give a figure with the ends of its interval; None where it is undefined."""
    value, interval = figures.get(name), figures.get(f"{name}_interval")
    return None if value is None or not interval else (float(value), float(interval[0]), float(interval[1]))


def class_figures(quality: Mapping[str, Any]) -> list[tuple[str, tuple[float, float, float]]]:
    """Name precision, recall and F1 of each class."""
    found = []
    for label, figures in quality["classes"].items():
        for kind in ("precision", "recall", "f1"):
            value = within(figures, kind)
            if value is not None:
                found.append((f"{kind}.{label}", value))
    return found


def gaps(curve: list[dict[str, Any]]) -> tuple[tuple[float, float], ...]:
    """Give the gap between accuracy and confidence at each point of a calibration curve.

    A gap that lies within the point's interval may be chance, and correcting it would add noise: it counts as 0.

    >>> gaps([{"confidence": 0.9, "accuracy": 0.7, "interval": [0.65, 0.75], "rows": 400}])
    ((0.9, -0.20000000000000007),)
    """
    found = []
    for point in sorted(curve, key=lambda point: float(point["confidence"])):
        low, high = point["interval"]
        sure, right = float(point["confidence"]), float(point["accuracy"])
        found.append((sure, 0.0 if low <= sure <= high else right - sure))
    return tuple(found)
