"""Feature sets: values by key and moment, looked up in files for training and in an online store for serving.

Owns what both ways have in common, so that serving reads what training joined; the
stores; publishing. How values are made is left to steps (``features.windows``), what a
lookup that finds nothing comes to is left to the step that joins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steadily.features.evidence import Published, freshness, is_published
    from steadily.features.offline import described, open_offline
    from steadily.features.online import Online, online_features, open_online
    from steadily.features.publishing import publish

__all__ = [
    "Online",
    "Published",
    "described",
    "freshness",
    "is_published",
    "online_features",
    "open_offline",
    "open_online",
    "publish",
]

HEAVY = {
    "Online": "steadily.features.online",
    "Published": "steadily.features.evidence",
    "described": "steadily.features.offline",
    "freshness": "steadily.features.evidence",
    "is_published": "steadily.features.evidence",
    "online_features": "steadily.features.online",
    "open_offline": "steadily.features.offline",
    "open_online": "steadily.features.online",
    "publish": "steadily.features.publishing",
}  # pandas, for most of them; whoever reads the settings alone needs none


def __getattr__(name: str) -> Any:
    """Import a heavy name when it is first asked for."""
    from importlib import import_module

    if name in HEAVY:
        return getattr(import_module(HEAVY[name]), name)
    raise AttributeError(f"module 'steadily.features' has no attribute {name!r}")
