"""``/api``: what the pages show, as JSON, for other programs; and what a person does with an alert, done by one.

Owns paths, statuses and what OpenAPI says of them, at ``/api/openapi.json``. The content is that of
``steadily monitor --json``, ``steadily alerts --json`` and ``steadily deploy status --json``: a form that only grows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from steadily import __version__
from steadily.dashboard.doors import Door
from steadily.dashboard.known import Known
from steadily.dashboard.pages import HEADERS
from steadily.dashboard.runs import listed_runs, told_run
from steadily.errors import DatabaseError, SteadilyError
from steadily.monitor.alertlog import acknowledge, end_silence, silence
from steadily.monitor.alerts import Silence
from steadily.monitor.rolling import STEPS
from steadily.serving.replies import ERROR_BODY
from steadily.serving.requests import RequestError
from steadily.units import HOUR_US

ROOT = "/api"
WHATS = {
    401: "A bearer token is needed.",
    403: "The token is not one of those that are let in, or without tokens the request is not from this machine.",
    404: "There is no such thing.",
    422: "The request breaks its schema.",
    503: "The database can't be reached: nothing is known.",
}
SAYS = r"[^\s\x00-\x1f\x7f-\x9f]"  # something to read in it; in the schema, so that clients know
Text = Annotated[str, StringConstraints(strip_whitespace=True, pattern=SAYS, max_length=500)]
Pattern = Annotated[str, StringConstraints(strip_whitespace=True, pattern=SAYS, max_length=200)]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
logger = logging.getLogger("steadily.dashboard")


class Acknowledgement(BaseModel):
    """That somebody has seen an alert."""

    model_config = ConfigDict(extra="forbid")
    by: Text = Field(description="Who has seen it.")
    note: Text = Field(description="What he found.")


class NewSilence(BaseModel):
    """That nobody is to be told of something for a while; ``*`` stands for anything."""

    model_config = ConfigDict(extra="forbid")
    rule: Pattern = Field("*", description="The rule.")
    about: Pattern = Field("*", description="The figure or column.")
    slot: Pattern = Field("*", description="The slot.")
    hours: Annotated[float, Field(gt=0, le=24 * 366)] = Field(24.0, description="For how many hours.")
    by: Text = Field(description="Who answers for it.")
    note: Text = Field(description="Why.")


class Told(APIRoute):
    """A route whose refusals have the one form of the service's."""

    def get_route_handler(self) -> Handler:
        """Give the handler."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response = await handler(request)
            except RequestError as error:
                more = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
                response = as_json(error.body(), error.status, more)
            except RequestValidationError as error:
                problems = tuple(
                    {"where": ".".join(str(key) for key in one["loc"]), "what": one["msg"]} for one in error.errors()
                )
                response = as_json(RequestError(422, "the request breaks its schema", problems).body(), 422)
            except HTTPException:  # what FastAPI makes of a body that it can't read: not UTF-8, nested without end
                response = as_json(RequestError(422, "the body is not JSON in UTF-8").body(), 422)
            except DatabaseError as error:
                logger.error("%s", error)
                response = as_json(RequestError(503, "the database can't be reached: nothing is known").body(), 503)
            except SteadilyError as error:
                response = as_json(RequestError(404, str(error)).body(), 404)
            return response

        return handle


def as_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Give a response of JSON; what is no number is null."""
    body = to_json(content, inf_nan_mode="null", fallback=str)
    return Response(body, status, HEADERS | (headers or {}), "application/json")


def api_routes(known: Known, door: Door) -> APIRouter:
    """Give the routes."""
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": what, "content": {"application/json": {"schema": ERROR_BODY}}}
        for status, what in WHATS.items()
    }
    router = APIRouter(prefix=ROOT, route_class=Told, responses=refusals)
    reading: Any = {"dependencies": [Depends(door.enter)], "response_model": dict[str, Any]}
    acting: Any = {"dependencies": [Depends(door.act)], "response_model": dict[str, Any]}

    @router.get("/figures", summary="Figures, drift, distributions and alerts of all that serves", **reading)
    def figures() -> Response:
        return as_json(known.figures())

    @router.get("/series", summary="The figures of rolling windows over the last days", **reading)
    def series(days: Annotated[int, Field(json_schema_extra={"enum": list(STEPS)})] = 28) -> Response:
        if days not in STEPS:
            raise RequestError(422, f"days: {', '.join(map(str, STEPS))}")
        return as_json(known.series(days))

    @router.get("/alerts", summary="Alerts with their history, silences and channels", **reading)
    def alerts(all: bool = False) -> Response:
        return as_json(known.alarms(all_=all))

    @router.post("/alerts/{number}/acknowledge", summary="Note that somebody has seen an alert", **acting)
    def acknowledged(number: int, given: Acknowledgement) -> Response:
        acknowledge(known.database, checked(number), given.by, given.note, known.clock.now_us())
        return as_json({"alert": number, "acknowledged_by": given.by})

    @router.post("/silences", summary="Tell nobody of something for a while", **acting)
    def silenced(given: NewSilence) -> Response:
        now_us = known.clock.now_us()
        ends_us = now_us + int(given.hours * HOUR_US)
        wanted = Silence(given.rule, given.about, given.slot, now_us, ends_us, given.by, given.note)
        return as_json({"silence": silence(known.database, wanted)})

    @router.delete("/silences/{number}", summary="End a silence now", **acting)
    def unsilenced(number: int) -> Response:
        end_silence(known.database, checked(number), known.clock.now_us())
        return as_json({"silence": number})

    @router.get("/deployment", summary="What serves where, the shadow's checklist, the rollback rule", **reading)
    def deployment() -> Response:
        return as_json(known.deployment())

    @router.get("/runs", summary="The last runs of the pipeline", **reading)
    def all_runs() -> Response:
        return as_json({"runs": listed_runs(known.project)})

    @router.get("/runs/{name}", summary="A run: its stages with their ledgers", **reading)
    def one_run(name: str) -> Response:
        return as_json(told_run(known.project, name))

    @router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(door.enter)])
    def described() -> Response:
        return as_json(describe(router, locked=door.locked))

    return router


def checked(number: int) -> int:
    """Refuse a number that no alert can have.

    Raises:
        RequestError: 404.
    """
    if not 0 < number < 2**53:
        raise RequestError(404, "there is no such thing")
    return number


def describe(router: APIRouter, *, locked: bool) -> dict[str, Any]:
    """Give the description of ``/api``."""
    told = "What the dashboard shows, as JSON. Keys are added in time, and none changes its meaning."
    found = get_openapi(title="Steadily", version=__version__, description=told, routes=router.routes)
    if locked:
        found.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"token": []}]
    return found
