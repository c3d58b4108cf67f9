"""A service that is watched, with real processes: what clients did stands in the figures, and labels come into them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from serving import STEADILY, Operated, Running

from measured import measured
from steadily.monitor import hourly
from steadily.monitor.hourly import hour_of
from steadily.monitor.windows import read_windows
from unit.small import Small
from unit.test_bundle import BUNDLE
from unit.test_evaluate import judged

pytestmark = pytest.mark.service

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
    with operated.serving("--workers", "2", environment=measured()) as found:
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
    running.wait_for(lambda: sum(sums(operated)[""].tally(hourly.REQUESTS).values()) == 36)  # each worker by itself
    running.wait_for(lambda: sum(sums(operated)[""].tally(hourly.ROWS).values()) == 60 + 1 + 60)
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


def test_the_service_has_the_dashboard_and_the_api_and_shows_what_it_counted(running: Running) -> None:
    running.wait_for(lambda: "Release 1 is live" in running.get("/dashboard").text)
    running.wait_for(lambda: figures_of(running)["requests"]["value"] == 36)
    assert "city=Ulm" in running.get("/dashboard").text
    assert running.get("/api/openapi.json").json()["info"]["title"] == "Steadily"
    assert running.get("/dashboard", headers={"Host": "rebound.example"}).status_code == 403
    assert running.get("/api/nothing").json()["error"]["what"] == "not found: GET /api/nothing"
    assert running.get("/dashboard/runs").status_code == 200


def figures_of(running: Running) -> dict[str, Any]:
    """Give the figures of the release that is live."""
    figures: dict[str, Any] = running.get("/api/figures").json()["serving"][0]["figures"]
    return figures


def test_every_worker_gives_prometheus_the_same_figures(running: Running) -> None:
    def read() -> dict[str, Any]:
        return {family.name: family for family in text_string_to_metric_families(running.get("/metrics").text)}

    running.wait_for(lambda: {one.value for one in accuracy_in(read())} == {30.0})
    told = [running.get("/metrics").text for _ in range(8)]
    of_figures = [[line for line in text.splitlines() if "steadily_figure" in line] for text in told]
    assert all(lines == of_figures[0] for lines in of_figures)
    assert any("steadily_requests_total" in text for text in told)
    if shutil.which("promtool"):
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=told[0], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def accuracy_in(families: dict[str, Any]) -> list[Any]:
    """Give the samples of how many rows accuracy is of."""
    rows = families["steadily_figure_rows"].samples
    return [one for one in rows if one.labels["figure"] == "accuracy" and one.labels["slice"] == ""]


def test_a_clean_stop_loses_no_count(operated: Operated) -> None:
    before = sums(operated)[""].count(hourly.ROWS, "answered")
    with operated.serving() as running:
        for _ in range(20):
            running.post("/predict", {"rows": [GOOD]})
    assert sums(operated)[""].count(hourly.ROWS, "answered") == before + 20
