"""Text: what can be counted of it (length, unknown words, scripts), and a classifier that tells two sets apart."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

WORD = re.compile(r"\w+")
VOCABULARY = 20_000
DISTINCT = 30  # text has more distinct values than a category, and more words
WORDS = 3.0
SAMPLE = 5_000  # texts of each side that the classifier looks at
SCRIPTS = {
    "latin": r"[A-Za-zÀ-ÖØ-öø-ɏ]",
    "greek": r"[Ͱ-Ͽ]",
    "cyrillic": r"[Ѐ-ӿ]",
    "hebrew": r"[֐-׿]",
    "arabic": r"[؀-ۿ]",
    "indic": r"[ऀ-෿]",
    "thai": r"[฀-๿]",
    "kana": r"[぀-ヿ]",
    "han": r"[一-鿿]",
    "hangul": r"[가-힣]",
}
PLAIN = "latin"  # the script of what is ASCII


def is_text(values: pd.Series[Any]) -> bool:
    """Tell text from categories: more than 30 distinct values, half of all distinct, three words on the average."""
    if not (isinstance(values.dtype, pd.StringDtype) or values.dtype == object):
        return False
    there = values.dropna()
    if not len(there) or not all(isinstance(value, str) for value in there.head(100)):
        return False
    distinct = there.nunique()
    if distinct <= max(DISTINCT, len(there) / 2):
        return False
    return float(there.head(1_000).str.count(r"\w+").mean()) >= WORDS


@dataclass(frozen=True, eq=False)
class TextParts:
    """What is counted of a text: its length, the share of words that the reference lacks, the share of each script.

    Attributes:
        vocabulary: The words that so many of the reference's texts have that there are at most 20,000 of them, the
            most frequent first.
        scripts: The scripts that the reference has letters of.
    """

    vocabulary: tuple[str, ...]
    scripts: tuple[str, ...]

    @classmethod
    def learn(cls, values: pd.Series[Any]) -> tuple[TextParts, dict[str, pd.Series[Any]]]:
        """Take words and scripts of the reference.

        Returns:
            It, and the reference's own texts as it measures them, but that a word counts as known where as many
            *other* texts have it as a new text's word takes: they would know their own words too well else.
        """
        there = values.dropna().astype("str")
        counts: Counter[str] = Counter()
        for words in words_of(there):
            counts.update(set(words))
        least = least_of(counts)
        names = [name for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count >= least]
        other = there[~is_plain(there)]
        scripts = tuple(
            name
            for name, letters in SCRIPTS.items()
            if (there if name == PLAIN else other).str.contains(letters, regex=True).any()
        )
        found = cls(tuple(names), scripts)
        return found, found.measured(values, frozenset(name for name in names if counts[name] > least))

    @cached_property
    def known(self) -> frozenset[str]:
        """The vocabulary, to look words up in."""
        return frozenset(self.vocabulary)

    def of(self, values: pd.Series[Any]) -> dict[str, pd.Series[Any]]:
        """Measure texts: each part is a column of numbers, missing where the text is."""
        return self.measured(values, self.known)

    def measured(self, values: pd.Series[Any], known: frozenset[str]) -> dict[str, pd.Series[Any]]:
        """Measure texts by a vocabulary."""
        there = values.dropna().astype("str")
        unknown = [sum(word not in known for word in words) / len(words) if words else 0.0 for words in words_of(there)]
        found = {"length": there.str.len().astype("float64"), "unknown_words": pd.Series(unknown, there.index)}
        letters = letters_of(there)
        total = np.maximum(sum(letters.values(), start=np.zeros(len(there))), 1.0)
        found |= {f"{name}_letters": pd.Series(letters[name] / total, there.index) for name in self.scripts}
        return {name: part.reindex(values.index) for name, part in unique_index(found, values, there).items()}

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {"vocabulary": list(self.vocabulary), "scripts": list(self.scripts)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TextParts:
        """Read it from plain values."""
        return cls(tuple(content["vocabulary"]), tuple(content["scripts"]))


def least_of(counts: Mapping[str, int]) -> int:
    """Give how many texts have to have a word for it to be in the vocabulary: the fewest that leave it 20,000 words.

    Words that are as frequent as each other are all in it or all not, so that it is no matter of their spelling.

    >>> least_of({"a": 3, "b": 1})
    1
    """
    of_count, room = Counter(counts.values()), VOCABULARY
    for count in sorted(of_count, reverse=True):
        room -= of_count[count]
        if room < 0:
            return count + 1
    return 1


def is_plain(texts: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell which texts are ASCII, and so have letters of one script alone."""
    return np.fromiter((text.isascii() for text in texts), bool, len(texts))


