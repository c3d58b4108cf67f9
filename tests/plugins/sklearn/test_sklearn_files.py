"""Model files: the same bytes from the same rows, the same predictions back, and nothing that is not trusted."""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from steadily import DataError
from steadily_sklearn import canonical as canonical_module
from steadily_sklearn.bounds import refuse_stray_trees
from steadily_sklearn.canonical import canonical, stored
from steadily_sklearn.fitted import ABOUT, LEARNED
from steadily_sklearn.steps import SklearnModel
from steadily_sklearn.trusted import trusted_types

ZOO_FILE = Path(__file__).with_name("sklearn_zoo.py")
ZOO = runpy.run_path(str(ZOO_FILE))
NAMES = list(ZOO["CLASSIFIERS"] | ZOO["REGRESSORS"])


def digests(**environment: str) -> dict[str, str]:
    made = subprocess.run(
        [sys.executable, "-W", "ignore", str(ZOO_FILE)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(made.stdout)


@pytest.fixture(scope="module")
def from_another_process() -> dict[str, str]:
    return digests(PYTHONHASHSEED="1", OMP_NUM_THREADS="2")


@pytest.fixture
def words(tmp_path: Path) -> Path:
    ZOO["fit"]("words")[0].save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", NAMES)
def test_a_model_has_the_same_bytes_in_each_process(
    name: str, tmp_path: Path, from_another_process: dict[str, str]
) -> None:
    ZOO["fit"](name)[0].save(tmp_path)
    assert ZOO["digest"](tmp_path) == from_another_process[name]


def test_hash_seeds_do_not_matter(from_another_process: dict[str, str]) -> None:
    assert digests(PYTHONHASHSEED="77", OMP_NUM_THREADS="1") == from_another_process


@pytest.mark.parametrize("name", NAMES)
def test_a_model_comes_back_and_predicts_exactly_the_same(name: str, tmp_path: Path) -> None:
    model, frame = ZOO["fit"](name)
    model.save(tmp_path / "one")
    back = SklearnModel.load(tmp_path / "one")
    fresh = ZOO["rows"](100, seed=5)
    pd.testing.assert_series_equal(back.predict(fresh), model.predict(fresh), check_exact=True)
    assert hasattr(back, "predict_proba") == hasattr(model, "predict_proba")
    if hasattr(model, "predict_proba"):
        pd.testing.assert_frame_equal(back.predict_proba(frame), model.predict_proba(frame), check_exact=True)
    assert back.classes == model.classes
    back.save(tmp_path / "two")
    assert ZOO["digest"](tmp_path / "one") == ZOO["digest"](tmp_path / "two")


def test_predicting_does_not_change_the_file(tmp_path: Path) -> None:
    model, frame = ZOO["fit"]("neighbours")
    model.save(tmp_path / "before")
    model.predict(frame)
    model.save(tmp_path / "after")
    assert ZOO["digest"](tmp_path / "before") == ZOO["digest"](tmp_path / "after")


def test_other_rows_make_another_file(tmp_path: Path) -> None:
    frame = ZOO["rows"]()
    target = ZOO["labels"](frame)
    features, last = ZOO["CLASSIFIERS"]["words"]
    for name, kept in {"all": frame, "fewer": frame.iloc[:-1]}.items():
        SklearnModel(features=features, estimator=last).fit(kept, target.loc[kept.index]).save(tmp_path / name)
    assert ZOO["digest"](tmp_path / "all") != ZOO["digest"](tmp_path / "fewer")


def test_the_vocabulary_keeps_words_that_look_like_our_own_keys(words: Path) -> None:
    vocabulary = SklearnModel.load(words).pipeline[0].named_transformers_["words"].vocabulary_
    assert {"__id__", "__loader__", "file", "_stop_words_id", "naïve", "日本"} <= set(vocabulary)


def test_a_model_file_is_a_plain_skops_file_without_dates_and_compression(words: Path) -> None:
    with zipfile.ZipFile(words / LEARNED) as archive:
        entries = archive.infolist()
    assert all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_the_description_says_what_a_model_is(words: Path) -> None:
    about = json.loads((words / ABOUT).read_text())
    assert about["task"] == "classification"
    assert about["classes"] == ["late", "on time"]
    assert about["features"] == [{"name": "t", "kind": "text"}]
    assert about["estimator"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert set(about["versions"]) == {"numpy", "scikit-learn", "scipy", "skops"}


@pytest.mark.parametrize("kept", [0, 10, 1000, -1])
def test_a_truncated_file_is_refused(words: Path, kept: int) -> None:
    whole = (words / LEARNED).read_bytes()
    (words / LEARNED).write_bytes(whole[:kept])
    with pytest.raises(DataError, match="cut short or changed"):
        SklearnModel.load(words)


def test_a_changed_byte_is_refused(words: Path) -> None:
    whole = bytearray((words / LEARNED).read_bytes())
    whole[len(whole) // 2] ^= 1
    (words / LEARNED).write_bytes(bytes(whole))
    with pytest.raises(DataError, match="cut short or changed"):
        SklearnModel.load(words)


def forge(folder: Path, learned: bytes) -> None:
    """Put another model file in place, with its digest."""
    (folder / LEARNED).write_bytes(learned)
    about = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text(json.dumps({**about, "sha256": hashlib.sha256(learned).hexdigest()}))


@pytest.mark.parametrize(
    "learned", [b"", b"nonsense", stored({}), stored({"schema.json": b"[]"}), stored({"schema.json": b"{}"})]
)
def test_what_is_no_skops_file_is_refused(words: Path, learned: bytes) -> None:
    forge(words, learned)
    with pytest.raises(DataError, match="is no model file"):
        SklearnModel.load(words)


def test_an_unknown_type_is_refused_by_name_and_never_made(words: Path) -> None:
    import skops.io

    forge(words, canonical(skops.io.dumps(Path("somewhere"))))
    with pytest.raises(DataError, match=r"not trusted; given: pathlib\.PosixPath"):
        SklearnModel.load(words)


@pytest.mark.parametrize("call", ["os.system", "builtins.eval", "subprocess.Popen"])
def test_a_function_call_is_refused(words: Path, call: str) -> None:
    module, _, name = call.rpartition(".")
    text = {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": '"true"',
        "is_json": True,
    }
    schema = {
        "__class__": name,
        "__module__": module,
        "__loader__": "ConstructorFromReduceNode",
        "content": {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [text]},
        "protocol": 2,
        "_skops_version": "0.16.0",
    }
    forge(words, stored({"schema.json": json.dumps(schema).encode()}))
    with pytest.raises(DataError, match="not trusted"):
        SklearnModel.load(words)


def test_a_trusted_type_that_is_no_model_is_refused(words: Path) -> None:
    import skops.io

    forge(words, canonical(skops.io.dumps({"a": np.arange(3)})))
    with pytest.raises(DataError, match="holds something else than a model; given: dict"):
        SklearnModel.load(words)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no model"):
        SklearnModel.load(tmp_path)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("", "can't be read"),
        ("[]", "another format"),
        ('{"format": 2}', "another format"),
        ('{"format": 1}', "can't be read"),
    ],
)
def test_a_broken_description_is_refused(words: Path, about: str, said: str) -> None:
    (words / ABOUT).write_text(about)
    with pytest.raises(DataError, match=said):
        SklearnModel.load(words)


def test_another_version_is_said(words: Path, caplog: pytest.LogCaptureFixture) -> None:
    about = json.loads((words / ABOUT).read_text())
    about["versions"]["scikit-learn"] = "1.0"
    (words / ABOUT).write_text(json.dumps(about))
    SklearnModel.load(words)
    assert "learned with scikit-learn 1.0, read with" in caplog.text


@pytest.mark.parametrize(
    ("name", "field"),
    [("forest", "tree"), ("boosting", "left"), ("boosting", "feature_idx"), ("categories", "bitset_idx")],
)
def test_a_tree_that_leads_nowhere_is_refused(name: str, field: str) -> None:
    pipeline = ZOO["fit"](name)[0].pipeline
    refuse_stray_trees(pipeline, "model")
    if field == "tree":
        pipeline[-1].estimators_[3].tree_.children_left[0] = 10**6
    else:
        nodes = pipeline[-1]._predictors[2][0].nodes
        if field == "bitset_idx":
            nodes["is_categorical"][0] = 1
        nodes[field][0] = 10**6
    with pytest.raises(DataError, match="points to nodes or features that it does not have"):
        refuse_stray_trees(pipeline, "model")


def test_a_tree_that_never_ends_is_refused() -> None:
    pipeline = ZOO["fit"]("boosting")[0].pipeline
    pipeline[-1]._predictors[0][0].nodes["left"][0] = 0
    with pytest.raises(DataError, match="a tree of the model"):
        refuse_stray_trees(pipeline, "model")


def test_gaps_between_fields_hold_nothing() -> None:
    import io

    kind = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8], "itemsize": 16})
    made: list[bytes] = []
    for filling in (0, 255):
        array: Any = np.full(32, filling, dtype=np.uint8).view(kind)
        array["a"], array["b"] = 1, 2.5
        target = io.BytesIO()
        np.save(target, array)
        made.append(canonical_module.tidy_array(target.getvalue()))
    assert made[0] == made[1]


def test_sets_are_sorted_whatever_their_order() -> None:
    import skops.io

    values = [{"c", "a", "b"}, frozenset(["x", "z", "y"])]
    dumped = canonical(skops.io.dumps(values))
    assert skops.io.loads(dumped, trusted=["builtins.frozenset"]) == values
    schema = json.loads(zipfile.ZipFile(__import__("io").BytesIO(dumped)).read("schema.json"))
    assert [json.loads(part["content"]) for part in schema["content"][0]["content"]] == ["a", "b", "c"]


def test_the_list_of_trusted_types_is_exact() -> None:
    assert all(name.partition(".")[0] in ("sklearn", "numpy", "scipy", "functools") for name in trusted_types())
