"""The steps of the plugin ``rows``: which rows stay, which columns they have, which values are filled in.

Owns the list of them; each stands in the module of its subject.
"""

from __future__ import annotations

from steadily_rows.cast import cast
from steadily_rows.columns import drop_columns, rename, select
from steadily_rows.drop import drop_duplicates, drop_missing, in_range
from steadily_rows.filter import compare, keep
from steadily_rows.impute import Impute
from steadily_rows.join import join
from steadily_rows.mapping import map_values

__all__ = [
    "Impute",
    "cast",
    "compare",
    "drop_columns",
    "drop_duplicates",
    "drop_missing",
    "in_range",
    "join",
    "keep",
    "map_values",
    "rename",
    "select",
]
