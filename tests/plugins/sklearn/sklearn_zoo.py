"""Models of many kinds on a few hundred rows; run as a script, it prints the digest of each one's file."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily_sklearn.steps import SklearnModel

Spec = dict[str, Any]


def rows(count: int = 300, seed: int = 0) -> pd.DataFrame:
    """Rows with numbers (some missing), flags, categories and a text, by row id."""
    rng = np.random.default_rng(seed)
    words = ["alpha", "beta", "gamma", "__id__", "__loader__", "file", "_stop_words_id", "naïve", "日本"]
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=count),
            "b": rng.normal(size=count),
            "whole": rng.integers(0, 9, count),
            "flag": rng.random(count) < 0.5,
            "c": rng.choice(["x", "y", "zé"], count),
            "t": [" ".join(rng.choice(words, 6)) for _ in range(count)],
        },
        index=pd.Index(rng.permutation(10**6)[:count], name="row_id"),
    )
    frame.loc[frame.index[::17], "a"] = np.nan
    return frame


def labels(frame: pd.DataFrame) -> pd.Series[Any]:
    """Two classes that follow from the numbers."""
    late = frame["a"].fillna(0) + frame["b"] > 0
    return pd.Series(np.where(late, "late", "on time"), frame.index, name="target")


def estimator(path: str, **arguments: Any) -> Spec:
    """An estimator's description."""
    return {"use": f"sklearn.{path}", **arguments}


ENCODED = {
    "numbers": {"columns": ["a", "b", "whole", "flag"], "use": "passthrough"},
    "codes": {
        "columns": ["c"],
        "use": "sklearn.preprocessing.OrdinalEncoder",
        "handle_unknown": "use_encoded_value",
        "unknown_value": -1,
    },
}
SCALED = {
    "numbers": {
        "columns": ["a", "b"],
        "use": "sklearn.impute.SimpleImputer",
        "strategy": "median",
        "then": [{"use": "sklearn.preprocessing.StandardScaler"}],
    },
    "kinds": {"columns": ["c"], "use": "sklearn.preprocessing.OneHotEncoder", "handle_unknown": "ignore"},
    "raw": {"columns": ["flag"], "use": "passthrough"},
}
WORDS = {"words": {"columns": "t", "use": "sklearn.feature_extraction.text.TfidfVectorizer", "ngram_range": [1, 2]}}
STOPPED = {"words": {**WORDS["words"], "stop_words": "english"}}
CHOSEN = {
    "words": {
        **WORDS["words"],
        "then": [
            {
                "use": "sklearn.feature_selection.SelectKBest",
                "score_func": {"use": "sklearn.feature_selection.chi2"},
                "k": 5,
            }
        ],
    }
}
SVC = estimator("svm.LinearSVC")
LOGREG = estimator("linear_model.LogisticRegression", C=10.0, max_iter=500)
BOOSTING = "ensemble.HistGradientBoostingClassifier"

CLASSIFIERS: dict[str, tuple[Spec, Spec]] = {
    "words": (WORDS, LOGREG),
    "stopped": (STOPPED, LOGREG),
    "chosen": (CHOSEN, LOGREG),
    "bayes": (WORDS, estimator("naive_bayes.MultinomialNB", alpha=0.1)),
    "boosting": (ENCODED, estimator(BOOSTING, max_iter=20)),
    "categories": (ENCODED, estimator(BOOSTING, max_iter=20, categorical_features=["c"])),
    "forest": (SCALED, estimator("ensemble.RandomForestClassifier", n_estimators=15)),
    "extra": (SCALED, estimator("ensemble.ExtraTreesClassifier", n_estimators=5)),
    "gradient": (SCALED, estimator("ensemble.GradientBoostingClassifier", n_estimators=15)),
    "linear": (SCALED, SVC),
    "calibrated": (SCALED, estimator("calibration.CalibratedClassifierCV", estimator=SVC, cv=3, ensemble=False)),
    "kernel": (SCALED, estimator("svm.SVC")),
    "kernel of words": (WORDS, estimator("svm.SVC", kernel="rbf")),
    "neighbours of words": (WORDS, estimator("neighbors.KNeighborsClassifier")),
    "descent": (SCALED, estimator("linear_model.SGDClassifier", loss="log_loss")),
    "neighbours": (SCALED, estimator("neighbors.KNeighborsClassifier", algorithm="kd_tree")),
    "network": (SCALED, estimator("neural_network.MLPClassifier", hidden_layer_sizes=[4], max_iter=20)),
    "search": (SCALED, estimator("model_selection.GridSearchCV", estimator=LOGREG, param_grid={"C": [1.0, 10.0]})),
    "vote": (SCALED, estimator("ensemble.VotingClassifier", estimators=[["a", LOGREG], ["b", SVC]])),
}
REGRESSORS: dict[str, tuple[Spec, Spec]] = {
    "ridge": (SCALED, estimator("linear_model.Ridge")),
    "boosted": (ENCODED, estimator("ensemble.HistGradientBoostingRegressor", max_iter=10)),
    "trees": (SCALED, estimator("ensemble.RandomForestRegressor", n_estimators=5)),
    "near": (SCALED, estimator("neighbors.KNeighborsRegressor")),
}


def fit(name: str) -> tuple[Any, pd.DataFrame]:
    """Fit one of the models."""
    frame = rows()
    features, last = (CLASSIFIERS | REGRESSORS)[name]
    target = labels(frame) if name in CLASSIFIERS else frame["b"].mul(3).rename("target")
    return SklearnModel(features=features, estimator=last).fit(frame, target), frame


def digest(folder: Path) -> str:
    """Digest the files of a model."""
    held = b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.iterdir()))
    return hashlib.sha256(held).hexdigest()


def main() -> None:
    """Print the digest of each model's files."""
    found = {}
    for name in CLASSIFIERS | REGRESSORS:
        with tempfile.TemporaryDirectory() as folder:
            fit(name)[0].save(Path(folder))
            found[name] = digest(Path(folder))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
