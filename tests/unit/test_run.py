"""Whole pipelines, each stage run in this process."""

from __future__ import annotations

from pathlib import Path

from steadily.datasets import read_dataset
from unit.small import Small


def test_a_whole_pipeline(small: Small) -> None:
    small.orders().run()
    assert len(read_dataset("clean")) == 195
    assert Path("models/lateness").is_dir()
    assert small.drafts() == []


def test_the_short_pipeline(small: Small) -> None:
    done = small.work("{}")
    assert list(done["n"]) == [1, 2, 3, 4]
