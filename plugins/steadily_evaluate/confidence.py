"""How sure a model is, and whether it is right as often as it is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily import DataError, Predictions, step
from steadily.statistics import ratio, wilson
from steadily_evaluate.classes import refuse_numbers

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Numbers = np.ndarray[Any, np.dtype[np.float64]]

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
CELLS = 20


@step(
    "evaluate.confidence",
    kind="evaluation",
    plots={
        "calibration": {"template": "simple", "x": "confidence", "y": "accuracy", "title": "Calibration"},
        "distribution": {"template": "simple", "x": "confidence", "y": "rows", "title": "Confidence"},
    },
)
def confidence(predictions: Predictions, *, bins: int = 10) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Give the distribution of the largest class probability, entropy, calibration and its error, the Brier score.

    The expected calibration error is the mean over bins of equal mass of the gap between
    confidence and accuracy, weighted by rows (Naeini, Cooper and Hauskrecht 2015). Rows of equal confidence
    stay in one bin. The estimated accuracy is the mean confidence, with three standard errors on each
    side: what accuracy would be if the model were calibrated, which can be had without labels.

    Args:
        predictions: What is judged.
        bins: The bins of the calibration curve.
    """
    import numpy as np
    import pandas as pd

    refuse_numbers(predictions)
    given = predictions.probabilities
    if given is None:
        hint = "leave this step out, or calibrate: sklearn.calibration.CalibratedClassifierCV"
        raise DataError.at("probabilities", "the model gives none", hint=hint)
    values = given.to_numpy()
    sure = values.max(axis=1)
    right = (predictions.predicted.astype("str") == predictions.target.astype("str")).to_numpy()
    curve = calibration(sure, right, bins)
    edges = np.linspace(0, 1, CELLS + 1)
    cells = np.clip(np.ceil(sure * CELLS).astype(int) - 1, 0, CELLS - 1)
    counts = np.bincount(cells, minlength=CELLS)
    correct = np.bincount(cells[right], minlength=CELLS)
    ordered = np.sort(sure)  # a sum of floats depends on their order, which is the rows'
    mean = float(ordered.mean())
    error = 3 * float(np.sqrt(np.sum(ordered * (1 - ordered)))) / len(sure)
    figures: dict[str, Any] = {
        "mean_confidence": mean,
        "mean_entropy": entropy(values),
        "ece": sum(cell["rows"] * abs(cell["confidence"] - cell["accuracy"]) for cell in curve) / len(sure),
        "brier": brier(given, predictions.target),
        "estimated_accuracy": {"value": mean, "interval": [max(0.0, mean - error), min(1.0, mean + error)]},
        "quantiles": {str(at): float(np.quantile(sure, at, method="inverted_cdf")) for at in QUANTILES},
        "histogram": {"edges": edges.round(10).tolist(), "counts": counts.tolist(), "correct": correct.tolist()},
        "calibration": curve,
    }
    points = pd.DataFrame([{"confidence": cell["confidence"], "accuracy": cell["accuracy"]} for cell in curve])
    middles = ((edges[1:] + edges[:-1]) / 2).round(10)
    return figures, {"calibration": points, "distribution": pd.DataFrame({"confidence": middles, "rows": counts})}


def calibration(sure: Numbers, right: Any, bins: int) -> list[dict[str, Any]]:
    """Give confidence and accuracy in bins of as equal mass as ties allow, from the least sure to the surest."""
    import numpy as np

    levels, inverse, counts = np.unique(sure, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    groups = np.minimum((before + counts / 2) * bins / len(sure), bins - 1).astype(int)  # by each level's middle rank
    of_row = groups[inverse]
    found = []
    for group in np.unique(groups):
        inside = of_row == group
        rows, hits = int(inside.sum()), int(right[inside].sum())
        sums = float(np.sum(levels[groups == group] * counts[groups == group]))  # in order of levels, not of rows
        found.append({"confidence": sums / rows, "accuracy": hits / rows, "interval": wilson(hits, rows), "rows": rows})
    return found


def entropy(values: Numbers) -> float | None:
    """Give the mean entropy of the probabilities, as a share of the largest there can be; undefined of one class.

    >>> import numpy as np
    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]]))
    0.5
    """
    import numpy as np

    classes = values.shape[1]
    if classes < 2:
        return None
    logs = np.log(np.where(values > 0, values, 1.0))
    return float(np.sort(-(values * logs).sum(axis=1)).mean() / np.log(classes))


def brier(given: pd.DataFrame, target: pd.Series[Any]) -> float | None:
    """Give the mean squared distance between probabilities and truth, summed over the classes (Brier 1950)."""
    import numpy as np

    names = [str(name) for name in given.columns]
    truth = target.astype("str").to_numpy()[:, None] == np.array(names)[None, :]
    unknown = ~truth.any(axis=1)  # of a class that the model does not know, it has said 0
    return ratio(float(np.sort(((given.to_numpy() - truth) ** 2).sum(axis=1) + unknown).sum()), len(given))
