"""The applications: the dashboard by itself, and the service with the dashboard in it.

``create`` and ``create_service`` are what uvicorn calls in each process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steadily.dashboard.api import api_routes
from steadily.dashboard.doors import Door
from steadily.dashboard.known import Known
from steadily.dashboard.pages import HEADERS, ROOT, page_routes
from steadily.dashboard.settings import DashboardSettings
from steadily.database import open_project
from steadily.serving.app import application as service_application
from steadily.serving.settings import ServeSettings
from steadily.serving.start import service_of
from steadily.serving.tokens import Guard
from steadily.settings import settings


def application(known: Known, door: Door) -> FastAPI:
    """Give the application of the dashboard by itself; the database is closed with it."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        threading.Thread(target=known.warm, name="warming", daemon=True).start()
        yield
        await asyncio.to_thread(known.database.close)

    app = FastAPI(title="Steadily", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    mount(app, known, door)

    @app.get("/", include_in_schema=False)
    def home() -> Response:
        return RedirectResponse(ROOT, 307, HEADERS)

    @app.get("/health", include_in_schema=False)
    def health(request: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    return app


def mount(app: FastAPI, known: Known, door: Door) -> None:
    """Give an application the pages and ``/api``."""
    app.router.routes += page_routes(known, door)
    app.include_router(api_routes(known, door))


def create() -> FastAPI:
    """Give the dashboard of the project in the working folder."""
    project = Path().absolute()
    serving = settings(project, ServeSettings)
    guard = Guard.of(serving.tokens.get_secret_value() if serving.tokens else None)
    hours = settings(project, DashboardSettings).signed_in_hours
    return application(Known.of(project, open_project(project)), Door(guard, hours))


def create_service() -> FastAPI:
    """Give the service of the project in the working folder, with the dashboard in it where the settings say so."""
    project = Path()
    service = service_of(project)
    app = service_application(service)
    chosen = settings(project, DashboardSettings)
    if chosen.mounted and service.trial is None:
        mount(app, Known.of(project.absolute(), service.database), Door(service.guard, chosen.signed_in_hours))
    return app
