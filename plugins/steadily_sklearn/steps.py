"""The model step ``sklearn.model``: features and an estimator, all described in YAML.

Owns the step and the way from rows to a fitted model. scikit-learn itself is
imported only where it is used.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steadily import DataError, PluginError, SteadilyError, step
from steadily_sklearn.blocks import Block, blocks_of, side_by_side
from steadily_sklearn.columns import kinds_of, ready
from steadily_sklearn.estimators import KEY, build
from steadily_sklearn.fitted import Fitted, fitted, load
from steadily_sklearn.labels import classes, figures
from steadily_sklearn.portable import converted
from steadily_sklearn.reasons import refusal_of_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SklearnModel"]

BY_NAME = "categorical_features"


@step("sklearn.model")
class SklearnModel:
    """A model of scikit-learn: blocks of features side by side, then an estimator.

    Args:
        features: Blocks by name, each with ``columns`` (one name for a text vectoriser, else a list), ``use``
            (a transformer's import path, or ``passthrough``), its arguments, and under ``then`` a list of further
            transformers.
        estimator: A classifier's or regressor's import path under ``use``, and its arguments.
        seed: Goes to each ``random_state`` that is not given.
        onnx: Also keep the estimator as ONNX (extra ``onnx``), for serving: for classifiers on numbers alone. A release
            uses it only where it answers every evaluated row as scikit-learn does.
    """

    def __init__(
        self, *, features: dict[str, dict[str, Any]], estimator: dict[str, Any], seed: int = 0, onnx: bool = False
    ) -> None:
        self.features = features
        self.estimator = estimator
        self.seed = seed
        self.onnx = onnx

    @classmethod
    def check(
        cls, *, features: dict[str, dict[str, Any]], estimator: dict[str, Any], seed: int = 0, onnx: bool = False
    ) -> None:
        """Refuse what can't work, before any data is read: all problems at once.

        Raises:
            PluginError: An import path, a parameter or the shape of a block is wrong.
        """
        if not 0 <= seed < 2**32:
            raise PluginError.at("seed", "out of range", given=seed, allowed="0 to 4294967295")
        refused: list[SteadilyError] = []
        blocks: list[Block] = []
        for part in [{name: spec} for name, spec in features.items()] or [{}]:
            try:
                blocks += blocks_of(part, seed=seed)
            except SteadilyError as error:
                refused.append(error)
        try:
            made = predictor(estimator, seed=seed)
            if not refused:
                positions(made, blocks)
        except SteadilyError as error:
            refused.append(error)
        if refused:
            raise PluginError(*(problem for error in refused for problem in error.problems))

    def fit(self, frame: pd.DataFrame, target: pd.Series[Any]) -> Fitted:
        """Learn from rows.

        Args:
            frame: Rows with the feature columns; others don't matter.
            target: The class (text, whole numbers, true and false) or number of each row, by the frame's index.

        Returns:
            The fitted model.

        Raises:
            DataError: The rows can't be learned from.
        """
        from sklearn.base import is_classifier
        from sklearn.pipeline import Pipeline
        from sklearn.utils import get_tags

        if not frame.index.equals(target.index):
            raise DataError.at("target", "its row ids are not those of the features")
        blocks = list(blocks_of(self.features, seed=self.seed))
        made = predictor(self.estimator, seed=self.seed)
        truth = classes(target) if is_classifier(made) else figures(target)
        kinds = kinds_of(frame, (name for block in blocks for name in block.names))
        rows = ready(frame, kinds)
        features = side_by_side(blocks, sparse=get_tags(made).input_tags.sparse)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            learn(features, made, rows, truth, blocks)
        model = fitted(Pipeline([("features", features), ("estimator", made)]), kinds, told(caught))
        model.onnx = converted(model) if self.onnx else None
        return model

    @staticmethod
    def load(folder: Path) -> Fitted:
        """Read a model that was saved; nothing is unpickled, and only types on a list are made.

        Raises:
            DataError: The folder holds no model, an altered one, or one with types that are not trusted.
        """
        return load(folder)


def predictor(spec: dict[str, Any], *, seed: int) -> Any:
    """Make the estimator at the end, and refuse one that predicts nothing."""
    from sklearn.base import is_classifier, is_regressor

    made = build(spec, "estimator", seed=seed)
    if not (is_classifier(made) or is_regressor(made)):
        raise PluginError.at("estimator", f"{spec[KEY]} is neither a classifier nor a regressor")
    return made


def learn(features: Any, made: Any, rows: pd.DataFrame, truth: Any, blocks: list[Block]) -> None:
    """Fit the features, then the estimator.

    Raises:
        DataError: scikit-learn refuses the rows.
    """
    try:
        matrix = features.fit_transform(rows, truth)
        if (places := positions(made, blocks)) is not None:
            made.set_params(**{BY_NAME: places})
        made.fit(matrix, truth)
    except (ValueError, TypeError) as error:
        raise refusal_of_rows(features, rows, error) from error


def positions(made: Any, blocks: list[Block]) -> list[int] | None:
    """Give the places of the columns that an estimator is told are categories, among all features.

    Raises:
        PluginError: A column is in no block, or in one that makes several features of a column.
    """
    given = getattr(made, BY_NAME, None)
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        return None
    places: dict[str, int] = {}
    start = 0
    for block in blocks:
        if not block.keeps_columns:
            break
        places |= {name: start + place for place, name in enumerate(block.names) if name not in places}
        start += len(block.names)
    absent = [name for name in given if name not in places]
    if absent:
        raise PluginError.at(
            f"estimator.{BY_NAME}",
            f"{absent[0]!r} is no column of a block that keeps its columns one by one",
            allowed=", ".join(places) or None,
            hint="use sklearn.preprocessing.OrdinalEncoder, in a block before those that make more features",
        )
    return [places[name] for name in given]


def told(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """Put into words what scikit-learn warned of, once each."""
    texts = (f"{found.category.__name__}: {' '.join(str(found.message).split())}" for found in caught)
    return tuple(dict.fromkeys(texts))
