"""Words of this plugin's errors: near names, counts, values cut to a readable length.

Owns no decisions; those who find something wrong say what it is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST = 80


def any_near(name: str, allowed: Iterable[str]) -> str | None:
    """Suggest the allowed name nearest to ``name``, upper and lower case apart.

    >>> any_near("Cc", ["C", "tol"])
    "did you mean 'C'?"
    >>> any_near("zzz", ["C", "tol"]) is None
    True
    """
    by_lower = {known.lower(): known for known in sorted(allowed)}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean '{by_lower[close[0]]}'?" if close else None


def shown(value: object) -> str:
    """Write ``value`` as YAML would nearly have it, cut where it is long.

    >>> shown(True), shown(None), shown("a" * 200)[-3:]
    ('true', 'null', 'a …')
    """
    words = {True: "true", False: "false", None: "null"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= MOST else f"{text[: MOST - 2]} …"


def counted(number: int, one: str, many: str) -> str:
    """Say how many.

    >>> counted(1, "row", "rows"), counted(1200, "row", "rows")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {one if number == 1 else many}"
