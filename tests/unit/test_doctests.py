"""The examples in the docstrings of the framework and its plugins."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import steadily

NAMES = ("files", "rows", "text", "dates", "split", "sklearn", "notify")
PACKAGES = ["steadily", *(f"steadily_{name}" for name in NAMES)]


def modules() -> list[str]:
    found = []
    for name in PACKAGES:
        package = importlib.import_module(name)
        found += [name, *(item.name for item in pkgutil.walk_packages(package.__path__, f"{name}."))]
    return sorted(found)


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert not failed


def test_public_names_are_there() -> None:
    assert all(hasattr(steadily, name) for name in steadily.__all__)
    with pytest.raises(AttributeError, match="module 'steadily' has no attribute 'nothing'"):
        _ = steadily.nothing  # type: ignore[attr-defined]
