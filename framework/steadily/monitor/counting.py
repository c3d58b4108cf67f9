"""Counts answers into hourly statistics: many at once, and without looking at anything but what is given.

What a batch of answers comes to, and what a label adds to the hour of the answer that it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from steadily.latency import Latencies
from steadily.monitor import hourly
from steadily.monitor.hourly import HOUR_MINUTES, UNIT, Hourly, Key
from steadily.monitor.reference import CONFIDENCE, PREDICTED, Reference
from steadily.units import HOUR_US, MINUTE_US

if TYPE_CHECKING:
    import pandas as pd

CELLS = 20  # of the distribution of confidence, as the evaluation draws it
FINEST = 56  # cells of calibration lie a quarter apart on the scale of log odds, up to odds of e^14
WORKED_ON = (hourly.ANSWERED, *hourly.ERRORS)  # outcomes whose time counts: a shed or refused request took none
OTHER = "(other)"
MOST_VALUES = 20  # of one slice

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Batch:
    """What a worker has answered with one release: an entry for each request, and one for each row of an answer.

    Attributes:
        release: The release's number.
        slot: Where it serves: live, shadow or previous.
        at_us: When each request came, in microseconds since 1970.
        latency_us: How many microseconds each took.
        outcomes: What became of each, one of ``hourly.OUTCOMES``.
        rows: For each answered row, the position of its request.
        predicted: For each answered row, the class as text (or the number).
        probabilities: One row for each answered row, one column for each class; None where the model gives none.
        features: Answered rows as the model saw them; None counts none of them.
        sampled: The positions, among the answered rows, of those in ``features``; None says that it has all of them.
        refused: For each refused row, the position of its request.
        reasons: For each refused row, the kind of its reason; empty where they are not told apart.
        slices: For each slice that the config names, the value of each answered row.
        imputed: For each column that values were filled into, the positions among the answered rows.
    """

    release: int
    slot: str
    at_us: Whole
    latency_us: Numbers
    outcomes: Sequence[str]
    rows: Whole = field(default_factory=lambda: np.zeros(0, np.int64))
    predicted: Sequence[str] = ()
    probabilities: Numbers | None = None
    features: pd.DataFrame | None = None
    sampled: Whole | None = None
    refused: Whole = field(default_factory=lambda: np.zeros(0, np.int64))
    reasons: Sequence[str] = ()
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    imputed: Mapping[str, Sequence[int]] = field(default_factory=dict)


def counted(batch: Batch, reference: Reference, looked_at: int | None = None) -> dict[Key, Hourly]:
    """Count a batch.

    Args:
        batch: The answers.
        reference: What the release's bundle says.
        looked_at: How many rows of its features are counted, evenly spread; None takes all. Reading text takes
            longer than answering it may, and some thousand rows a day say all there is to say.

    Returns:
        What it comes to, by release, slot, hour and slice.
    """
    hours = (batch.at_us // HOUR_US).astype(np.int64)
    outcomes, reasons = np.asarray(batch.outcomes, dtype=object), np.asarray(batch.reasons, dtype=object)
    rows = RowCounts(batch, reference, looked_at)
    found = {}
    for hour in np.unique(hours).tolist():
        inside = hours == hour
        of_rows = inside[batch.rows]
        of_refused = inside[batch.refused]
        tallies: dict[str, dict[str, int]] = {hourly.REQUESTS: tally(outcomes[inside])}
        minutes = batch.at_us[inside] // MINUTE_US % HOUR_MINUTES
        tallies[hourly.MINUTES] = texts(dict(enumerate(np.bincount(minutes.astype(np.int64)).tolist())))
        worked = inside & np.isin(outcomes, WORKED_ON)
        tallies[hourly.LATENCY] = texts(Latencies.of(batch.latency_us[worked]).counts)
        tallies[hourly.REFUSED] = tally(reasons[of_refused]) if len(reasons) else {}
        own, features = rows.of(of_rows), rows.features_of(of_rows)
        own[hourly.ROWS] = own[hourly.ROWS] | {"refused": int(of_refused.sum())}
        own[hourly.ROWS] |= {"counted": rows.looked_at(of_rows)}
        tallies[hourly.ABSENT] = rows.absent(of_rows)
        tallies[hourly.IMPUTED] = {
            name: int(of_rows[np.asarray(places, dtype=np.int64)].sum()) for name, places in batch.imputed.items()
        }
        found[Key(batch.release, batch.slot, hour)] = tidy(tallies | own, features)
        for name, values in batch.slices.items():
            of_value = np.asarray(values, dtype=object)
            for value in dict.fromkeys(of_value[of_rows].tolist()):
                key = Key(batch.release, batch.slot, hour, f"{name}={value}")
                found[key] = tidy(rows.of(of_rows & (of_value == value)), {})
    return found


class RowCounts:
    """Counts any choice of a batch's answered rows, what depends on all of them once."""

    def __init__(self, batch: Batch, reference: Reference, most: int | None) -> None:
        self.predicted = np.asarray(batch.predicted, dtype=object)
        self.frame, self.reference = batch.features, reference
        positions = np.arange(len(batch.rows)) if batch.sampled is None else batch.sampled
        self.taken = chosen(len(positions) if batch.features is not None else 0, most)  # rows of the frame
        self.chosen = positions[self.taken]  # the same, among the answered rows
        self.probabilities = batch.probabilities
        if batch.probabilities is not None:
            given = batch.probabilities
            self.sure = given.max(axis=1, initial=0.0)
            self.said = reference.calibrated(said_of(given, self.predicted, reference.classes))
            self.entropy = entropies(given)
            self.cells = np.clip(np.ceil(self.sure * CELLS).astype(np.int64) - 1, 0, CELLS - 1)

    def of(self, mask: Any) -> dict[str, dict[str, int]]:
        """Count rows by class and by confidence."""
        found = {hourly.ROWS: {"answered": int(mask.sum())}, hourly.PREDICTED: tally(self.predicted[mask])}
        if self.probabilities is None:
            return found
        sure, said = self.sure[mask], self.said[mask]
        low = self.reference.low
        sums = {
            "answers": int(mask.sum()),
            "confidence": units(sure),
            "estimated": units(said),
            "variance": units(said * (1 - said)),
            "entropy": units(self.entropy[mask]),
        }
        sums |= {"below": int((sure < low).sum()), "judged": int(mask.sum())} if low is not None else {}
        found[hourly.SUMS] = sums
        found[hourly.CONFIDENCE] = texts(dict(enumerate(np.bincount(self.cells[mask]).tolist())))
        return found

    def looked_at(self, mask: Any) -> int:
        """Say how many rows are counted into the features' bins."""
        return 0 if self.frame is None else int(mask[self.chosen].sum())

    def features_of(self, mask: Any) -> dict[str, dict[str, Whole]]:
        """Count rows into the reference's bins; a column that they lack counts as missing in each of them."""
        profile = self.reference.profile
        if profile is None or self.frame is None:
            return {}
        inside = mask[self.chosen]
        places = self.chosen[inside]
        if not len(places):
            return {}
        frame = self.frame.iloc[self.taken[inside]].reset_index(drop=True)
        frame[PREDICTED] = self.predicted[places].astype(str)
        if self.probabilities is not None:
            frame[CONFIDENCE] = self.sure[places]
        found = dict(profile.count(frame).columns)
        for name in profile.columns:
            if name not in found:
                found[name] = {
                    part: gone(len(bins), len(places)) for part, bins in profile.counts.columns[name].items()
                }
        return {name: dict(found[name]) for name in profile.columns}

    def absent(self, mask: Any) -> dict[str, int]:
        """Count rows that lack a column, by column."""
        profile = self.reference.features
        if profile is None or self.frame is None:
            return {}
        rows = self.looked_at(mask)
        return {name: rows for name in profile.columns if name not in self.frame}


