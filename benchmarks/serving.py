"""Measures `steadily serve` beside a plain FastAPI endpoint that runs the same transforms in pandas, on single rows.

Everything in one run: 16 connections that are kept alive, each with one request at a time; one worker, held to one
core, and the load held to another; in turns, so that a machine that has other work treats all alike. Ours checks the
contract and writes its prediction log, the plain one (``plain_endpoint.py``) does neither. Nothing of a project is
changed: the release and its log lie in a folder of their own, which is deleted. A project needs a complete run.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # for all alike

import numpy as np
import psutil
from measuring import BIN, environment, table

from steadily.bundle import manifest as manifests
from steadily.clock import clock_of
from steadily.database import open_project
from steadily.datasets import open_dataset
from steadily.loadtest.connection import Connection
from steadily.loadtest.rows import MOST, Wanted, bodies, plain, rows_of_evaluation
from steadily.releases.judged import judged_rows
from steadily.releases.register import register
from steadily.releases.store import Store
from steadily.serving.trial import try_out

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = {"mails": (ROOT, 3.0), "flights": (ROOT / "examples" / "flights", 5.0)}
PLAIN = Path(__file__).with_name("plain_endpoint.py")
TRIED = 300  # rows on which a release is tried
CHECKED = 40  # rows of which all endpoints have to say the same
OURS, PANDAS, BARE = "steadily serve", "pandas in FastAPI", "bare model in FastAPI"


@dataclass
class Figures:
    """What one endpoint came to in one turn.

    Attributes:
        rate: Requests a second.
        cpu: Milliseconds of its process's CPU time for each: what counts where the core has other work too.
        p50: Milliseconds until an answer, as half of them took at most.
        p99: The same for 99 %.
        busy: The share of a core that the load took.
    """

    rate: float
    cpu: float
    p50: float
    p99: float
    busy: float


@dataclass
class Endpoint:
    """One that answers: its name, address and the bodies that it is sent."""

    name: str
    host: str
    port: int
    process: psutil.Process
    requests: Sequence[bytes]
    turns: list[Figures] = field(default_factory=list)

    def ask(self, body: bytes) -> Any:
        """Ask once."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request("POST", "/predict", body, {"content-type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        """Give the CPU time that its process has taken."""
        times = self.process.cpu_times()
        return times.user + times.system

    def middle(self, name: str) -> float:
        """Give the median of a figure over the turns."""
        return statistics.median(getattr(turn, name) for turn in self.turns)


class Load:
    """Keeps so many connections busy for so long: each is sent the next request as soon as it has its answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        head = f"POST /predict HTTP/1.1\r\nhost: {endpoint.host}\r\ncontent-type: application/json\r\ncontent-length: "
        self.raw = [head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body for body in endpoint.requests]
        self.endpoint = endpoint
        self.next = 0
        self.sent: dict[int, float] = {}
        self.taken: list[float] = []
        self.failed = 0
        self.counting = self.stopped = False

    async def run(self, connections: int, seconds: float, warm_up: float) -> Figures:
        """Load the endpoint, and count after the warm-up."""
        loop = asyncio.get_running_loop()
        opened = []
        for _ in range(connections):
            made = partial(Connection, self.answered, self.lost)
            _, connection = await loop.create_connection(made, self.endpoint.host, self.endpoint.port)
            opened.append(connection)
            self.send(connection)
        await asyncio.sleep(warm_up)
        self.counting, began, own, cpu = True, time.perf_counter(), time.process_time(), self.endpoint.cpu_seconds()
        await asyncio.sleep(seconds)
        self.counting, self.stopped = False, True
        passed, own, cpu = time.perf_counter() - began, time.process_time() - own, self.endpoint.cpu_seconds() - cpu
        for connection in opened:
            connection.close()
        if self.failed or not self.taken:
            raise SystemExit(f"{self.endpoint.name}: {self.failed} requests failed, {len(self.taken)} were answered")
        p50, p99 = np.percentile(self.taken, [50, 99]) * 1e3
        count = len(self.taken)
        return Figures(count / passed, cpu * 1e3 / count, float(p50), float(p99), own / passed)

    def send(self, connection: Connection) -> None:
        """Send the next request."""
        ticket, self.next = self.next, self.next + 1
        self.sent[ticket] = time.perf_counter()
        connection.send(ticket, self.raw[ticket % len(self.raw)])

    def answered(self, connection: Connection, ticket: int, status: int, body: bytes) -> None:
        """Take an answer, and send the next request."""
        began = self.sent.pop(ticket)
        if self.counting:
            self.taken.append(time.perf_counter() - began)
            self.failed += status != 200
        if not self.stopped:
            self.send(connection)

    def lost(self, connection: Connection, ticket: int) -> None:
        """Count a connection that broke."""
        self.failed += not self.stopped


@contextmanager
def served(
    name: str, command: Sequence[str | Path], folder: Path, core: int, requests: list[bytes]
) -> Iterator[Endpoint]:
    """Run an endpoint on a core of its own."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # a process inherits it, and each of its threads
    try:
        process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
    finally:
        os.sched_setaffinity(0, own)
    try:
        line = process.stdout.readline() if process.stdout else ""
        if " at http://" not in line:
            raise SystemExit(f"{name} did not start")
        host, _, port = line.split(" at http://")[1].split("/")[0].partition(":")
        endpoint = Endpoint(name, host, int(port), psutil.Process(process.pid), requests)
        wait(endpoint)
        yield endpoint
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        if process.stdout:
            process.stdout.close()


