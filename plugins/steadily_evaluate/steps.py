"""The steps of this plugin."""

from __future__ import annotations

from steadily_evaluate.classes import classification
from steadily_evaluate.confidence import confidence
from steadily_evaluate.moved import drift
from steadily_evaluate.slicing import slices

__all__ = ["classification", "confidence", "drift", "slices"]
