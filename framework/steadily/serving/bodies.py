"""Reading bodies and writing replies over ASGI: bounded in bytes and in time.

Owns the limits on what a client may send. It knows nothing of rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from pydantic_core import to_json

from steadily.serving.requests import RequestError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Gone(Exception):  # noqa: N818 (nobody erred: the client went away)
    """The client went away before its body was whole."""


async def read_body(scope: Scope, receive: Receive, most_bytes: int, seconds: float) -> bytes:
    """Read a request's body.

    Raises:
        RequestError: It is too long (413), or took too long (408).
        Gone: The client went away.
    """
    told = header(scope, b"content-length")
    if told and told.isdigit() and int(told) > most_bytes:
        raise too_long(most_bytes)
    message = await receive() if told == b"0" else None
    try:
        async with asyncio.timeout(seconds):
            pieces: list[bytes] = []
            length = 0
            while True:
                message = message or await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                piece = message.get("body", b"")
                length += len(piece)
                if length > most_bytes:
                    raise too_long(most_bytes)
                pieces.append(piece)
                if not message.get("more_body", False):
                    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
                message = None
    except TimeoutError:
        raise RequestError(408, f"the body was not here within {seconds:g} seconds") from None


def too_long(most_bytes: int) -> RequestError:
    """Refuse a body for its length."""
    return RequestError(413, f"the body is longer than {most_bytes:,} bytes")


def need_json(scope: Scope, *, unless_silent: bool = False) -> None:
    """Refuse a body that does not say that it is JSON.

    Args:
        scope: The request.
        unless_silent: Whether one that says nothing is taken for JSON.

    Raises:
        RequestError: 415.
    """
    kind = (header(scope, b"content-type") or b"").split(b";")[0].strip().lower()
    if unless_silent and not kind:
        return
    if kind != b"application/json" and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        given = kind.decode("latin-1") or "nothing"
        raise RequestError(415, f"the content type has to be application/json, and is {given[:80]}")


def header(scope: Scope, name: bytes) -> bytes | None:
    """Give a header's value; ``name`` is in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


async def send_json(
    send: Send,
    status: int,
    body: Any,
    headers: Iterable[tuple[bytes, bytes]] = (),
    *,
    kind: bytes = b"application/json",
) -> None:
    """Send a reply."""
    content = body if isinstance(body, bytes) else to_json(body, inf_nan_mode="null")
    told = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": content})
