"""Values of a database to text, and rows to a digest.

Owns how each kind of value is spelled: as in JSON and ISO 8601 where these know it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Any

ROOM = 1 << 128


def as_text(value: Any) -> str | None:
    """Give a database's value as text, the same whatever stands beside it; NULL is missing.

    >>> [as_text(value) for value in (None, True, 1, 1.0, "x", b"ab", date(2024, 5, 1), {"a": [1]})]
    [None, 'true', '1', '1.0', 'x', '6162', '2024-05-01', '{"a":[1]}']
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return str(value)


def digest_of(rows: Iterable[Sequence[Any]]) -> str:
    """Count rows and digest them, whatever their order: without ORDER BY a database may give any.

    >>> digest_of([(1, "a"), (2, None)]) == digest_of([(2, None), (1, "a")])
    True
    >>> digest_of([(1, "a")]) == digest_of([(1, "a"), (1, "a")])
    False
    """
    count, total = 0, 0
    for row in rows:
        text = json.dumps([as_text(value) for value in row]).encode()
        total = (total + int.from_bytes(hashlib.blake2b(text, digest_size=16).digest())) % ROOM
        count += 1
    return f"{count} rows, {hashlib.blake2b(total.to_bytes(16), digest_size=8).hexdigest()}"
