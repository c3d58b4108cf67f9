"""The section ``dashboard`` of ``conf/operate.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat

from steadily.settings import Section


class DashboardSettings(Section):
    """Where the dashboard is. It is behind the tokens of ``serve.tokens``.

    Attributes:
        host: The address that ``steadily dashboard`` listens on.
        port: Its port.
        mounted: Whether the service has the dashboard and ``/api``, too.
        signed_in_hours: How long somebody who gave a token is let in.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8001
    mounted: bool = True
    signed_in_hours: PositiveFloat = 12.0
