"""The demo, whole: it ends well only if all that it tells came to pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from serving import STEADILY

ROOT = Path(__file__).parents[2]


@pytest.mark.soak
def test_the_demo_comes_out_as_told(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("there is no git repository to clone")
    folder = tmp_path / "a demo"
    words = ["--folder", str(folder), "--cache", str(tmp_path / "cache")]
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/demo.py"), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=3_600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "release 3 was taken off, and release 2 put back" in done.stdout
    status = subprocess.run(
        [str(STEADILY), "deploy", "status", "--json"], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=120,
        check=True, env={**os.environ},
    ).stdout  # fmt: skip
    found = json.loads(status)
    assert found["simulated"]
    assert found["slots"]["live"] == 2
    actions = [(one["action"], one["override"]) for one in found["deployments"]]
    assert ("promote", False) in actions
    assert actions[0][0] == "rollback"