def wait(endpoint: Endpoint) -> None:
    """Wait until it answers."""
    end = time.monotonic() + 120
    while True:
        try:
            endpoint.ask(endpoint.requests[0])
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def released(project: Path, folder: Path) -> None:
    """Register a project's bundle as a release, with a database and a store of the benchmark's own."""
    (folder / "conf").mkdir()
    (folder / "conf/operate.yaml").write_text("serve: {port: 0}\n", encoding="utf-8")
    bundle = project / "bundle"
    rows = judged_rows(project, list(manifests.read(bundle).training_only))
    tried = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), TRIED)).astype(int))]
    with open_project(folder) as database:
        store = Store(str(folder / ".steadily/releases"))
        publish(bundle, folder)
        register(project, database, store, clock_of(database), lambda: try_out(bundle, tried), "benchmark")


def publish(bundle: Path, folder: Path) -> None:
    """Publish the feature sets that a bundle looks up, where it does: ours asks a store, as it does when it serves."""
    if any(step.use == "features.join" for stage in manifests.read(bundle).stages for step in stage.steps):
        command = [BIN / "steadily", "features", "publish", "--bundle", bundle.resolve()]
        subprocess.run(command, cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)


def ready_rows(project: Path) -> list[dict[str, Any]]:
    """Give evaluated rows as the model takes them."""
    unread = manifests.read(project / "bundle").training_only
    frame = open_dataset(project / "data/test_ready").read().head(MOST).drop(columns=list(unread), errors="ignore")
    return [{str(key): plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def agree(endpoints: Sequence[Endpoint]) -> None:
    """Refuse to compare endpoints that say other things of the same rows."""
    for place in range(CHECKED):
        first, *others = (one.ask(one.requests[place])["answers"][0] for one in endpoints)
        for other in others:
            same = all(
                abs(first["probabilities"][name] - share) < 1e-6 for name, share in other["probabilities"].items()
            )
            if first["prediction"] != other["prediction"] or not same:
                raise SystemExit(f"row {place} is answered in two ways: {first} and {other}")


def measured(name: str, project: Path, chosen: argparse.Namespace, folder: Path) -> list[Endpoint]:
    """Measure the endpoints of one project, in turns."""
    server, client = sorted(os.sched_getaffinity(0))[:2]
    bundle = (project / "bundle").resolve()
    raw = bodies(rows_of_evaluation(Wanted.of(bundle), project))
    released(project, folder)
    plain_one = [sys.executable, PLAIN, bundle]
    commands: list[tuple[str, list[str | Path], list[bytes]]] = [
        (OURS, [BIN / "steadily", "serve"], raw),
        (PANDAS, [*plain_one, name], raw),
        (BARE, [*plain_one, "bare"], bodies(ready_rows(project))),
    ]
    with ExitStack() as stack:
        found = [stack.enter_context(served(*one[:2], folder, server, one[2])) for one in commands]
        agree(found[:2])
        own = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {client})
        for turn in range(chosen.turns):
            for endpoint in found:
                print(f"{name}, turn {turn + 1} of {chosen.turns}: {endpoint.name} …", file=sys.stderr)
                load = Load(endpoint).run(chosen.connections, chosen.seconds, chosen.warm_up)
                endpoint.turns.append(run_loop(load))
        os.sched_setaffinity(0, own)
    return found


def run_loop(load: Any) -> Figures:
    """Run a load on the quickest loop there is."""
    import uvloop

    figures: Figures = uvloop.run(load)
    return figures


def told(name: str, found: Sequence[Endpoint], wanted: float) -> list[tuple[str, ...]]:
    """Give the lines of the table for one project."""
    ours, pandas, bare = found
    rows = [
        (
            f"{name}: {one.name}",
            f"{one.middle('rate'):,.0f}",
            f"{one.middle('cpu'):.2f} ms",
            f"{one.middle('p50'):.1f} ms",
            f"{one.middle('p99'):.1f} ms",
            "",
        )
        for one in found
    ]

    def ratio(other: Endpoint, aim: str) -> tuple[str, ...]:
        """Compare ours with another."""
        figures = [ours.middle(one) / other.middle(one) for one in ("rate", "cpu", "p50", "p99")]
        return (f"{name}: ours to {other.name}", *(f"{figure:.2f}" for figure in figures), aim)

    return [*rows, ratio(pandas, f"≥ {wanted:g}, p99 < 0.5"), ratio(bare, "")]


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("projects", nargs="*", metavar="PROJECT", help="mails, flights (those that have a bundle)")
    words.add_argument("--seconds", type=float, default=8.0, help="how long each turn of an endpoint lasts (8)")
    words.add_argument("--warm-up", type=float, default=1.0, help="how long it is loaded before that (1)")
    words.add_argument("--turns", type=int, default=3, help="how many turns each endpoint has; medians count (3)")
    words.add_argument("--connections", type=int, default=16, help="how many are kept busy (16)")
    words.add_argument("--flights", type=Path, default=PROJECTS["flights"][0], help="the folder of the flights")
    words.add_argument("--mails", type=Path, default=PROJECTS["mails"][0], help="the folder of the mails")
    chosen = words.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends with this
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two cores are needed: one for the endpoint, one for the load")
    lines: list[tuple[str, ...]] = [("single rows over HTTP", "requests/s", "CPU of each", "p50", "p99", "wanted")]
    for name, (_, wanted) in PROJECTS.items():
        project = getattr(chosen, name)
        if chosen.projects and name not in chosen.projects:
            continue
        if not (project / "bundle").is_dir():
            print(f"{name}: left out, {project} has no bundle yet: dvc repro makes it", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory(prefix="serving-") as folder:
            found = measured(name, project, chosen, Path(folder))
        busy = ", ".join(f"{one.middle('busy'):.0%}" for one in found)
        print(f"{name}: the load took {busy} of its core", file=sys.stderr)
        lines += told(name, found, wanted)
    print(table(lines))


if __name__ == "__main__":
    main()
