"""Where to cut rows that have a time, and which part each one is in.

Owns cut points and gaps; it sees moments alone.
"""

from __future__ import annotations

import datetime as dt
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from steadily import DataError, PluginError

if TYPE_CHECKING:
    import pandas as pd

GAP = re.compile(r"(\d+)(d|h|min|s)")
SECONDS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


def gap_of(text: str | None) -> dt.timedelta:
    """Read a span of time.

    >>> gap_of("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    if text is None:
        return dt.timedelta()
    found = GAP.fullmatch(text)
    if not found:
        raise PluginError.at("gap", "is no span of time", given=repr(text), allowed="such as 1d, 12h, 30min, 10s")
    return dt.timedelta(seconds=int(found[1]) * SECONDS[found[2]])


def moments_of(cut: str | list[str]) -> list[dt.datetime]:
    """Read cut points: ISO 8601, UTC where it says no zone; they have to rise."""
    texts = [cut] if isinstance(cut, str) else cut
    found = [moment_of(text) for text in texts]
    if any(later <= earlier for earlier, later in pairwise(found)):
        raise PluginError.at("cut", "the cut points have to rise", given=", ".join(texts))
    return found


def moment_of(text: str) -> dt.datetime:
    """Read one cut point."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise PluginError.at("cut", "is no date", given=repr(text), allowed="ISO 8601: '2002-09-25'") from None
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def need_moments(column: pd.Series) -> None:
    """Refuse a column that holds no moments."""
    import pandas as pd

    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise DataError.at(
            f"column '{column.name}'", "holds no moments", given=column.dtype, hint="dates.parse makes them of text"
        )


def cuts_at(column: pd.Series, shares: list[float]) -> list[pd.Timestamp]:
    """Find the moments before which these shares of the rows with a time lie.

    Rows of the same moment stay together, in the later part.
    """
    known = column.dropna().sort_values(ignore_index=True)
    if known.empty:
        return []
    upto = [min(round(share * len(known)), len(known) - 1) for share in shares]
    return [known[place] for place in upto]


def parts_between(column: pd.Series, cuts: list[Any], parts: list[str], gap: dt.timedelta) -> pd.Series:
    """Give each row its part: before a cut the earlier one, at or after it the later one.

    Rows within ``gap`` before a cut are in no part, nor are rows without a time.
    """
    import pandas as pd

    found = pd.Series(parts[0], index=column.index, dtype="str", name="part")
    for cut, part in zip(cuts, parts[1:], strict=False):
        found = found.mask(column >= pd.Timestamp(cut), part)
    gone = column.isna()
    for cut in cuts:
        gone |= (column < pd.Timestamp(cut)) & (column >= pd.Timestamp(cut) - pd.Timedelta(gap))
    return found.mask(gone)
