"""The verdict on drift: score, evidence and state of each column, and of all together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steadily.drift.bins import Bins
from steadily.drift.profile import Counts, Profile
from steadily.drift.scores import adjusted, categorical, numeric

Array = np.ndarray[Any, np.dtype[np.int64]]
FEW, NONE, SOME, STRONG, ABSENT, NOT_JUDGED = (
    "insufficient data",
    "none",
    "drifted",
    "strongly drifted",
    "column is missing",
    "not judged",
)


@dataclass(frozen=True)
class Rule:
    """When a column counts as drifted: an effect of at least this size, on evidence at least this good.

    Attributes:
        floor: The least score that is drift.
        strong: The least score that is strong drift.
        level: The largest p-value, after Benjamini and Hochberg's adjustment over the columns.
        min_rows: The fewest rows, on each side, that anything is said of.
    """

    floor: float = 0.1
    strong: float = 0.25
    level: float = 0.01
    min_rows: int = 200


def compare(
    profile: Profile,
    counts: Counts,
    rule: Rule | None = None,
    classifiers: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Compare counted rows with the profile's reference.

    Args:
        profile: The reference.
        counts: The rows of now, as the profile counts them.
        rule: When a column counts as drifted.
        classifiers: By text column, what ``text_classifier`` found, where the rows are at hand.

    Returns:
        ``score``, the largest of the columns' scores; ``drifted_share`` of the columns; ``drifted``, their names;
        ``columns`` with kind, score, p, adjusted_p, state, rows and bins of each. What is undefined is None.
    """
    rule = rule or Rule()
    columns = {name: judged(profile, counts, name, (classifiers or {}).get(name)) for name in profile.columns}
    named = [name for name, column in columns.items() if column["p"] is not None]
    for name, p in zip(named, adjusted([columns[name]["p"] for name in named]), strict=True):
        columns[name]["adjusted_p"] = p
    for column in columns.values():
        column["state"] = state_of(column, rule)
    seen = [column for column in columns.values() if column["state"] in (NONE, SOME, STRONG)]
    drifted = [column for column in seen if column["state"] != NONE]
    scores = [column["score"] for column in seen if column["score"] is not None]
    return {
        "score": max(scores, default=None),
        "drifted_share": len(drifted) / len(seen) if seen else None,
        "drifted": [name for name, column in columns.items() if column["state"] in (SOME, STRONG)],
        "rule": vars(rule).copy(),
        "columns": columns,
    }


def judged(profile: Profile, counts: Counts, name: str, classifier: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the score and the evidence of one column."""
    column = profile.columns[name]
    then = profile.counts.columns[name]
    found: dict[str, Any] = {"kind": column.kind, "score": None, "p": None, "adjusted_p": None, "state": ABSENT}
    found |= {"rows": counts.rows, "reference_rows": profile.counts.rows, "missing": None}
    if column.kind == "text":
        found["parts"] = {}
    found["reference_missing"] = missing_share(next(iter(then.values()), np.zeros(1)))
    now = counts.columns.get(name)
    if now is None:
        return found
    found["missing"] = missing_share(next(iter(now.values()), np.zeros(1)))
    parts = {part: scored(bins, then[part], now[part]) for part, bins in column.parts.items()}
    if column.kind != "text":
        return found | parts[""]
    found["parts"] = parts | ({"classifier": dict(classifier)} if classifier else {})
    found["score"] = max((part["score"] for part in parts.values() if part["score"] is not None), default=None)
    evidence = [part["p"] for part in parts.values() if part["p"] is not None]
    if classifier and classifier["p"] is not None:
        evidence.append(classifier["p"])
    found["p"] = min(1.0, min(evidence) * len(evidence)) if evidence else None  # Bonferroni over the parts
    return found | {"bins": parts["length"]["bins"]}


def scored(bins: Bins, then: Array, now: Array) -> dict[str, Any]:
    """Give score, p-value and bins of one part of a column."""
    score, p = (None, None)
    if bins.kind == "numeric":
        score, p = numeric(then, now)
    elif bins.kind == "categorical":
        score, p = categorical(then, now)
    shares = [counts / max(counts.sum(), 1) for counts in (then, now)]
    table = zip(bins.labels(), *(share.tolist() for share in shares), strict=True)
    return {
        "score": score,
        "p": p,
        "bins": [{"label": label, "reference": before, "current": after} for label, before, after in table],
    }


def missing_share(bins: Any) -> float | None:
    """Give the share of missing values, which the last bin holds."""
    total = float(bins.sum())
    return float(bins[-1]) / total if total else None


def state_of(column: Mapping[str, Any], rule: Rule) -> str:
    """Say what a column's score and evidence come to."""
    if column["state"] == ABSENT and column["missing"] is None and column["rows"]:
        return ABSENT
    if column["kind"] == NOT_JUDGED:
        return NOT_JUDGED
    if min(column["rows"], column["reference_rows"]) < rule.min_rows or column["score"] is None:
        return FEW
    if column["adjusted_p"] is None or column["adjusted_p"] > rule.level:
        return NONE
    told_apart = (column.get("parts") or {}).get("classifier", {}).get("told_apart", False)
    if column["score"] >= rule.strong:
        return STRONG
    return SOME if column["score"] >= rule.floor or told_apart else NONE
