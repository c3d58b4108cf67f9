"""Serving, with real processes: answers, refusals, swaps, kills, stops, the protocols."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest
from serving import Operated, Running, tried

from measured import measured
from packed import packed_shop
from steadily.bundle import open_bundle
from unit.small import begin_anew

pytestmark = pytest.mark.service

GOOD = {"order": 7, "city": "Ulm", "weight": 3.5, "ordered_at": "2024-05-02T10:00:00Z"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two bundles of the shop, whose models differ."""
    return packed_shop(tmp_path_factory), packed_shop(tmp_path_factory, strength=0.01)


@pytest.fixture(scope="module")
def operated(bundles: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Operated:
    """A project with both as releases."""
    folder = tmp_path_factory.mktemp("operated") / "with a space"
    limits = {"most_rows": 300, "most_bytes": 1_000_000, "body_seconds": 1.0}
    settings = limits | {"log_seconds": 0.1, "sample_inputs": 1.0}
    found = Operated(folder, f"sqlite:///{folder / 'operate.db'}", settings).prepare()
    for bundle in bundles:
        found.register(bundle / "bundle")
    return found


@pytest.fixture(scope="module")
def running(operated: Operated) -> Iterator[Running]:
    """The service that most tests ask."""
    with operated.serving(environment=measured()) as found:
        yield found


def raw_rows(project: Path) -> list[dict[str, Any]]:
    """Give the rows of a project as a client sends them."""
    frame = pd.read_csv(project / "data/inbox/one.csv", dtype="str", keep_default_na=False).drop(columns="late")
    rows = []
    for row in frame.to_dict("records"):
        weight = row["weight"]
        rows.append({**row, "order": int(row["order"]), "weight": float(weight) if weight else None})
    return rows


def test_answers_are_those_of_predict(bundles: tuple[Path, Path], running: Running) -> None:
    rows = raw_rows(bundles[0])
    frame = pd.read_csv(bundles[0] / "data/inbox/one.csv", dtype="str", keep_default_na=False)
    begin_anew()
    expected = open_bundle(bundles[0] / "bundle").predict(frame)
    found = []
    for size in (1, 7, 100):
        found = []
        for start in range(0, len(rows), size):
            reply = running.post("/predict", {"rows": rows[start : start + size]})
            assert reply.status_code == 200, reply.text
            found += reply.json()["answers"]
        for place, answer in enumerate(found):
            refusal = expected.refused.get(place)
            if refusal is not None:
                assert answer["refused"]["reason"] == refusal.reason
                continue
            row = expected.table.loc[place]
            assert answer["prediction"] == row["prediction"]
            assert answer["confidence"] == pytest.approx(row["confidence"], abs=1e-9)
            filled = [(one.column, one.value, one.step) for one in expected.imputed.get(place, [])]
            assert [(one["column"], one["value"], one["step"]) for one in answer["imputed"]] == filled


BAD: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("no JSON", b"{", JSON, 400, "no JSON"),
    ("invalid UTF-8", b'{"rows": [{"city": "\xff\xfe"}]}', JSON, 400, "no JSON"),
    ("NaN", b'{"rows": [{"order": NaN}]}', JSON, 400, "no JSON"),
    ("infinity", b'{"rows": [{"order": 1e999}]}', JSON, 400, ""),
    ("deep", b'{"rows": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", JSON, 400, "no JSON"),
    ("content type", b"{}", {"content-type": "text/plain"}, 415, "application/json"),
    ("no content type", b"{}", {}, 415, "application/json"),
    ("empty", b"", JSON, 400, "no JSON"),
    ("another key", b'{"row": []}', JSON, 422, "did you mean 'rows'"),
    ("no rows", b'{"rows": []}', JSON, 422, "at least one"),
    ("a list", b"[]", JSON, 422, "object"),
    ("a row that is none", b'{"rows": [3]}', JSON, 422, "rows[0]"),
    ("too many rows", json.dumps({"rows": [GOOD] * 301}).encode(), JSON, 422, "301"),
    ("too long", b'{"rows": [{"city": "' + b"x" * 1_200_000 + b'"}]}', JSON, 413, "1,000,000"),
]


@pytest.mark.parametrize(("body", "headers", "status", "told"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_bad_requests_are_told(running: Running, body: bytes, headers: dict[str, str], status: int, told: str) -> None:
    reply = httpx.post(f"{running.url}/predict", content=body, headers=headers, timeout=30)
    assert reply.status_code in (status, 422 if "1e999" in body[:60].decode("latin-1") else status), reply.text
    assert set(reply.json()) == {"error"}
    assert set(reply.json()["error"]) == {"what", "problems"}
    assert told in reply.text.replace("\\'", "'")


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"order": "7"}, "rows[0].order", "another type"),
        ({"order": True}, "rows[0].order", "another type"),
        ({"order": 7.5}, "rows[0].order", "another type"),
        ({"order": 10**40}, "rows[0].order", "another type"),
        ({"city": 5}, "rows[0].city", "another type"),
        ({"city": None}, "rows[0].city", "city is missing"),
        ({"weight": 101}, "rows[0].weight", "weight 101.0 is above 100"),
        ({"weight": -1e300}, "rows[0].weight", "is below 0"),
        ({"town": "Ulm", "city": ...}, "rows[0]", "column city is missing"),
    ],
)
def test_rows_that_break_the_schema_are_told_with_their_place(
    running: Running, changes: dict[str, Any], where: str, what: str
) -> None:
    row = {key: value for key, value in (GOOD | changes).items() if value is not ...}
    reply = running.post("/predict", {"rows": [row]})
    assert reply.status_code == 422
    problem = reply.json()["error"]["problems"][0]
    assert problem["where"] == where
    assert what in problem["what"]


