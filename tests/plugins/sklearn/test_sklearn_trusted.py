"""Estimators of other packages: refused before the run, unless their package declares them."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from steadily import DataError, PluginError
from steadily_sklearn import trusted
from steadily_sklearn.steps import SklearnModel

THIRD_PARTY = """
from sklearn.base import BaseEstimator, ClassifierMixin
import numpy as np

class Majority(ClassifierMixin, BaseEstimator):
    def __init__(self, least: float = 0.5):
        self.least = least

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.share_ = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.share_, (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
"""
FEATURES: dict[str, dict[str, Any]] = {"n": {"columns": ["n"], "use": "passthrough"}}


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "third_party_majority.py").write_text(THIRD_PARTY)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "third_party_majority.Majority"


def declare(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("majority", "third_party_majority:Majority", trusted.GROUP)
    monkeypatch.setattr(trusted, "entry_points", lambda group: [point] if group == trusted.GROUP else [])


def test_an_estimator_that_could_not_be_loaded_is_refused_before_the_run(third_party: str) -> None:
    with pytest.raises(PluginError, match=r"can't be loaded back.*'steadily_sklearn\.trusted'"):
        SklearnModel.check(features=FEATURES, estimator={"use": third_party})


def test_a_declared_estimator_comes_back(third_party: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    declare(monkeypatch)
    frame = pd.DataFrame({"n": [1.0, 2.0, 3.0]})
    SklearnModel.check(features=FEATURES, estimator={"use": third_party, "least": 0.1})
    model = SklearnModel(features=FEATURES, estimator={"use": third_party}).fit(frame, pd.Series(["a", "b", "b"]))
    model.save(tmp_path / "model")
    assert SklearnModel.load(tmp_path / "model").predict(frame).tolist() == ["b", "b", "b"]


def test_where_it_is_not_declared_its_file_is_refused(
    third_party: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    with monkeypatch.context() as declared:
        declare(declared)
        frame = pd.DataFrame({"n": [1.0, 2.0]})
        model = SklearnModel(features=FEATURES, estimator={"use": third_party}).fit(frame, pd.Series(["a", "b"]))
        model.save(tmp_path / "model")
    with pytest.raises(DataError, match=r"not trusted; given: third_party_majority\.Majority"):
        SklearnModel.load(tmp_path / "model")
