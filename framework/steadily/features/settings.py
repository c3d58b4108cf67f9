"""Where the online store is, as ``conf/operate.yaml`` says: the section ``features``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.features.store import TIMEOUT
from steadily.operate import operation

FILE = layout.STATE / "features.db"
REFRESH = 1.0


@dataclass(frozen=True)
class Settings:
    """The online store's address, and the seconds that lookups wait for it and after which they ask it anew."""

    store: str
    timeout: float = TIMEOUT
    refresh: float = REFRESH


def store_settings(project: Path) -> Settings:
    """Read the section; without one the store is a file under ``.steadily/``.

    Raises:
        ConfigError: ``conf/operate.yaml`` does not compose, or says what can't be.
    """
    section: Mapping[str, Any] = operation(project).get("features") or {}
    given = {key: value for key, value in section.items() if value is not None}
    return Settings(**{"store": f"sqlite:///{project.absolute() / FILE}", **given})
