"""One connection of HTTP/1.1, kept alive: a request out, an answer in, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import httptools

if TYPE_CHECKING:
    Done = Callable[["Connection", int, int, bytes], None]
    Lost = Callable[["Connection", int], None]

KEPT = 1 << 20  # bytes of an answer that are kept to be read
FREE = -1


class Connection(asyncio.Protocol):
    """A connection that is being opened, carries one request, or is free.

    Attributes:
        ticket: The number of the request that waits for an answer on it; FREE where none does.
        closed: Whether nothing can be sent on it any more.
        since: When it became free.
    """

    def __init__(self, done: Done, lost: Lost) -> None:
        """Say whom to tell.

        Args:
            done: Called with the connection, the ticket, the status and the body of each answer.
            lost: Called once with the connection and its ticket (FREE where it carried none) when it is gone.
        """
        self.done, self.lost = done, lost
        self.transport: asyncio.Transport | None = None
        self.parser = httptools.HttpResponseParser(self)
        self.pending = b""
        self.body: list[bytes] = []
        self.size = 0
        self.complete: tuple[int, bool] | None = None
        self.ticket = FREE
        self.closed = False
        self.since = 0.0

    def send(self, ticket: int, request: bytes) -> None:
        """Send a request, at once or as soon as the connection is open."""
        self.ticket = ticket
        if self.transport is None:
            self.pending = request
        else:
            self.transport.write(request)

    def close(self) -> None:
        """Close it, whatever it is doing; nobody is told of what it carried."""
        self.closed, self.ticket = True, FREE
        if self.transport is not None:
            self.transport.abort()

    def fail(self) -> None:
        """Take it that there is no such connection (any more)."""
        ticket, self.ticket, self.closed = self.ticket, FREE, True
        self.lost(self, ticket)

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what has waited for the connection."""
        self.transport = cast(asyncio.Transport, transport)
        if self.closed:  # what it was opened for has timed out by now
            self.transport.abort()
        else:
            self.transport.write(self.pending)
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        """Read a piece of an answer; what is no HTTP, or was not asked for, ends the connection."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()
            return
        if self.complete:
            self.hand_over(*self.complete)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell it."""
        self.fail()

    # what the parser calls

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self.size += len(body)
        if self.size <= KEPT:
            self.body.append(body)

    def on_message_complete(self) -> None:
        """Keep what only the parser knows; what raises in here would not be heard of."""
        self.complete = (self.parser.get_status_code(), self.parser.should_keep_alive())

    def hand_over(self, status: int, stays: bool) -> None:
        """Hand an answer over; one that nobody asked for ends the connection."""
        body, ticket = b"".join(self.body), self.ticket
        self.body, self.size, self.ticket, self.complete = [], 0, FREE, None
        if ticket == FREE or not stays:
            self.abort()
        if ticket != FREE:
            self.done(self, ticket, status, body)

    def abort(self) -> None:
        """End it; ``connection_lost`` comes next."""
        self.closed = True
        if self.transport is not None:
            self.transport.abort()
