"""What a classifier does, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily import DataError, Predictions, step
from steadily.statistics import f1_interval, ratio, wilson

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Matrix = np.ndarray[Any, np.dtype[np.int64]]

FEW_CLASSES = 3  # of so many classes, precision and recall of each are metrics of their own


@step(
    "evaluate.classification",
    kind="evaluation",
    plots={
        "confusion": {"template": "confusion", "x": "actual", "y": "predicted", "title": "Confusion"},
        "classes": {"template": "bar_horizontal", "x": "recall", "y": "class", "title": "Recall by class"},
    },
)
def classification(predictions: Predictions, *, worst: int = 20) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Give precision, recall and F1 of each class with 95 % intervals, the confusion matrix, the worst mistakes.

    Intervals are Wilson's; that of F1 comes from the interval of the Jaccard index,
    which it grows with. A macro figure is the mean over the classes that it is defined for: precision is undefined of a
    class that was never said, recall of one without rows.

    Args:
        predictions: What is judged.
        worst: How many of the most confident mistakes are listed.
    """
    import pandas as pd

    matrix = confusion(predictions)
    names = [str(name) for name in predictions.classes]
    classes = {name: of_class(matrix, place) for place, name in enumerate(names)}
    rows, right = int(matrix.sum()), int(matrix.trace())
    figures: dict[str, Any] = {"accuracy": ratio(right, rows)}
    macro = {name: mean_of(classes, name) for name in ("precision", "recall", "f1")}
    figures["macro_f1"] = macro["f1"]
    if len(names) <= FEW_CLASSES:
        figures |= {f"{kind}_{name}": classes[name][kind] for name in names for kind in ("precision", "recall")}
    figures |= {
        "accuracy_interval": wilson(right, rows),
        "macro": macro,
        "classes": classes,
        "confusion": {"labels": names, "counts": matrix.tolist()},
        "worst": mistakes(predictions, worst),
    }
    pairs = pd.DataFrame({"actual": predictions.target.astype("str"), "predicted": predictions.predicted.astype("str")})
    bars = pd.DataFrame({"class": names, "recall": [classes[name]["recall"] for name in names]})
    return figures, {"confusion": pairs, "classes": bars}


def confusion(predictions: Predictions) -> Matrix:
    """Count rows by true class (down) and predicted class (across), in the order of the classes."""
    import numpy as np

    refuse_numbers(predictions)
    places = {name: place for place, name in enumerate(predictions.classes)}
    size = len(places)
    codes = [series.map(places).to_numpy(dtype="int64") for series in (predictions.target, predictions.predicted)]
    return np.bincount(codes[0] * size + codes[1], minlength=size * size).reshape(size, size)


def refuse_numbers(predictions: Predictions) -> None:
    """Refuse what has no classes to judge: equal numbers would be no accuracy.

    Raises:
        DataError: There are no rows, or no classes.
    """
    if not len(predictions.target):
        raise DataError.at("rows", "there are none to judge by")
    if not predictions.classes:
        raise DataError.at("task", "there are no classes to judge", hint="this step is for task: classification")


def of_class(matrix: Matrix, place: int) -> dict[str, Any]:
    """Give the figures of one class."""
    hits, support, said = int(matrix[place, place]), int(matrix[place].sum()), int(matrix[:, place].sum())
    union = support + said - hits
    return {
        "precision": ratio(hits, said),
        "precision_interval": wilson(hits, said),
        "recall": ratio(hits, support),
        "recall_interval": wilson(hits, support),
        "f1": ratio(2 * hits, support + said),
        "f1_interval": f1_interval(hits, said - hits, support - hits) if union else None,
        "support": support,
        "predicted": said,
    }


def mean_of(classes: dict[str, dict[str, Any]], name: str) -> float | None:
    """Give the mean of a figure over the classes that it is defined for."""
    found = [figures[name] for figures in classes.values() if figures[name] is not None]
    return ratio(sum(found), len(found))


def mistakes(predictions: Predictions, most: int) -> list[dict[str, Any]]:
    """List the most confident mistakes, by row id where confidence is equal or not known."""
    import pandas as pd

    wrong = predictions.target.astype("str") != predictions.predicted.astype("str")
    known = predictions.probabilities
    sure = pd.Series(0.0, wrong.index) if known is None else known.max(axis=1)
    found = pd.DataFrame({"sure": sure, "target": predictions.target, "predicted": predictions.predicted})[wrong]
    found = found.reset_index(names="row_id").sort_values(["sure", "row_id"], ascending=[False, True]).head(most)
    columns = [found[name].tolist() for name in ("row_id", "target", "predicted", "sure")]
    return [
        {
            "row_id": row,
            "target": str(target),
            "predicted": str(said),
            "confidence": None if known is None else confidence,
        }
        for row, target, said, confidence in zip(*columns, strict=True)
    ]
