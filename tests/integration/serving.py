"""A service for tests: a small project with releases, and the real process that serves them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert, select

from steadily.bundle import manifest as manifests
from steadily.clock import Clock
from steadily.database import Database, open_database
from steadily.database.tables import predictions, releases
from steadily.releases.records import folder_name
from steadily.releases.slots import Act, place, read_slots
from steadily.releases.store import Store

STEADILY = Path(sys.executable).with_name("steadily")
SECONDS = 120
DISTANT = "served by another process"


@dataclass
class Operated:
    """A project's folder with a database and releases, and nothing else of it."""

    folder: Path
    address: str
    settings: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> Operated:
        """Write the settings."""
        (self.folder / "conf").mkdir(parents=True, exist_ok=True)
        content = {"database": {"url": "${oc.env:TEST_DATABASE}"}, "serve": self.settings}
        (self.folder / "conf/operate.yaml").write_text(json.dumps(content), encoding="utf-8")
        return self

    def open(self) -> Database:
        return open_database(self.address)

    def register(self, bundle: Path, latency: dict[str, Any] | None = None) -> int:
        """Make a bundle a release, without the project that it comes from; the first one goes live."""
        content = manifests.content_of(bundle)
        with self.open() as database:
            with database.read() as connection:
                number = len(connection.execute(select(releases.c.number)).all()) + 1
            name = folder_name(number, content["digest"])
            url = Store(str(self.folder / ".steadily/releases")).put(bundle, name)
            row = {name: {} for name in ("metrics", "config", "versions", "data")}
            row |= {
                "number": number,
                "digest": content["digest"],
                "created_us": Clock().now_us(),
                "task": content["task"],
            }
            with database.begin() as connection:
                connection.execute(insert(releases).values(**row, manifest=content, latency=latency or {}, url=url))
        if number == 1:
            self.put(live=1)
        return number

    def put(self, **slots: int | None) -> None:
        """Put releases into slots."""
        with self.open() as database:
            seen = read_slots(database).revision
            place(database, slots, Act("test", None, "a test"), seen=seen, now_us=Clock().now_us())

    def logged(self) -> list[Any]:
        """Give the rows of the prediction log."""
        with self.open() as database, database.read() as connection:
            return list(connection.execute(select(predictions)).all())

    @contextmanager
    def serving(self, *words: str, environment: dict[str, str] | None = None) -> Iterator[Running]:
        """Serve, and stop cleanly at the end."""
        running = Running.start(self, words, environment or {})
        try:
            yield running
        finally:
            running.stop()


@dataclass
class Running:
    """A service that runs: its process and address."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @classmethod
    def start(
        cls, operated: Operated, words: tuple[str, ...], environment: dict[str, str], *, polled: bool = True
    ) -> Running:
        """Start it, and wait until it says where it answers, and until it is ready."""
        log = operated.folder / "serve.log"
        with log.open("w") as told:
            process = subprocess.Popen(
                [str(STEADILY), "serve", "--port", "0", *words],
                cwd=operated.folder,
                env={
                    **os.environ,
                    "TEST_DATABASE": operated.address,
                    "STEADILY_LOG": "info",
                    **environment,
                },
                stdout=subprocess.PIPE,
                stderr=told,
                text=True,
                start_new_session=True,
            )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "answers at" in line, log.read_text("utf-8")
        running = cls(process, line.split(" answers at ")[1].split("/predict")[0], log)
        if not polled:
            return running
        running.wait_for(lambda: httpx.get(f"{running.url}/health/ready", timeout=5).status_code in (200, 401))
        return running

    def wait_for(self, true: Any, seconds: float = SECONDS) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if true():
                    return
            except httpx.TransportError:
                assert self.process.poll() is None, self.log.read_text("utf-8")
            time.sleep(0.05)
        raise AssertionError(f"it did not come to pass in {seconds} s: {self.log.read_text('utf-8')[-3000:]}")

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", json=body, timeout=30, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=30, **more)

    def stop(self) -> int:
        """Stop it as a person would, and take what is left of it away."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=40)
            finally:
                kill_group(self.process)
        kill_group(self.process)
        if self.process.stdout:
            self.process.stdout.close()
        return self.process.returncode


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill all processes of a session, if any are left."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def copied(bundle: Path, folder: Path) -> Path:
    """Give a copy of a bundle."""
    shutil.copytree(bundle, folder)
    return folder


def tried(description: str, cases: int, where: Path) -> None:
    """Let Schemathesis try what a process says of itself.

    Args:
        description: The address of its OpenAPI description.
        cases: How many for each operation and kind.
        where: A folder for what it leaves.
    """
    words = ["run", description, "--max-examples", str(cases), "--workers", "1", "--seed", "1", "--no-color"]
    command = [str(Path(sys.executable).with_name("schemathesis")), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1_500, check=False, cwd=where)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
