"""A model's bytes are the same whether or not its vocabulary goes around skops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from steadily_sklearn.canonical import canonical
from steadily_sklearn.packing import MANY, is_large, large, packed

WORDS = [f'wörd"{number}\\' for number in range(MANY)]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    words = TfidfVectorizer(token_pattern=r"\S+")  # noqa: S106 (no password)
    both = FeatureUnion([("words", words), ("few", CountVectorizer(max_features=9))])
    rows = pd.DataFrame({"text": [" ".join(WORDS[:600]), " ".join(WORDS[400:])] * 4, "kind": list("abababab")})
    features = ColumnTransformer([("text", both, "text")])
    found: Pipeline = Pipeline([("features", features), ("estimator", LogisticRegression())])
    return found.fit(rows, rows["kind"])


def test_the_bytes_are_those_of_the_long_way(pipeline: Pipeline) -> None:
    assert packed(pipeline) == canonical(skops.io.dumps(pipeline))


def test_large_vocabularies_are_found_where_they_stand_and_are_there_afterwards(pipeline: Pipeline) -> None:
    vocabularies = [attributes[name] for attributes, name in large(pipeline, set())]
    assert [len(one) for one in vocabularies] == [MANY]
    before = dict(vocabularies[0])
    packed(pipeline)
    assert [attributes[name] for attributes, name in large(pipeline, set())] == [before]


def test_they_are_there_after_a_failure_too(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(thing: object) -> bytes:
        assert not list(large(thing, set()))
        raise OSError("full")

    monkeypatch.setattr(skops.io, "dumps", fails)
    with pytest.raises(OSError, match="full"):
        packed(pipeline)
    assert list(large(pipeline, set()))


@pytest.mark.parametrize(
    "value",
    [
        dict.fromkeys(WORDS[1:], 1),
        dict.fromkeys(range(MANY), 1),
        dict.fromkeys(WORDS, 1.0),
        dict.fromkeys(WORDS, True),
        dict.fromkeys(WORDS, np.int64(1)),
        WORDS,
    ],
    ids=["small", "numbers as keys", "floats", "flags", "numpy's", "a list"],
)
def test_nothing_else_is_taken_for_one(value: object) -> None:
    assert not is_large(value)
    assert is_large(dict.fromkeys(WORDS, 1))
