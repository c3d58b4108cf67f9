"""A shop that has run up to its bundle, in this process; made once for all tests that look at one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shared import made_once
from unit.small import Small
from unit.test_evaluate import judged

BUNDLE = """\
  bundle:
    inputs: {model: lateness, predictions: predictions}
    outputs: {bundle: bundle}
"""


def packed_shop(factory: pytest.TempPathFactory, *, strength: float = 1.0) -> Path:
    """Give the project's folder, which is only to be read.

    Args:
        factory: pytest's ``tmp_path_factory``.
        strength: The model's C.
    """

    def make(folder: Path) -> None:
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "path", list(sys.path))
            patch.setattr(sys, "dont_write_bytecode", True)
            small = judged(Small(), more=BUNDLE)
            if strength != 1.0:
                small.edit("conf/model/small.yaml", "C: 1.0", f"C: {strength}")
            small.run()

    return made_once(factory, f"a packed shop {strength}", make)
