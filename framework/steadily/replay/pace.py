"""How time passes during a replay: simulated time is moved on by it, real time is waited for."""

from __future__ import annotations

import asyncio
import time

from steadily.clock import Clock, SimulatedClock


class Pace:
    """The time of one replay.

    Args:
        clock: The clock of operations. A simulated one is moved on; a real one goes by itself.
        speed: Seconds of the replay in a real second; None goes on as soon as all is answered.
    """

    def __init__(self, clock: Clock, speed: float | None) -> None:
        self.clock, self.speed = clock, speed
        self.passed_us = 0
        self.began = time.monotonic()
        self.began_us = clock.now_us()

    async def until(self, offset_us: int) -> None:
        """Let time pass until so long after the beginning."""
        if self.speed is not None:
            due = self.began + offset_us / 1e6 / self.speed
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        by_us = max(0, offset_us - self.passed_us)
        if isinstance(self.clock, SimulatedClock) and by_us:
            self.clock.advance(by_us)
        self.passed_us += by_us
