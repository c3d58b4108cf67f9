"""The figures of the evaluation steps against scikit-learn's and SciPy's, and where figures are not defined."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, entropy
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, confusion_matrix, precision_recall_fscore_support

from steadily import DataError, Predictions
from steadily.figures import figures_in, plots_in
from steadily.statistics import f1_interval, wilson
from steadily.steps import definition_of
from steadily_evaluate.steps import classification, confidence, drift, slices

STEPS = (classification, confidence, drift, slices)


def predictions(
    rows: int = 400, seed: int = 0, classes: tuple[Any, ...] = ("a", "b", "c"), **changes: Any
) -> Predictions:
    rng = np.random.default_rng(seed)
    index = pd.Index(rng.permutation(rows * 3)[:rows], name="row_id")
    probabilities = pd.DataFrame(rng.dirichlet([0.7] * len(classes), rows), index, list(classes))
    truth = pd.Series([classes[rng.choice(len(classes), p=row)] for row in probabilities.to_numpy()], index)
    said = pd.Series([classes[place] for place in probabilities.to_numpy().argmax(axis=1)], index)
    frame = pd.DataFrame({"x": rng.normal(size=rows), "city": rng.choice(["Ulm", "Bonn"], rows)}, index)
    reference = pd.DataFrame({"x": rng.normal(size=2000), "city": rng.choice(["Ulm", "Bonn"], 2000)})
    made: dict[str, Any] = {
        "rows": frame.assign(target=truth),
        "target": truth,
        "predicted": said,
        "probabilities": probabilities,
        "classes": classes,
        "reference": reference,
        "features": ("x", "city"),
        "roles": {"target": "target"},
    }
    return Predictions(**(made | changes))


def judged(step: Any, given: Predictions, **params: Any) -> dict[str, Any]:
    if step is slices:
        params.setdefault("columns", ["city", "x"])
    figures, plots = step(given, **params)
    plots_in("step", plots, definition_of(step).plots)  # type: ignore[union-attr]
    json.dumps(figures, allow_nan=False)
    return figures_in("step", figures)


def shuffled(given: Predictions, seed: int) -> Predictions:
    order = np.random.default_rng(seed).permutation(len(given.rows))
    frames = {name: getattr(given, name).iloc[order] for name in ("rows", "target", "predicted", "probabilities")}
    return Predictions(**{**vars(given), **frames})


@settings(max_examples=20)
@given(
    st.integers(0, 10_000), st.sampled_from([("a", "b"), ("a", "b", "c"), (0, 1), (False, True), ("ä ö", "x.y/z", "")])
)
def test_figures_by_class_are_scikit_learns(seed: int, classes: tuple[Any, ...]) -> None:
    given = predictions(150, seed, classes)
    found = judged(classification, given)
    names = [str(name) for name in classes]
    truth, said = given.target.astype("str"), given.predicted.astype("str")
    assert found["confusion"] == {
        "labels": names,
        "counts": confusion_matrix(truth, said, labels=names).tolist(),
    }
    theirs = precision_recall_fscore_support(truth, said, labels=names, zero_division=np.nan)
    for place, name in enumerate(names):
        ours = found["classes"][name]
        for key, values in zip(("precision", "recall", "f1"), theirs, strict=False):
            if ours[key] is None:
                assert np.isnan(values[place])
            else:
                assert ours[key] == pytest.approx(values[place])
                low, high = ours[f"{key}_interval"]
                assert low <= ours[key] <= high
        assert ours["support"] == theirs[3][place]
    assert found["accuracy"] == pytest.approx((truth == said).mean())


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_interval_of_a_share_is_scipys(hits: int, more: int) -> None:
    rows = hits + more
    if not rows:
        assert wilson(hits, rows) is None
        return
    theirs = binomtest(hits, rows).proportion_ci(method="wilson")
    assert wilson(hits, rows) == pytest.approx([theirs.low, theirs.high], abs=1e-12)


def test_the_interval_of_f1_holds_the_true_one_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    cells = np.array([0.06, 0.02, 0.03, 0.89])
    true = 2 * cells[0] / (2 * cells[0] + cells[1] + cells[2])
    inside = 0
    for counts in rng.multinomial(800, cells, 3000):
        low, high = f1_interval(*map(int, counts[:3])) or (1, 0)
        inside += low <= true <= high
    assert 0.935 <= inside / 3000 <= 0.965


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([("a", "b"), ("a", "b", "c"), tuple("abcdefghij")]))
def test_confidence_is_scikit_learns_and_scipys(seed: int, classes: tuple[str, ...]) -> None:
    given = predictions(500, seed, classes)
    found = judged(confidence, given)
    values = given.probabilities.to_numpy()  # type: ignore[union-attr]
    sure, right = values.max(axis=1), (given.predicted == given.target).to_numpy()
    assert found["mean_confidence"] == pytest.approx(sure.mean())
    assert found["mean_entropy"] == pytest.approx(np.mean([entropy(row) for row in values]) / np.log(len(classes)))
    assert found["brier"] == pytest.approx(
        brier_score_loss(given.target, values, labels=list(classes), scale_by_half=False)
    )
    accuracy, mean = calibration_curve(right, sure, n_bins=10, strategy="quantile")
    assert [cell["accuracy"] for cell in found["calibration"]] == pytest.approx(list(accuracy))
    assert [cell["confidence"] for cell in found["calibration"]] == pytest.approx(list(mean))
    assert found["ece"] == pytest.approx(np.mean(np.abs(accuracy - mean)), abs=0.003)
    assert sum(found["histogram"]["counts"]) == 500
    assert sum(found["histogram"]["correct"]) == right.sum()
    low, high = found["estimated_accuracy"]["interval"]
    assert low <= right.mean() <= high


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_rows_changes_nothing(step: Any, seed: int) -> None:
    given = predictions(300, seed)
    rounded = given.probabilities.round(1).clip(lower=0.05)  # type: ignore[union-attr]
    given = Predictions(**{**vars(given), "probabilities": rounded.div(rounded.sum(axis=1), axis=0)})
    assert judged(step, shuffled(given, seed)) == judged(step, given)


def test_a_class_that_is_never_said_has_no_precision_and_one_without_rows_no_recall() -> None:
    given = predictions(classes=("a", "b"))
    never = Predictions(**{**vars(given), "predicted": pd.Series("a", given.target.index), "classes": ("a", "b", "c")})
    found = judged(classification, never)["classes"]
    assert found["b"]["precision"] is None
    assert found["b"]["precision_interval"] is None
    assert found["b"]["recall"] == 0
    assert found["c"] == {
        **dict.fromkeys(("precision", "precision_interval", "recall", "recall_interval", "f1", "f1_interval")),
        "support": 0,
        "predicted": 0,
    }
    assert judged(classification, never)["precision_b"] is None


def test_a_class_that_only_the_truth_has_counts_against_the_model() -> None:
    given = predictions(classes=("a", "b"))
    truth = given.target.where(np.arange(400) > 10, "new")
    found = Predictions(**{**vars(given), "target": truth, "classes": ("a", "b", "new")})
    assert judged(classification, found)["classes"]["new"]["recall"] == 0
    assert judged(confidence, found)["brier"] > judged(confidence, given)["brier"]


def test_the_surest_mistakes_come_first() -> None:
    given = predictions(classes=("a", "b"))
    worst = judged(classification, given, worst=5)["worst"]
    wrong = given.target != given.predicted
    sure = given.probabilities.max(axis=1)[wrong].sort_values(ascending=False)  # type: ignore[union-attr]
    assert [item["row_id"] for item in worst] == sure.index[:5].tolist()
    assert all(item["target"] != item["predicted"] for item in worst)


def test_equal_probabilities_are_one_bin() -> None:
    given = predictions(classes=("a", "b"))
    even = pd.DataFrame(0.5, given.target.index, ["a", "b"])
    found = judged(confidence, Predictions(**{**vars(given), "probabilities": even}))
    assert len(found["calibration"]) == 1
    assert found["calibration"][0]["rows"] == 400
    assert found["mean_entropy"] == pytest.approx(1)


def test_one_row_and_one_class_give_figures_and_undefined_ones() -> None:
    given = predictions(1, classes=("a",))
    assert judged(classification, given)["accuracy"] == 1
    assert judged(confidence, given)["mean_entropy"] is None
    assert judged(slices, given)["worst_slice_accuracy"] is None
    assert judged(drift, given)["score"] is None


@pytest.mark.parametrize(
    ("step", "changes", "params", "said"),
    [
        (confidence, {"probabilities": None}, {}, "probabilities: the model gives none"),
        (drift, {"reference": None}, {}, "reference: train_ready"),
        (drift, {}, {"columns": ["nope"]}, "the rows have no column 'nope'"),
        (slices, {}, {"columns": ["nope"]}, "the rows have no column 'nope'"),
        (classification, {"classes": ()}, {}, "this step is for task: classification"),
        (confidence, {"classes": (), "probabilities": None}, {}, "this step is for task: classification"),
        (slices, {"classes": ()}, {"columns": ["city"]}, "this step is for task: classification"),
    ],
)
def test_what_a_step_can_not_judge_is_said(step: Any, changes: dict[str, Any], params: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        step(Predictions(**{**vars(predictions()), **changes}), **params)
    assert said in str(caught.value)


def test_drift_is_found_in_the_column_that_moved() -> None:
    given = predictions(1000)
    assert judged(drift, given)["drifted"] == []
    moved = given.rows.assign(x=given.rows["x"] + 1)
    found = judged(drift, Predictions(**{**vars(given), "rows": moved}))
    assert found["drifted"] == ["x"]
    assert found["drifted_share"] == 0.5


def test_slices_of_text_numbers_moments_truth_values_and_what_is_missing() -> None:
    given = predictions(400)
    index = given.rows.index
    rows = given.rows.assign(
        gaps=np.where(np.arange(400) % 4 == 0, np.nan, np.arange(400)),
        at=pd.date_range("2024-01-01", periods=400, freq="D", tz="UTC"),
        flag=np.arange(400) % 2 == 0,
        many=pd.Series([f"v{number % 60}" for number in range(400)], index),
        rare=pd.Series(["few"] * 5 + ["rest"] * 395, index),
    )
    found = judged(slices, Predictions(**{**vars(given), "rows": rows}), columns=["gaps", "at", "flag", "many", "rare"])
    by = {(one["column"], one["value"]): one for one in found["slices"]}
    assert sum(one["rows"] for one in found["slices"]) == 5 * 400
    assert by["gaps", "(missing)"]["rows"] == 100
    assert [name for name, _ in by if name == "at"] == ["at"] * 4
    assert by["flag", "True"]["rows"] == 200
    assert by["many", "(other)"]["rows"] > 200
    few = by["rare", "few"]
    assert (few["accuracy"], few["interval"], few["recall"]) == (None, None, None)
    truth, said = given.target[rows["flag"]], given.predicted[rows["flag"]]
    assert by["flag", "True"]["accuracy"] == pytest.approx((truth == said).mean())
    assert found["worst_slice_accuracy"] == min(one["accuracy"] for one in found["slices"] if one["accuracy"])
