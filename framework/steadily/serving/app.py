"""The routes: HTTP to the service's parts and back, every refusal in one form.

Owns paths, statuses and headers. ``create`` is what uvicorn calls in each worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from steadily import __version__
from steadily.errors import DatabaseError
from steadily.monitor.hourly import CLIENT
from steadily.serving import labels, v2
from steadily.serving.bodies import Gone, Receive, Scope, Send, header, need_json, read_body, send_json
from steadily.serving.openapi import describe
from steadily.serving.replies import all_failed, reply_of
from steadily.serving.requests import RequestError, parsed
from steadily.serving.service import Service

JSON = "application/json"
logger = logging.getLogger("steadily.serving")
Handler = Callable[[Request], Awaitable[Response]]


class Predict:
    """``POST /predict``, on ASGI itself: what a framework adds costs more than a batch does."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        service, headers = self.service, []
        try:
            if service.settings.protect_predictions:
                let_in(service, scope)
            status, body, request_id = await self.answered(scope, receive)
            headers = [(b"x-request-id", request_id.encode())]
        except RequestError as error:
            status, body = error.status, error.body()
            headers = more_headers(error)
            note(service, status)
        except Gone:
            return
        service.measures.requests.labels("/predict", status).inc()
        await send_json(send, status, body, headers)

    async def answered(self, scope: Scope, receive: Receive) -> tuple[int, Any, str]:
        """Give the status, the reply and the request's id."""
        settings = self.service.settings
        need_json(scope)
        body = parsed(await read_body(scope, receive, settings.most_bytes, settings.body_seconds))
        release = self.service.live.current()
        rows = release.reader.rows_of(body)
        asked = await self.service.ask(release, rows, body["rows"])
        others = release.reader.unasked(body["rows"])
        notes = [f"not looked at: {', '.join(others[:20])}"] if others else []
        status = 500 if all_failed(asked.answers) else 200
        return status, reply_of(asked.request_id, release, asked.answers, notes), asked.request_id


def let_in(service: Service, scope: Scope) -> None:
    """Hold a request against the tokens.

    Raises:
        RequestError: It is not let in.
    """
    given = header(scope, b"authorization")
    client = scope.get("client")
    service.guard.check(given.decode("latin-1") if given else None, client[0] if client else None)


def note(service: Service, status: int) -> None:
    """Note that a request for an answer was a client's mistake; who was not let in asked for none."""
    if 400 <= status < 500 and status != HTTPStatus.UNAUTHORIZED:
        service.noted(CLIENT)


def more_headers(error: RequestError) -> list[tuple[bytes, bytes]]:
    """Give the headers that go with some statuses."""
    if error.status == 401:
        return [(b"www-authenticate", b"Bearer")]
    return [(b"retry-after", b"1")] if error.status == 503 else []


class Routes:
    """All other routes, each a request to a response."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def live(self, request: Request) -> Response:
        """Say whether the process works."""
        stuck = self.service.stuck()
        return json_response({"live": not stuck}, 503 if stuck else 200)

    async def ready(self, request: Request) -> Response:
        """Say whether requests are answered."""
        service = self.service
        ready = not service.closing and not service.stuck()
        body = {"ready": ready, "release": service.live.release.number}
        return json_response(body, 200 if ready else 503)

    async def state(self, request: Request) -> Response:
        """Say how this worker is."""
        return json_response(self.service.state())

    async def metrics(self, request: Request) -> Response:
        """Give the figures for Prometheus."""
        found = await asyncio.to_thread(self.service.figures)
        return Response(found, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, request: Request) -> Response:
        """Describe the service."""
        return json_response(describe(self.service.live.current(), self.service.settings))

    async def labels(self, request: Request) -> Response:
        """Take labels."""
        found = labels.labels_of(await self.body_of(request))
        service = self.service
        try:
            take = partial(labels.take, service.database, found, service.clock.now_us(), service.label_listeners)
            return json_response(await asyncio.to_thread(take))
        except DatabaseError as error:
            logger.error("labels can't be kept: %s", error)
            raise RequestError(503, "the database is away; try again") from error

    async def server(self, request: Request) -> Response:
        """Describe the server, as the Open Inference Protocol has it."""
        return json_response({"name": "steadily", "version": __version__, "extensions": []})

    async def model(self, request: Request) -> Response:
        """Describe the model, as the Open Inference Protocol has it."""
        self.need_model(request)
        return json_response(v2.metadata(self.service.live.current(), self.service.settings.model_name))

    async def model_ready(self, request: Request) -> Response:
        """Say whether the model answers."""
        self.need_model(request)
        body = {"name": self.service.settings.model_name, "ready": not self.service.closing}
        return json_response(body, 503 if self.service.closing else 200)

    async def infer(self, request: Request) -> Response:
        """Answer tensors."""
        self.need_model(request)
        if "inference-header-content-length" in request.headers:
            hint = "send tensors as JSON (in tritonclient: binary_data=False)"
            raise RequestError(400, f"binary tensors are not read here; {hint}")
        body = await self.body_of(request, unless_silent=True)  # the protocol's own clients say nothing
        release = self.service.live.current()
        if (version := request.path_params.get("version")) not in (None, str(release.number)):
            raise RequestError(404, f"version {version} is not the one that answers, which is {release.number}")
        raw = v2.rows_of(body, release)
        asked = await self.service.ask(release, release.reader.read(raw), raw)
        return json_response(v2.reply_of(body, asked, self.service.settings.model_name))

    def need_model(self, request: Request) -> None:
        """Refuse another model's name.

        Raises:
            RequestError: 404.
        """
        name = request.path_params["model_name"]
        if name != self.service.settings.model_name:
            raise RequestError(404, f"there is no model {name!r}; the one here is {self.service.settings.model_name!r}")

    async def body_of(self, request: Request, *, unless_silent: bool = False) -> Any:
        """Read a body of JSON."""
        settings = self.service.settings
        need_json(request.scope, unless_silent=unless_silent)
        return parsed(await read_body(request.scope, request.receive, settings.most_bytes, settings.body_seconds))


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Give a response of JSON."""
    return Response(to_json(body, inf_nan_mode="null"), status, headers, JSON)


