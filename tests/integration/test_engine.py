"""The engine on a real Dask cluster, whose workers run in a folder of their own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from project import BIN, Project

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'steadily[dask]'")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def cluster(folder: Path, project: Project) -> Iterator[str]:
    """Run a scheduler and a worker until the block is left."""
    folder.mkdir()
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    commands = (
        ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
        ["worker", address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)],
    )
    running = []
    try:
        for command in commands:
            running.append(
                subprocess.Popen(
                    [str(BIN / "dask"), *command],
                    cwd=folder,
                    env=project.env(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            wait_for(port)
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(30)


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the scheduler does not listen")


def test_a_dask_cluster_gives_the_same_bytes(finished: Project, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in finished.path("data/clean").iterdir()}
    with cluster(tmp_path / "elsewhere", finished) as address:
        finished.environment["STEADILY_ENGINE"] = f"dask:{address}"
        finished.ok("steadily", "run", "clean")
    assert {path.name: path.read_bytes() for path in finished.path("data/clean").iterdir()} == before


def test_a_cluster_without_an_address_is_refused(finished: Project) -> None:
    finished.environment["STEADILY_ENGINE"] = "dask"
    assert "engine.address: is missing" in finished.refused("steadily", "run", "clean")
