"""The steps of the plugin ``features``. Owns the list of them; each stands in the module of its subject."""

from __future__ import annotations

from steadily_features.join import join
from steadily_features.windows import Windows

__all__ = ["Windows", "join"]
