"""The model step keeps what Steadily asks of every model, for models of many kinds."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from steadily.testing import check_step
from steadily_sklearn.steps import SklearnModel

ZOO = runpy.run_path(str(Path(__file__).with_name("sklearn_zoo.py")))


@pytest.mark.parametrize("name", list(ZOO["CLASSIFIERS"]))
def test_classifiers_conform(name: str) -> None:
    features, estimator = ZOO["CLASSIFIERS"][name]
    frame = ZOO["rows"](200)
    check_step(SklearnModel, {"features": features, "estimator": estimator}, frame, target=ZOO["labels"](frame))


@pytest.mark.parametrize("name", list(ZOO["REGRESSORS"]))
def test_regressors_conform(name: str) -> None:
    features, estimator = ZOO["REGRESSORS"][name]
    frame = ZOO["rows"](200)
    check_step(SklearnModel, {"features": features, "estimator": estimator}, frame, target=frame["b"])
