"""The tutorial, word for word, in an environment made for it and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests/docs"))
START = ROOT / "docs/tutorial/from-an-empty-folder-to-a-report.md"


@pytest.mark.soak  # installs everything anew
def test_the_tutorial_word_for_word_in_a_fresh_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import walking

    folder, environment = tmp_path / "my parcels", tmp_path / "environment"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install = ["pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", ROOT]
    monkeypatch.delenv("PYTHONPATH", raising=False)
    subprocess.run([environment / "bin" / "python", "-m", *install], check=True)
    monkeypatch.setattr(walking, "BIN", environment / "bin")
    walking.walk(START, folder)
    assert (folder / "bundle/manifest.json").is_file()
