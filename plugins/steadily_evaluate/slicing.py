"""Figures by slice: where a model is worse than its average says."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from steadily import DataError, Predictions, step
from steadily.statistics import ratio, wilson
from steadily_evaluate.classes import refuse_numbers

if TYPE_CHECKING:
    import pandas as pd

MISSING, OTHER = "(missing)", "(other)"


@step(
    "evaluate.slices",
    kind="evaluation",
    plots={"slices": {"template": "bar_horizontal", "x": "accuracy", "y": "slice", "title": "Accuracy by slice"}},
)
def slices(
    predictions: Predictions, *, columns: list[str], min_rows: int = 30, max_values: int = 20, bins: int = 4
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Give accuracy and recall for each value of some columns, with 95 % intervals.

    Numbers and moments are cut at their quantiles; what is missing is a slice of its own. The worst slice is
    looked for among those with enough rows.

    Args:
        predictions: What is judged.
        columns: The columns to cut by.
        min_rows: The fewest rows that a slice's figures are given for.
        max_values: The most values of a column that have a slice; the rarest go together.
        bins: The slices of a column of numbers or moments.
    """
    import pandas as pd

    refuse_numbers(predictions)
    rows = predictions.rows
    missing = [name for name in columns if name not in rows]
    if missing:
        raise DataError.at("columns", f"the rows have no column {missing[0]!r}", allowed=", ".join(map(str, rows)))
    found = [
        {"column": name, "value": value, **of_slice(predictions, inside, min_rows)}
        for name in columns
        for value, inside in cuts(rows[name], bins, max_values)
    ]
    accuracies = [one["accuracy"] for one in found if one["accuracy"] is not None]
    bars = [{"slice": f"{one['column']} = {one['value']}", "accuracy": one["accuracy"]} for one in found]
    figures = {"worst_slice_accuracy": min(accuracies, default=None), "slices": found}
    return figures, {"slices": pd.DataFrame(bars, columns=["slice", "accuracy"])}


def of_slice(predictions: Predictions, inside: Any, min_rows: int) -> dict[str, Any]:
    """Give the figures of the rows inside a slice; None where they are too few."""
    target, predicted = predictions.target[inside].astype("str"), predictions.predicted[inside].astype("str")
    rows, right = len(target), int((target == predicted).sum())
    if rows < min_rows:
        return {"rows": rows, "accuracy": None, "interval": None, "macro_f1": None, "recall": None}
    recall, scores = {}, []
    for name in map(str, predictions.classes):
        hits = int(((target == name) & (predicted == name)).sum())
        support, said = int((target == name).sum()), int((predicted == name).sum())
        recall[name] = ratio(hits, support)
        scores += [2 * hits / (support + said)] if support + said else []
    return {
        "rows": rows,
        "accuracy": right / rows,
        "interval": wilson(right, rows),
        "macro_f1": ratio(sum(scores), len(scores)),
        "recall": recall,
    }


def cuts(values: pd.Series[Any], bins: int, most: int) -> list[tuple[str, Any]]:
    """Cut a column into slices: a name, and which rows are inside."""
    import pandas as pd

    gone = values.isna()
    kind = values.dtype
    measured = pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)
    if measured and not pd.api.types.is_bool_dtype(kind) and values.nunique() > bins:
        names = measured_names(values, bins)
    else:
        names = values.astype("str")
    counts = names[~gone].value_counts()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    kept = {str(name) for name, _ in ranked[:most]}
    ordered = list(dict.fromkeys(names[~gone].sort_values())) if measured else [str(name) for name, _ in ranked[:most]]
    found = [(str(name), (names.astype("str") == str(name)) & ~gone) for name in ordered if str(name) in kept]
    rest = ~names.astype("str").isin(kept) & ~gone
    found += [(OTHER, rest)] if rest.any() else []
    return found + ([(MISSING, gone)] if gone.any() else [])


def measured_names(values: pd.Series[Any], bins: int) -> pd.Series[Any]:
    """Name the quantile that each number or moment falls into, in order; days where moments are far enough apart."""
    import pandas as pd

    there = values.dropna()
    edges = [there.quantile(at / bins, interpolation="lower") for at in range(1, bins)]
    edges = sorted(set(edges))
    places = pd.Series(0, values.index)
    for edge in edges:
        places += (values > edge).astype(int)
    shown = [f"{edge:%Y-%m-%d %H:%M}" if hasattr(edge, "strftime") else f"{edge:.6g}" for edge in edges]
    names = [f"up to {shown[0]}", *(f"{low} to {high}" for low, high in pairwise(shown))]
    names.append(f"above {shown[-1]}")
    kinds = pd.CategoricalDtype(names, ordered=True)
    return pd.Series(pd.Categorical.from_codes(places.to_numpy(), dtype=kinds), values.index)
