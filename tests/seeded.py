"""A spam filter that has been watched for weeks, written into a database: for the dashboard's tests and pictures.

    python tests/seeded.py FOLDER [DAYS]

The same every time. Release 1 serves from the first day; release 2 goes through the shadow and live; in the last week
the words of the mails change, and an alert fires; release 3 is promoted and rolled back; release 4 is in shadow. Hours,
alerts, slots and pairs are counted and written by the real code; only the traffic is made up.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert

from steadily.clock import simulate
from steadily.database import Database, open_database
from steadily.database.monitoring import hourly as hourly_rows
from steadily.database.tables import load_tests, releases
from steadily.drift import Profile
from steadily.latency import Latencies
from steadily.monitor.alertlog import acknowledge
from steadily.monitor.counting import Batch, counted, labelled
from steadily.monitor.hourly import DAY, Hourly, Key
from steadily.monitor.reference import Reference
from steadily.monitor.references import References
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.watching import Watch
from steadily.releases.slots import Act, place, read_slots
from steadily.rollout.pairs import Answer, PairCounts, pair_of
from steadily.rollout.record import Beside, Flush, record
from steadily.units import HOUR_US

CLASSES = ("ham", "spam")
BEGIN = 289_272  # an hour in 2003 that begins a day
WORDS = np.array(["meeting", "list", "patch", "kernel", "report", "thanks", "monday", "build", "thread", "reply"])
RARE = np.array([f"{first}{second}{third}" for first in "abdefgik" for second in "aeiou" for third in WORDS])
ALL_WORDS = np.concatenate([WORDS, RARE])
SHARES = 1 / (5 + np.arange(len(ALL_WORDS)))
SHARES /= SHARES.sum()
NEW_WORDS = np.array([f"x{word}" for word in RARE])
VARIETIES = 4  # of each kind of hour, so that not every hour has to be counted anew
LABELLED = 0.6
VERDICT = {"figure": "quality.accuracy", "given": 0.951, "limit": "minimum", "wanted": 0.9, "met": True}
SENDERS = np.array(["list", "person", "shop", "unknown"])


@dataclass(frozen=True)
class Kind:
    """What an hour is like: how many mails, how far their words have moved, how good and how fast the release is."""

    rows: int
    moved: float = 0.0
    skill: float = 1.0
    slow: float = 1.0
    errors: float = 0.0


def mails(rows: int, rng: np.random.Generator, moved: float = 0.0) -> pd.DataFrame:
    """Make mails whose words have moved so far from the first ones."""
    lengths = rng.poisson(18 * (1 + 0.2 * moved), rows) + 3
    old, new = rng.choice(ALL_WORDS, (rows, 60), p=SHARES), rng.choice(NEW_WORDS, (rows, 60))
    told = np.where(rng.random((rows, 60)) < 0.02 + 0.12 * moved, new, old)
    words = [" ".join(line[:length]) for line, length in zip(told, lengths, strict=True)]
    senders = rng.choice(SENDERS, rows, p=[0.5 - 0.35 * moved, 0.3, 0.15, 0.05 + 0.35 * moved])
    return pd.DataFrame({"text": words, "sender": senders, "links": rng.poisson(1.5 + 0.5 * moved, rows).astype(float)})


def answers(rows: int, rng: np.random.Generator, skill: float = 1.0) -> tuple[Any, Any]:
    """Make probabilities and true classes: one in four is spam."""
    spam = rng.random(rows) < 0.25
    odds = np.where(spam, 3.2, -4.2) * skill + rng.normal(0, 1.9, rows)
    share = 1 / (1 + np.exp(-odds))
    return np.column_stack([1 - share, share]), np.array(CLASSES)[spam.astype(int)]


def bundle(folder: Path, seed: int) -> Path:
    """Write what monitoring reads of a bundle."""
    from steadily_evaluate.classes import classification
    from steadily_evaluate.confidence import confidence

    rng = np.random.default_rng(seed)
    shares, truths = answers(1_200, rng)
    said = np.array(CLASSES)[shares.argmax(axis=1)]
    sure = shares.max(axis=1)
    low = float(np.quantile(sure, 0.1))
    given = predictions_of(truths, said, shares)
    quality, calibrated = classification(given)[0], confidence(given)[0]
    figures = {
        "classes": list(CLASSES),
        "uses": {"quality": "evaluate.classification", "confidence": "evaluate.confidence"},
        "figures": {"quality": quality, "confidence": calibrated},
    }
    reference = {
        "features": Profile.learn(mails(3_000, rng)).to_json(),
        "confidence": Profile.learn(pd.DataFrame({"confidence": sure})).to_json() | {"low": low},
        "predicted": Profile.learn(pd.DataFrame({"predicted": said})).to_json(),
    }
    folder.mkdir(parents=True)
    (folder / "figures.json").write_text(json.dumps(figures), encoding="utf-8")
    (folder / "reference.json").write_text(json.dumps(reference), encoding="utf-8")
    return folder


def predictions_of(truths: Any, said: Any, shares: Any) -> Any:
    """Give what an evaluation step takes."""
    from steadily.predictions import Predictions

    return Predictions(
        target=pd.Series(truths),
        predicted=pd.Series(said),
        probabilities=pd.DataFrame(shares, columns=list(CLASSES)),
        classes=CLASSES,
        rows=pd.DataFrame({"target": truths}),
        reference=None,
        features=(),
        roles={"target": "target"},
    )


def register(database: Database, number: int, folder: Path, at_us: int) -> None:
    """Make a bundle a release."""
    rest: dict[str, Any] = {name: {} for name in ("metrics", "latency", "config", "versions", "data")}
    row = {"number": number, "digest": f"seeded {number}", "created_us": at_us, "task": "classification"}
    row |= {"manifest": {"verdicts": [VERDICT]}, "url": str(folder)}
    with database.begin() as connection:
        connection.execute(insert(releases).values(row | rest))


class Hours:
    """Counts hours, each kind a few times, and gives them for any hour since."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.known: dict[tuple[Kind, int], Hourly] = {}

    def of(self, kind: Kind, variety: int) -> Hourly:
        """Give an hour of this kind."""
        if (kind, variety) not in self.known:
            rng = np.random.default_rng([variety, kind.rows, int(100 * kind.moved), int(100 * kind.skill)])
            self.known[kind, variety] = self.counted(kind, rng)
        return self.known[kind, variety]

    def counted(self, kind: Kind, rng: np.random.Generator) -> Hourly:
        """Count an hour's answers and their labels."""
        shares, truths = answers(kind.rows, rng, kind.skill)
        said = np.array(CLASSES)[shares.argmax(axis=1)]
        outcomes = np.where(rng.random(kind.rows) < kind.errors, "exception", "answered").tolist()
        batch = Batch(
            release=0,
            slot="",
            at_us=np.zeros(kind.rows, np.int64),
            latency_us=rng.lognormal(np.log(4_000 * kind.slow), 0.55, kind.rows),
            outcomes=outcomes,
            rows=np.arange(kind.rows),
            predicted=said.tolist(),
            probabilities=shares,
            features=mails(kind.rows, rng, kind.moved),
        )
        found = counted(batch, self.reference)[Key(0, "", 0)]
        chosen = rng.random(kind.rows) < LABELLED
        ages = rng.uniform(600, 80_000, kind.rows)[chosen]
        return found + labelled(truths[chosen], said[chosen], shares.max(axis=1)[chosen], ages)

    def without_labels(self, kind: Kind, variety: int) -> Hourly:
        """Give an hour whose labels have not come yet."""
        whole = self.of(kind, variety)
        gone = ("confusion", "ages", "cells", "hits", "sure")
        return Hourly({name: tally for name, tally in whole.tallies.items() if name not in gone}, whole.features)


