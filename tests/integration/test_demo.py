"""The demo, whole, and the weeks after it before a browser: they end well only if all that they tell came to pass."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import STEADILY

from shared import made_once

sys.path.append(str(Path(__file__).parents[2] / "docs"))
sys.path.append(str(Path(__file__).parents[2] / "examples"))
from screenshots import KEPT, NOTE, WHO, acknowledge, browser

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
needs_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is no git repository to clone")
needs_browser = pytest.mark.skipif(
    not shutil.which("chromium") or not shutil.which("chromedriver"), reason="Chromium and its driver are not installed"
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the demo ended, and what it printed."""

    def make(place: Path) -> None:
        place.mkdir()
        words = ["--folder", str(place / "a demo"), "--cache", str(place / "cache")]
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples/demo.py"), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=1_800, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        (place / "told").write_text(done.stdout, encoding="utf-8")

    place = made_once(tmp_path_factory, "the demo", make)
    return place / "a demo", (place / "told").read_text("utf-8")


def status_of(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [str(STEADILY), "deploy", "status", "--json"], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=120,
        check=True, env={**os.environ},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@needs_git
def test_the_demo_comes_out_as_told(demo: tuple[Path, str]) -> None:
    folder, told = demo
    assert "release 3 was taken off, and release 2 put back" in told
    found = status_of(folder)
    assert found["simulated"]
    assert found["slots"]["live"] == 2
    actions = [(one["action"], one["override"]) for one in found["deployments"]]
    assert ("promote", False) in actions
    assert actions[0][0] == "rollback"


class Reader:
    """Looks at the dashboard as the weeks pass, and keeps what it was shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, moment: str, address: str) -> None:
        looks: dict[str, Callable[[str], None]] = {
            "usual": self.usual, "drift": self.drift, "alert": acknowledge, "acknowledged": self.acknowledged,
            "shadow": self.shadow, "promotion": self.promotion, "rollback": self.rollback,
        }  # fmt: skip
        time.sleep(KEPT)
        looks[moment](address)
        self.seen.append(moment)

    def usual(self, address: str) -> None:
        assert "Release 2 is live" in httpx.get(address).text
        assert {"shadow", "promote", "rollback"} <= {one["action"] for one in series(address)["changes"]}

    def drift(self, address: str) -> None:
        scores = [one["figures"]["drift"]["value"] for one in series(address)["points"] if one["figures"].get("drift")]
        assert scores[-1] > 0.25 > 2 * min(score for score in scores if score is not None)
        assert scores[-1] > 0.9 * max(score for score in scores if score is not None)
        with browser(1400, 1100) as driver:
            driver.get(address)
            assert "drift.text" in driver.find_element("css selector", ".firing").text
            driver.find_element("css selector", "#drift details.column summary").click()
            assert driver.find_elements("css selector", "#drift details.column[open] svg.bars")

    def acknowledged(self, address: str) -> None:
        page = httpx.get(address).text
        assert f"<strong>{WHO}</strong> has seen it" in page
        assert NOTE in page

    def shadow(self, address: str) -> None:
        with browser(390, 900) as driver:
            driver.get(address)
            told = driver.find_element("css selector", "main").text
        assert "Release 4" in told or "release 4" in told
        deployment = httpx.get(address.replace("/dashboard/rollout", "/api/deployment")).json()
        states = {line["name"]: line["state"] for line in deployment["checklist"]}
        assert {name for name, state in states.items() if state != "passed"} == {"agreement"}
        assert deployment["slots"]["shadow"] == 4

    def promotion(self, address: str) -> None:
        changes = series(address)["changes"]
        assert [one["action"] for one in changes if one["release"] == 4] == ["promote", "shadow"]
        assert "Release 4 is live" in httpx.get(address).text

    def rollback(self, address: str) -> None:
        assert series(address)["changes"][0]["action"] == "rollback"
        assert "Release 2 is live" in httpx.get(address).text


def series(address: str) -> dict[str, Any]:
    """Give what the charts of a page are drawn from."""
    found: dict[str, Any] = httpx.get(f"{address.split('/dashboard')[0]}/api/series?days=28").json()
    return found


@needs_git
@needs_browser
@pytest.mark.soak
def test_weeks_after_it_show_drift_an_alert_an_answer_a_release_and_the_way_back(
    demo: tuple[Path, str],
) -> None:
    from weeks import Weeks

    folder, _ = demo
    reader = Reader()
    Weeks(folder, folder.parent / "cache", reader).run()
    assert reader.seen == ["usual", "drift", "alert", "acknowledged", "shadow", "promotion", "rollback"]
    acts = dict.fromkeys(one["action"] for one in status_of(folder)["deployments"])
    assert list(acts)[:3] == ["rollback", "promote", "shadow"]
