"""A small world to watch: releases in slots, their reference, and answers that are counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert, update

from steadily.database import Database
from steadily.database.tables import labels, predictions, releases, slots
from steadily.drift import Profile
from steadily.monitor.counting import Batch
from steadily.monitor.reference import CONFIDENCE, PREDICTED, Reference
from steadily.units import HOUR_US

CLASSES = ("ham", "spam")
HOUR = 480_000  # an hour in 2024, which begins a day
NOW = HOUR * HOUR_US


def frame_of(rows: int, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows) + shift,
            "y": rng.normal(size=rows),
            "city": rng.choice(["Ulm", "Bonn", "Gera"], rows),
        }
    )


def sure_of(rows: int, seed: int = 0) -> Any:
    first = np.random.default_rng(seed).beta(6, 1, rows)
    return np.column_stack([first, 1 - first])


def reference_of(rows: int = 4000) -> Reference:
    sure = sure_of(rows, 99)
    said = np.array(CLASSES)[sure.argmax(axis=1)]
    answers = {
        CONFIDENCE: Profile.learn(pd.DataFrame({"confidence": sure.max(axis=1)})),
        PREDICTED: Profile.learn(pd.DataFrame({"predicted": said})),
    }
    return Reference(
        classes=CLASSES,
        features=Profile.learn(frame_of(rows, 98)),
        answers=answers,
        low=float(np.quantile(sure.max(axis=1), 0.1)),
        accuracy=(0.86, 0.84, 0.88),
        figures={"recall.ham": (0.9, 0.88, 0.92), "precision.ham": (0.9, 0.88, 0.92)},
    )


def batch(
    rows: int,
    at_us: int | Sequence[int] = NOW,
    *,
    seed: int = 0,
    release: int = 1,
    slot: str = "live",
    outcome: str = "answered",
    frame: pd.DataFrame | None = None,
    **more: Any,
) -> Batch:
    sure = sure_of(rows, seed)
    times = np.full(rows, at_us) if isinstance(at_us, int) else np.asarray(at_us)
    took = np.random.default_rng(seed).exponential(8_000, rows)
    given = {
        "rows": np.arange(rows),
        "predicted": [CLASSES[place] for place in sure.argmax(axis=1)],
        "probabilities": sure,
        "features": frame_of(rows, seed) if frame is None else frame,
    }
    return Batch(release, slot, times.astype(np.int64), took, [outcome] * rows, **(given | more))


def serve(database: Database, number: int = 1, slot: str = "live") -> None:
    with database.begin() as connection:
        row = {"number": number, "digest": f"d{number}", "created_us": 1, "task": "classification", "url": "file:///x"}
        rest = {name: {} for name in ("manifest", "metrics", "latency", "config", "versions", "data")}
        connection.execute(insert(releases).values(row | rest))
        change = {"release": number, "since_us": 1, "revision": number}
        connection.execute(update(slots).where(slots.c.name == slot).values(change))


def log(database: Database, answers: Batch, name: str = "r") -> None:
    rows = [
        {
            "request_id": f"{name}{place}",
            "position": 0,
            "slot": answers.slot,
            "release": answers.release,
            "at_us": int(answers.at_us[place]),
            "outcome": "answered",
            "prediction": said,
            "confidence": float(answers.probabilities[place].max()),
            "slices": {column: values[place] for column, values in answers.slices.items()} or None,
        }
        for place, said in enumerate(answers.predicted)
    ]
    with database.begin() as connection:
        connection.execute(insert(predictions), rows)


def label(database: Database, truths: dict[str, str | None], at_us: int) -> None:
    with database.begin() as connection:
        for request_id, truth in truths.items():
            key = (labels.c.request_id == request_id) & (labels.c.position == 0)
            connection.execute(labels.delete().where(key))
            values = {"request_id": request_id, "position": 0, "label": truth, "at_us": at_us}
            connection.execute(insert(labels).values(values))
