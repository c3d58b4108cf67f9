"""Simulates how often the rules of ``steadily.drift`` raise a false alarm and how often they find a real shift.

The real code judges drawn rows: a profile is learned, rows are counted into it and
compared. Beside each rate stands what it has to be, and where the draws contradict it
the script says so and ends with 1. A last table has the rules that people use instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from measuring import table
from scipy.stats import chi2, ks_2samp, wasserstein_distance

from steadily.drift import Counts, Profile, compare, text_classifier
from steadily.statistics import wilson

ROWS = (50, 100, 200, 500, 1_000, 5_000, 20_000, 100_000)
COLUMNS = 20
SHIFTS = (0.3, 0.5)
Draw = Callable[[np.random.Generator, int], pd.Series]
Range = tuple[float, float]
FALSE_ALARMS: dict[str, Range] = {"numbers": (0.0, 0.002), "whole numbers": (0.0, 0.002), "categories": (0.0, 0.01)}
IN_A_WINDOW: Range = (0.0, 0.01)  # of twenty: the level that their p-values are adjusted to
CLOSE = 0.04  # how far mean and 99 % quantile may be from those of χ², as a share
FEW = 500  # below, ½ added to each count makes PSI smaller than χ² would have it: fewer alarms
DEGREES = 9
FOUND: dict[float, Range] = {0.3: (0.10, 0.31), 0.5: (0.96, 1.0)}
CATEGORIES = np.array([f"category {number}" for number in range(12)])
WEIGHTS = 1 / np.arange(1, 13)
WORDS = np.array([f"word{number}" for number in range(400)])


def normal(rng: np.random.Generator, rows: int) -> pd.Series:
    """Draw numbers."""
    return pd.Series(rng.standard_normal(rows))


def whole(rng: np.random.Generator, rows: int) -> pd.Series:
    """Draw small whole numbers, so that deciles coincide, a tenth of them missing."""
    return pd.Series(np.where(rng.random(rows) < 0.1, np.nan, rng.poisson(3, rows)))


def category(rng: np.random.Generator, rows: int) -> pd.Series:
    """Draw categories, some rare."""
    return pd.Series(rng.choice(CATEGORIES, rows, p=WEIGHTS / WEIGHTS.sum()), dtype="str")


DRAWS: dict[str, Draw] = {"numbers": normal, "whole numbers": whole, "categories": category}


@dataclass
class Rate:
    """How often something happened."""

    hits: int = 0
    trials: int = 0

    def add(self, hits: int, trials: int) -> None:
        """Add trials."""
        self.hits, self.trials = self.hits + hits, self.trials + trials

    def told(self, wanted: Range | None, contradicted: list[str], what: str) -> str:
        """Give the share, and note where its 99.9 % interval leaves out all that it may be."""
        low, high = wilson(self.hits, self.trials, z=3.29) or [0.0, 1.0]
        if wanted and (low > wanted[1] or high < wanted[0]):
            contradicted.append(f"{what}: {self.hits:,} of {self.trials:,}")
        return f"{self.hits / self.trials:.2%}"


@dataclass
class Rates:
    """What was counted for one number of rows."""

    alone: dict[str, Rate] = field(default_factory=lambda: {kind: Rate() for kind in DRAWS})
    window: Rate = field(default_factory=Rate)
    found: dict[float, Rate] = field(default_factory=lambda: {shift: Rate() for shift in SHIFTS})
    among: dict[float, Rate] = field(default_factory=lambda: {shift: Rate() for shift in SHIFTS})
    silent: Rate = field(default_factory=Rate)
    index: list[float] = field(default_factory=list)


def drawn(rng: np.random.Generator, draw: Draw, rows: int) -> pd.DataFrame:
    """Draw independent columns."""
    return pd.DataFrame({f"x{number}": draw(rng, rows) for number in range(COLUMNS)})


def judged_alone(profile: Profile, counts: Counts) -> list[dict[str, Any]]:
    """Judge each column as if it were the only one."""
    found = []
    for name, column in profile.columns.items():
        then = Counts(profile.counts.rows, {name: profile.counts.columns[name]})
        now = Counts(counts.rows, {name: counts.columns[name]})
        found.append(compare(Profile({name: column}, then), now)["columns"][name])
    return found


def alarms(columns: list[dict[str, Any]]) -> int:
    """Count the columns that drifted."""
    return sum("drifted" in column["state"] for column in columns)


def trial(rng: np.random.Generator, reference: int, rows: int, rates: Rates) -> None:
    """Draw a reference and rows of now, with and without a shift, and let the rules judge."""
    for kind, draw in DRAWS.items():
        profile = Profile.learn(drawn(rng, draw, reference))
        frame = drawn(rng, draw, rows)
        counts = profile.count(frame)
        alone = judged_alone(profile, counts)
        rates.alone[kind].add(alarms(alone), COLUMNS)
        if draw is not normal:
            continue
        rates.index += [chi2.isf(column["p"], DEGREES) for column in alone]  # PSI / s, of which p is the tail
        all_of_it = compare(profile, counts)
        rates.window.add(bool(all_of_it["drifted"]), 1)
        rates.silent.add(all_of_it["score"] is None, 1)
        for shift in SHIFTS:
            shifted = profile.count(frame + shift)
            rates.found[shift].add(alarms(judged_alone(profile, shifted)), COLUMNS)
            one = Counts(rows, {**counts.columns, "x0": shifted.columns["x0"]})
            rates.among[shift].add("x0" in compare(profile, one)["drifted"], 1)


def simulated(rng: np.random.Generator, reference: int, trials: int) -> dict[int, Rates]:
    """Simulate the rules for each number of rows."""
    found: dict[int, Rates] = {}
    for rows in ROWS:
        print(f"simulating {rows:,} rows …", file=sys.stderr)
        found[rows] = Rates()
        for _ in range(max(trials // (1 + rows // 10_000), 20)):
            trial(rng, reference, rows, found[rows])
    return found


def rules(found: dict[int, Rates], contradicted: list[str]) -> str:
    """Show the rates beside what they have to be."""
    head = [*(f"false alarms: {kind}" for kind in DRAWS), f"any of {COLUMNS}"]
    head += [f"{shift} σ found{among}" for among in ("", f", one of {COLUMNS}") for shift in SHIFTS]
    wanted = [*FALSE_ALARMS.values(), IN_A_WINDOW, *(FOUND[shift] for shift in SHIFTS), *[None] * len(SHIFTS)]
    lines = [["rows", *head]]
    for rows, rates in found.items():
        if rates.silent.hits == rates.silent.trials:
            lines.append([f"{rows:,}", *["no word"] * len(head)])
            continue
        counted = [*rates.alone.values(), rates.window, *rates.found.values(), *rates.among.values()]
        told = zip(counted, wanted, head, strict=True)
        lines.append([f"{rows:,}", *(rate.told(may, contradicted, f"{rows:,}, {name}") for rate, may, name in told)])
    lines.append(["to be", *("" if may is None else shares(may) for may in wanted)])
    return table(lines)


def shares(wanted: Range) -> str:
    """Write what a rate may be."""
    low, high = wanted
    return f"≤ {high:.1%}" if not low else f"{low:.0%} to {high:.0%}"


def by_chance(found: dict[int, Rates], contradicted: list[str]) -> str:
    """Compare PSI / s without drift with χ², whose mean is taken off."""
    theirs = chi2.ppf(0.99, DEGREES)
    lines = [["rows", "mean of PSI / s", "beside χ²", "99 % quantile", "beside χ²"]]
    for rows, rates in found.items():
        mean, high = np.mean(rates.index), np.quantile(rates.index, 0.99)
        off = mean / DEGREES - 1, high / theirs - 1
        noise = 4 / np.sqrt(len(rates.index)) * np.array([np.sqrt(2 * DEGREES) / DEGREES, 1.6])
        if rows >= FEW and any(np.abs(off) > CLOSE + noise):
            contradicted.append(f"{rows:,}, PSI / s beside χ²: {off[0]:+.1%}, {off[1]:+.1%}")
        lines.append([f"{rows:,}", f"{mean:.2f}", f"{off[0]:+.1%}", f"{high:.2f}", f"{off[1]:+.1%}"])
    return table([*lines, [f"to be, from {FEW}", "", f"± {CLOSE:.0%}", "", f"± {CLOSE:.0%}"]])


def texts(rng: np.random.Generator, rows: int, new: float) -> pd.Series:
    """Draw texts of twelve words, a share of which the reference does not have."""
    words = rng.choice(WORDS, (rows, 12))
    words = np.where(rng.random(words.shape) < new, "novelty", words)
    return pd.Series([" ".join(row) for row in words], dtype="str")


def classifier(rng: np.random.Generator, trials: int, contradicted: list[str]) -> str:
    """Simulate the classifier that tells texts apart."""
    lines = [["texts on each side", "told apart without drift", "with a new word in 5 %", "in 10 %"]]
    for rows in (200, 1_000):
        print(f"simulating {rows:,} texts …", file=sys.stderr)
        rates = {new: Rate() for new in (0.0, 0.05, 0.1)}
        for new, rate in rates.items():
            for _ in range(max(trials // 10, 10)):
                rate.add(text_classifier(texts(rng, rows, 0.0), texts(rng, rows, new))["told_apart"], 1)
        told = (
            rate.told((0.0, 0.01) if new == 0 else None, contradicted, f"{rows:,} texts") for new, rate in rates.items()
        )
        lines.append([f"{rows:,}", *told])
    return table([*lines, ["to be", "≤ 1.0%", "", ""]])


def usual(rng: np.random.Generator, trials: int) -> str:
    """Simulate what is used instead."""
    rates = {name: Rate() for name in ("Wasserstein", "Jensen-Shannon", "Kolmogorov-Smirnov", "twenty tests")}
    for _ in range(trials):
        then, now = rng.standard_normal(2_000), rng.standard_normal(100)
        rates["Wasserstein"].add(wasserstein_distance(then, now) / then.std() > 0.1, 1)
        edges = np.histogram_bin_edges(np.concatenate([then, now]), "sturges")
        one, other = np.histogram(then, edges)[0], np.histogram(now, edges)[0]
        rates["Jensen-Shannon"].add(jensen_shannon(one, other) > 0.1, 1)
        rates["twenty tests"].add(bool((rng.random(20) < 0.05).any()), 1)
    for _ in range(max(trials // 20, 20)):
        then, now = rng.standard_normal(100_000), rng.standard_normal(100_000) + 0.02
        rates["Kolmogorov-Smirnov"].add(ks_2samp(then, now).pvalue < 0.05, 1)
    return table(
        [
            ["what is used instead", "alarms"],
            ["Wasserstein above 0.1 σ, 100 rows, no drift", rates["Wasserstein"].told(None, [], "")],
            ["Jensen-Shannon above 0.1, 100 rows, no drift", rates["Jensen-Shannon"].told(None, [], "")],
            ["20 columns tested at 5 %, no drift", rates["twenty tests"].told(None, [], "")],
            ["KS test at 5 %, 100,000 rows, 0.02 σ", rates["Kolmogorov-Smirnov"].told(None, [], "")],
        ]
    )


def jensen_shannon(one: np.ndarray, other: np.ndarray) -> float:
    """Give the distance without its bias taken off."""
    from scipy.spatial.distance import jensenshannon

    return float(jensenshannon(one / one.sum(), other / other.sum(), base=2))


def main() -> None:
    """Simulate and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument(
        "--trials", type=int, default=200, help="windows for each number of rows; fewer of large ones (200)"
    )
    words.add_argument("--reference", type=int, default=2_000, help="rows of the reference (2,000)")
    words.add_argument("--seed", type=int, default=1, help="of the draws (1)")
    chosen = words.parse_args()
    rng = np.random.default_rng(chosen.seed)
    contradicted: list[str] = []
    found = simulated(rng, chosen.reference, chosen.trials)
    tables = (
        rules(found, contradicted),
        by_chance(found, contradicted),
        classifier(rng, chosen.trials, contradicted),
        usual(rng, chosen.trials),
    )
    print("\n\n".join(tables))
    if contradicted:
        raise SystemExit("not what it has to be:\n  " + "\n  ".join(contradicted))


if __name__ == "__main__":
    main()
