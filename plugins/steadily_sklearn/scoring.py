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
# Classifiers whose class is always that of the largest probability; others are asked for both.
BY_PROBABILITY = (
    "sklearn.ensemble._bagging",
    "sklearn.ensemble._forest",
    "sklearn.ensemble._gb",
    "sklearn.ensemble._hist_gradient_boosting",
    "sklearn.ensemble._voting",
    "sklearn.ensemble._weight_boosting",
    "sklearn.linear_model._logistic",
    "sklearn.naive_bayes",
    "sklearn.tree",
)
# Nearer together than this, two probabilities may be one number where what they were made of was not, and then
# classifiers differ in which class it is: those are asked.
TIED = 1e-9


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
        if by_probability and not tied(probabilities):
            return [classes[place] for place in probabilities.argmax(axis=1).tolist()], probabilities
        return np.asarray(estimator.predict(matrix)).tolist(), probabilities

    return score


def tied(probabilities: np.ndarray[Any, Any]) -> bool:
    """Tell whether in any row the two largest probabilities are about the same."""
    import numpy as np

    if probabilities.shape[1] < 2:
        return False
    highest = np.partition(probabilities, -2, axis=1)
    return not bool((highest[:, -1] - highest[:, -2] > TIED).all())


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
    kinds = {name: model.kinds[name] for name in names}
    if "text" not in kinds.values():
        numbers = reader_of(kinds, np.float64)
        if passes(transformer):
            return numbers
        return lambda rows: transformer.transform(framed(numbers(rows), names))
    objects = reader_of(kinds, object)
    if passes(transformer):
        return objects
    return lambda rows: transformer.transform(framed(objects(rows), names, kinds))


def passes(transformer: Any) -> bool:
    """Tell "passthrough", which a fitted column transformer keeps as a function that does nothing."""
    return isinstance(transformer, str) or (
        type(transformer).__name__ == "FunctionTransformer" and not transformer.func
    )


def reader_of(kinds: Mapping[str, str], dtype: Any) -> Callable[[Sequence[Row]], Any]:
    """Give a function that makes an array of some columns of rows, NaN for missing.

    It raises a TypeError where a value is not of its column's kind, or no number that float64 holds exactly: the
    model's own way refuses those.
    """
    import numpy as np

    columns = [(name, kind == "text") for name, kind in kinds.items()]

    def read(rows: Sequence[Row]) -> Any:
        values = [[np.nan if row[name] is None else taken(row[name], text) for name, text in columns] for row in rows]
        if dtype is object:
            made = np.empty((len(rows), len(columns)), dtype=object)
            made[:] = values
            return made
        return np.array(values, dtype=dtype).reshape(len(rows), len(columns))

    return read


def taken(value: Any, text: bool) -> Any:
    """Give a value as it is, if it is one that the model takes.

    Raises:
        TypeError: It is not.
    """
    if isinstance(value, str) if text else isinstance(value, int | float) and abs(value) <= EXACT:
        return value
    raise TypeError("a value is none that the model takes")


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
