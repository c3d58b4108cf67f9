"""Keeps what takes long to make for some seconds: many who look at once cost no more than one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Kept:
    """Gives what was made a short while ago, or makes it anew; whoever asks meanwhile waits for the same.

    Attributes:
        seconds: How long what was made is given.
        most: How many things are kept.

    >>> kept = Kept(60)
    >>> kept.get("a", lambda: 1), kept.get("a", lambda: 2)
    (1, 1)
    """

    seconds: float
    most: int = 32
    found: dict[Hashable, tuple[float, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    making: dict[Hashable, threading.Lock] = field(default_factory=dict)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Give it; what making raises is raised, and kept is nothing."""
        with self.lock:
            own = self.making.setdefault(key, threading.Lock())
        with own:
            made_at, value = self.found.get(key, (-1e9, None))
            if time.monotonic() - made_at > self.seconds:
                value = make()
                self.put(key, value)
            return value

    def put(self, key: Hashable, value: Any) -> None:
        """Keep it, in the place of the oldest where there is no room."""
        with self.lock:
            self.found[key] = time.monotonic(), value
            while len(self.found) > self.most:
                oldest = min(self.found, key=lambda one: self.found[one][0])
                del self.found[oldest]
                self.making.pop(oldest, None)
