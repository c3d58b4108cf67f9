"""Engines: in order, however many work at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from steadily.datasets import open_dataset
from steadily.errors import ConfigError, DataError
from steadily.layout import dataset_folder
from steadily.stage.engine import Engine, dask_client, progress
from unit.small import Small


def engine(backend: str = "local", workers: int = 1, **more: str) -> Engine:
    return Engine({"backend": backend, "workers": workers, **more})


def double(number: int) -> int:
    return 2 * number


def where(number: int) -> int:
    return os.getpid()


def refuse(number: int) -> int:
    raise DataError.at(f"row {number}", "no good", given=number)


@pytest.mark.parametrize("found", [engine("sequential", 4), engine("local", 1), engine("local", 2)])
@pytest.mark.parametrize("tasks", [[], [1], list(range(7))])
def test_results_come_in_order(found: Engine, tasks: list[int]) -> None:
    assert list(found.run(double, tasks, told="doubling")) == [2 * number for number in tasks]


def test_one_worker_is_this_process() -> None:
    assert set(engine(workers=1).run(where, [1, 2], told="")) == {os.getpid()}
    assert set(engine(workers=4).run(where, [1], told="")) == {os.getpid()}
    assert os.getpid() not in set(engine(workers=2).run(where, [1, 2, 3], told=""))


def test_errors_come_back_from_workers() -> None:
    for workers in (1, 2):
        with pytest.raises(DataError) as caught:
            list(engine(workers=workers).run(refuse, [1, 2], told=""))
        assert caught.value.problems[0].what == "no good"


def test_dask_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"engine: Dask is not installed; pip install 'steadily\[dask\]'"):
        list(engine("dask", address="tcp://x").run(double, [1], told=""))


def test_dask_without_an_address() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(ConfigError, match=r"engine.address: is missing"):
        dask_client("")


def test_paths_reach_the_workers_of_a_cluster() -> None:
    assert engine("dask").reach(Path("x")).is_absolute()
    assert engine().reach(Path("x")) == Path("x")


def test_one_part_has_no_bar() -> None:
    results = [1]
    assert progress(results, 1, "") is results


def test_two_processes_write_what_one_does(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {name: "n,x,t\n" + "".join(f"{n},{n if n % 3 else ''},a\n" for n in range(5)) for name in "ab"}
    steps = (
        "{fill: {use: rows.impute, columns: [x], strategy: median}, twice: {use: rows.drop_duplicates, columns: [n]}}"
    )
    small.work(steps, rows=rows)
    before = {name: Path(name).read_bytes() for name in ("reports/work/ledger.parquet", "reports/work/summary.json")}
    digest = open_dataset(dataset_folder("done")).digest
    monkeypatch.setenv("STEADILY_ENGINE", "local:2")
    small.run("work")
    assert open_dataset(dataset_folder("done")).digest == digest
    assert {name: Path(name).read_bytes() for name in before} == before
