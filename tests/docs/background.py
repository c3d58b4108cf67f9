"""A service that a page starts and that answers while the reader goes on.

It listens at a port that is free, and not at the one that the page names: whoever walks puts the one for the other.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

SECONDS = 120
LISTENS = re.compile(r"answers at http://(127\.0\.0\.1:\d+)/")


@dataclass
class Service:
    """The process, where its output goes, and the address that it listens at."""

    process: subprocess.Popen[bytes]
    output: Path
    where: str
    address: str = ""
    NAMED: ClassVar[str] = "127.0.0.1:8000"

    @classmethod
    def start(cls, command: str, folder: Path, environment: Mapping[str, str], where: str) -> Service:
        """Start a page's command, and wait until the service is ready."""
        with tempfile.NamedTemporaryFile("wb", prefix="served-", suffix=".log", delete=False) as told:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", f"{command.rstrip()} --port 0"],
                cwd=folder, env=environment, stdout=told, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        found = cls(process, Path(told.name), where)
        try:
            found.wait()
        except BaseException:
            found.stop()
            raise
        return found

    def printed(self) -> str:
        """Give what it has printed so far."""
        return self.output.read_text(encoding="utf-8")

    def wait(self) -> None:
        """Wait until it answers."""
        end = time.monotonic() + SECONDS
        while not self.ready():
            assert self.process.poll() is None, f"{self.where}: it ended:\n{self.printed()}"
            assert time.monotonic() < end, f"{self.where}: it was not ready in {SECONDS} s:\n{self.printed()}"
            time.sleep(0.1)

    def ready(self) -> bool:
        """Tell whether it answers; one that asks for a token does."""
        found = LISTENS.search(self.printed())
        self.address = found[1] if found else ""
        if not found:
            return False
        try:
            with urllib.request.urlopen(f"http://{self.address}/health/ready", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            with error:
                return error.code == 401
        except OSError:
            return False

    def stop(self) -> None:
        """End it as Ctrl-C does, and take away what is left; a clean end is part of what a page promises."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        printed = self.printed()
        self.output.unlink()
        assert "Traceback" not in printed, f"{self.where}:\n{printed}"
