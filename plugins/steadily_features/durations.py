"""Lengths of time as people write them: ``15m``, ``12h``, ``30d``."""

from __future__ import annotations

import re

from steadily import PluginError

MICROSECONDS = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
FORM = re.compile(r"(0|[1-9][0-9]{0,5})([smhdw])")


def microseconds(where: str, text: str, *, least: int = 1) -> int:
    """Read a length of time.

    Args:
        where: The parameter, as errors name it.
        text: A whole number and s, m, h, d or w.
        least: The shortest that is allowed, in microseconds.

    Raises:
        PluginError: It is none, or too short.

    >>> microseconds("over", "30d") // 86_400_000_000
    30
    """
    found = FORM.fullmatch(text)
    if found is None or int(found[1]) * MICROSECONDS[found[2]] < least:
        allowed = "a whole number and s, m, h, d or w, such as 12h or 30d" + (", longer than nothing" if least else "")
        raise PluginError.at(where, "is no length of time", given=repr(text), allowed=allowed)
    return int(found[1]) * MICROSECONDS[found[2]]
