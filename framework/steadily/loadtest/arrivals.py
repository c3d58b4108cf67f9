"""When requests are sent: open arrivals, which wait for no answer. Pure: times in, times out."""

from __future__ import annotations

from typing import Any

import numpy as np

from steadily.errors import ConfigError, listed, near

MOST = 2_000_000  # arrivals of one run
Times = np.ndarray[Any, np.dtype[np.float64]]


def constant(rate: float, duration: float) -> Times:
    """Give arrivals at even distances.

    Args:
        rate: Arrivals a second.
        duration: Seconds.

    Returns:
        Seconds from the start, below ``duration``, rising.

    >>> constant(4, 1).tolist()
    [0.0, 0.25, 0.5, 0.75]
    """
    count = int(np.ceil(round(rate * duration, 6)))
    return np.arange(count, dtype=np.float64) / rate


def poisson(rate: float, duration: float, seed: int = 0) -> Times:
    """Give arrivals of a Poisson process, as independent clients make them: their number varies, and they bunch.

    Given their number, a Poisson process's arrivals are uniform over the time.

    Args:
        rate: Arrivals a second, on the mean.
        duration: Seconds.
        seed: The same seed gives the same times.

    Returns:
        Seconds from the start, below ``duration``, rising.
    """
    generator = np.random.default_rng(seed)
    count = int(generator.poisson(rate * duration))
    return np.sort(generator.random(count)) * duration


KINDS = {"constant": constant, "poisson": poisson}


def arrivals(kind: str, rate: float, duration: float, seed: int = 0) -> Times:
    """Give arrivals of a named kind.

    Raises:
        ConfigError: There is no such kind, or there would be too many, or none.
    """
    if kind not in KINDS:
        raise ConfigError.at(
            "arrivals", "unknown kind", given=repr(kind), allowed=listed(KINDS), hint=near(kind, KINDS)
        )
    if not 0 < rate * duration <= MOST:
        given = f"{rate:g} a second for {duration:g} s"
        raise ConfigError.at("arrivals", "too many requests, or none", given=given, allowed=f"1 to {MOST:,}")
    return poisson(rate, duration, seed) if kind == "poisson" else constant(rate, duration)
