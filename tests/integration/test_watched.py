"""A service that is watched, with real processes: what clients did stands in the figures, and labels come into them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from serving import STEADILY, Operated, Running

from steadily.monitor import hourly
from steadily.monitor.hourly import hour_of
from steadily.monitor.windows import read_windows
from unit.small import Small
from unit.test_bundle import BUNDLE
from unit.test_evaluate import judged

GOOD = {"order": 7, "city": "Ulm", "weight": 3.5, "ordered_at": "2024-05-02T10:00:00Z"}


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Operated:
    """A project with one release, whose cities are counted apart."""
    folder = tmp_path_factory.mktemp("bundle") / "a project"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        judged(Small(), more=BUNDLE).run()
    place = tmp_path_factory.mktemp("operated") / "with a space"
    found = Operated(place, f"sqlite:///{place / 'operate.db'}", {"log_seconds": 0.1}).prepare()
    found.register(folder / "bundle")
    settings = json.loads((place / "conf/operate.yaml").read_text(encoding="utf-8"))
    settings["monitor"] = {"flush_seconds": 0.2, "every_seconds": 1, "labels_after_hours": 0, "slices": ["city"]}
    (place / "conf/operate.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def running(operated: Operated) -> Iterator[Running]:
    with operated.serving("--workers", "2") as found:
        yield found


def sums(operated: Operated) -> dict[str, Any]:
    """Give all that was counted, by slice."""
    with operated.open() as database:
        windows = read_windows(database, 0, hour_of(2**52))
    return {slice_: window.sum for (_, _, slice_), window in windows.items()}


def test_what_clients_did_stands_in_the_figures_of_both_workers(running: Running, operated: Operated) -> None:
    ids = [running.post("/predict", {"rows": [GOOD, GOOD | {"weight": None}]}).json()["request_id"] for _ in range(30)]
    for _ in range(5):
        assert running.post("/predict", {"rows": [{"city": "Ulm"}]}).status_code == 422
    assert running.post("/predict", {"rows": [GOOD | {"ordered_at": "never"}]}).status_code == 200
    labels = {"labels": [{"request_id": name, "position": 0, "label": "y"} for name in ids]}
    running.wait_for(lambda: len(operated.logged()) == 61)
    assert running.post("/labels", labels).json()["new"] == 30
    running.wait_for(lambda: sum(sums(operated)[""].tally(hourly.CONFUSION).values()) == 30)
    running.wait_for(lambda: sums(operated)[""].count(hourly.REQUESTS, "client") == 5)
    whole, ulm = (sums(operated)[name] for name in ("", "city=Ulm"))
    assert whole.tally(hourly.ROWS) == {"answered": 60, "refused": 1, "counted": 60}
    assert whole.tally(hourly.REQUESTS) == {"answered": 31, "client": 5}
    assert whole.tally(hourly.IMPUTED) == {"weight": 30}
    assert sum(ulm.tally(hourly.CONFUSION).values()) == 30
    done = subprocess.run(
        [STEADILY, "monitor", "--json"], cwd=operated.folder, capture_output=True, text=True, check=True,
        env={**os.environ, "TEST_DATABASE": operated.address},
    )  # fmt: skip
    figures = json.loads(done.stdout)["serving"][0]["figures"]
    assert figures["accuracy"]["n"] == 30
    assert figures["label_coverage"]["value"] == 0.5
    assert figures["client_rate"]["value"] == pytest.approx(5 / 36)
    assert running.get("/state").json()["monitoring"] == "looks"


def test_a_clean_stop_loses_no_count(operated: Operated) -> None:
    before = sums(operated)[""].count(hourly.ROWS, "answered")
    with operated.serving() as running:
        for _ in range(20):
            running.post("/predict", {"rows": [GOOD]})
    assert sums(operated)[""].count(hourly.ROWS, "answered") == before + 20
