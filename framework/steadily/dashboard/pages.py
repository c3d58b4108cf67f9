"""The pages: what each one shows, as a template's values, and the routes that they are at.

Owns paths, statuses and headers. A page asks for nothing but what lies beside it, and its policy lets nothing else in.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from steadily.dashboard import numbers
from steadily.dashboard.cards import cards_of, class_table, is_empty, lacks_labels, matrix_of, slices_of
from steadily.dashboard.charts import charts_of
from steadily.dashboard.distributions import confidence_of, drift_of, traffic_of
from steadily.dashboard.doors import COOKIE, Door, refuse_other_sites
from steadily.dashboard.explaining import EXPLAINED
from steadily.dashboard.known import HOME_DAYS, Known
from steadily.dashboard.runs import listed_runs, report_of, told_run
from steadily.errors import DatabaseError, SteadilyError
from steadily.monitor.alertlog import acknowledge, end_silence, silence
from steadily.monitor.alerts import Silence
from steadily.monitor.rolling import STEPS
from steadily.serving.bodies import read_body
from steadily.serving.requests import RequestError
from steadily.units import HOUR_US

ROOT = "/dashboard"
MOST_BYTES, BODY_SECONDS = 20_000, 10.0
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATIC = {
    "style.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "uplot/uPlot.iife.min.js": "text/javascript; charset=utf-8",
    "uplot/uPlot.min.css": "text/css; charset=utf-8",
}
HTML = "text/html; charset=utf-8"
DAY_NAMES = {7: "7 days", 28: "4 weeks", 90: "3 months", 365: "a year"}
logger = logging.getLogger("steadily.dashboard")
Handler = Callable[[Request], Awaitable[Response]]


class Pages:
    """The pages of one project.

    Args:
        known: What there is to show.
        door: Lets requests in.
    """

    def __init__(self, known: Known, door: Door) -> None:
        self.known, self.door = known, door
        self.templates = environment()

    async def overview(self, request: Request) -> Response:
        """Show the figures."""
        given = request.query_params.get("days", "")
        days = int(given) if given.isdecimal() and len(given) < 4 and int(given) in STEPS else HOME_DAYS
        return await self.shown(request, "overview.html", lambda: self.figures(days))

    def figures(self, days: int) -> dict[str, Any]:
        """Give what the page of the figures shows."""
        known = self.known
        content = known.figures()
        live = next((one for one in content["serving"] if one["slot"] == "live"), None)
        found: dict[str, Any] = {"content": content, "live": live, "days": days, "ranges": DAY_NAMES}
        found |= {
            "releases": known.releases(),
            "changes": known.changes(max(days, HOME_DAYS)),
            "monitor": known.monitor,
        }
        if live is None:
            return found
        return found | {
            "cards": cards_of(live, known.last_day().get((live["release"], "live"), {})),
            "charts": charts_of(known.points(days), live["levels"], known.alerts.drift.floor),
            "drifted": drift_of(live["drift"]),
            "drift_days": live["drift_days"],
            "confidence": confidence_of(live["confidence"]),
            "confusion": matrix_of([(one["truth"], one["predicted"], one["rows"]) for one in live["confusion"]]),
            "classes": class_table(live),
            "slices": slices_of(live),
            "traffic": traffic_of(live["traffic"]),
            "empty": is_empty(live),
            "unlabelled": lacks_labels(live),
        }

    async def rollout(self, request: Request) -> Response:
        """Show what serves where, and how shadow and live are doing."""
        return await self.shown(request, "rollout.html", self.standing)

    def standing(self) -> dict[str, Any]:
        """Give what the page of the rollout shows."""
        status = self.known.rollout()
        counts = [(live, other, count) for (live, other), count in sorted(status.counts.confusion.items())]
        content = self.known.figures()
        return {
            "status": status,
            "confusion": matrix_of(counts),
            "serving": content["serving"],
            "releases": self.known.releases(),
        }

    async def alerts(self, request: Request) -> Response:
        """Show what fires, what was, and what is silenced."""
        return await self.shown(request, "alerts.html", lambda: self.known.alarms(all_=True))

    async def runs(self, request: Request) -> Response:
        """List the pipeline's runs."""
        return await self.shown(request, "runs.html", lambda: {"runs": listed_runs(self.known.project)})

    async def run(self, request: Request) -> Response:
        """Show one run with its ledgers."""
        name = request.path_params["name"]
        return await self.shown(request, "run.html", lambda: {"run": told_run(self.known.project, name)})

    async def report(self, request: Request) -> Response:
        """Give the report of a run, which is a page of its own."""
        self.door.enter(request)
        page = await asyncio.to_thread(report_of, self.known.project, request.path_params["name"])
        return Response(
            page.read_bytes(), headers=HEADERS | {"Content-Security-Policy": REPORT_POLICY}, media_type=HTML
        )

    async def acknowledge(self, request: Request) -> Response:
        """Note that somebody has seen an alert."""
        self.door.act(request)
        given = await form_of(request)
        number = int(request.path_params["number"])
        who, note = (given.get(name, "")[:500] for name in ("who", "note"))
        await asyncio.to_thread(lambda: acknowledge(self.known.database, number, who, note, self.known.clock.now_us()))
        return seen(f"{ROOT}/alerts?done=acknowledged#alert-{number}")

    async def silence(self, request: Request) -> Response:
        """Tell nobody of what matches, for a while."""
        self.door.act(request)
        given = await form_of(request)
        now_us = self.known.clock.now_us()
        hours = hours_of(given.get("hours", ""))
        rule, about, slot = (given.get(name, "").strip()[:200] or "*" for name in ("rule", "about", "slot"))
        who, note = (given.get(name, "")[:500] for name in ("who", "note"))
        wanted = Silence(rule, about, slot, now_us, now_us + int(hours * HOUR_US), who, note)
        await asyncio.to_thread(silence, self.known.database, wanted)
        return seen(f"{ROOT}/alerts?done=silenced#silences")

    async def unsilence(self, request: Request) -> Response:
        """End a silence."""
        self.door.act(request)
        number = int(request.path_params["number"])
        await asyncio.to_thread(lambda: end_silence(self.known.database, number, self.known.clock.now_us()))
        return seen(f"{ROOT}/alerts?done=unsilenced#silences")

    async def sign_in(self, request: Request) -> Response:
        """Ask for a token."""
        if not self.door.locked:
            return seen(ROOT)
        return self.page(request, "login.html", {"next": own_path(request.query_params.get("next"))})

    async def signed_in(self, request: Request) -> Response:
        """Take a token, and give the cookie for it."""
        refuse_other_sites(request)
        given = await form_of(request)
        target = own_path(given.get("next"))
        cookie = self.door.cookie(given.get("token", ""))
        if cookie is None:
            return self.page(request, "login.html", {"next": target, "wrong": True}, 403)
        response = seen(target)
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, cookie, max_age=int(self.door.hours * 3_600), httponly=True, samesite="strict", secure=secure
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """Take the cookie back."""
        self.door.act(request)
        response = seen(f"{ROOT}/login")
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    async def static(self, request: Request) -> Response:
        """Give a file that lies beside the pages; none of them tells anything."""
        name = request.path_params["path"]
        if name not in STATIC:
            raise RequestError(404, "there is no such file")
        fresh = {"Cache-Control": "public, max-age=31536000, immutable"} if request.url.query else {}
        return Response(static_file(name), headers=HEADERS | fresh, media_type=STATIC[name])

    async def shown(self, request: Request, template: str, make: Callable[[], dict[str, Any]]) -> Response:
        """Let a request in, gather what a page shows off the loop, and render it there."""
        self.door.enter(request)

        def render() -> Response:
            return self.page(request, template, make() | {"firing": self.known.firing()})

        return await asyncio.to_thread(render)

    def page(self, request: Request, template: str, values: dict[str, Any], status: int = 200) -> Response:
        """Render a page."""
        about = {
            "path": request.url.path,
            "project": self.known.project.absolute().name,
            "signed_in": self.door.signed_in(request),
            "done": request.query_params.get("done"),
            "explained": EXPLAINED,
            "wrong": False,
            "now": None,
            "simulated": False,
            "firing": 0,
        }
        if template not in ("login.html", "error.html"):
            about |= {"now": self.known.clock.now_us(), "simulated": self.known.simulated()}
        html = self.templates.get_template(template).render(about | values)
        return Response(html, status, HEADERS, HTML)

    def guarded(self, handler: Handler) -> Handler:
        """Give a handler whose refusals are pages, too."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestError as error:
                if error.status == 401 and request.method == "GET":
                    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                    return seen(f"{ROOT}/login?next={quote(wanted, safe='')}")
                return self.refused(request, error.status, error.what)
            except DatabaseError as error:
                logger.error("%s", error)
                return self.refused(
                    request, 503, "No data: the database can’t be reached. Nothing is known to be well."
                )
            except SteadilyError as error:
                return self.refused(request, 404 if request.method == "GET" else 422, str(error))

        return handle

    def refused(self, request: Request, status: int, what: str) -> Response:
        """Say on a page why there is none."""
        return self.page(request, "error.html", {"status": status, "what": what}, status)


def page_routes(known: Known, door: Door) -> list[Route]:
    """Give the routes of the pages."""
    pages = Pages(known, door)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "", pages.overview),
        ("GET", "/rollout", pages.rollout),
        ("GET", "/alerts", pages.alerts),
        ("GET", "/runs", pages.runs),
        ("GET", "/runs/{name}", pages.run),
        ("GET", "/runs/{name}/report", pages.report),
        ("GET", "/login", pages.sign_in),
        ("POST", "/login", pages.signed_in),
        ("POST", "/logout", pages.sign_out),
        ("POST", "/alerts/{number:int}/acknowledge", pages.acknowledge),
        ("POST", "/silences", pages.silence),
        ("POST", "/silences/{number:int}/end", pages.unsilence),
        ("GET", "/static/{path:path}", pages.static),
    ]
    return [Route(f"{ROOT}{path}", pages.guarded(handler), methods=[method]) for method, path, handler in table]


async def form_of(request: Request) -> dict[str, str]:
    """Read a form's fields.

    Raises:
        RequestError: It is too long, or no text.
    """
    body = await read_body(request.scope, request.receive, MOST_BYTES, BODY_SECONDS)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise RequestError(400, "the form can't be read") from None


def hours_of(text: str) -> float:
    """Read a number of hours, up to a year.

    Raises:
        RequestError: It is none.
    """
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= 24 * 366:
        raise RequestError(422, "for how many hours? A number above 0, up to a year")
    return found


def own_path(text: str | None) -> str:
    """Give a path of these pages, whatever was given.

    >>> own_path("/dashboard/alerts?x=1"), own_path("//evil.example"), own_path("/dashboard//evil"), own_path(None)
    ('/dashboard/alerts?x=1', '/dashboard', '/dashboard', '/dashboard')
    """
    given = text or ""
    ours = given == ROOT or given.startswith((f"{ROOT}/", f"{ROOT}?"))
    return given if ours and given.isprintable() and "\\" not in given and "//" not in given else ROOT


def seen(path: str) -> Response:
    """Send a browser on."""
    return RedirectResponse(path, 303, HEADERS)


@lru_cache(maxsize=16)
def static_file(name: str) -> bytes:
    """Read a file that lies beside the pages."""
    return files("steadily.dashboard").joinpath("static").joinpath(name).read_bytes()


def address_of(name: str) -> str:
    """Give the address of a file that lies beside the pages; another content has another address."""
    return f"{ROOT}/static/{name}?v={hashlib.sha256(static_file(name)).hexdigest()[:10]}"


def environment() -> Any:
    """Give the templates; whatever comes from rows, labels and people is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("steadily.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named = (
        numbers.written, numbers.between, numbers.moment, numbers.machine, numbers.duration, numbers.sign,
        numbers.state_class, numbers.unit_of, numbers.values_of, numbers.called, numbers.acts_of,
    )  # fmt: skip
    found.filters |= {made.__name__: made for made in named}
    found.filters["count"] = "{:,}".format
    found.globals |= {"root": ROOT, "address_of": address_of}
    return found
