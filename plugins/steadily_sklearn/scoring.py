"""Answering few rows given as plain values: the fitted parts are asked directly, without frames around them.

Most of the time that scikit-learn takes for one row is a fixed cost of its
pipelines and column transformers. Owns the short way around them; what a part
computes is scikit-learn's. That both ways give the same is held against each
other before a release serves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from steadily_sklearn.columns import EXACT

if TYPE_CHECKING:
    import numpy as np

    from steadily_sklearn.fitted import Fitted

Row = Mapping[str, Any]
Scores = tuple[list[Any], "np.ndarray[Any, Any] | None"]
Scorer = Callable[[Sequence[Row]], Scores]
# Classifiers whose class is always that of the largest probability, the first of equal ones; others are asked for both.
BY_PROBABILITY = (
    "sklearn.ensemble",
    "sklearn.linear_model._logistic",
    "sklearn.naive_bayes",
    "sklearn.tree",
)


def scorer_of(model: Fitted) -> Scorer:
    """Give a function that answers rows as the model does.

    Returns:
        A function of rows (plain values by column, None for missing) that gives the predictions, and the
        probabilities, a row for each row and a column for each class, or None.
    """
    import numpy as np

    features, estimator = features_of(model), model.pipeline[-1]
    if model.classes is None or not hasattr(estimator, "predict_proba"):
        return lambda rows: (np.asarray(estimator.predict(features(rows))).tolist(), None)
    classes = model.classes
    by_probability = type(estimator).__module__.startswith(BY_PROBABILITY)

    def score(rows: Sequence[Row]) -> Scores:
        matrix = features(rows)
        probabilities = np.asarray(estimator.predict_proba(matrix), dtype=np.float64)
        if by_probability:
            return [classes[place] for place in probabilities.argmax(axis=1).tolist()], probabilities
        return np.asarray(estimator.predict(matrix)).tolist(), probabilities

    return score


def features_of(model: Fitted) -> Callable[[Sequence[Row]], Any]:
    """Give a function that makes of rows the matrix which the estimator reads."""
    import numpy as np
    from scipy import sparse

    together = model.pipeline[0]
    blocks = [
        block_of(model, transformer, columns)
        for _, transformer, columns in together.transformers_
        if not isinstance(transformer, str) or transformer == "passthrough"
    ]

    def matrix(rows: Sequence[Row]) -> Any:
        made = [block(rows) for block in blocks]
        if together.sparse_output_:
            return made[0].tocsr() if len(made) == 1 else sparse.hstack(made).tocsr()
        dense = [one.toarray() if sparse.issparse(one) else one for one in made]
        return dense[0] if len(dense) == 1 else np.hstack(dense)

    return matrix


def block_of(model: Fitted, transformer: Any, columns: Any) -> Callable[[Sequence[Row]], Any]:
    """Give a function that makes one block of features."""
    import numpy as np

    if isinstance(columns, str):
        return lambda rows: transformer.transform([text_in(row, columns) for row in rows])
    names = [str(name) for name in columns]
    if all(model.kinds[name] == "number" for name in names):
        numbers = reader_of(names, np.float64, np.nan)
        if passes(transformer):
            return numbers
        return lambda rows: transformer.transform(framed(numbers(rows), names))
    objects = reader_of(names, object, np.nan)
    if passes(transformer):
        return objects
    return lambda rows: transformer.transform(framed(objects(rows), names, model.kinds))


def passes(transformer: Any) -> bool:
    """Tell "passthrough", which a fitted column transformer keeps as a function that does nothing."""
    return isinstance(transformer, str) or (
        type(transformer).__name__ == "FunctionTransformer" and not transformer.func
    )


def reader_of(names: list[str], dtype: Any, missing: Any) -> Callable[[Sequence[Row]], Any]:
    """Give a function that makes an array of some columns of rows.

    It raises a TypeError where a number is none, or none that float64 holds exactly: the model's own way refuses those.
    """
    import numpy as np

    def read(rows: Sequence[Row]) -> Any:
        values = [[missing if row[name] is None else row[name] for name in names] for row in rows]
        if dtype is object:
            made = np.empty((len(rows), len(names)), dtype=object)
            made[:] = values
            return made
        if not all(
            isinstance(value, int | float) and abs(value) <= EXACT for row in values for value in row if value == value
        ):
            raise TypeError("a number is none that the model takes")
        return np.array(values, dtype=dtype).reshape(len(rows), len(names))

    return read


def framed(values: Any, names: list[str], kinds: Mapping[str, str] | None = None) -> Any:
    """Give an array as the frame that the transformer was fitted on: by name, numbers as float64, text as objects."""
    import pandas as pd

    if kinds is None:
        return pd.DataFrame(values, columns=names, copy=False)
    columns = {
        name: values[:, place].astype("float64") if kinds[name] == "number" else values[:, place]
        for place, name in enumerate(names)
    }
    return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in columns.items()})


def text_in(row: Row, column: str) -> str:
    """Give a text to a vectoriser, which takes no other.

    Raises:
        TypeError: It is missing, or no text.
    """
    text = row[column]
    if not isinstance(text, str):
        raise TypeError(f"column {column!r} holds no text")
    return text
