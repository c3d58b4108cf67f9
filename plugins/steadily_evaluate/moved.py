"""How far the judged rows have moved from those that the model learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily import DataError, Predictions, step

if TYPE_CHECKING:
    import pandas as pd


@step(
    "evaluate.drift",
    kind="evaluation",
    plots={"columns": {"template": "bar_horizontal", "x": "score", "y": "column", "title": "Drift by column"}},
)
def drift(
    predictions: Predictions,
    *,
    floor: float = 0.1,
    strong: float = 0.25,
    level: float = 0.01,
    min_rows: int = 200,
    columns: list[str] | None = None,
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Compare the judged rows with those that the model learned from, column by column.

    Numbers: the population stability index over the reference's deciles, less what chance gives. Categories: the
    Jensen-Shannon distance in bits, likewise. Text: length, unknown words and scripts as numbers, and a classifier that
    tries to tell old from new. A column has drifted where the score reaches the floor and
    the p-value, adjusted for the number of columns, is at most the level.

    Args:
        predictions: What is judged.
        floor: The least score that counts as drift.
        strong: The least score that counts as strong drift.
        level: The largest adjusted p-value.
        min_rows: The fewest rows, on each side, that anything is said of.
        columns: The columns to judge; those that the model reads unless told otherwise.
    """
    import pandas as pd

    from steadily.drift import Profile, Rule, compare, text_classifier

    reference, rows = predictions.reference, predictions.rows
    if reference is None:
        hint = "add to the stage's inputs the rows that the model learned from: reference: train_ready"
        raise DataError.at("reference", "there are no rows to compare with", hint=hint)
    names = list(predictions.features if columns is None else columns)
    missing = [name for name in names if name not in reference or name not in rows]
    if missing:
        raise DataError.at("columns", f"the rows have no column {missing[0]!r}", allowed=", ".join(map(str, rows)))
    profile = Profile.learn(reference, names)
    texts = [name for name, column in profile.columns.items() if column.kind == "text"]
    apart = {name: text_classifier(reference[name], rows[name]) for name in texts}
    figures = compare(profile, profile.count(rows), Rule(floor, strong, level, min_rows), apart)
    found = figures["columns"]
    return figures, {
        "columns": pd.DataFrame({"column": list(found), "score": [column["score"] for column in found.values()]})
    }