def chosen(rows: int, most: int | None) -> Whole:
    """Choose rows, evenly spread.

    >>> chosen(10, 3).tolist(), chosen(2, 3).tolist()
    ([0, 4, 9], [0, 1])
    """
    if most is None or rows <= most:
        return np.arange(rows)
    return np.linspace(0, rows - 1, most).astype(np.int64)


def gone(size: int, rows: int) -> Whole:
    """Give bins in which all rows are missing."""
    found = np.zeros(size, np.int64)
    found[-1] = rows
    return found


def said_of(given: Numbers, predicted: Any, classes: Sequence[str]) -> Numbers:
    """Give the probability of the class that was predicted: the largest one, unless a threshold chose another."""
    places = {name: place for place, name in enumerate(classes)}
    at = np.array([places.get(str(name), -1) for name in predicted], dtype=np.int64)
    found: Numbers = given.max(axis=1, initial=0.0)
    known = (at >= 0) & (at < given.shape[1])
    found[known] = given[np.flatnonzero(known), at[known]]
    return found


def entropies(given: Numbers) -> Numbers:
    """Give the entropy of each row's probabilities, as a share of the largest there can be."""
    logs = np.log(np.where(given > 0, given, 1.0))
    found: Numbers = -(given * logs).sum(axis=1) / max(np.log(given.shape[1]), np.finfo(float).tiny)
    return np.clip(found, 0.0, 1.0) if given.shape[1] > 1 else np.zeros(len(given))