def guarded(service: Service, path: str, handler: Handler, *, free: bool) -> Handler:
    """Give a handler that asks for a token, counts, and tells every refusal in one form."""
    form = v2.error_body if path.startswith("/v2") else RequestError.body

    async def handle(request: Request) -> Response:
        try:
            if not free or service.settings.protect_predictions:
                let_in(service, request.scope)
            response = await handler(request)
        except RequestError as error:
            headers = {name.decode(): value.decode() for name, value in more_headers(error)}
            response = json_response(form(error), error.status, headers)
            if path.endswith("/infer"):
                note(service, error.status)
        except Gone:
            response = Response(status_code=400)
        service.measures.requests.labels(path, response.status_code).inc()
        return response

    return handle


def routes_of(service: Service) -> list[Route]:
    """Give the routes; the first one is the one that has to be fast."""
    routes = Routes(service)
    model = "/v2/models/{model_name}"
    table: list[tuple[str, str, Handler, bool]] = [
        ("GET", "/health/live", routes.live, True),
        ("GET", "/health/ready", routes.ready, True),
        ("GET", "/openapi.json", routes.openapi, True),
        ("GET", "/v2", routes.server, True),
        ("GET", "/v2/health/live", routes.live, True),
        ("GET", "/v2/health/ready", routes.ready, True),
        ("GET", model, routes.model, True),
        ("GET", f"{model}/ready", routes.model_ready, True),
        ("POST", f"{model}/infer", routes.infer, True),
        ("GET", f"{model}/versions/{{version}}", routes.model, True),
        ("GET", f"{model}/versions/{{version}}/ready", routes.model_ready, True),
        ("POST", f"{model}/versions/{{version}}/infer", routes.infer, True),
        ("GET", "/state", routes.state, False),
        ("GET", "/metrics", routes.metrics, False),
        ("POST", "/labels", routes.labels, False),
    ]
    return [Route("/predict", Predict(service), methods=["POST"])] + [
        Route(path, guarded(service, path, handler, free=free), methods=[method])
        for method, path, handler, free in table
    ]


def application(service: Service) -> FastAPI:
    """Give the application of a service; it begins and ends with it."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(title="Steadily", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes[:0] = routes_of(service)
    app.add_exception_handler(HTTPException, plain_error)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, own_error)
    return app


async def plain_error(request: Request, error: HTTPException) -> Response:
    """Tell an unknown path or method in the one form."""
    what = f"{HTTPStatus(error.status_code).phrase.lower()}: {request.method} {request.url.path[:200]}"
    form = v2.error_body if request.url.path.startswith("/v2") else RequestError.body
    return json_response(form(RequestError(error.status_code, what)), error.status_code, dict(error.headers or {}))


async def own_error(request: Request, error: Exception) -> Response:
    """Tell a bug of ours without its insides."""
    return json_response(RequestError(500, "the service failed; its log has more").body(), 500)


def create() -> FastAPI:
    """Give the application of the project in the working folder."""
    from steadily.serving.start import service_of

    return application(service_of(Path()))
