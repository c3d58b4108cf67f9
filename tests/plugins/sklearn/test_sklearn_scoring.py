"""Answering few rows as plain values: the same as by frames, for every kind of model."""

from __future__ import annotations

import functools
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from one_row import Row, frame_of, plain, same
from steadily.errors import SteadilyError
from steadily_sklearn.fitted import Fitted
from steadily_sklearn.scoring import BY_PROBABILITY
from steadily_sklearn.steps import SklearnModel

ZOO = runpy.run_path(str(Path(__file__).with_name("sklearn_zoo.py")))
CLASSIFIERS, REGRESSORS, estimator = ZOO["CLASSIFIERS"], ZOO["REGRESSORS"], ZOO["estimator"]
TYPES = {"a": "float64", "b": "float64", "whole": "Int64", "flag": "boolean", "c": "str", "t": "str"}
# Beside ordinary rows: missing, categories that nobody saw, empty text, the ends of what numbers can be.
ODD: list[Row] = [
    {"a": None, "b": 0.0, "whole": None, "flag": None, "c": None, "t": "alpha beta"},
    {"a": -0.0, "b": None, "whole": 2**53, "flag": True, "c": "unseen", "t": ""},
    {"a": 1e300, "b": -1e300, "whole": -5, "flag": False, "c": "", "t": "日本 naïve \0"},
    {"a": 1.5, "b": 2.5, "whole": 2**53 + 1, "flag": True, "c": "x", "t": None},
    {"a": 5e-324, "b": 1.0, "whole": 2**62, "flag": False, "c": "zé", "t": "gamma"},
    {"a": float("inf"), "b": 1.0, "whole": 1, "flag": False, "c": "y", "t": "__id__ file"},
    {"a": 0.5, "b": 0.5, "whole": 3, "flag": True, "c": "Y", "t": " Alpha\n"},
]
EXTRA: dict[str, tuple[Any, Any]] = {
    "stacked": (
        ZOO["SCALED"],
        estimator(
            "ensemble.StackingClassifier",
            estimators=[["a", ZOO["LOGREG"]]],
            final_estimator=estimator("svm.SVC", probability=True),
            cv=2,
        ),
    ),
    "bagged": (ZOO["SCALED"], estimator("ensemble.BaggingClassifier", estimator=ZOO["SVC"], n_estimators=3)),
    "boosted stumps": (ZOO["SCALED"], estimator("ensemble.AdaBoostClassifier", n_estimators=5)),
    "tree": (ZOO["SCALED"], estimator("tree.DecisionTreeClassifier", max_depth=2)),
    "soft": (
        ZOO["SCALED"],
        estimator(
            "ensemble.VotingClassifier",
            estimators=[["a", ZOO["LOGREG"]], ["b", estimator("naive_bayes.GaussianNB")]],
            voting="soft",
        ),
    ),
    "sparse and dense": (
        {**ZOO["WORDS"], "numbers": ZOO["SCALED"]["numbers"], "kinds": ZOO["SCALED"]["kinds"]},
        ZOO["LOGREG"],
    ),
    "mixed block": (
        {"both": {**ZOO["SCALED"]["kinds"], "columns": ["c", "b", "flag"]}},
        estimator("linear_model.LogisticRegressionCV", cv=2),
    ),
}  # fmt: skip


@functools.cache
def model(name: str) -> Fitted:
    if name not in EXTRA:
        return ZOO["fit"](name)[0]  # type: ignore[no-any-return]
    frame = ZOO["rows"]()
    features, last = EXTRA[name]
    try:
        return SklearnModel(features=features, estimator=last).fit(frame, ZOO["labels"](frame))
    except SteadilyError as error:
        pytest.skip(str(error))


def answers(found: Fitted, frame: pd.DataFrame) -> tuple[list[Any], Any]:
    """Answer by frames."""
    probabilities = getattr(found, "predict_proba", None)
    return found.predict(frame).tolist(), None if probabilities is None else probabilities(frame).to_numpy()


def quick(found: Fitted, rows: list[Row]) -> tuple[list[Any], Any] | None:
    """Answer by the short way, or None where it leaves that to the other."""
    try:
        return found.scorer()(rows)
    except (TypeError, ValueError, KeyError):
        return None


