"""Packing a fitted pipeline into the bytes of its file, quickly also where it knows many words.

Owns that large vocabularies go around skops, which describes each word in ten lines of JSON: a model of 90,000 words
took seconds, and several hundred megabytes, on the way to a file of 3 MB. The bytes are the same either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from steadily_sklearn.canonical import canonical

MANY = 1_000  # entries


def packed(pipeline: Any) -> bytes:
    """Give the bytes of a pipeline's file; the same model gives the same bytes."""
    import skops.io

    with taken_out(pipeline) as vocabularies:
        dumped = skops.io.dumps(pipeline)
    return canonical(dumped, {json.dumps(mark): as_json(words) for mark, words in vocabularies.items()})


def as_json(words: dict[str, int]) -> str:
    """Write a vocabulary as a mapping of plain values stands in a file."""
    return json.dumps(words, separators=(",", ":"))


@contextmanager
def taken_out(thing: Any) -> Iterator[dict[str, dict[str, int]]]:
    """Put a mark in the place of each large vocabulary until the end; give the vocabularies by their marks."""
    places = list(large(thing, set()))
    marks = {uuid4().hex: (attributes, name, attributes[name]) for attributes, name in places}
    try:
        for mark, (attributes, name, _) in marks.items():
            attributes[name] = mark
        yield {mark: words for mark, (_, _, words) in marks.items()}
    finally:
        for attributes, name, words in marks.values():
            attributes[name] = words


def large(thing: Any, seen: set[int]) -> Iterator[tuple[dict[str, Any], str]]:
    """Find large vocabularies among the attributes of an estimator and of those in it: where each stands."""
    from sklearn.base import BaseEstimator

    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, list | tuple):
        for part in thing:
            yield from large(part, seen)
    elif isinstance(thing, BaseEstimator):
        for name, value in vars(thing).items():
            if is_large(value):
                yield vars(thing), name
            else:
                yield from large(value, seen)


def is_large(value: Any) -> bool:
    """Tell whether a value is a large mapping from text to whole numbers, and nothing else."""
    if type(value) is not dict or len(value) < MANY:
        return False
    return all(type(word) is str and type(number) is int for word, number in value.items())
