"""A model's stage: what it gives the model, and what it asks of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from steadily.errors import ConfigError, DataError, StepError
from unit.small import ROWS, SHORT, Small

MODEL = """
import json, pathlib

class Fitted:
    notes = ("all is well", "all is well")

    def __init__(self, columns, classes):
        self.known = {"columns": columns, "classes": classes}

    def save(self, folder):
        (folder / "model.json").write_text(json.dumps(self.known))


@step("own.model")
class Model:
    def __init__(self, *, way: str = "good"):
        self.way = way

    def fit(self, frame, target):
        if self.way == "raises":
            raise ValueError("singular")
        if self.way == "nothing":
            return None
        return Fitted(list(frame.columns), sorted(target.unique()))

    @staticmethod
    def load(folder):
        return None
"""
CONFIG = SHORT.replace("outputs: {rows: done}", "outputs: {model: done}").replace("{target: late}", "{target: t}")
FULL = ROWS.replace("3,3.5,\n", "3,3.5,b\n")


def fit(small: Small, way: str = "good", rows: str = FULL, config: str = CONFIG) -> None:
    small.short(f"{{model: {{use: own.model, way: {way}}}}}", MODEL, rows, config).run()


def test_a_model_gets_features_and_target(small: Small) -> None:
    fit(small)
    assert small.json("models/done/model.json") == {"columns": ["n", "x"], "classes": ["a", "b", "d"]}
    told = small.summary()
    assert (told["in"], told["out"], told["notes"]) == (4, 4, ["all is well"])
    assert len(small.ledger()) == 0


@pytest.mark.parametrize(
    ("way", "rows", "said"),
    [
        ("raises", FULL, "stage work, step model (own.model, plugins/): raised ValueError: singular"),
        ("nothing", FULL, "fit has to give back a model that can be saved; given: NoneType"),
        ("good", ROWS, "1 rows have no target (t); rows.drop_missing takes them out, with the reason on record"),
        ("good", "n,x,t\n1,1,a\n2,2,a\n", "there is one class only to learn; given: t is 'a' in all rows"),
    ],
)
def test_what_a_model_can_not_do(small: Small, way: str, rows: str, said: str) -> None:
    with pytest.raises((StepError, DataError)) as caught:
        fit(small, way, rows)
    assert said in str(caught.value)
    assert small.drafts() == []
    assert not Path("models/done").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("roles: {target: t}", "roles: {}", "no target is named that a model could learn; roles: {target: COLUMN}"),
        ("roles: {target: t}", "roles: {target: tt}", "dataset 'valid' has no column 'tt'; allowed: n, t, x"),
        ("outputs: {model: done}", "outputs: {model: done, more: m}", "a model has one output; allowed: done, m"),
    ],
)
def test_what_is_told_before_anything_runs(small: Small, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(small, config=CONFIG.replace(old, new))
    assert said in str(caught.value) or (
        "a model has one output" in said and "a model has one output" in str(caught.value)
    )


def test_regression_may_have_one_value(small: Small) -> None:
    fit(small, rows="n,x,t\n1,1,a\n2,2,a\n", config="task: regression\n" + CONFIG)
    assert small.json("models/done/model.json")["classes"] == ["a"]
