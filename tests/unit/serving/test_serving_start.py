"""What a service that was killed has left is taken away, and what another one uses is not."""

from __future__ import annotations

import os
from pathlib import Path

from steadily.serving.start import lock_of, sweep_figures


def test_figures_of_killed_services_go_and_those_in_use_or_new_stay(tmp_path: Path) -> None:
    for name in ("figures-killed", "figures-used", "figures-new", "release"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "counter_1.db").write_bytes(b"x")
    for name in ("figures-killed", "figures-used", "release"):
        os.utime(tmp_path / name, (0, 0))
    held = lock_of(str(tmp_path / "figures-used"))
    assert held is not None
    assert lock_of(str(tmp_path / "figures-used")) is None
    try:
        sweep_figures(tmp_path)
    finally:
        os.close(held)
    assert {path.name for path in tmp_path.iterdir()} == {"figures-used", "figures-new", "release"}
