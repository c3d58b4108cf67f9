"""Who is let in, and who may act: bearer tokens for programs, a signed cookie for browsers.

Owns the cookie and the rules against other sites. Tokens are those of the service. The cookie holds none of
them: it is a time and a signature that only who knows a token could make, so that any process takes it, and it
ends with the token. Where no tokens are set, requests have to come from this machine, and to name it: a page of
another site that has its own name point here is not let in.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from steadily.serving.requests import RequestError
from steadily.serving.settings import LOOPBACK
from steadily.serving.tokens import Guard

COOKIE = "steadily"
HOUR = 3_600
OTHER_SITE = "this was asked for by a page of another site"


@dataclass(frozen=True)
class Door:
    """Lets requests in, or not.

    Attributes:
        guard: Holds the tokens.
        hours: How long a cookie is good for.
    """

    guard: Guard
    hours: float = 12.0

    @property
    def locked(self) -> bool:
        """Whether there are tokens."""
        return bool(self.guard.tokens)

    def enter(self, request: Request) -> None:
        """Let a request in.

        Raises:
            RequestError: 401 or 403.
        """
        if not self.locked:
            refuse_other_names(request)
        if not self.signed_in(request):
            self.guard.check(request.headers.get("authorization"), request.client.host if request.client else None)

    def act(self, request: Request) -> None:
        """Let a request in that changes something.

        Raises:
            RequestError: It is not let in, or another site's page sent it.
        """
        self.enter(request)
        refuse_other_sites(request)

    def signed_in(self, request: Request) -> bool:
        """Tell whether a request bears a good cookie."""
        until, _, signature = request.cookies.get(COOKIE, "").partition(".")
        if not self.locked or not until.isdecimal() or len(until) > 12 or int(until) < time.time():
            return False
        given = signature.encode()
        return any(hmac.compare_digest(given, sign(token, until).encode()) for token in self.guard.tokens)

    def cookie(self, token: str) -> str | None:
        """Give the cookie's value for who knows a token; None if it is none."""
        known = next((one for one in self.guard.tokens if hmac.compare_digest(one, token.strip().encode())), None)
        until = str(int(time.time() + self.hours * HOUR))
        return None if known is None else f"{until}.{sign(known, until)}"


def sign(token: bytes, until: str) -> str:
    """Sign the end of a cookie's time.

    >>> sign(b"a", "1") == sign(b"a", "1"), sign(b"a", "1") == sign(b"b", "1")
    (True, False)
    """
    return hmac.new(token, f"steadily dashboard until {until}".encode(), hashlib.sha256).hexdigest()


def refuse_other_names(request: Request) -> None:
    """Refuse a request that calls this machine by a name that is not its own.

    Raises:
        RequestError: 403.
    """
    if host_of(f"//{request.headers.get('host', '')}") not in LOOPBACK:
        raise RequestError(403, "without tokens this is answered on this machine alone, by the name of localhost")


def refuse_other_sites(request: Request) -> None:
    """Refuse what a browser was made to send by a page that is not ours.

    Browsers say where a request comes from, and no page can make them say otherwise; programs that are no
    browser say nothing of it, and bear their token themselves.

    Raises:
        RequestError: 403.
    """
    if not is_own(request.headers):
        raise RequestError(403, OTHER_SITE)
    by_cookie = "authorization" not in request.headers and COOKIE in request.cookies
    if by_cookie and not {"origin", "sec-fetch-site"} & set(request.headers):
        raise RequestError(403, "a browser would say which page this comes from; a program needs a bearer token")


def is_own(headers: Mapping[str, str]) -> bool:
    """Tell whether headers speak of a page of ours, or of none.

    >>> is_own({"host": "a:8001", "origin": "http://a:8001"}), is_own({"host": "a:8001", "origin": "http://b"})
    (True, False)
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def host_of(address: str) -> str | None:
    """Give the host of an address, None where it has none that can be read."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
