"""Posts requests and waits for their answers, on connections that are kept: those of the load test.

Unlike a load test's sender it can be waited for, request by request.
"""

from __future__ import annotations

import asyncio
import time

from steadily.loadtest.connection import Connection
from steadily.loadtest.sender import IDLE


class Post:
    """The connections to one service.

    Args:
        host: Its address, looked up.
        port: Its port.
        timeout: Seconds that an answer may take.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.host, self.port, self.timeout = host, port, timeout
        self.free: list[Connection] = []
        self.open: set[Connection] = set()
        self.waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self.number = 0

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request, and give the status and the body of its answer.

        Raises:
            TimeoutError: There was none in time.
            OSError: The connection could not be had, or broke.
        """
        self.number += 1
        number = self.number
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.waiting[number] = answer
        try:
            async with asyncio.timeout(self.timeout):
                connection = self.kept() or await self.opened()
                connection.send(number, request)
                return await answer
        finally:
            del self.waiting[number]
            for connection in [one for one in self.open if one.ticket == number]:  # it gave up
                self.open.discard(connection)
                connection.close()

    def kept(self) -> Connection | None:
        """Take a connection that is free, and was so for no longer than a service keeps one."""
        while self.free:
            connection = self.free.pop()
            if not connection.closed and time.monotonic() - connection.since <= IDLE:
                return connection
            connection.abort()
        return None

    async def opened(self) -> Connection:
        """Open a connection."""
        connection = Connection(self.answered, self.lost)
        await asyncio.get_running_loop().create_connection(lambda: connection, self.host, self.port)
        self.open.add(connection)
        return connection

    def answered(self, connection: Connection, number: int, status: int, body: bytes) -> None:
        """Hand an answer to whom it is for."""
        answer = self.waiting.get(number)
        if answer is not None and not answer.done():
            answer.set_result((status, body))
        if not connection.closed:
            connection.since = time.monotonic()
            self.free.append(connection)

    def lost(self, connection: Connection, number: int) -> None:
        """Tell whoever waits that the connection broke."""
        self.open.discard(connection)
        answer = self.waiting.get(number)
        if answer is not None and not answer.done():
            answer.set_exception(ConnectionError("the connection broke"))

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self.open):
            connection.close()
