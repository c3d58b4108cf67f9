"""No path leads from an alert to training: not by import, however long the way, and not by starting a process."""

from __future__ import annotations

import grimp
import pytest

TRAINING = ("compose", "stage", "plan", "dvcfile", "lastgood", "commands", "cli")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("steadily", "steadily_notify", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("name", TRAINING)
def test_what_watches_imports_nothing_that_trains(graph: grimp.ImportGraph, name: str) -> None:
    assert not graph.chain_exists(importer="steadily.monitor", imported=f"steadily.{name}", as_packages=True)


def test_the_check_would_find_a_path(graph: grimp.ImportGraph) -> None:
    assert graph.chain_exists(importer="steadily.commands", imported="steadily.compose", as_packages=True)


def test_what_watches_and_tells_starts_no_process_and_knows_no_dvc(graph: grimp.ImportGraph) -> None:
    own = graph.find_descendants("steadily.monitor") | graph.find_descendants("steadily_notify")
    imported = {name for module in own for name in graph.find_modules_directly_imported_by(module)}
    assert not imported & {"subprocess", "multiprocessing", "dvc", "hydra"}
