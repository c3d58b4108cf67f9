"""The stage that judges a model: what it writes, and what it refuses of models and of evaluation steps."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from steadily.bundle import open_bundle
from steadily.datasets import read_dataset
from steadily.errors import SteadilyError
from steadily.stage.latency import percentiles
from unit.small import Small

STAGE = """\
  evaluate:
    inputs: {rows: test_ready, model: lateness, reference: train_ready}
    steps: {STEPS}
    outputs: {predictions: predictions}
"""
SHARES = '''
@step("shop.shares", kind="evaluation", plots={"shares": {"template": "simple", "x": "name", "y": "share"}})
def shares(predictions, *, digits: int = 6):
    """Say how often each class was said."""
    found = predictions.predicted.value_counts(normalize=True).sort_index().round(digits)
    right = (predictions.predicted == predictions.target).mean()
    figures = {"accuracy": right, "nothing": float("nan"), "classes": found.to_dict(), "rule": "counted"}
    return figures, found.rename_axis("name").rename("share").reset_index()[["name", "share"]].pipe(
        lambda points: {"shares": points}
    )
'''


def judged(small: Small, steps: str = "{shares: {use: shop.shares}}", own: str = SHARES, more: str = "") -> Small:
    small.orders()
    small.edit("conf/config.yaml", "datasets:\n", STAGE.replace("{STEPS}", steps) + more + "datasets:\n")
    small.write("plugins/shop.py", Path("plugins/shop.py").read_text("utf-8") + textwrap.dedent(own))
    return small


def refused(small: Small, **more: Any) -> str:
    judged(small, **more)
    with pytest.raises(SteadilyError) as caught:
        small.run()
    assert small.drafts() == []
    return str(caught.value)


def test_predictions_figures_metrics_plots_and_latency_are_written(small: Small) -> None:
    record = judged(small).run()
    rows, said = read_dataset("test_ready"), read_dataset("predictions")
    assert said.index.equals(rows.index)
    assert list(said.columns) == ["target", "prediction", "confidence", "probability_n", "probability_y"]
    assert (said["target"] == rows["late"]).all()
    assert np.allclose(said["probability_n"] + said["probability_y"], 1)
    assert (said["confidence"] == said[["probability_n", "probability_y"]].max(axis=1)).all()
    accuracy = float((said["target"] == said["prediction"]).mean())
    found = small.json("evaluation/evaluate/figures.json")
    assert found["figures"]["shares"]["accuracy"] == accuracy
    assert found["figures"]["shares"]["nothing"] is None
    assert found["rows"] == len(rows)
    assert found["reference_rows"] == len(read_dataset("train_ready"))
    assert found["classes"] == ["n", "y"]
    assert found["uses"] == {"shares": "shop.shares"}
    assert found["verdicts"] == []
    assert small.json("metrics/evaluate.json") == {"shares": {"accuracy": accuracy, "nothing": None}}
    points = pd.read_csv("evaluation/evaluate/plots/shares/shares.csv")
    assert list(points.columns) == ["name", "share"]
    assert {"latency": record["latency"]} == small.json("metrics/latency.json")
    assert record["latency"]["rows"] == len(rows)
    assert "latency" not in small.summary("evaluate")
    assert small.summary("evaluate")["outputs"] == {"predictions": len(rows)}


def test_dvc_is_told_of_metrics_plots_and_everything_read(small: Small) -> None:
    judged(small).compose()
    written = small.yaml("dvc.yaml")
    stage = written["stages"]["evaluate"]
    assert stage["deps"] == ["data/test_ready", "models/lateness", "data/train_ready"]
    assert stage["metrics"] == ["metrics/evaluate.json"]
    assert stage["outs"][:2] == ["data/predictions", "evaluation/evaluate"]
    assert written["metrics"] == ["metrics/latency.json"]
    file = "evaluation/evaluate/plots/shares/shares.csv"
    assert written["plots"] == [{"shares_shares": {"template": "simple", "x": "name", "y": {file: "share"}}}]


def test_metrics_and_plots_of_somebody_elses_stay_in_dvc_yaml(small: Small) -> None:
    judged(small).compose()
    text = Path("dvc.yaml").read_text("utf-8").replace("metrics:\n- metrics/latency.json", "metrics:\n- mine.json")
    small.write("dvc.yaml", text)
    small.compose()
    assert small.yaml("dvc.yaml")["metrics"] == ["metrics/latency.json", "mine.json"]
    before = Path("dvc.yaml").read_bytes()
    small.compose()
    assert Path("dvc.yaml").read_bytes() == before


def test_limits_give_verdicts_and_a_miss_is_told_and_stops_nothing(small: Small) -> None:
    limits = """\
    minimums: {shares: {accuracy: 2, classes: {n: 0.0}}}
    maximums: {shares: {accuracy: 1, nothing: 3}}
