"""The model step: what its YAML may say, what it learns from, and how it refuses."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily import DataError, PluginError
from steadily.steps import definition_of
from steadily_sklearn.columns import ready
from steadily_sklearn.steps import SklearnModel

ZOO = runpy.run_path(str(Path(__file__).with_name("sklearn_zoo.py")))
LOGREG = "estimator: {use: sklearn.linear_model.LogisticRegression, max_iter: 500}"
WORDS = "features: {words: {columns: t, use: sklearn.feature_extraction.text.TfidfVectorizer}}"
NUMBERS = "features: {numbers: {columns: [b], use: passthrough}}"


def described(*parts: str) -> dict[str, Any]:
    return {key: value for part in parts for key, value in yaml.safe_load(part).items()}


def fit(*parts: str, rows: pd.DataFrame | None = None, target: pd.Series[Any] | None = None) -> Any:
    frame = ZOO["rows"]() if rows is None else rows
    return SklearnModel(**described(*parts)).fit(frame, ZOO["labels"](frame) if target is None else target)


def refused(*parts: str) -> str:
    with pytest.raises(PluginError) as caught:
        SklearnModel.check(**described(*parts))
    return str(caught.value)


def test_it_is_a_model_step() -> None:
    found = definition_of(SklearnModel)
    assert found is not None
    assert (found.name, found.kind) == ("sklearn.model", "model")


def test_importing_the_step_imports_nothing_heavy() -> None:
    heavy = "{'pandas', 'numpy', 'sklearn', 'skops', 'scipy'}"
    code = f"import sys, steadily_sklearn.steps; print(sorted({heavy} & set(sys.modules)))"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("{use: sklearn.linear_model.LogisticRegression, Cc: 1.0}", "no parameter 'Cc'; allowed: C, class_weight"),
        ("{use: sklearn.linear_model.LogisticRegression, Cc: 1.0}", "did you mean 'C'?"),
        ("{use: sklearn.linear_model.LogisticRegression, C: true}", "can't be true or false; given: true"),
        ("{use: sklearn.linear_model.LogisticRegression, C: '1'}", "must be a float in the range (0.0, inf]. Got '1'"),
        ("{use: sklearn.linear_model.LogisticRegression, C: -1.0}", "must be a float in the range"),
        ("{use: sklearn.linear_model.LogisticRegression, max_iter: 1.5}", "must be an int in the range"),
        ("{use: sklearn.linear_model.LogisticRegression, max_iter: true}", "can't be true or false"),
        ("{use: sklearn.linear_model.LogisticRegression, solver: lbgfs}", "'solver' parameter"),
        ("{use: sklearn.linear_model.LogisticRegression, fit_intercept: 1}", "must be an instance of 'bool'"),
        ("{use: sklearn.linear_model.LogisticRegresion}", "did you mean 'LogisticRegression'?"),
        ("{use: sklearn.linear_models.LogisticRegression}", "did you mean 'linear_model'?"),
        ("{use: sklern.linear_model.LogisticRegression}", "did you mean 'sklearn'?"),
        ("{use: nowhere_to_be_found.Model}", "install nowhere_to_be_found first"),
        ("{use: LogisticRegression}", "has to be an import path"),
        ("{use: .}", "has to be an import path"),
        ("{use: 3}", "has to be an import path; given: 3"),
        ("{}", "has to be an import path"),
        ("{use: os.system}", "neither an estimator nor a function"),
        ("{use: builtins.eval}", "neither an estimator nor a function"),
        ("{use: pathlib.Path}", "is not an estimator"),
        ("{use: sklearn.preprocessing.StandardScaler}", "neither a classifier nor a regressor"),
        ("{use: sklearn.model_selection.HalvingGridSearchCV}", "can't be imported"),
        ("{use: sklearn.ensemble.VotingClassifier}", "needs the argument 'estimators'"),
        (
            "{use: sklearn.calibration.CalibratedClassifierCV, estimator: {use: sklearn.svm.LinearSVC, c: 1.0}}",
            "estimator.estimator.c: LinearSVC has no parameter 'c'",
        ),
    ],
)
def test_an_estimator_that_cannot_work_is_refused_before_the_run(last: str, said: str) -> None:
    text = refused(NUMBERS, f"estimator: {last}")
    assert text.startswith("estimator")
    assert said in text


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{columns: [t], use: sklearn.feature_extraction.text.TfidfVectorizer}", "write its name alone, not a list"),
        ("{columns: b, use: sklearn.preprocessing.StandardScaler}", "write [b]"),
        ("{columns: b, use: passthrough}", "write [b]"),
        ("{columns: [], use: passthrough}", "a column or a list of columns; given: []"),
        ("{columns: [1], use: passthrough}", "a column or a list of columns"),
        ("{columns: [b, b], use: passthrough}", "'b' is there twice"),
        ("{use: passthrough}", "'columns' is missing"),
        ("{columns: [b], use: passthrough, with_mean: false}", "takes no parameters; given: with_mean"),
        ("{columns: [b], use: sklearn.linear_model.Ridge}", "belongs under 'estimator'"),
        ("{columns: [b], use: sklearn.preprocessing.LabelEncoder}", "does not transform columns"),
        ("{columns: [b], use: passthrough, then: {use: x}}", "a list of transformers"),
        ("{columns: [b], use: passthrough, then: [{use: sklearn.svm.SVC}]}", "features.part.then[0]"),
        ("{columns: [b]}", "has to be an import path"),
    ],
)
def test_a_block_that_cannot_work_is_refused_before_the_run(block: str, said: str) -> None:
    text = refused(f"features: {{part: {block}}}", LOGREG)
    assert text.startswith("features.part")
    assert said in text


def test_all_problems_are_said_at_once() -> None:
    text = refused(
        "features: {a: {columns: x, use: passthrough}, b__c: {}}", "estimator: {use: sklearn.svm.SVD}", "seed: 1"
    )
    assert len(text.splitlines()) == 3
    assert "at least one block" in refused("features: {}", LOGREG)
    assert "out of range" in refused(NUMBERS, LOGREG, "seed: -1")


@pytest.mark.parametrize("name", list(ZOO["CLASSIFIERS"] | ZOO["REGRESSORS"]))
def test_what_works_passes_the_check(name: str) -> None:
    features, last = (ZOO["CLASSIFIERS"] | ZOO["REGRESSORS"])[name]
    SklearnModel.check(features=features, estimator=last)


def test_the_seed_goes_wherever_none_is_given() -> None:
    inner = "{use: sklearn.tree.DecisionTreeClassifier, random_state: 3}"
    last = f"estimator: {{use: sklearn.ensemble.BaggingClassifier, estimator: {inner}}}"
    made = fit(NUMBERS, last, "seed: 7").pipeline[-1]
    assert (made.random_state, made.estimator.random_state) == (7, 3)


def test_no_model_is_left_to_chance() -> None:
    last = "estimator: {use: sklearn.ensemble.RandomForestClassifier, n_estimators: 3, random_state: null}"
    assert fit(NUMBERS, last, "seed: 7").pipeline[-1].random_state == 7


def test_probabilities_are_named_by_class_and_indexed_by_row() -> None:
    frame = ZOO["rows"]()
    model = fit(WORDS, LOGREG, rows=frame)
    found = model.predict_proba(frame)
    assert list(found.columns) == ["late", "on time"] == model.classes
    assert found.index.equals(frame.index)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (model.predict(frame) == found.idxmax(axis=1)).all()
    assert model.predict(frame).dtype == "str"


@pytest.mark.parametrize("given", [[0, 1], [False, True], ["né", "日本"], [-5, 10**12]])
def test_classes_keep_their_own_values(given: list[Any], tmp_path: Path) -> None:
    frame = ZOO["rows"]()
    target = pd.Series(np.where(frame["b"] > 0, given[0], given[1]), frame.index)
    fit(NUMBERS, LOGREG, target=target).save(tmp_path)
    model = SklearnModel.load(tmp_path)
    assert model.classes == sorted(given)
    assert set(model.predict(frame)) == set(given)
    assert [type(value) for value in model.classes] == [type(value) for value in sorted(given)]


@pytest.mark.parametrize("dtype", ["category", "object", "string"])
def test_targets_of_other_dtypes_are_the_same_classes(dtype: str) -> None:
    frame = ZOO["rows"]()
    target = ZOO["labels"](frame).astype(dtype)
    assert fit(NUMBERS, LOGREG, target=target).classes == ["late", "on time"]


def test_no_rows_give_no_predictions() -> None:
    frame = ZOO["rows"]()
    model = fit(NUMBERS, LOGREG, rows=frame)
    assert model.predict_proba(frame.iloc[:0]).shape == (0, 2)
    assert model.predict(frame.iloc[:0]).empty


def test_the_frame_is_left_as_it_was() -> None:
    frame = ZOO["rows"]()
    before = frame.copy()
    fit(WORDS, LOGREG, rows=frame).predict(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["ham"], "all 300 rows have the same class; a model needs two or more; given: 'ham'"),
        (["ham", None], "150 values are missing of 300"),
        ([0.5, 1.5], "numbers with fractions are no classes"),
        ([pd.Timestamp(0), pd.Timestamp(1)], "these values are no classes"),
        ([1, "a"], "these values are no classes; given: mixed-integer"),
    ],
)
def test_a_target_without_classes_is_refused(values: list[Any], said: str) -> None:
    frame = ZOO["rows"]()
    target = pd.Series((values * 300)[:300], frame.index, name="kind")
    with pytest.raises(DataError) as caught:
        fit(NUMBERS, LOGREG, target=target)
    assert str(caught.value).startswith("target 'kind': ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [(["a", "b"], "a regressor learns numbers"), ([1.0, np.inf], "infinite"), ([1.0, None], "missing")],
)
def test_a_target_without_numbers_is_refused(values: list[Any], said: str) -> None:
    frame = ZOO["rows"]()
    target = pd.Series((values * 300)[:300], frame.index)
    with pytest.raises(DataError, match=said):
        fit(NUMBERS, "estimator: {use: sklearn.linear_model.Ridge}", target=target)


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no rows to learn from"):
        fit(NUMBERS, LOGREG, rows=ZOO["rows"]().iloc[:0])


def test_a_target_of_other_rows_is_refused() -> None:
    frame = ZOO["rows"]()
    with pytest.raises(DataError, match="row ids"):
        fit(NUMBERS, LOGREG, rows=frame, target=ZOO["labels"](frame).reset_index(drop=True))


def data_error(*parts: str, rows: pd.DataFrame) -> str:
    with pytest.raises(DataError) as caught:
        fit(*parts, rows=rows, target=ZOO["labels"](ZOO["rows"]()))
    return str(caught.value)


def test_a_column_that_is_not_there_is_named_with_a_near_one() -> None:
    text = data_error("features: {n: {columns: [bb, a], use: passthrough}}", LOGREG, rows=ZOO["rows"]())
    assert "no column 'bb'" in text
    assert "did you mean 'b'?" in text


def test_two_columns_of_one_name_are_refused() -> None:
    frame = ZOO["rows"]()
    assert "several columns named 'b'" in data_error(NUMBERS, LOGREG, rows=pd.concat([frame, frame[["b"]]], axis=1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ngram_range": [2, 1]}, "lower boundary"),
        ({"min_df": 1000}, "max_df corresponds"),
        ({"ngram_range": "x"}, "must be an instance of 'tuple'"),
    ],
)
def test_what_scikit_learn_refuses_is_said_in_its_words(change: dict[str, Any], said: str) -> None:
    features = described(WORDS)["features"]
    frame = ZOO["rows"]()
    with pytest.raises((DataError, PluginError), match=said):
        SklearnModel(features={"w": {**features["words"], **change}}, **described(LOGREG)).fit(
            frame, ZOO["labels"](frame)
        )


def test_missing_values_are_counted_by_column_where_nothing_fills_them_in() -> None:
    features = """
    features:
      filled: {columns: [a], use: sklearn.impute.SimpleImputer}
      bare: {columns: [b, whole], use: sklearn.preprocessing.StandardScaler}
    """
    frame = ZOO["rows"]()
    frame["b"] = frame["b"].mask(frame["b"] > 1)
    count = int(frame["b"].isna().sum())
    text = data_error(features, LOGREG, rows=frame)
    assert f"missing values in columns that can't have any; given: b ({count})" in text
    assert "rows.impute" in text


def test_missing_text_is_counted() -> None:
    frame = ZOO["rows"]()
    frame["t"] = frame["t"].mask(frame["flag"])
    assert f"given: t ({frame['flag'].sum()})" in data_error(WORDS, LOGREG, rows=frame)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([np.inf, 1.0], "column 'b' has 150 infinite values"),
        (["x", "y"], "text where numbers are needed, in b; give them a block with sklearn.preprocessing.OneHotEncoder"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "make numbers of it first"),
        ([1j, 2j], "can't be a feature"),
        ([2**60, 1], "beyond 2^53"),
        ([[1], [2]], "can't be a feature"),
        ([None, None], "b (300)"),
    ],
)
def test_columns_that_no_model_takes_are_refused(column: Any, said: str) -> None:
    frame = ZOO["rows"]().assign(b=pd.Series(list(column) * 150).set_axis(ZOO["rows"]().index))
    assert said in data_error(NUMBERS, LOGREG, rows=frame)


def test_what_the_model_never_saw_is_refused_when_predicting() -> None:
    frame = ZOO["rows"]()
    model = fit(
        "features: {n: {columns: [b], use: passthrough}, c: {columns: [c], use: sklearn.preprocessing.OneHotEncoder}}",
        LOGREG,
        rows=frame,
    )
    for change, said in {
        "a category that was not there": {"c": "new"},
        "missing values in columns": {"b": np.nan},
        "column 'b' holds text; allowed: numbers": {"b": "1.5"},
        "column 'c' holds numbers; allowed: text": {"c": 1},
        "1 infinite value": {"b": -np.inf},
    }.items():
        with pytest.raises(DataError, match=change):
            model.predict(frame.iloc[:1].assign(**said))
    with pytest.raises(DataError, match="no column 'c'"):
        model.predict(frame[["b"]])


def test_unseen_categories_are_fine_where_the_block_says_so() -> None:
    features, last = ZOO["CLASSIFIERS"]["forest"]
    frame = ZOO["rows"]()
    model = SklearnModel(features=features, estimator=last).fit(frame, ZOO["labels"](frame))
    assert len(model.predict(frame.assign(c="new"))) == len(frame)


def test_categories_are_named_by_column() -> None:
    made = ZOO["fit"]("categories")[0].pipeline[-1]
    assert made.is_categorical_.tolist() == [False, False, False, False, True]
    last = "estimator: {use: sklearn.ensemble.HistGradientBoostingClassifier, categorical_features: [c, b]}"
    assert "'c' is no column of a block that keeps" in refused(NUMBERS, last)


def test_a_warning_of_convergence_is_said() -> None:
    model = fit(WORDS, "estimator: {use: sklearn.linear_model.LogisticRegression, max_iter: 1}")
    assert len(model.notes) == 1
    assert "ConvergenceWarning" in model.notes[0]


@pytest.mark.parametrize(
    "dtype", ["Int64", "Float64", "int8", "float32", "uint16", "object", "boolean", "bool", "category"]
)
def test_numbers_are_the_same_whatever_their_dtype(dtype: str) -> None:
    given = pd.Series([0, 1, 1], name="n").astype(dtype)
    assert ready(given.to_frame(), {"n": "number"})["n"].tolist() == [0.0, 1.0, 1.0]
    assert ready(given.to_frame(), {"n": "number"})["n"].dtype == "float64"


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float32", "object", "boolean", "category"])
def test_missing_numbers_are_nan_whatever_their_dtype(dtype: str) -> None:
    found = ready(pd.Series([1, None], name="n").astype(dtype).to_frame(), {"n": "number"})["n"]
    assert found.dtype == "float64"
    assert found.isna().tolist() == [False, True]


@pytest.mark.parametrize("dtype", ["str", "object", "string", "category"])
def test_text_is_the_same_whatever_its_dtype(dtype: str) -> None:
    found = ready(pd.Series(["é", None], name="t").astype(dtype).to_frame(), {"t": "text"})["t"]
    assert found.dtype == object
    assert found.iloc[0] == "é"
    assert isinstance(found.iloc[1], float)


@given(st.lists(st.floats(allow_infinity=False) | st.none(), max_size=20))
@settings(max_examples=60, deadline=None)
def test_converting_twice_changes_nothing(values: list[float | None]) -> None:
    frame = pd.DataFrame({"n": pd.Series(values, dtype="float64")})
    once = ready(frame, {"n": "number"})
    pd.testing.assert_frame_equal(ready(once, {"n": "number"}), once, check_exact=True)


@given(st.integers(min_value=0, max_value=2**32 - 1), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_one_row_is_predicted_as_among_others(seed: int, random: Any) -> None:
    frame = ZOO["rows"](60)
    model = fit(NUMBERS, "estimator: {use: sklearn.tree.DecisionTreeClassifier}", f"seed: {seed}", rows=frame)
    place = random.randrange(len(frame))
    alone = model.predict_proba(frame.iloc[[place]])
    pd.testing.assert_frame_equal(alone, model.predict_proba(frame).iloc[[place]])
