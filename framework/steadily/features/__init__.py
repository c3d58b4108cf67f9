"""Feature sets: values by key and moment, looked up in files for training and in an online store for serving.

Owns what both ways have in common, so that serving reads what training joined; the
stores; publishing. How values are made is left to steps (``features.windows``), what a
lookup that finds nothing comes to is left to the step that joins.
"""

from __future__ import annotations

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