"""
    record = judged(small, more=limits).run()
    met = {
        (item["figure"], item["limit"]): item["met"]
        for item in small.json("evaluation/evaluate/figures.json")["verdicts"]
    }
    assert met == {
        ("shares.accuracy", "minimum"): False,
        ("shares.classes.n", "minimum"): True,
        ("shares.accuracy", "maximum"): True,
        ("shares.nothing", "maximum"): False,
    }
    assert any("its minimum is 2: no release may be made of this" in note for note in record["notes"])
    assert any("shares.nothing is undefined" in note for note in record["notes"])


def test_a_limit_on_no_figure_is_refused_with_the_nearest(small: Small) -> None:
    text = refused(small, more="    minimums: {shares: {acuracy: 0.5}, shapes: {x: 1}}\n")
    assert "stages.evaluate.minimums.shares.acuracy: there is no such figure" in text
    assert "did you mean 'shares.accuracy'" in text
    assert "stages.evaluate.minimums.shapes.x" in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return None", "has to give back a mapping of figures; given: NoneType"),
        ("return 3", "has to give back a mapping of figures; given: int"),
        ("return {3: 1}", "holds the key 3, which is no text"),
        ('return {"a": {"b": [1, float("inf")]}}', "figure a.b.1 holds infinity"),
        ('return {"a": predictions.target}', "figure a holds a Series"),
        ('return {"a": 1}, {"b": predictions.rows}', "gave other plots than it declares; given: b; allowed: none"),
        ("raise ValueError('no idea')", "ValueError: no idea"),
        ("return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_step_that_breaks_its_word_is_named(small: Small, body: str, said: str) -> None:
    own = f'@step("shop.bad", kind="evaluation")\ndef bad(predictions):\n    """Judge badly."""\n    {body}\n'
    text = refused(small, steps="{odd: {use: shop.bad}}", own=own)
    assert "stage evaluate, step odd (shop.bad, plugins/)" in text
    assert said in text


def test_what_a_step_changes_in_place_reaches_no_other(small: Small) -> None:
    own = '''
    @step("shop.wild", kind="evaluation")
    def wild(predictions):
        """Change everything."""
        predictions.predicted[:] = "y"
        predictions.probabilities.iloc[:, :] = 0.0
        predictions.rows["late"] = "y"
        return {}
    '''
    judged(small, steps="{wild: {use: shop.wild}, shares: {use: shop.shares}}", own=SHARES + textwrap.dedent(own)).run()
    said = read_dataset("predictions")
    found = small.json("evaluation/evaluate/figures.json")["figures"]["shares"]
    assert found["accuracy"] == float((said["target"] == said["prediction"]).mean())


MODEL = '''
class Coin:
    def __init__(self, classes):
        self.names = classes

    def save(self, folder):
        (folder / "coin.txt").write_text("\\n".join(self.names))

    def predict(self, frame):
        PREDICT

    def predict_proba(self, frame):
        values = pd.DataFrame(0.5, index=frame.index, columns=self.names)
        PROBA
        return values


@step("shop.coin")
class CoinStep:
    """Throw a coin."""

    def fit(self, frame, target):
        return Coin(sorted(target.unique()))

    @staticmethod
    def load(folder):
        return Coin((folder / "coin.txt").read_text().split("\\n"))
'''


def coin(small: Small, predict: str = 'return pd.Series("n", frame.index)', proba: str = "pass") -> Small:
    judged(small, own=SHARES + MODEL.replace("PREDICT", predict).replace("PROBA", proba))
    small.edit("conf/config.yaml", "  - model: small\n", "")
    small.edit("conf/config.yaml", 'model: "${model}"', "model: {use: shop.coin}")
    return small


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"predict": "return [1]"}, "predict has to give a Series by the frame's index; given: list"),
        ({"predict": "return pd.Series('n', range(len(frame)))"}, "given: a Series with other row ids"),
        ({"predict": "return pd.Series([None] * len(frame), frame.index)"}, "the model gave no prediction for"),
        ({"proba": "values.iloc[0, 0] = float('nan')"}, "probabilities that are not finite for 1 rows; given: row"),
        ({"proba": "values.iloc[0] = [-0.5, 1.5]"}, "probabilities that are below 0 or above 1 for 1 rows"),
        ({"proba": "values.iloc[1] = [0.5, 0.4]"}, "probabilities that do not add up to 1 for 1 rows"),
        ({"proba": "return 3"}, "predict_proba has to give a DataFrame by the frame's index"),
        ({"proba": "return values.iloc[1:]"}, "given: one with other row ids or columns"),
        ({"predict": "raise KeyError('weight')"}, "KeyError: 'weight'"),
    ],
)
def test_a_model_that_gives_no_answers_is_named(small: Small, changes: dict[str, str], said: str) -> None:
    coin(small, **changes)
    with pytest.raises(SteadilyError) as caught:
        small.run()
    assert "stage train, step model (shop.coin, plugins/)" in str(caught.value)
    assert said in str(caught.value)
    assert not Path("evaluation/evaluate").exists()


def test_a_class_that_is_never_predicted_and_equal_probabilities_are_figures_like_any(small: Small) -> None:
    coin(small).run()
    assert set(read_dataset("predictions")["confidence"]) == {0.5}
    assert small.json("evaluation/evaluate/figures.json")["figures"]["shares"]["classes"] == {"n": 1.0}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("model: lateness, ", "", "stages.evaluate.inputs: an evaluation needs one model; given: none"),
        ("rows: test_ready, model: lateness", "model: lateness, rows: test_ready", "the first input of an evaluation"),
        (
            "reference: train_ready",
            "wether: train_ready",
            "stages.evaluate.inputs.wether: is no input of an evaluation",
        ),
        ("{predictions: predictions}", "{a: a, b: b}", "an evaluation has one output, the predictions"),
        ("shop.shares}", "shop.shares}, shout: {use: shop.shout, columns: [city]}", "shout is a row step"),
        ("roles: {target: late, time: ordered_at}", "roles: {time: ordered_at}", "no target is named"),
        ("  evaluate:\n", "  latency:\n", "its metrics would be metrics/latency.json"),
        ("    learn_on: train\n", "    learn_on: train\n    minimums: {a: 1}\n", "only a stage of evaluation steps"),
        ("{predictions: predictions}", "{predictions: predictions}\n    minimums: {a: high}", "has to be a number"),
    ],
)
def test_an_evaluation_that_can_not_be_is_refused_before_anything_runs(
    small: Small, old: str, new: str, said: str
) -> None:
    judged(small)
    small.edit("conf/config.yaml", old, new)
    with pytest.raises(SteadilyError) as caught:
        small.compose()
    assert said in str(caught.value)


def test_a_percentile_needs_ten_rows_above_it() -> None:
    assert percentiles([1.0] * 19) == {"p50_ms": None, "p95_ms": None, "p99_ms": None}
    assert percentiles([1.0] * 200) == {"p50_ms": 1.0, "p95_ms": 1.0, "p99_ms": None}
    assert percentiles([float(number) for number in range(1001)])["p99_ms"] == 990.0


def regression(small: Small, steps: str, more: str = "", own: str = SHARES) -> Small:
    """Let the shop learn the number of an order, of all things: a number."""
    judged(small, steps, own, more)
    small.edit("conf/config.yaml", "task: classification", "task: regression")
    small.edit("conf/config.yaml", "roles: {target: late", "roles: {target: order")
    small.edit("conf/model/small.yaml", "sklearn.linear_model.LogisticRegression, C: 1.0", "sklearn.linear_model.Ridge")
    return small


def test_a_regression_is_judged_by_what_fits_it_and_its_bundle_answers(small: Small) -> None:
    more = "  bundle:\n    inputs: {model: lateness, predictions: predictions}\n    outputs: {bundle: bundle}\n"
    own = '''
    @step("shop.error", kind="evaluation")
    def error(predictions):
        """Give the mean absolute error."""
        return {"mean_absolute_error": (predictions.target - predictions.predicted).abs().mean()}
    '''
    regression(small, "{drift: {use: evaluate.drift, min_rows: 10}, error: {use: shop.error}}", more, own).run()
    found = small.json("evaluation/evaluate/figures.json")
    assert found["figures"]["error"]["mean_absolute_error"] > 0
    assert (found["task"], found["classes"]) == ("regression", [])
    assert set(found["figures"]["drift"]["columns"]) == {"weight", "city"}
    said = read_dataset("predictions")
    assert list(said.columns) == ["target", "prediction"]
    row = pd.DataFrame({"city": ["Ulm"], "weight": ["3"], "ordered_at": ["2024-01-05T10:00:00Z"]})
    answers = open_bundle("bundle").predict(row)
    assert np.isfinite(answers.table["prediction"]).all()
    assert small.json("bundle/request.schema.json")["required"] == ["city", "weight", "ordered_at"]


def test_a_step_for_classes_says_so_of_a_regression(small: Small) -> None:
    regression(small, "{it: {use: evaluate.classification}}")
    with pytest.raises(SteadilyError, match=r"step it .*there are no classes to judge; this step is for task: class"):
        small.run()
