"""Steadily: machine-learning pipelines that are boring and dependable.

The names below are all that a plugin needs; everything else is inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily.columns import need_columns
from steadily.errors import DataError, PluginError, SourceUnreachable, SteadilyError, StepError
from steadily.hookspecs import hookimpl
from steadily.lookups import Features, FeatureSet, Found
from steadily.predictions import Predictions
from steadily.steps import ImportPath, StepDefinition, Table, step

if TYPE_CHECKING:
    from steadily.datasets import read_dataset
    from steadily.monitor.people import tell_people

__version__ = "0.1.0"

__all__ = [
    "DataError",
    "FeatureSet",
    "Features",
    "Found",
    "ImportPath",
    "PluginError",
    "Predictions",
    "SourceUnreachable",
    "SteadilyError",
    "StepDefinition",
    "StepError",
    "Table",
    "hookimpl",
    "need_columns",
    "read_dataset",
    "step",
    "tell_people",
]

HEAVY = {"read_dataset": "steadily.datasets", "tell_people": "steadily.monitor.people"}  # pandas, SQLAlchemy


def __getattr__(name: str) -> Any:
    """Import a heavy name when it is first asked for."""
    from importlib import import_module

    if name in HEAVY:
        return getattr(import_module(HEAVY[name]), name)
    raise AttributeError(f"module 'steadily' has no attribute {name!r}")
