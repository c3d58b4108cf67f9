"""Beginning the dashboard: an address, a socket, and the one process that answers there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from steadily.dashboard.settings import DashboardSettings
from steadily.serving.settings import ServeSettings
from steadily.serving.start import ANY_SERVER, bound, refuse_open_doors, url_of
from steadily.settings import settings

GRACE = 5


def show(project: Path, given: dict[str, Any], tell: Callable[[str], None]) -> None:
    """Show the dashboard until a signal ends it.

    Args:
        project: The project's folder, which is the working one.
        given: Settings from the command line, over those of ``conf/operate.yaml``.
        tell: Called with a line on where it is.

    Raises:
        SteadilyError: The settings or the database can't be used, or the port is taken.
    """
    import uvicorn

    from steadily.dashboard.application import create

    chosen = settings(project, DashboardSettings).model_copy(update=given)
    refuse_open_doors("dashboard", chosen.host, settings(project, ServeSettings))
    listening = bound(chosen.host, chosen.port)
    try:
        app = create()
        listening.listen()  # so that whoever reads the line may ask at once
        tell(f"the dashboard is at {url_of(listening, chosen.host)}/dashboard; Ctrl-C ends it")
        config = uvicorn.Config(app, timeout_graceful_shutdown=GRACE, **ANY_SERVER)
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()