def test_a_row_that_training_would_drop_is_refused_and_harms_no_other(running: Running) -> None:
    reply = running.post("/predict", {"rows": [GOOD, GOOD | {"ordered_at": "yesterday"}, GOOD | {"more": 1}]})
    assert reply.status_code == 200
    one, two, three = reply.json()["answers"]
    assert one["prediction"] == three["prediction"]
    assert two["refused"]["reason"].startswith("ordered_at cannot be parsed as")
    assert two["refused"]["stage"] == "clean"
    assert reply.json()["notes"] == ["not looked at: more"]


def test_a_slow_client_is_told_and_holds_up_nobody(running: Running) -> None:
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as slow:
        slow.sendall(
            b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
        )
        assert running.post("/predict", {"rows": [GOOD]}).status_code == 200
        assert b" 408 " in slow.recv(1000)


def test_other_paths_and_methods_are_told_in_the_same_form(running: Running) -> None:
    for reply, status in ((running.get("/predict"), 405), (running.get("/nothing"), 404)):
        assert reply.status_code == status
        assert set(reply.json()["error"]) == {"what", "problems"}


def test_labels_are_taken_once(running: Running, operated: Operated) -> None:
    request_id = running.post("/predict", {"rows": [GOOD]}).json()["request_id"]
    running.wait_for(lambda: any(row.request_id == request_id for row in operated.logged()))
    label = {"labels": [{"request_id": request_id, "position": 0, "label": "y"}]}
    assert running.post("/labels", label).json() == {"new": 1, "changed": 0, "unchanged": 0, "unknown": 0}
    assert running.post("/labels", label).json() == {"new": 0, "changed": 0, "unchanged": 1, "unknown": 0}
    assert running.post("/labels", {"labels": [{"request_id": "never", "label": "n"}]}).json()["unknown"] == 1
    assert running.post("/labels", {"labels": [{"label": []}]}).status_code == 422


def test_the_log_has_what_was_answered(running: Running, operated: Operated) -> None:
    reply = running.post("/predict", {"rows": [GOOD | {"weight": None}, GOOD | {"ordered_at": "yesterday"}]}).json()
    running.wait_for(lambda: sum(row.request_id == reply["request_id"] for row in operated.logged()) == 2)
    one, two = sorted(
        (row for row in operated.logged() if row.request_id == reply["request_id"]), key=lambda row: row[1]
    )
    assert (one.outcome, one.prediction, one.release) == (
        "answered",
        reply["answers"][0]["prediction"],
        reply["release"],
    )
    assert one.imputed[0]["column"] == "weight"
    assert one.inputs["city"] == "Ulm"
    assert (two.outcome, two.kind) == ("refused", "clean, when: ordered_at cannot be parsed as iso8601: '…'")


