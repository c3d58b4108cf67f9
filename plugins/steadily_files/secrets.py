"""Passwords in addresses: refused where they would be committed, hidden where they would be shown.

Owns the recognition of a password in an address; nothing else here may print one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from steadily import DataError

USER_PART = re.compile(r"^([\w+.-]+://[^:/@]*):[^@]*@")
QUERY_PART = re.compile(r"([?&;](?:password|passwd|pwd|secret|token|api_?key|sig|signature)=)[^&;]*", re.IGNORECASE)
PORT = re.compile(r"^https?://[^:/@]+:\d+/")  # after it, an '@' is part of the path
HIDDEN = "***"


def hidden(address: str) -> str:
    """Give ``address`` with its passwords hidden.

    >>> hidden("postgresql://ann:s3cret@db/shop?password=x")
    'postgresql://ann:***@db/shop?password=***'
    """
    shown = address if PORT.match(address) else USER_PART.sub(rf"\1:{HIDDEN}@", address)
    return QUERY_PART.sub(rf"\1{HIDDEN}", shown)


def has_password(address: str) -> bool:
    """Tell whether ``address`` carries a password.

    >>> has_password("s3://bucket/a:b@c.csv"), has_password("http://host:80/a@b.csv"), has_password("ftp://a:b@host/c")
    (False, False, True)
    """
    return hidden(address) != address


def refuse_password(address: str, *, hint: str | None = None) -> None:
    """Refuse an address with a password, which would be committed with the parameters.

    Raises:
        DataError: There is a password in it; the error does not show it.
    """
    if has_password(address):
        raise DataError.at(
            hidden(address),
            "the address holds a password, and configuration is committed",
            hint=hint or "give the password through the environment or the credentials file of this protocol",
        )


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Hide ``secrets`` in what a driver says, as they are and as an address would spell them.

    >>> scrub("no access with p@ss (p%40ss)", ["p@ss"])
    'no access with *** (***)'
    """
    for secret in secrets:
        for spelling in {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]} - {""}:
            text = text.replace(spelling, HIDDEN)
    return text
