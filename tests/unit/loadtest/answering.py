"""A small server of HTTP/1.1 in a process of its own, which does what the row of a request says.

``{"rows": [{"do": "shed"}]}`` and so on; what is not known is answered with 200. Run as a script with the number of a
listening socket's file descriptor.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

STATUS = {"wrong": 422, "shed": 503, "fail": 500, "moved": 302}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while await answer(reader, writer):
            await writer.drain()
    writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next((int(line.split(":")[1]) for line in head.lower().splitlines() if "content-length" in line), 0)
    body = await reader.readexactly(length)
    if head.startswith("GET /health/ready"):
        return reply(writer, 200, {"ready": True, "release": 3})
    if not head.startswith("POST /predict"):
        return reply(writer, 404, {})
    row = json.loads(body)["rows"][0]
    do = row.get("do")
    said = (
        {"refused": {"stage": "s", "step": "t", "column": None, "reason": "r"}}
        if do == "refuse"
        else {"prediction": "ham"}
    )
    content = {"request_id": "r", "release": row.get("release", 3), "answers": [said]}
    if do == "hang":
        await asyncio.sleep(60)
    if do == "slow":
        await asyncio.sleep(row.get("seconds", 0.2))
    if do == "drop":
        writer.transport.abort()
        return False
    if do == "noise":
        writer.write(b"no http at all\r\n\r\n")
        return False
    if do == "pieces":
        text = json.dumps(content).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(text), 7):
            piece = text[at : at + 7]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True
    return reply(writer, STATUS.get(do, 200), content, "Connection: close\r\n" if do == "close" else "")


def reply(writer: asyncio.StreamWriter, status: int, content: object, more: str = "") -> bool:
    text = json.dumps(content)
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n{more}\r\n{text}".encode())
    return not more


async def main(descriptor: int) -> None:
    server = await asyncio.start_server(serve, sock=socket.socket(fileno=descriptor), backlog=2048)
    await server.serve_forever()


class Server:
    """The server from the outside."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port
        self.url = f"http://127.0.0.1:{port}"

    def freeze(self, seconds: float) -> None:
        """Let it stand still."""
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def started() -> Iterator[Server]:
    """Start the server; it listens from the beginning."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2048)
        number = listening.fileno()
        command = [sys.executable, str(Path(__file__)), str(number)]
        process = subprocess.Popen(command, pass_fds=[number], env={**os.environ, "PYTHONPATH": ""})
        port = listening.getsockname()[1]
    try:
        yield Server(process, port)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
