"""The engine: runs a function over partitions, in order, in this process, in several, or on a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any, TypeVar

from steadily.errors import ConfigError, RunError

T = TypeVar("T")
R = TypeVar("R")


class Engine:
    """Runs partitions; how many at a time never changes what comes out."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Choose the engine.

        Args:
            settings: ``backend`` (local, sequential, dask), ``workers``, ``address``.
        """
        self.settings = settings
        self.workers = 1 if settings["backend"] == "sequential" else int(settings["workers"])

    def run(self, function: Callable[[T], R], tasks: Sequence[T], *, told: str) -> Iterator[R]:
        """Give the results of ``function`` on each of ``tasks``, in their order."""
        return iter(progress(self.results(function, tasks), len(tasks), told))

    def reach(self, path: Path) -> Path:
        """Give a path by which workers reach a file: those of a cluster run in folders of their own."""
        return path.absolute() if self.settings["backend"] == "dask" else path

    def results(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterable[R]:
        """Run the tasks."""
        if self.settings["backend"] != "dask" and min(self.workers, len(tasks)) <= 1:
            return map(function, tasks)
        return self.in_parallel(function, tasks)

    def in_parallel(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
        """Run the tasks through joblib."""
        import joblib

        if self.settings["backend"] == "dask":
            client = dask_client(str(self.settings.get("address") or ""))
            backend: dict[str, Any] = {"backend": "dask", "n_jobs": -1}
        else:
            client = None
            backend = {
                "backend": "loky",
                "n_jobs": self.workers,
                "initializer": begin_worker,
                "initargs": (os.getpid(),),
            }
        try:
            with joblib.parallel_config(**backend):
                run = joblib.Parallel(return_as="list", batch_size=1)
                yield from run(joblib.delayed(function)(task) for task in tasks)
        except BrokenExecutor as error:
            hint = "was memory short? Fewer workers need less (engine.workers in conf/operate.yaml)"
            raise RunError.at("engine", "a worker ended before its work did", hint=hint) from error
        finally:
            if client is not None:
                client.close()


def begin_worker(stage: int) -> None:
    """Make a worker end with the stage that it works for, a process that may have ended by now."""
    from steadily.process import die_with_parent

    die_with_parent(stage)


def dask_client(address: str) -> Any:
    """Connect to a Dask cluster.

    Raises:
        ConfigError: Dask is not installed, or no address is given.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ConfigError.at("engine", "Dask is not installed", hint="pip install 'steadily[dask]'") from error
    if not address:
        raise ConfigError.at("engine.address", "is missing", hint="engine: {backend: dask, address: 'tcp://…'}")
    connect: Any = Client
    return connect(address)


def progress(results: Iterable[R], total: int, told: str) -> Iterable[R]:
    """Show a bar on a terminal, once it has taken a second."""
    if total < 2:
        return results
    from tqdm import tqdm

    bar: Iterable[R] = tqdm(results, total=total, desc=told, unit="part", delay=1, disable=None, leave=False)
    return bar
