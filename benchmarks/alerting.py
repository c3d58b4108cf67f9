"""How often people are told something for nothing, and how soon of what is: streams of answers through the real rules.

The rules are those that come with Steadily, with all times to hold taken away, so that at least as much alerts as in
life. Each run has a reference of its own: 4,000 rows that the model learned from, 1,200 that judged it.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from steadily.drift import Profile
from steadily.monitor.alerts import FIRED, Life, Subject, step
from steadily.monitor.counting import Batch, counted, labelled
from steadily.monitor.hourly import DAY, Hourly
from steadily.monitor.levels import rules_of
from steadily.monitor.looking import Served, look_at, look_at_gaps, span_of
from steadily.monitor.reference import CONFIDENCE, PREDICTED, Reference
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.windows import Window
from steadily.statistics import wilson
from steadily.units import HOUR_US

CLASSES = np.array(["ham", "spam"])
NUMBERS, CITIES = 18, np.array(["Ulm", "Bonn", "Gera", "Köln"])
BEGIN = 480_000
LOOKS = 3  # hours between looks at everything; columns are looked at every hour
Change = Callable[[pd.DataFrame], pd.DataFrame]


def frame_of(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Make rows of 20 columns: 18 of numbers, two of categories."""
    frame = pd.DataFrame(rng.normal(size=(rows, NUMBERS)), columns=[f"x{place}" for place in range(NUMBERS)])
    return frame.assign(city=rng.choice(CITIES, rows, p=[0.4, 0.3, 0.2, 0.1]), kind=rng.choice(["a", "b"], rows))