def test_the_open_inference_protocol_with_its_own_client(running: Running) -> None:
    from tritonclient import http as triton
    from tritonclient.utils import InferenceServerException

    client = triton.InferenceServerClient(running.url.removeprefix("http://"))
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("model")
    assert client.get_server_metadata()["name"] == "steadily"
    about = client.get_model_metadata("model")
    assert [one["name"] for one in about["inputs"]] == list(GOOD)
    columns = [("order", "INT64", np.array([7, 8])), ("weight", "FP64", np.array([3.5, 4.0]))]
    columns += [(name, "BYTES", np.array([GOOD[name]] * 2, dtype=object)) for name in ("city", "ordered_at")]

    def tensors(*, binary: bool = False, **changes: Any) -> list[Any]:
        made = []
        for name, datatype, values in columns:
            tensor = triton.InferInput(name, [2], datatype)
            tensor.set_data_from_numpy(changes.get(name, values), binary_data=binary)
            made.append(tensor)
        return made

    answer = client.infer("model", tensors(), request_id="mine")
    assert answer.get_response()["id"] == "mine"
    expected = running.post("/predict", {"rows": [GOOD, GOOD | {"order": 8, "weight": 4.0}]}).json()["answers"]
    assert answer.as_numpy("prediction").tolist() == [one["prediction"] for one in expected]
    assert answer.as_numpy("probabilities").shape == (2, 2)
    assert answer.as_numpy("confidence").tolist() == pytest.approx([one["confidence"] for one in expected])
    with pytest.raises(InferenceServerException, match="binary tensors are not read here"):
        client.infer("model", tensors(binary=True))
    with pytest.raises(InferenceServerException, match="ordered_at cannot be parsed"):
        client.infer("model", tensors(ordered_at=np.array([GOOD["ordered_at"], "soon"], dtype=object)))
    with pytest.raises(InferenceServerException, match="there is no model 'other'"):
        client.infer("other", tensors())
    client.close()


def test_figures_for_prometheus(running: Running) -> None:
    running.post("/predict", {"rows": [GOOD]})
    text = running.get("/metrics").text
    assert 'steadily_rows_total{outcome="answered",release="1"}' in text
    assert "steadily_answer_seconds_bucket" in text


def test_schemathesis_finds_nothing(running: Running) -> None:
    tried(f"{running.url}/openapi.json", 20, running.log.parent)


@pytest.mark.soak
def test_schemathesis_finds_nothing_in_many_cases(running: Running) -> None:
    tried(f"{running.url}/openapi.json", 1_000, running.log.parent)


def swaps(operated: Operated, running: Running, times: int) -> None:
    """Swap releases under load: no request fails, and each answer is one release's own."""
    expected = {}
    for number in (1, 2):
        operated.put(live=number)
        running.wait_for(lambda number=number: running.post("/predict", {"rows": [GOOD]}).json()["release"] == number)
        expected[number] = running.post("/predict", {"rows": [GOOD] * 3}).json()["answers"]
    assert expected[1] != expected[2]
    stop, failures = threading.Event(), []
    seen: set[int] = set()

    def ask() -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                reply = client.post(f"{running.url}/predict", json={"rows": [GOOD] * 3})
                body = reply.json()
                if reply.status_code != 200 or body["answers"] != expected[body["release"]]:
                    failures.append(reply.text)
                seen.add(body.get("release"))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        try:
            for turn in range(times):
                operated.put(live=1 + turn % 2)
                begun = time.monotonic()
                wanted = 1 + turn % 2
                running.wait_for(lambda wanted=wanted: running.get("/health/ready").json()["release"] == wanted, 20)
                assert time.monotonic() - begun < 20
        finally:
            stop.set()
        for one in asking:
            one.result()
    assert not failures, failures[:3]
    assert seen == {1, 2}
    operated.put(live=1)
    running.wait_for(lambda: running.get("/health/ready").json()["release"] == 1)


def test_releases_are_swapped_under_load(operated: Operated, running: Running) -> None:
    swaps(operated, running, 6)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_reads_where_it_answers_may_send_at_once(operated: Operated, workers: str) -> None:
    running = Running.start(operated, ("--workers", workers), {}, polled=False)
    try:
        assert running.post("/predict", {"rows": [GOOD]}).status_code == 200
    finally:
        running.stop()