def hold(found: Fitted, rows: list[Row]) -> bool:
    """Hold both ways against each other, together; say whether the short one had an answer."""
    given = quick(found, rows)
    if given is None:
        return False
    predicted, probabilities = answers(found, frame_of(rows, TYPES))
    assert all(same(*pair) for pair in zip(given[0], predicted, strict=True)) or (
        found.classes is None and np.allclose(given[0], predicted, rtol=0, atol=1e-9)
    )
    assert {type(one) for one in given[0]} == {type(one) for one in predicted}
    assert (given[1] is None) == (probabilities is None)
    if probabilities is not None:
        np.testing.assert_allclose(given[1], probabilities, rtol=0, atol=1e-9)
    return True


@pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore:.*:FutureWarning")
@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS, *EXTRA])
def test_both_ways_answer_alike(name: str) -> None:
    found = model(name)
    frame = ZOO["rows"](40, seed=7)
    rows = [plain(frame, place) for place in range(len(frame))]
    assert hold(found, rows)
    assert all(hold(found, [row]) for row in rows[:6])
    for row in ODD:
        hold(found, [row])


@pytest.mark.parametrize("name", ["words", "boosting", "mixed block", "forest"])
@pytest.mark.parametrize(
    "change", [{"c": 5}, {"t": 5}, {"b": "5"}, {"b": 10**20, "whole": 10**20}, {"c": True}, {"b": float("-inf")}]
)
def test_what_the_model_would_refuse_is_no_answer(name: str, change: Row) -> None:
    found = model(name)
    row = {**plain(ZOO["rows"](1)), **change}
    if change.keys() & set(found.features):
        assert quick(found, [row]) is None
    else:
        assert quick(found, [row]) is not None


SAME = {"numbers": {"columns": ["b"], "use": "passthrough"}}
LEVEL = [
    estimator("linear_model.LogisticRegression"),
    estimator("ensemble.GradientBoostingClassifier", n_estimators=2),
    estimator("ensemble.HistGradientBoostingClassifier", max_iter=2),
    estimator("ensemble.RandomForestClassifier", n_estimators=2),
    estimator("ensemble.AdaBoostClassifier", n_estimators=2),
    estimator("ensemble.BaggingClassifier", n_estimators=2),
    estimator("tree.DecisionTreeClassifier", max_depth=1),
    estimator("naive_bayes.GaussianNB"),
    estimator("naive_bayes.BernoulliNB"),
]


@pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore:.*:FutureWarning")
@pytest.mark.parametrize("spec", LEVEL, ids=lambda spec: spec["use"].rpartition(".")[2])
@pytest.mark.parametrize("target", [[1, 0, 0, 1], ["b", "a", "a", "b"], [True, False, False, True], [2, 0, 1, 1]])
def test_ties_are_decided_as_the_model_decides_them(spec: Any, target: list[Any]) -> None:
    frame = pd.DataFrame({"b": [1.0, 1.0, -1.0, -1.0] * 5}).rename_axis("row_id")
    found = SklearnModel(features=SAME, estimator=spec).fit(frame, pd.Series(target * 5, frame.index))
    rows = [{"b": value} for value in (0.0, -0.0, 1.0, -1.0, 1e-17, -1e-17, 3e-17, 1e-300)]
    given = quick(found, rows)
    assert given is not None
    assert given[0] == answers(found, pd.DataFrame(rows))[0]
    assert given[0] == [(quick(found, [row]) or [[None]])[0][0] for row in rows]


class Nearly:
    """Stands for a classifier whose class is not that of the probability where both are nearly the same."""

    classes_ = np.array(["a", "b"])

    def predict_proba(self, matrix: Any) -> Any:
        return np.array([[0.5, 0.5], [0.9, 0.1], [0.5 + 1e-12, 0.5 - 1e-12]])[: matrix.shape[0]]

    def predict(self, matrix: Any) -> Any:
        return np.array(["b", "a", "b"])[: matrix.shape[0]]


def test_a_classifier_is_asked_where_probabilities_say_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    found = model("words")
    monkeypatch.setattr(Nearly, "__module__", BY_PROBABILITY[0])
    monkeypatch.setattr(found.pipeline, "steps", [*found.pipeline.steps[:-1], ("estimator", Nearly())])
    row = {"t": "alpha"}
    assert found.scorer()([row])[0] == ["b"]
    assert found.scorer()([row, row, row])[0] == ["b", "a", "b"]


def test_stacked_classifiers_are_asked_since_their_last_one_may_be_any() -> None:
    from sklearn.ensemble import StackingClassifier

    assert not StackingClassifier.__module__.startswith(BY_PROBABILITY)