def labelled(truths: Sequence[str], predicted: Sequence[str], confidence: Numbers | None, ages: Numbers) -> Hourly:
    """Give what labels add to the hour of the answers that they belong to.

    Args:
        truths: The true class of each row, as text.
        predicted: The class that was predicted of it.
        confidence: How sure the model was; None or NaN where it says nothing of that.
        ages: Seconds from the answer to the label.
    """
    right = np.array([truth == said for truth, said in zip(truths, predicted, strict=True)], dtype=bool)
    pairs = [hourly.pair(truth, said) for truth, said in zip(truths, predicted, strict=True)]
    tallies = {
        hourly.CONFUSION: tally(np.array(pairs, dtype=object)),
        hourly.AGES: texts(Latencies.of(np.maximum(ages, 0.0)).counts),  # seconds in the place of microseconds
    }
    if confidence is not None and len(confidence):
        known = ~np.isnan(confidence)
        sure, cells = confidence[known], calibration_cells(confidence[known])
        names = np.char.mod("%d", cells).astype(object)
        tallies[hourly.CELLS] = tally(names)
        tallies[hourly.HITS] = tally(names[right[known]])
        tallies[hourly.SURE] = {str(cell): units(sure[cells == cell]) for cell in np.unique(cells).tolist()}
    return tidy(tallies, {})


def calibration_cells(sure: Numbers) -> Whole:
    """Give the cell of each confidence: a quarter wide in log odds, so that they are fine where models are sure.

    >>> calibration_cells(np.array([0.5, 0.9, 0.999, 1.0])).tolist()
    [0, 8, 27, 56]
    """
    with np.errstate(divide="ignore"):
        odds = np.log(sure) - np.log1p(-np.minimum(sure, 1.0))
    found: Whole = np.clip(np.floor(odds * 4), -FINEST, FINEST).astype(np.int64)
    return found


def tally(values: Any) -> dict[str, int]:
    """Count equal values."""
    found: dict[str, int] = {}
    for value in values.tolist():
        name = str(value)
        found[name] = found.get(name, 0) + 1
    return found


def texts(counts: Mapping[int, int]) -> dict[str, int]:
    """Write numbers of buckets as text, as JSON has them."""
    return {str(key): int(count) for key, count in counts.items() if count}


def units(values: Numbers) -> int:
    """Add shares up in whole billionths, so that the sum does not depend on an order."""
    return int(np.rint(values * UNIT).astype(np.int64).sum())


def tidy(tallies: Mapping[str, Mapping[str, int]], features: Any) -> Hourly:
    """Leave out what is 0."""
    kept = {name: {key: count for key, count in tally.items() if count} for name, tally in tallies.items()}
    return Hourly({name: tally for name, tally in kept.items() if tally}, features)


class SliceValues:
    """Keeps the number of a slice's values within bounds: those that a worker sees first; the rest are ``(other)``.

    >>> SliceValues(["city"]).named("city", ["Ulm", "Bonn"])
    ['Ulm', 'Bonn']
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.known: dict[str, dict[str, None]] = {name: {} for name in columns}

    def of(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """Give each row's value of each slice; a column that the rows lack has no slice."""
        return {name: self.named(name, frame[name].astype("str").tolist()) for name in self.known if name in frame}

    def named(self, column: str, values: Sequence[str]) -> list[str]:
        """Give values, those beyond the bound as ``(other)``."""
        known = self.known[column]
        for value in dict.fromkeys(values):
            if len(known) < MOST_VALUES:
                known.setdefault(value, None)
        return [value if value in known else OTHER for value in values]
