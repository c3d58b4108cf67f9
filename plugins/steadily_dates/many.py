"""Reading many dates in ISO 8601 at once, by Arrow, where it reads as ``moments`` does.

Owns which texts these are; all others are left to ``moments``, one by one.
"""

from __future__ import annotations

from typing import Any

DAY = "[1-8][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
ZONE = "(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])"
WITH_ZONE, WITHOUT_ZONE = f"^{DAY}[T ]{CLOCK}{ZONE}$", f"^{DAY}[T ]{CLOCK}$"
FEW = 100  # below, Arrow's own cost is more than it saves


def many_of_iso(texts: list[str], *, universal: bool) -> list[int | None]:
    """Count the microseconds since 1970 for the texts that Arrow surely reads well; None for the others.

    Args:
        texts: The texts.
        universal: Whether a text that says no zone is in UTC.

    >>> many_of_iso(["1970-01-01T00:00:01Z"] * 100 + ["1970-01-01"], universal=True)[-2:]
    [1000000, None]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing: list[int | None] = [None] * len(texts)
    if len(texts) < FEW:
        return nothing
    column = pa.array(texts, pa.large_string())
    sure = pc.match_substring_regex(column, WITH_ZONE)
    if universal:
        bare = pc.match_substring_regex(column, WITHOUT_ZONE)
        column = pc.if_else(bare, pc.replace_substring_regex(column, "$", "Z"), column)
        sure = pc.or_(sure, bare)
    try:
        moments = pc.cast(pc.if_else(sure, column, None), pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:  # the 30th of February is among them
        return nothing
    found: Any = moments.cast(pa.int64()).to_pylist()
    return list(found)


__all__ = ["many_of_iso"]
