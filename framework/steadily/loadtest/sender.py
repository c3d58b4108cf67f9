"""Sends requests at their times, whatever becomes of earlier ones, and writes down what became of each.

Owns pacing, connections, time-outs and the measuring. A latency counts from the time at
which its request was meant to be sent, so that a server that stands still is seen in every
request that should have been answered meanwhile. It judges nothing.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from steadily.loadtest.connection import FREE, Connection
from steadily.loadtest.target import Target, resolved

OK, REJECTED, SHED, SERVER_ERROR, TIMED_OUT, DISCONNECTED, UNSENT = range(7)
KINDS = ("ok", "rejected", "shed", "server_error", "timed_out", "disconnected", "unsent")
BURST = 32  # requests sent in one go, before answers are read
SWEEP = 0.05  # seconds between two looks at what has timed out
IDLE = 2.0  # a free connection is closed after this, before the server does it just as something is sent
OVERRUN = 1.0  # seconds after the last arrival in which what is late may still be sent
SPARE = 64  # file descriptors for everything else
MOST_CONNECTIONS = 16_384

Hear = Callable[[int, int, bytes], None]
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Bounds:
    """What bounds a run: seconds that an answer may take, and connections at a time (None: as many as that takes)."""

    timeout: float = 10.0
    connections: int | None = None


@dataclass(frozen=True, eq=False)
class Sent:
    """What became of requests, by their number.

    Attributes:
        times: When each was to be sent, in seconds from the start.
        lags: How much later it was sent, in seconds; infinite where it never was.
        took: Seconds from the time at which it was to be sent to its answer or time-out; NaN where neither came.
        kinds: What came of it: a place in KINDS.
        waited: How many found all connections waiting for answers.
        connections: The most that were open at a time.
        bound: The most that could be.
    """

    times: np.ndarray[Any, np.dtype[np.float64]]
    lags: np.ndarray[Any, np.dtype[np.float64]]
    took: np.ndarray[Any, np.dtype[np.float64]]
    kinds: np.ndarray[Any, np.dtype[np.uint8]]
    waited: int
    connections: int
    bound: int


def send(
    target: Target,
    requests: Sequence[bytes],
    times: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]],
    bounds: Bounds | None = None,
    *,
    hear: Hear = lambda number, status, body: None,
    tell: Tell = lambda sent, answered: None,
) -> Sent:
    """Send requests at their times, and wait until each is answered or has timed out.

    Stops by itself: at the latest one second and the time-out after the last arrival.

    Args:
        target: Where to.
        requests: Whole requests (see ``request_of``), taken in turn.
        times: When each is to be sent, in seconds from the start, rising.
        bounds: What bounds the run.
        hear: Called with each answer: its number, status and body.
        tell: Called now and then with how many were sent, and how many are done.

    Raises:
        RunError: There is no such host.
    """
    bounds = bounds or Bounds()
    planned = np.asarray(times, dtype=np.float64)
    bound = bounds.connections or connections_for(planned, bounds.timeout)
    sender = Sender(resolved(target), target.port, requests, planned, bounds.timeout, room_for(bound), hear, tell)
    with quiet_collector(), asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(sender.run())
    return sender.sent()


def request_of(target: Target, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """Write a whole request that posts JSON.

    >>> request_of(Target("localhost", 80), "/predict", b"{}").splitlines()[0]
    b'POST /predict HTTP/1.1'
    """
    lines = {
        "Host": target.authority,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path}{path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


class Sender:
    """One run in an event loop."""

    def __init__(
        self,
        host: str,
        port: int,
        requests: Sequence[bytes],
        times: np.ndarray[Any, np.dtype[np.float64]],
        timeout: float,
        bound: int,
        hear: Hear,
        tell: Tell,
    ) -> None:
        self.host, self.port, self.requests, self.timeout, self.bound = host, port, requests, timeout, bound
        self.hear, self.tell = hear, tell
        self.planned, self.times = times, times.tolist()
        count = len(self.times)
        self.lags, self.took, self.kinds = [float("inf")] * count, [float("nan")] * count, bytearray([UNSENT]) * count
        self.next = self.done_count = self.waited = self.most = 0
        self.free: deque[Connection] = deque()
        self.open: set[Connection] = set()
        self.queued: deque[int] = deque()
        self.awaited: deque[tuple[float, Connection, int]] = deque()
        self.opening: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send all, and wait for what comes of it."""
        self.loop = asyncio.get_running_loop()
        self.finished = self.loop.create_future()
        self.start = time.perf_counter()
        self.end = (self.times[-1] if self.times else 0.0) + OVERRUN
        try:
            self.pace()
            self.sweep()
            await self.finished
        finally:
            self.stop()
        await asyncio.gather(*self.opening, return_exceptions=True)

    def now(self) -> float:
        """Give the seconds since the start: a clock finer than the loop's own."""
        return time.perf_counter() - self.start

    def pace(self) -> None:
        """Send what is due, and come back when the next is; answers are read in between."""
        if self.finished.done():
            return
        now, last = self.now(), min(self.next + BURST, len(self.times))
        while self.next < last and self.times[self.next] <= now:
            self.dispatch(self.next, now)
            self.next += 1
        if self.next == len(self.times):
            return
        if now > self.end:
            self.leave_out(range(self.next, len(self.times)))
            self.next = len(self.times)
            return
        self.loop.call_later(max(0.0, self.times[self.next] - now), self.pace)

    def dispatch(self, number: int, now: float) -> None:
        """Send a request on a free connection, or on a new one; where there may be no more, it waits its turn."""
        connection = self.take_free()
        if connection is None and len(self.open) < self.bound:
            connection = Connection(self.answered, self.gone)
            self.open.add(connection)
            self.most = max(self.most, len(self.open))
            opening = self.loop.create_task(self.connect(connection))
            self.opening.add(opening)
            opening.add_done_callback(self.opening.discard)
        if connection is None:
            self.waited += 1
            self.queued.append(number)
        else:
            self.put_on(connection, number, now)

    def put_on(self, connection: Connection, number: int, now: float) -> None:
        """Send a request on a connection."""
        self.lags[number] = now - self.times[number]
        self.awaited.append((self.times[number] + self.timeout, connection, number))
        connection.send(number, self.requests[number % len(self.requests)])

    def take_free(self) -> Connection | None:
        """Take the connection that became free last, so that those that are not needed grow old."""
        while self.free:
            connection = self.free.pop()
            if not connection.closed:
                return connection
        return None

    async def connect(self, connection: Connection) -> None:
        """Open a connection."""
        try:
            await self.loop.create_connection(lambda: connection, self.host, self.port)
        except OSError:
            connection.fail()

    def answered(self, connection: Connection, number: int, status: int, body: bytes) -> None:
        """Write an answer down, and use the connection again."""
        now = self.now()
        self.took[number] = now - self.times[number]
        self.finish(number, kind_of(status))
        self.hear(number, status, body)
        if not connection.closed:
            self.reuse(connection, now)

    def reuse(self, connection: Connection, now: float) -> None:
        """Send what waits for a connection, or keep this one for later."""
        if self.queued:
            self.put_on(connection, self.queued.popleft(), now)
        else:
            connection.since = now
            self.free.append(connection)

    def gone(self, connection: Connection, number: int) -> None:
        """Write down that a connection is gone, with what it carried; what waits gets a new one."""
        self.open.discard(connection)
        if number != FREE:
            self.finish(number, DISCONNECTED)
        if self.queued and not self.finished.done() and len(self.open) < self.bound:
            self.waited -= 1
            self.dispatch(self.queued.popleft(), self.now())

    def finish(self, number: int, kind: int) -> None:
        """Write down what came of a request."""
        self.kinds[number] = kind
        self.done_count += 1
        if self.done_count == len(self.times) and not self.finished.done():
            self.finished.set_result(None)

    def leave_out(self, numbers: Sequence[int]) -> None:
        """Give up on requests that were not sent in time."""
        for number in numbers:
            self.finish(number, UNSENT)

    def sweep(self) -> None:
        """Give up on what has waited too long, close what is not needed, say how far it is; again and again."""
        now = self.now()
        while self.awaited and self.awaited[0][0] <= now:
            deadline, connection, number = self.awaited.popleft()
            if connection.ticket == number:
                self.took[number] = max(now, deadline) - self.times[number]
                self.open.discard(connection)
                connection.close()
                self.finish(number, TIMED_OUT)
        while self.queued and (self.times[self.queued[0]] + self.timeout <= now or now > self.end):
            self.leave_out([self.queued.popleft()])
        while self.free and (self.free[0].closed or self.free[0].since + IDLE <= now):
            self.free.popleft().abort()
        self.tell(self.next, self.done_count)
        if not self.times and not self.finished.done():
            self.finished.set_result(None)
        if not self.finished.done():
            self.loop.call_later(SWEEP, self.sweep)

    def stop(self) -> None:
        """Close all connections."""
        if not self.finished.done():
            self.finished.cancel()
        for task in list(self.opening):
            task.cancel()
        for connection in list(self.open):
            connection.close()

    def sent(self) -> Sent:
        """Give what was written down."""
        kinds = np.frombuffer(bytes(self.kinds), dtype=np.uint8)
        lags, took = np.array(self.lags, dtype=np.float64), np.array(self.took, dtype=np.float64)
        return Sent(self.planned, lags, took, kinds, self.waited, self.most, self.bound)


def kind_of(status: int) -> int:
    """Tell what an answer is, by its status.

    >>> [KINDS[kind_of(status)] for status in (200, 422, 503, 500)]
    ['ok', 'rejected', 'shed', 'server_error']
    """
    if 200 <= status < 300:
        return OK
    if status == 503:
        return SHED
    return SERVER_ERROR if status >= 500 else REJECTED


def connections_for(times: np.ndarray[Any, np.dtype[np.float64]], timeout: float) -> int:
    """Say how many connections a run takes where nothing is answered before it times out: the most arrivals
    within one time-out, and a few more.
    """
    if not len(times):
        return 1
    within = np.searchsorted(times, times + timeout + 2 * SWEEP, side="right") - np.arange(len(times))
    return min(int(within.max()) + SPARE, MOST_CONNECTIONS)


def room_for(connections: int) -> int:
    """Ask the system for as many open files as that takes, and say how many connections it allows."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(connections, soft - SPARE))
    return connections


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Keep the garbage collector from stopping the sending for a while."""
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Give the quickest event loop that is installed."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
