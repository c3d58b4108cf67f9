"""Simulates the rollback rule: false rollbacks in 48 hours without any change, and the time until a real one is seen.

It drives ``steadily.rollout.rule`` itself, with arrays of many runs in place of single numbers.
"""

from __future__ import annotations

import argparse

import numpy as np
from measuring import table

from steadily.rollout.rule import Baseline, RuleState, begin, fires, updated
from steadily.rollout.windows import BUCKET_US, Counts
from steadily.units import HOUR_US, MINUTE_US

RATE = 0.01
RATES = (20, 50, 100, 200, 400, 600, 1200, 3000)
LIMITS = {("historical", 100): (32, 10, 2), ("historical", 600): (7, 2, 1), ("concurrent", 100): (37, 15, 3)}
TIMES = (2, 3, 10)
BASELINE_HOURS = 168


class Runs:
    """Many runs of one case, all at the same moments."""

    def __init__(self, mode: str, per_minute: float, number: int, seed: int) -> None:
        """Draw the baselines, and begin."""
        self.chance = np.random.default_rng(seed)
        self.mode, self.number = mode, number
        self.each = per_minute * BUCKET_US / MINUTE_US
        known = round(per_minute * 60 * BASELINE_HOURS)
        self.baseline = Baseline(np.full(number, known), self.chance.binomial(known, RATE, number))
        self.upper, self.rate = self.baseline.upper, self.baseline.rate
        self.baseline = Known(self.upper, self.rate)
        self.state: RuleState = begin(0, paired=mode == "concurrent")

    def go_on(self, times: float) -> np.ndarray:
        """Let one bucket pass, with ``times`` the baseline's errors, and tell which runs would roll back."""
        requests = self.chance.poisson(self.each, self.number)
        new = self.chance.binomial(requests, RATE * times)
        if self.mode == "concurrent":
            counts = Counts(requests, new, requests, new, self.chance.binomial(requests, RATE))
        else:
            counts = Counts(requests, new)
        state = updated(self.state, counts, self.state.bucket_us, self.baseline)
        self.state = updated(state, Counts(), state.bucket_us + BUCKET_US, self.baseline)
        return np.asarray(fires(self.state, self.baseline)) & np.ones(self.number, bool)


class Known(Baseline):
    """A baseline whose rates were computed once."""

    def __init__(self, upper: np.ndarray, rate: np.ndarray) -> None:
        """Keep them."""
        object.__setattr__(self, "_known", (upper, rate))

    upper = property(lambda self: self._known[0])
    rate = property(lambda self: self._known[1])


def false_share(mode: str, per_minute: float, number: int, seed: int, hours: float = 48) -> float:
    """Give the share of runs that roll back without reason."""
    runs = Runs(mode, per_minute, number, seed)
    fired = np.zeros(number, bool)
    for _ in range(round(hours * HOUR_US / BUCKET_US)):
        fired |= runs.go_on(1)
    return float(fired.mean())


def minutes(mode: str, per_minute: float, times: float, number: int, before_hours: float, seed: int) -> float:
    """Give the median minutes from a change until the rollback, after some hours of health."""
    runs = Runs(mode, per_minute, number, seed)
    for _ in range(round(before_hours * HOUR_US / BUCKET_US)):
        runs.go_on(1)
    fired = np.full(number, np.inf)
    passed = 0
    while np.mean(np.isfinite(fired)) <= 0.5 and passed < 24 * HOUR_US:
        passed += BUCKET_US
        fired = np.where(runs.go_on(times) & np.isinf(fired), passed / MINUTE_US, fired)
    return float(np.median(fired))


def main() -> None:
    """Simulate and print; fails where a figure is not what it has to be."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--runs", type=int, default=500, help="runs of each case (500)")
    words.add_argument("--rates", type=int, nargs="*", default=RATES, help="requests a minute")
    words.add_argument("--seed", type=int, default=1, help="of the random numbers (1)")
    chosen = words.parse_args()
    missed = []
    rows = [("1 % errors, no change; false rollbacks in 48 hours", *(f"{rate:,}/min" for rate in chosen.rates))]
    for mode in ("historical", "concurrent"):
        found = [false_share(mode, rate, chosen.runs, chosen.seed) for rate in chosen.rates]
        missed += [
            f"{mode} {rate}: false {share}" for rate, share in zip(chosen.rates, found, strict=True) if share > 0.02
        ]
        rows.append((mode, *(f"{share:.1%}" for share in found)))
    print(table(rows), flush=True)
    print()
    rows = [("median minutes until rollback", "from promotion on", "", "", "after 24 hours", "", "", "at most", "", "")]
    rows.append(("", *(f"{times}×" for _ in range(3) for times in TIMES)))
    for mode, rate in (*LIMITS, ("concurrent", 600), ("historical", 3000), ("concurrent", 3000)):
        found = [
            minutes(mode, rate, times, chosen.runs, before, chosen.seed + 1) for before in (0, 24) for times in TIMES
        ]
        limits = [1.5 * limit for limit in LIMITS.get((mode, rate), ())]
        missed += [f"{mode} {rate}: {found}" for a, b in zip(found, [*limits, *limits], strict=False) if a > b]
        rows.append(
            (f"{mode}, {rate:,} a minute", *(f"{one:.1f}" for one in found), *(f"{one:.1f}" for one in limits or []))
        )
        rows[-1] = (*rows[-1], *[""] * (10 - len(rows[-1])))
    print(table(rows))
    if missed:
        raise SystemExit("\n".join(("not what it has to be:", *missed)))


if __name__ == "__main__":
    main()
