"""What is counted of texts: the reference's own are measured as new ones of the same kind are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.drift import Profile, Rule, compare
from steadily.drift.texts import VOCABULARY, TextParts, least_of


@given(st.lists(st.integers(1, 6), max_size=40), st.integers(0, 40))
def test_the_vocabulary_is_as_large_as_fits_and_no_word_is_in_it_for_its_spelling(counts: list[int], room: int) -> None:
    named = {str(number): count for number, count in enumerate(counts)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steadily.drift.texts.VOCABULARY", room)
        least = least_of(named)
    assert sum(count >= least for count in counts) <= room
    assert least == 1 or sum(count >= least - 1 for count in counts) > room


def drawn(rng: np.random.Generator, texts: int, words: int) -> pd.Series:
    """Draw texts whose words are as unequally frequent as a language's."""
    shares = 1 / (np.arange(words) + 3.0)
    found = rng.choice(words, (texts, 40), p=shares / shares.sum())
    return pd.Series([" ".join(f"w{word}" for word in line) for line in found])


@pytest.mark.parametrize("words", [2_000, 90_000], ids=["all words fit", "most do not"])
def test_texts_of_one_kind_have_not_drifted_however_many_words_there_are(words: int) -> None:
    rng = np.random.default_rng(5)
    reference = drawn(rng, 4_000, words)
    profile = Profile.learn(pd.DataFrame({"text": reference}))
    assert profile.columns["text"].text is not None
    assert len(profile.columns["text"].text.vocabulary) <= VOCABULARY
    for rows in (400, 2_000):
        found = compare(profile, profile.count(pd.DataFrame({"text": drawn(rng, rows, words)})), Rule())
        parts = {name: part["score"] for name, part in found["columns"]["text"]["parts"].items()}
        assert parts["unknown_words"] < 0.05, parts


def test_a_word_of_one_text_alone_is_unknown_in_it_and_known_in_another() -> None:
    reference = pd.Series(["one two three", "one two four", "one two three four five"])
    parts, own = TextParts.learn(reference)
    assert Counter(parts.vocabulary) == Counter(["one", "two", "three", "four", "five"])
    assert own["unknown_words"].tolist() == [0, 0, 0.2]
    assert parts.of(pd.Series(["five six"]))["unknown_words"].tolist() == [0.5]


def test_letters_of_each_script_are_counted_in_whatever_texts_there_are() -> None:
    reference = pd.Series(["plain words here", "слово and words", None, "漢字 with words", ""])
    parts, own = TextParts.learn(reference)
    assert parts.scripts == ("latin", "cyrillic", "han")
    assert own["cyrillic_letters"].fillna(-1).tolist() == [0, 5 / 13, -1, 0, 0]
    assert own["han_letters"].fillna(-1).tolist() == [0, 0, -1, 2 / 11, 0]
