"""Trying a bundle on the serving path before it is registered: which way answers as training did, and how fast.

Owns the choice of the way. Every evaluated row goes through each of them; the fastest one whose answers,
refusals and imputations are those of the frame's way is the one that will serve.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steadily.bundle import open_bundle
from steadily.bundle.replay import Bundle
from steadily.serving.requests import RequestError, Row
from steadily.serving.scoring import FRAME, ONNX, QUICK, WAYS, Answer, Release
from steadily.stage.latency import ROWS, SECONDS, WARM_UP, percentiles

WITHIN = {QUICK: 1e-9, ONNX: 1e-6}  # how far probabilities may be apart; ONNX counts in 32 bits
PIECE = 500


def try_out(folder: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Try a bundle on rows as they came in.

    Args:
        folder: The bundle.
        rows: The evaluated rows, raw, less what only training needs.

    Returns:
        ``way`` that answers, and why not a faster one (``because``); ``tried`` rows; ``rows`` that were timed one by
        one from a request's body to a reply's answer, and percentiles in milliseconds, as ``stage.latency`` has them.
    """
    bundle = open_bundle(folder)
    given = plain_rows(rows)
    expected = answers_by(Release(0, bundle, len(given), FRAME), given)
    way, because = FRAME, None
    for tried in (one for one in WAYS if one != FRAME):
        release = Release(0, bundle, len(given), tried)
        if release.way != tried:
            because = because if tried == ONNX else release.slow_because
            continue
        differing = sum(
            not same(one, other, WITHIN[tried]) for one, other in zip(expected, answers_by(release, given), strict=True)
        )
        if not differing:
            way = tried
            break
        because = f"{tried} answers {differing:,} of {len(given):,} evaluated rows otherwise"
    found = {"way": way, "tried": len(given)} | ({"because": because} if because else {})
    return found | timed(Release(0, bundle, 1, way), given)


def plain_rows(rows: pd.DataFrame) -> list[Row]:
    """Give rows as a client sends them: plain values, None for missing."""
    columns = {str(name): plain(rows[name]) for name in rows.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def plain(column: pd.Series[Any]) -> list[Any]:
    """Give a column as plain values; moments as ISO 8601."""
    missing = column.isna().to_numpy()
    values = [one.isoformat() if isinstance(one, pd.Timestamp) else one for one in column.tolist()]
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def answers_by(release: Release, given: Sequence[Row]) -> list[Answer]:
    """Answer rows piece by piece, each as a request of its own would be read."""
    return [answer for piece in read_pieces(release, given) for answer in release.answer(piece)]


def read_pieces(release: Release, given: Sequence[Row]) -> Iterator[list[Row]]:
    """Read rows as requests; text in the place of numbers, as a file has them, becomes numbers first."""
    for start in range(0, len(given), PIECE):
        piece = [typed(release.bundle, row) for row in given[start : start + PIECE]]
        try:
            yield release.reader.read(piece)
        except RequestError:
            yield [row for row in piece if readable(release, row)]


def typed(bundle: Bundle, row: Row) -> Row:
    """Give a row of a file in the types that a client has to send: text of a column of numbers is read."""
    contract = bundle.contract
    if contract is None:
        return row
    checked = {column.name: column.dtype for column in contract.columns if column.dtype not in ("str",)}
    made = dict(row)
    for name, dtype in checked.items():
        if isinstance(made.get(name), str) and not dtype.startswith("datetime"):
            made[name] = read_text(made[name])
    return made


def read_text(text: str) -> Any:
    """Read text as JSON does, or leave it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def readable(release: Release, row: Row) -> bool:
    """Tell whether a row keeps the request's schema."""
    try:
        release.reader.read([row])
    except RequestError:
        return False
    return True


def same(one: Answer, other: Answer, within: float) -> bool:
    """Tell whether two answers say the same, probabilities within a distance."""
    if (one.outcome, one.prediction, one.refusal, one.imputed) != (
        other.outcome,
        other.prediction,
        other.refusal,
        other.imputed,
    ):
        return False
    if one.probabilities is None or other.probabilities is None:
        return one.probabilities is other.probabilities
    return bool(np.allclose(one.probabilities, other.probabilities, rtol=0, atol=within))


def timed(release: Release, given: Sequence[Row]) -> dict[str, Any]:
    """Time single rows, taken evenly from all, for at most ten seconds."""
    places = np.unique(np.linspace(0, len(given) - 1, min(len(given), ROWS)).astype(int))
    singles = [row for place in places if readable(release, row := typed(release.bundle, given[place]))]
    for row in singles[:WARM_UP]:
        release.answer(release.reader.read([row]))
    taken: list[float] = []
    end = time.monotonic() + SECONDS
    for row in singles:
        start = time.perf_counter_ns()
        release.answer(release.reader.read([row]))
        taken.append((time.perf_counter_ns() - start) / 1e6)
        if time.monotonic() > end:
            break
    return {"rows": len(taken), **percentiles(taken)}
