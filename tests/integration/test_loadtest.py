"""The load test against the real service, in processes of their own: what is kept, and that a freeze is seen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from serving import STEADILY, Operated, Running

from packed import packed_shop
from steadily.clock import Clock
from steadily.loadtest import record
from steadily.loadtest.rate import busiest_minute

pytestmark = pytest.mark.service

LIMITS = {"timeout": 30, "limits": {"p95_ms": 20_000, "p99_ms": 4_000, "max_error_share": 0.5}}
FREEZE = 5.0


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Operated:
    """A project with one release, and a file of rows."""
    made = packed_shop(tmp_path_factory)
    folder = tmp_path_factory.mktemp("operated") / "with a space"
    found = Operated(folder, f"sqlite:///{folder / 'operate.db'}", {"log_seconds": 0.1}).prepare()
    found.register(made / "bundle")
    settings = json.loads((folder / "conf/operate.yaml").read_text("utf-8"))
    (folder / "conf/operate.yaml").write_text(json.dumps(settings | {"loadtest": LIMITS}), encoding="utf-8")
    (folder / "rows.csv").write_bytes((made / "data/inbox/one.csv").read_bytes())
    return found


@pytest.fixture(scope="module")
def running(operated: Operated) -> Iterator[Running]:
    with operated.serving() as found:
        yield found


def started(operated: Operated, running: Running, *words: str) -> subprocess.Popen[str]:
    """Start a load test."""
    return subprocess.Popen(
        [str(STEADILY), "loadtest", "--url", running.url, "--rows", "rows.csv", "--json", *words],
        cwd=operated.folder,
        env={**os.environ, "TEST_DATABASE": operated.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Give its exit code and its result."""
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err
    assert out, err
    return process.returncode, json.loads(out)


def test_a_freeze_of_the_service_for_five_seconds_is_seen(operated: Operated, running: Running) -> None:
    process = started(operated, running, "--rate", "200", "--duration", "8", "--arrivals", "constant")
    before = len(operated.logged())
    running.wait_for(lambda: len(operated.logged()) > before + 100)
    os.killpg(running.process.pid, signal.SIGSTOP)
    time.sleep(FREEZE)
    os.killpg(running.process.pid, signal.SIGCONT)
    code, found = ended(process)
    figures = found["figures"]
    assert code in (1, 3)  # 3 where this machine is too busy to send in time
    assert figures["p99_ms"] > 4_500
    assert any(reason.startswith("p99 ") and reason.endswith("above 4,000 ms") for reason in found["verdict"]["failed"])
    assert figures["counts"]["ok"] > 1_500


def test_the_result_is_kept_and_its_traffic_is_no_peak(operated: Operated) -> None:
    with operated.serving() as running:
        running.post(
            "/predict", {"rows": [{"order": 1, "city": "Ulm", "weight": 2, "ordered_at": "2024-05-02T10:00Z"}]}
        )
        code, found = ended(started(operated, running, "--rate", "150", "--duration", "3"))
    figures = found["figures"]
    assert code in (0, 3)
    assert figures["counts"]["ok"] == figures["planned"] == figures["predicted"] + sum(figures["refused"].values())
    assert figures["releases"] == {"1": figures["planned"]}
    with operated.open() as database:
        kept = record.latest(database, 1)
        assert kept is not None
        assert (kept.id, kept.verdict) == (found["load_test"], found["verdict"]["outcome"])
        assert kept.result["latencies"] == found["latencies"]
        assert len(operated.logged()) > figures["planned"]
        peak = busiest_minute(database, Clock().now_us())
        assert peak is None or peak <= 1 / 60