def kind_of(hour: int, first_moved: int) -> Kind:
    """Say what an hour is like: mails come by day, fewer at weekends, and their words change from some hour on."""
    of_day, day = hour % DAY, hour // DAY
    busy = 60 if 8 <= of_day < 20 else 18
    rows = busy // 2 if day % 7 in (2, 3) else busy
    steps = min(max((hour - first_moved) // (2 * DAY) + 1, 0), 3) if hour >= first_moved else 0
    return Kind(rows, moved=0.2 * steps, skill=1.0 - 0.13 * steps, slow=1.3 if of_day in (9, 10) else 1.0)


def write(database: Database, found: Iterator[tuple[Key, Hourly]]) -> None:
    """Write hours."""
    rows = [
        {
            "begin_us": key.hour * HOUR_US,
            "release": key.release,
            "slot": key.slot,
            "slice": key.slice,
            **amount.to_json(),
        }
        for key, amount in found
    ]
    with database.begin() as connection:
        for begin in range(0, len(rows), 500):
            connection.execute(insert(hourly_rows), rows[begin : begin + 500])


def seed(folder: Path, *, days: int = 35) -> Database:
    """Make a project's folder with a database in which so many days have passed.

    Args:
        folder: A new folder.
        days: At least 28.
    """
    (folder / "conf").mkdir(parents=True)
    (folder / "conf/config.yaml").write_text("task: classification\n", encoding="utf-8")
    (folder / "conf/operate.yaml").write_text("database: {url: 'sqlite:///operate.db'}\n", encoding="utf-8")
    database = open_database(f"sqlite:///{folder / 'operate.db'}")
    clock = simulate(database, BEGIN * HOUR_US)
    for number in range(1, 5):
        register(database, number, bundle(folder / f"releases/{number}", number), BEGIN * HOUR_US)
    end = BEGIN + days * DAY
    moved = end - 7 * DAY
    story = Story(database, clock, moved)
    story.act(BEGIN, "first", "the first release", live=1)
    story.serve(BEGIN, end - 21 * DAY, 1)
    story.act(end - 24 * DAY, "shadow", None, shadow=2)
    story.act(end - 21 * DAY, "promote", None, live=2, previous=1, shadow=None)
    story.serve(end - 21 * DAY, end - 4 * DAY - 11, 2)
    bad = end - 4 * DAY - 11
    story.act(bad, "promote", "a hurry before the holidays", override=True, live=3, previous=2)
    story.serve(bad, bad + 1, 3, errors=0.2)
    story.act(bad + 1, "rollback", "errors: 24 of 119 against 1 of 118 on the same requests", live=2, previous=None)
    story.serve(bad + 1, end - DAY + 8, 2)
    story.act(end - 2 * DAY - 8, "shadow", None, shadow=4)
    story.serve(end - DAY + 8, end, 2, labels=False)
    story.serve(end - 2 * DAY - 8, end, 4, slot="shadow", labels=False)
    story.shadow(end - 2 * DAY - 8, end)
    story.watch(end)
    clock.set(end * HOUR_US + 17 * 60_000_000)
    return database


class Story:
    """Writes what happened."""

    def __init__(self, database: Database, clock: Any, moved: int) -> None:
        self.database, self.clock, self.moved = database, clock, moved
        self.references = References(database)

    def act(self, hour: int, action: str, reason: str | None, *, override: bool = False, **slots: int | None) -> None:
        """Change slots."""
        who = "the rollback rule" if action == "rollback" else "ann@watch"
        seen = read_slots(self.database).revision
        act = Act(action, reason, who, override=override)
        place(self.database, slots, act, seen=seen, now_us=hour * HOUR_US)

    def serve(
        self, begin: int, end: int, release: int, *, slot: str = "live", errors: float = 0.0, labels: bool = True
    ) -> None:
        """Let a release answer."""
        hours = Hours(self.references(release))

        def made() -> Iterator[tuple[Key, Hourly]]:
            for hour in range(begin, end):
                kind = kind_of(hour, self.moved)
                kind = Kind(kind.rows, kind.moved, kind.skill, kind.slow, errors)
                amount = hours.of(kind, hour % VARIETIES) if labels else hours.without_labels(kind, hour % VARIETIES)
                yield Key(release, slot, hour), amount

        write(self.database, made())

    def shadow(self, begin: int, end: int) -> None:
        """Let the shadow answer the same requests, some otherwise, and try it under load."""
        rng, slots = np.random.default_rng(7), read_slots(self.database)
        assert slots.live is not None
        assert slots.shadow is not None
        for sequence, hour in enumerate(range(begin, end), 1):
            counts = pairs_of(hour, rng)
            examples = [example(rng) for _ in range(2)]
            beside = Beside("shadow", slots.shadow, slots.since_us["shadow"] or 0, counts, examples)
            since = slots.since_us["live"] or 0
            flush = Flush("seeded", sequence, hour * HOUR_US, slots.live, since, counts.attempted, 0, [beside])
            record(self.database, flush)
        result: dict[str, Any] = {"began_us": (end - 5) * HOUR_US, "until_us": (end - 5) * HOUR_US + 60_000_000}
        result |= {"figures": {"rate": 180.0}, "rate": {"peak": 60.0, "per_second": 180.0}}
        row = {"release": slots.shadow, "at_us": (end - 5) * HOUR_US, "verdict": "passed", "result": result}
        with self.database.begin() as connection:
            connection.execute(insert(load_tests).values(row))

    def watch(self, end: int) -> None:
        """Look now and then over the last days, and answer for one of the alerts that come of it."""
        settings = AlertSettings(longest_step_minutes=60)
        watch = Watch(self.database, self.references, MonitorSettings(), settings)
        for hour in range(end - 5 * DAY, end, 6):
            for minute in (5, 35):
                watch.once(hour * HOUR_US + minute * 60_000_000)
        watch.once(end * HOUR_US + 5 * 60_000_000)
        note = "the new mailing lists came in with the merger; labels are asked for"
        acknowledge(self.database, 1, "Ann Weber", note, (end - 3 * DAY) * HOUR_US)


def pairs_of(hour: int, rng: np.random.Generator) -> PairCounts:
    """Make an hour's pairs."""
    found = []
    for minute in range(0, 60, 2):
        live = "spam" if rng.random() < 0.25 else "ham"
        other = live if rng.random() > 0.02 else "spam" if live == "ham" else "ham"
        at_us = hour * HOUR_US + minute * 60_000_000
        found.append(
            pair_of(
                Answer(live, False, float(rng.lognormal(8.3, 0.4)), 0.93),
                Answer(other, False, float(rng.lognormal(8.2, 0.4)), 0.9 if other == live else 0.3),
                at_us,
            )
        )
    return sum(found, PairCounts(live_latency=Latencies(), other_latency=Latencies()))


def example(rng: np.random.Generator) -> dict[str, Any]:
    """Make a request that two releases answered otherwise."""
    mail = mails(1, rng, 0.4).iloc[0]
    inputs = {"text": mail["text"], "sender": mail["sender"], "links": mail["links"]}
    return {"request_id": f"{rng.integers(10**9):x}", "live": "ham", "other": "spam", "inputs": inputs}


def main() -> None:
    """Make one, and say where."""
    days = int(sys.argv[2]) if len(sys.argv) > 2 else 35
    seed(Path(sys.argv[1]), days=days).close()
    sys.stdout.write(f"{sys.argv[1]}: {days} days\n")


if __name__ == "__main__":
    main()
