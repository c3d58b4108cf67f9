"""Who may ask for what: bearer tokens for all but prediction and health.

Owns the comparison. Tokens come from the environment, and are never written or told.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from ipaddress import ip_address

from steadily.serving.requests import RequestError


class Guard:
    """Lets requests in, or not.

    Args:
        tokens: The tokens; without any only requests from this machine are let in.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = [token.encode() for token in tokens if token]

    @classmethod
    def of(cls, listed: str | None) -> Guard:
        """Read tokens that are separated by commas."""
        return cls(token.strip() for token in (listed or "").split(","))

    def check(self, authorization: str | None, client: str | None) -> None:
        """Let a request in.

        Args:
            authorization: Its header of that name.
            client: The address that it comes from.

        Raises:
            RequestError: 401 without a token, 403 with another one.
        """
        if not self.tokens:
            if not is_local(client):
                raise RequestError(403, "without tokens this is answered on this machine alone")
            return
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise RequestError(401, "a bearer token is needed")
        if not any(hmac.compare_digest(given.strip().encode(), token) for token in self.tokens):
            raise RequestError(403, "this token is not one of those that are let in")


def is_local(client: str | None) -> bool:
    """Tell an address of this machine.

    >>> is_local("127.0.0.1"), is_local("::1"), is_local("10.0.0.7"), is_local(None)
    (True, True, False, False)
    """
    try:
        return client is not None and ip_address(client).is_loopback
    except ValueError:
        return False