@pytest.mark.soak
def test_releases_are_swapped_two_hundred_times(operated: Operated, running: Running) -> None:
    swaps(operated, running, 200)


def test_a_release_that_was_tampered_with_is_not_taken_up(
    bundles: tuple[Path, Path], operated: Operated, running: Running
) -> None:
    number = operated.register(tampered(bundles[1], operated))
    stored = next((operated.folder / ".steadily/releases").glob(f"{number}-*")) / "figures.json"
    stored.write_text("{}", encoding="utf-8")
    operated.put(live=number)
    running.wait_for(lambda: running.get("/state").json()["not_taken_up"] is not None)
    state = running.get("/state").json()
    assert "figures.json" in state["not_taken_up"]
    assert state["release"] == 1
    assert running.post("/predict", {"rows": [GOOD]}).status_code == 200
    operated.put(live=1)
    running.wait_for(lambda: running.get("/state").json()["not_taken_up"] is None)


def tampered(project: Path, operated: Operated) -> Path:
    """Give a bundle that differs from the others in its manifest alone."""
    from serving import copied

    from steadily.bundle import manifest as manifests

    folder = copied(project / "bundle", operated.folder / "another bundle")
    content = json.loads((folder / "manifest.json").read_text("utf-8")) | {"data": {"learned": "x", "judged": "y"}}
    content["digest"] = manifests.digest_of(content)
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_a_worker_that_is_killed_takes_nothing_with_it(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    operated = Operated(tmp_path, f"sqlite:///{tmp_path / 'operate.db'}", {"log_seconds": 0.1}).prepare()
    operated.register(bundles[0] / "bundle")
    with operated.serving("--workers", "2") as running:
        workers = psutil.Process(running.process.pid).children(recursive=True)
        serving = [one for one in workers if "spawn_main" in " ".join(one.cmdline())]
        assert len(serving) == 2, [one.cmdline() for one in workers]
        given: list[str] = []
        for turn in range(60):
            if turn == 20:
                os.kill(serving[0].pid, signal.SIGKILL)
            try:
                reply = running.post("/predict", {"rows": [GOOD]})
            except httpx.TransportError:
                continue  # the connection that the killed worker held
            assert reply.status_code == 200
            given.append(reply.json()["request_id"])
        assert len(given) >= 55
        running.wait_for(lambda: len(psutil.Process(running.process.pid).children(recursive=True)) >= len(workers))
        committed = {(row.request_id, row.position) for row in operated.logged()}
    logged = [(row.request_id, row.position) for row in operated.logged()]
    assert len(logged) == len(set(logged))
    assert committed <= set(logged)
    assert len(set(given) - {request_id for request_id, _ in logged}) <= 20  # what the killed one had not yet written


def test_a_clean_stop_loses_nothing(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    operated = Operated(tmp_path, f"sqlite:///{tmp_path / 'operate.db'}", {"log_seconds": 30.0}).prepare()
    operated.register(bundles[0] / "bundle")
    with operated.serving() as running:
        given = {running.post("/predict", {"rows": [GOOD]}).json()["request_id"] for _ in range(5)}
        assert not operated.logged()
    assert {row.request_id for row in operated.logged()} == given


def test_tokens(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    settings = {"tokens": "${oc.env:TEST_TOKENS}", "protect_predictions": True}
    operated = Operated(tmp_path, f"sqlite:///{tmp_path / 'operate.db'}", settings).prepare()
    operated.register(bundles[0] / "bundle")
    with operated.serving(environment={"TEST_TOKENS": "first-token, second-token"}) as running:
        right = {"authorization": "Bearer second-token"}
        for path in ("/metrics", "/state", "/health/live", "/openapi.json"):
            assert running.get(path).status_code == 401
            assert running.get(path, headers={"authorization": "Bearer wrong"}).status_code == 403
            assert running.get(path, headers=right).status_code == 200
        assert running.post("/predict", {"rows": [GOOD]}).status_code == 401
        assert running.post("/predict", {"rows": [GOOD]}, headers=right).status_code == 200
        assert "token" not in running.log.read_text("utf-8")