def letters_of(texts: pd.Series[Any]) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Count the letters of each script in each text."""
    found: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {}
    found[PLAIN] = np.asarray(texts.str.count(SCRIPTS[PLAIN]), dtype=np.float64)
    others = ~is_plain(texts)
    there = texts[others]
    for name in SCRIPTS:
        if name != PLAIN:
            found[name] = np.zeros(len(texts), dtype=np.float64)
            found[name][others] = np.asarray(there.str.count(SCRIPTS[name]), dtype=np.float64)
    return found


def unique_index(
    found: dict[str, pd.Series[Any]], values: pd.Series[Any], there: pd.Series[Any]
) -> dict[str, pd.Series[Any]]:
    """Put parts back into the places of all texts, whatever the index: it need not be unique."""
    places = np.flatnonzero(values.notna().to_numpy())
    made = {}
    for name, part in found.items():
        numbers = np.full(len(values), np.nan)
        numbers[places] = part.to_numpy(dtype="float64")
        made[name] = pd.Series(numbers, values.index) if values.index.is_unique else pd.Series(numbers)
    return made


def words_of(texts: pd.Series[Any]) -> Iterator[list[str]]:
    """Give the words of each text, in small letters."""
    return (WORD.findall(text.lower()) for text in texts)


def text_classifier(reference: pd.Series[Any], current: pd.Series[Any]) -> dict[str, Any]:
    """Let a classifier tell two sets of texts apart, and judge it by texts that it has not seen.

    Equal texts count once on each side and fall into the same half, so that
    none is learned by heart. The bound is that of the rank-sum test at 1 %: the
    AUC of a classifier that can't tell them apart stays below it 99 times of 100.

    Args:
        reference: Texts that the model learned from.
        current: Texts of now.

    Returns:
        ``auc`` and its ``bound`` on ``rows`` held-out texts, the rank-sum test's ``p``, and whether they are
        ``told_apart`` (AUC above the bound and above 0.55); None and False with fewer than 50 texts on a side.
    """
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    sides = [sample(reference), sample(current)]
    texts = [text for side in sides for _, text in side]
    new = np.array([0] * len(sides[0]) + [1] * len(sides[1]))
    held = np.array([key[-1] & 1 for side in sides for key, _ in side], dtype=bool)
    few = min((int(np.sum(part & (new == side))) for part in (held, ~held) for side in (0, 1)), default=0)
    if few < 25:
        return {"auc": None, "bound": None, "p": None, "rows": len(texts), "told_apart": False}
    features = HashingVectorizer(n_features=2**16, alternate_sign=False).transform(texts)
    model = LogisticRegression(C=1.0, max_iter=200).fit(features[~held], new[~held])
    auc = float(roc_auc_score(new[held], model.decision_function(features[held])))
    ones = int(new[held].sum())
    deviation = float(np.sqrt((held.sum() + 1) / (12 * ones * (held.sum() - ones))))
    bound = 0.5 + 2.33 * deviation
    return {
        "auc": auc,
        "bound": bound,
        "p": upper_tail((auc - 0.5) / deviation),
        "rows": int(held.sum()),
        "told_apart": auc > max(bound, 0.55),
    }


def sample(texts: pd.Series[Any]) -> list[tuple[bytes, str]]:
    """Take distinct texts in the order of their digests, at most 5,000: the same ones in whatever order they come."""
    distinct = {str(text) for text in texts.dropna().unique()}
    keyed = (
        (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), text) for text in distinct
    )
    return sorted(keyed)[:SAMPLE]


def upper_tail(deviate: float) -> float:
    """Give the normal distribution's upper tail."""
    from math import erfc, sqrt

    return 0.5 * erfc(deviate / sqrt(2))
