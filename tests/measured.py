"""What a process that a test starts runs of Steadily, counted as covered where the tests themselves are measured.

Only where a test asks for it: a process that is killed, starved of disk or held to times would fail by the measuring.
"""

from __future__ import annotations

from pathlib import Path

import coverage

ROOT = Path(__file__).parents[1]


def measured() -> dict[str, str]:
    """Give the environment of a process that is to be measured as this one is; nothing where this one is not."""
    if coverage.Coverage.current() is None:
        return {}
    return {"COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"), "COVERAGE_DATA": str(ROOT / ".coverage")}
