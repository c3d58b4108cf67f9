"""What a stage's process owes the one that started it: to end with it, and to compute the same on any machine."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import sys
import threading
import time
from importlib import metadata
from pathlib import Path

PR_SET_PDEATHSIG = 1
RWLOCK = Path(".dvc", "tmp", "rwlock")  # where DVC writes down who reads and writes what, by process
PACE = 0.5
# Sums in floating point depend on how they are cut up among threads, and OpenBLAS and NumPy choose their code by
# the CPU at hand. One thread, and the instructions that every x86-64 CPU with AVX2 has, make a model's bytes the same.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
AVX512_SINCE_2_4 = "X86_V4 AVX512_ICL AVX512_SPR"
AVX512_BEFORE = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"


def die_with_parent(parent: int | None = None) -> None:
    """End this process when its parent ends, however that happens, so that no orphan writes anything.

    Args:
        parent: The parent's id, where it is known; it may have ended before we ask.
    """
    parent = parent or os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent or has_lost_dvc():
        os._exit(1)
    threading.Thread(target=watch, args=(parent,), daemon=True).start()


def has_lost_dvc() -> bool:
    """Tell whether DVC began this process and ended while it was starting.

    DVC writes down who writes which outputs, itself being one of them. Where none of these is above us, whoever
    stands there has only adopted us.
    """
    root = os.environ.get("DVC_ROOT")
    if not root or not os.environ.get("DVC_STAGE"):
        return False
    writers = writers_in(Path(root) / RWLOCK)
    return bool(writers) and writers.isdisjoint(ancestors())


def writers_in(path: Path) -> set[int]:
    """Name the processes that write outputs, by what DVC wrote down; none where that can't be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {int(info["pid"]) for info in content.get("write", {}).values()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return set()


def ancestors() -> set[int]:
    """Name the processes above this one."""
    import psutil

    return {process.pid for process in psutil.Process().parents()}


def watch(parent: int) -> None:
    """End this process once its parent is another one: for systems without a signal, and beyond a dead thread."""
    while os.getppid() == parent:
        time.sleep(PACE)
    os._exit(1)


def is_alive(process: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def compute_alike() -> None:
    """Set what numerical libraries read when they are loaded; to be called before any of them is."""
    os.environ.update(ONE_THREAD)
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own pools keep what is no longer needed
    if platform.machine().lower() in ("x86_64", "amd64") and {"avx2", "fma"} <= cpu_flags():
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"
        major, minor = (int(part) for part in metadata.version("numpy").split(".")[:2])
        os.environ["NPY_DISABLE_CPU_FEATURES"] = AVX512_SINCE_2_4 if (major, minor) >= (2, 4) else AVX512_BEFORE


def cpu_flags() -> set[str]:
    """Name what the CPU can do, as Linux tells it; elsewhere nothing is known."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return set(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), ()))
