"""What takes long to make and several test processes need is made once, for all of them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Give a folder that whichever process of this test run asks first makes; others wait for it, and only read it.

    pytest-xdist gives each worker a folder of its own, inside one that they share.

    Args:
        factory: pytest's ``tmp_path_factory``.
        name: The folder's name.
        make: Makes it; it is given the path, where nothing is yet.
    """
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder
