"""The figures of a window, each with its evidence: how many rows, which interval, how many labels, what state.

A figure without rows is ``no data``, one on too few ``insufficient data``: neither is ever well. Drift is the matter of
``steadily.monitor.moved``; what alerts, of ``steadily.monitor.levels``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from steadily.latency import LARGEST, Latencies, is_enough, needed
from steadily.monitor import hourly
from steadily.monitor.hourly import UNIT, Hourly, parted
from steadily.monitor.reference import Reference
from steadily.monitor.windows import Window
from steadily.statistics import Interval, Z, f1_interval, ratio, wilson

OK, WARN, ALERT, FEW, NO_DATA = "ok", "warn", "alert", "insufficient data", "no data"
QUALITY, LATENCY, CONFIDENCE, ERRORS, DRIFT, TRAFFIC = "quality", "latency", "confidence", "errors", "drift", "traffic"
PERCENTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
MICRO = 1e-6
LOW_EXPECTED = 0.1
BINS = 10
LEAST_CALIBRATION = 100


@dataclass(frozen=True)
class Figure:
    """A figure with its evidence.

    Attributes:
        name: Such as ``recall.spam``.
        panel: Where it is shown.
        value: None where it is undefined, or too few rows lie behind it for it to be shown.
        n: The rows, or requests, that it is of.
        interval: Of 95 %, unless ``note`` says otherwise; None where there is none.
        state: ok, warn, alert, insufficient data or no data.
        reference: What it was in the release's evaluation, with the ends of its interval.
        needs: The fewest rows that it is shown of, where there is such a number.
        coverage: The share of the rows old enough to have labels that have one.
        label_age_hours: The median time from a prediction to its label.
        note: What has to be known to read it.
    """

    name: str
    panel: str
    value: float | None
    n: int
    interval: Interval = None
    state: str = OK
    reference: tuple[float, float, float] | None = None
    needs: int | None = None
    coverage: float | None = None
    label_age_hours: float | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def figures_of(window: Window, mature: Window, reference: Reference) -> dict[str, Figure]:
    """Give all figures of a window.

    Args:
        window: Statistics of one release, slot and slice.
        mature: As long a window that ends earlier: of predictions old enough for their labels to have come.
        reference: What the release's bundle says.

    Returns:
        The figures by name.
    """
    found = [
        *traffic(window),
        *errors(window.sum),
        *latency(window.sum),
        *confidence(window.sum, reference),
        *quality(mature.sum, reference),
    ]
    return {figure.name: figure for figure in found}


def told(name: str, panel: str, value: float | None, n: int, **more: Any) -> Figure:
    """Make a figure, and say where nothing, or too little, lies behind it."""
    state = NO_DATA if n == 0 else FEW if value is None else OK
    return Figure(name, panel, value, n, state=state, **more)


def traffic(window: Window) -> Iterator[Figure]:
    """Count requests and rows, and the hours in which any came."""
    requests = sum(window.sum.tally(hourly.REQUESTS).values())
    share = ratio(window.filled, window.length)
    yield told("requests", TRAFFIC, float(requests), requests)
    rows = rows_in(window.sum)
    yield told("rows", TRAFFIC, float(rows), rows)
    note = "the share of the window's hours in which requests came; nothing is filled in for the others"
    yield replace(told("hours_with_data", TRAFFIC, share, window.length, note=note), state=OK if requests else NO_DATA)


def rows_in(amount: Hourly) -> int:
    """Count rows, answered and refused."""
    return amount.count(hourly.ROWS, "answered") + amount.count(hourly.ROWS, "refused")


def errors(amount: Hourly) -> Iterator[Figure]:
    """Give the shares of requests that went wrong, each with its own whole."""
    outcomes = amount.tally(hourly.REQUESTS)
    wrong = sum(outcomes.get(kind, 0) for kind in hourly.ERRORS)
    worked = outcomes.get(hourly.ANSWERED, 0) + wrong
    everything = sum(outcomes.values())
    kinds = ", ".join(f"{kind} {outcomes[kind]:,}" for kind in hourly.ERRORS if outcomes.get(kind))
    note = "exceptions, time-outs and answers that are none, of the requests that were worked on"
    yield share("error_rate", ERRORS, wrong, worked, note=f"{note}: {kinds}" if kinds else note)
    yield share("client_rate", ERRORS, outcomes.get(hourly.CLIENT, 0), everything, note="requests answered with 4xx")
    yield share("shed_rate", ERRORS, outcomes.get(hourly.SHED, 0), everything, note="requests shed with 503")
    yield share("refused_share", ERRORS, amount.count(hourly.ROWS, "refused"), rows_in(amount), note="rows refused")


def share(name: str, panel: str, hits: int, n: int, **more: Any) -> Figure:
    """Make a figure that is a share of rows."""
    return told(name, panel, ratio(hits, n), n, interval=wilson(hits, n), **more)


def latency(amount: Hourly) -> Iterator[Figure]:
    """Give percentiles in seconds, each only where enough requests lie above it."""
    times = Latencies(amount.numbers(hourly.LATENCY), 0, LARGEST)
    n = times.count
    for name, q in PERCENTILES.items():
        if not is_enough(n, q):
            yield told(name, LATENCY, None, n, needs=needed(q))
            continue
        half = Z * sqrt(q * (1 - q) / n)
        ends = [seconds(times, max(q - half, 0.0)), seconds(times, min(q + half, 1.0))]
        yield told(name, LATENCY, seconds(times, q), n, interval=ends, needs=needed(q))


def seconds(times: Latencies, q: float) -> float:
    """Give a quantile in seconds."""
    return (times.quantile(q) or 0.0) * MICRO


def confidence(amount: Hourly, reference: Reference) -> Iterator[Figure]:
    """Say how sure the model was, without any label."""
    sums = amount.tally(hourly.SUMS)
    n, judged = sums.get("answers", 0), sums.get("judged", 0)
    yield told("mean_confidence", CONFIDENCE, mean(sums, "confidence", n), n)
    yield told("entropy", CONFIDENCE, mean(sums, "entropy", n), n, note="as a share of what guessing would have")
    expected = (LOW_EXPECTED, LOW_EXPECTED, LOW_EXPECTED) if reference.low is not None else None
    note = "answers less sure than nine of ten were in the evaluation; a tenth is expected"
    yield share("below_low", CONFIDENCE, sums.get("below", 0), judged, reference=expected, note=note)
    yield estimated(amount, reference)


def mean(sums: Mapping[str, int], name: str, n: int) -> float | None:
    """Give a mean from a sum in billionths."""
    return ratio(sums.get(name, 0) / UNIT, n)


def estimated(amount: Hourly, reference: Reference) -> Figure:
    """Estimate accuracy without labels: the mean calibrated confidence, three standard errors on each side (CBPE)."""
    sums = amount.tally(hourly.SUMS)
    n = sums.get("answers", 0)
    value = mean(sums, "estimated", n)
    interval = None
    if value is not None:
        error = 3 * sqrt(max(sums.get("variance", 0), 0) / UNIT) / n
        interval = [max(0.0, value - error), min(1.0, value + error)]
    note = "± 3 standard errors; holds if the model is calibrated and classes mean what they meant"
    return told("estimated_accuracy", QUALITY, value, n, interval=interval, reference=reference.accuracy, note=note)


def quality(mature: Hourly, reference: Reference) -> Iterator[Figure]:
    """Give what needs labels, of predictions that are old enough for theirs to have come."""
    matrix = confusion(mature)
    labelled = sum(matrix.values())
    answered = mature.count(hourly.ROWS, "answered")
    about = {"coverage": ratio(labelled, answered), "label_age_hours": label_age(mature)}
    yield coverage(labelled, answered, about["label_age_hours"])
    right = sum(count for (truth, said), count in matrix.items() if truth == said)
    yield share("accuracy", QUALITY, right, labelled, reference=reference.accuracy, **about)
    names = dict.fromkeys([*reference.classes, *sorted({name for pair in matrix for name in pair})])
    for name in names:
        yield from of_class(name, matrix, reference, about)
    yield calibration_error(mature, about)
    late = estimated(mature, reference)
    yield replace(late, name="estimated_accuracy_labelled", note="of the same hours as the measured one")


def coverage(labelled: int, answered: int, age: float | None) -> Figure:
    """Give the share of the predictions old enough to have labels that have one."""
    found = share("label_coverage", QUALITY, labelled, answered, coverage=ratio(labelled, answered))
    return replace(found, label_age_hours=age)


def confusion(amount: Hourly) -> dict[tuple[str, str], int]:
    """Give labelled rows by true and predicted class."""
    return {parted(key): count for key, count in amount.tally(hourly.CONFUSION).items() if count}


def of_class(
    name: str, matrix: Mapping[tuple[str, str], int], reference: Reference, about: Mapping[str, Any]
) -> Iterator[Figure]:
    """Give precision, recall and F1 of one class."""
    hits = matrix.get((name, name), 0)
    support = sum(count for (truth, _), count in matrix.items() if truth == name)
    said = sum(count for (_, predicted), count in matrix.items() if predicted == name)
    then = reference.figures
    yield share(f"precision.{name}", QUALITY, hits, said, reference=then.get(f"precision.{name}"), **about)
    yield share(f"recall.{name}", QUALITY, hits, support, reference=then.get(f"recall.{name}"), **about)
    union = support + said - hits
    yield told(
        f"f1.{name}",
        QUALITY,
        ratio(2 * hits, support + said),
        union,
        interval=f1_interval(hits, said - hits, support - hits) if union else None,
        reference=then.get(f"f1.{name}"),
        **about,
    )


def label_age(amount: Hourly) -> float | None:
    """Give the median time from a prediction to its label, in hours."""
    ages = Latencies(amount.numbers(hourly.AGES), 0, LARGEST).quantile(0.5)  # of seconds
    return None if ages is None else ages / 3600


def calibration_error(amount: Hourly, about: Mapping[str, Any]) -> Figure:
    """Give the expected calibration error over bins of as equal mass as the cells allow."""
    curve = calibration(amount)
    n = sum(point["rows"] for point in curve)
    value = ratio(sum(point["rows"] * abs(point["confidence"] - point["accuracy"]) for point in curve), n)
    value = value if n >= LEAST_CALIBRATION else None
    return told("ece", QUALITY, value, n, needs=LEAST_CALIBRATION, **about)


def calibration(amount: Hourly) -> list[dict[str, Any]]:
    """Give confidence and accuracy of labelled rows in ten bins of as equal mass as the cells allow."""
    cells, hits, sure = (amount.numbers(name) for name in (hourly.CELLS, hourly.HITS, hourly.SURE))
    n, before = sum(cells.values()), 0
    bins: dict[int, list[int]] = {}
    for cell in sorted(cells):
        middle = before + cells[cell] / 2
        bins.setdefault(min(int(middle * BINS / n), BINS - 1), []).append(cell)
        before += cells[cell]
    found = []
    for members in bins.values():
        rows, right = sum(cells[cell] for cell in members), sum(hits.get(cell, 0) for cell in members)
        mass = sum(sure.get(cell, 0) for cell in members) / UNIT
        found.append(
            {"confidence": mass / rows, "accuracy": right / rows, "interval": wilson(right, rows), "rows": rows}
        )
    return found