def answers_of(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make probabilities of a calibrated model, what it says, and the truth."""
    spam = rng.beta(0.25, 0.6, rows)
    given = np.column_stack([1 - spam, spam])
    return given, CLASSES[given.argmax(axis=1)], CLASSES[(rng.random(rows) < spam).astype(int)]


def reference_of(rng: np.random.Generator) -> Reference:
    """Make what a bundle says."""
    given, said, truth = answers_of(1_200, rng)
    sure, right = given.max(axis=1), int((said == truth).sum())
    figures = {}
    for name in CLASSES:
        hits = int(((said == name) & (truth == name)).sum())
        for kind, whole in (("recall", int((truth == name).sum())), ("precision", int((said == name).sum()))):
            figures[f"{kind}.{name}"] = (hits / whole, *wilson(hits, whole))
    answers = {
        CONFIDENCE: Profile.learn(pd.DataFrame({"confidence": sure})),
        PREDICTED: Profile.learn(pd.DataFrame({"predicted": said})),
    }
    return Reference(
        classes=tuple(CLASSES),
        features=Profile.learn(frame_of(4_000, rng)),
        answers=answers,
        low=float(np.quantile(sure, 0.1, method="inverted_cdf")),
        accuracy=(right / 1_200, *wilson(right, 1_200)),
        figures=figures,
    )


class Stream:
    """Answers hour by hour, counted and watched."""

    def __init__(self, daily: int, seed: int) -> None:
        self.daily, self.rng = daily, np.random.default_rng(seed)
        self.reference = reference_of(self.rng)
        self.settings, self.monitor = AlertSettings(), MonitorSettings()
        self.rules = tuple(dataclasses.replace(rule, hold_us=0, keep_us=0) for rule in rules_of(self.settings))
        self.hours: dict[int, Hourly] = {}
        self.lives: dict[Subject, Life] = {}
        self.span = span_of(self.monitor, self.rules)

    def hour(self, hour: int, change: Change | None = None, *, unseen: bool = False) -> list[str]:
        """Let an hour go by, and name what fired."""
        rows = int(self.rng.poisson(self.daily / DAY))
        if rows:
            self.hours[hour] = self.answered(hour, rows, change)
        for old in [old for old in self.hours if old <= hour - self.span]:
            del self.hours[old]
        return [] if unseen else self.look(hour)

    def answered(self, hour: int, rows: int, change: Change | None) -> Hourly:
        """Count an hour's answers, with the labels of nine in ten."""
        given, said, truth = answers_of(rows, self.rng)
        frame = frame_of(rows, self.rng)
        frame = frame if change is None else change(frame)
        outcomes = np.where(self.rng.random(rows) < 0.003, "exception", "answered").tolist()
        at, took = np.full(rows, hour * HOUR_US), self.rng.lognormal(9, 0.8, rows)
        batch = Batch(1, "live", at, took, outcomes, np.arange(rows), said, given, frame)
        own = next(iter(counted(batch, self.reference).values()))
        known = self.rng.random(rows) < 0.9
        if not known.any():
            return own
        ages = np.full(known.sum(), 3e4)
        return own + labelled(truth[known].tolist(), said[known].tolist(), given[known].max(axis=1), ages)

    def look(self, hour: int) -> list[str]:
        """Look, as the hour ends."""
        window = Window(hour + 1 - self.span, hour + 1, self.hours)
        served = Served(1, "live", self.reference, {"": window}, self.monitor, hour)
        whole = (hour + 1) % LOOKS == 1
        seen = look_at(served, self.rules, self.settings) if whole else look_at_gaps(served, self.settings)
        fired = []
        for one in seen:
            life, what = step(self.lives.get(one.subject, Life()), one, (hour + 1) * HOUR_US, 6 * HOUR_US)
            self.lives[one.subject] = life
            fired += [one.subject.what] if FIRED in what else []
        return fired


def quiet(daily: int, days: int, seed: int) -> tuple[int, list[str]]:
    """Count the days on which something fired although nothing was wrong."""
    stream, alerted, names = Stream(daily, seed), set(), []
    for hour in range(BEGIN, BEGIN + days * DAY):
        for name in stream.hour(hour):
            alerted.add(hour // DAY)
            names.append(name)
    return len(alerted), names


def found_after(change: Change, column: str, seed: int, hours: int, daily: int = 1_000) -> int | None:
    """Give the hours until a change is told; None where it is not within ``hours``."""
    stream = Stream(daily, seed)
    for hour in range(BEGIN, BEGIN + 2 * DAY):
        stream.hour(hour, unseen=True)
    begin = BEGIN + 2 * DAY
    for hour in range(begin, begin + hours):
        if any(name.partition(".")[2] == column for name in stream.hour(hour, change)):
            return hour - begin + 1
    return None


def shifted(frame: pd.DataFrame, by: float) -> pd.DataFrame:
    """Shift one column."""
    return frame.assign(x0=frame["x0"] + by)


def renamed(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rename one category."""
    return frame.assign(city=frame["city"].replace(name, name.upper()))


CHANGES: dict[str, tuple[Change, str, int]] = {
    "0.5 σ in one column": (partial(shifted, by=0.5), "x0", 49),
    "1 σ in one column": (partial(shifted, by=1.0), "x0", 49),
    "a column goes missing": (lambda frame: frame.drop(columns="x1"), "x1", 1),
    "a column is empty": (lambda frame: frame.assign(x1=np.nan), "x1", 1),
    "a category of 30 % is renamed": (partial(renamed, name="Bonn"), "city", 1),
    "a category of 20 % is renamed": (partial(renamed, name="Gera"), "city", 1),
}


def main() -> None:
    """Print two tables."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--days", type=int, default=50, help="for each rate; a tenth of them at the largest")
    words.add_argument("--trials", type=int, default=10)
    words.add_argument("--only", choices=("quiet", "changes"))
    chosen = words.parse_args()
    if chosen.only != "changes":
        tell_quiet(chosen.days)
    if chosen.only != "quiet":
        tell_changes(chosen.trials)


def tell_quiet(wanted: int) -> None:
    """Print how often something is told for nothing."""
    print("| answers a day | days | days with an alert | what |", flush=True)
    print("|--------------:|-----:|-------------------:|:-----|")
    for daily in (50, 200, 1_000, 10_000, 100_000):
        days = max(20, wanted // 10) if daily > 50_000 else wanted
        alerted, names = 0, []
        for seed in range(max(1, days // 50)):
            more, told = quiet(daily, min(days, 50), seed)
            alerted, names = alerted + more, names + told
        days = max(1, days // 50) * min(days, 50)
        print(
            f"| {daily:,} | {days} | {alerted} ({alerted / days:.1%}) | {', '.join(sorted(set(names)))} |", flush=True
        )


def tell_changes(trials: int) -> None:
    """Print how soon changes are told."""
    print("\n| change, at 1,000 answers a day | to be told within | told in time | median |")
    print("|:-------------------------------|------------------:|-------------:|-------:|")
    for name, (change, column, hours) in CHANGES.items():
        found = [found_after(change, column, seed, hours) for seed in range(trials)]
        known = [one for one in found if one is not None]
        median = f"{np.median(known):.0f} h" if known else "–"
        print(f"| {name} | {hours} h | {len(known)} of {len(found)} | {median} |", flush=True)


if __name__ == "__main__":
    main()
