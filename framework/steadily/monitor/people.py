"""Tells people something at once, through the project's channels; what does not get through waits in the database."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from steadily.database import open_project
from steadily.errors import DatabaseError
from steadily.monitor.posting import attempt, deliver, listeners_of, write_posts
from steadily.monitor.settings import AlertSettings
from steadily.settings import settings

logger = logging.getLogger("steadily.monitor.people")


def tell_people(
    title: str, text: str, *, severity: str = "warn", state: str = "fired", project: Path | None = None
) -> int:
    """Tell people something, through the channels of ``conf/operate.yaml``.

    Args:
        title: In a few words.
        text: In full.
        severity: ``page`` or ``warn``, for the channels to choose by.
        state: ``fired``, ``resolved`` or ``failed``.
        project: The project's folder; None is the current one.

    Returns:
        How many messages were delivered; what was not is tried again by ``steadily monitor``.
    """
    folder = project or Path()
    channels = settings(folder, AlertSettings).channels
    if not channels:
        return 0
    message = {"title": title, "text": text, "severity": severity, "state": state, "alerts": []}
    listeners, now_us = listeners_of(folder), time.time_ns() // 1_000
    try:
        with open_project(folder) as database:
            with database.begin() as connection:
                write_posts(connection, message, channels, now_us)
            return deliver(database, channels, listeners, now_us)
    except DatabaseError as error:
        logger.warning("told without keeping it: %s", error)
    wanted = [name for name, channel in channels.items() if severity in channel.severities]
    return sum(attempt(name, message, channels, listeners) is None for name in wanted)
