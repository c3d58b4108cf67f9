"""Where requests go: a plain http:// address, and whether something ready to answer is there."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from steadily.errors import ConfigError, RunError

WAIT = 10.0  # seconds for one question before the test
SAID = 300
KEPT = 1 << 20
START = "`steadily serve` starts the service; --url names another address"


@dataclass(frozen=True)
class Target:
    """An address: the host's name, its port, and the path before those of the service's own."""

    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        """The address as it is written."""
        return f"http://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """Host and port; an address of IPv6 stands in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def target_of(url: str) -> Target:
    """Read an address.

    Raises:
        ConfigError: It is not one of plain HTTP.

    >>> target_of("http://127.0.0.1:8000/mails/")
    Target(host='127.0.0.1', port=8000, path='/mails')
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as error:
        raise ConfigError.at("--url", f"is no address: {error}", given=url) from error
    whole = not (parts.query or parts.fragment or parts.username)
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme != "http" or not parts.hostname or not whole or not plain:
        hint = "encryption ends before the service, so that it is tested without"
        raise ConfigError.at("--url", "is no address of plain HTTP", given=url, allowed="http://HOST[:PORT]", hint=hint)
    return Target(parts.hostname, port, parts.path.rstrip("/"))


def resolved(target: Target) -> str:
    """Look the host's name up, once for all connections.

    Raises:
        RunError: There is no such host.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RunError.at(target.url, f"there is no such host: {error.strerror or error}") from error
    return str(found[0][4][0])


def need_ready(target: Target, headers: dict[str, str]) -> int | None:
    """Make sure that a service listens and is ready.

    Returns:
        The release that answers, where it says so.

    Raises:
        RunError: Nothing listens, or what listens is not ready; with what it says.
    """
    status, said = asked(target, "GET", "/health/ready", None, headers)
    if status == 404:
        raise RunError.at(target.url, "has no /health/ready, so that it is no service of Steadily's", hint=START)
    if status != 200:
        raise RunError.at(f"{target.url}/health/ready", "is not ready", given=f"{status} {words(said)}".rstrip())
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return int(json.loads(said)["release"])
    return None


def need_answer(target: Target, body: bytes, headers: dict[str, str]) -> None:
    """Send one request and make sure that it is not refused as a whole, since then all would be.

    Raises:
        RunError: With the status and what the service says.
    """
    status, said = asked(target, "POST", "/predict", body, {"content-type": "application/json", **headers})
    if 300 <= status < 500:
        given = f"{status} {words(said)}".rstrip()
        raise RunError.at(f"{target.url}/predict", "refuses the first of the rows that would be sent", given=given)


def asked(target: Target, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
    """Ask once; give the status and the body of the answer, as far as anybody reads it.

    Raises:
        RunError: There is no answer.
    """
    connection = http.client.HTTPConnection(target.host, target.port, timeout=WAIT)
    try:
        connection.request(method, target.path + path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(KEPT)
    except ConnectionRefusedError as error:
        raise RunError.at(target.url, "nothing listens there", hint=START) from error
    except (OSError, http.client.HTTPException) as error:
        what = f"gives no answer to {method} {path}: {error or type(error).__name__}"
        raise RunError.at(target.url, what, hint=START) from error
    finally:
        connection.close()


def words(body: bytes) -> str:
    """Give the beginning of what a service says, on one line."""
    return " ".join(body[: SAID * 4].decode("utf-8", "replace").split())[:SAID]
