"""What a checklist is held against, and whom it asks: configuration, busiest minute, online feature store."""

from __future__ import annotations

from pathlib import Path

from steadily.clock import Clock
from steadily.database import Database
from steadily.features import is_published
from steadily.features.settings import FeaturesSettings
from steadily.loadtest.rate import busiest_minute
from steadily.loadtest.settings import LoadtestSettings
from steadily.rollout.deploy import Asked
from steadily.rollout.gate import Limits
from steadily.rollout.settings import DeploySettings
from steadily.settings import settings


def limits(project: Path) -> Limits:
    """Read what a shadow has to keep."""
    return Limits(**settings(project, DeploySettings).model_dump())


def asked(project: Path, database: Database, clock: Clock) -> Asked:
    """Say whom the checklist asks: for the peak the configuration, or else what was counted; for features the store."""
    configured = settings(project, LoadtestSettings).peak_per_second
    store = settings(project, FeaturesSettings).address(project)

    def published(named: str) -> tuple[bool | None, str]:
        found = is_published(store, dict(pair.rsplit(" ", 1) for pair in named.split(", ")))
        states = {one.published for one in found}
        told = "; ".join(dict.fromkeys(one.told for one in found))
        return False if False in states else None if None in states else True, told

    return Asked(published, lambda: busiest_minute(database, clock.now_us()) if configured is None else configured)
