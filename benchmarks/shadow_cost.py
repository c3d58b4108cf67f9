"""Measures what a shadow costs the live release: its p99 with one that gets every request, against without.

One service, one worker, held to one core together with the shadow's process, and the load held to another. It is
loaded at half of what it was found to serve, with requests that do not wait for answers (Poisson, the same times in
both), and a latency counts from the time that its request was meant to be sent at. Blocks with and without it stand in
turns, in pairs that lie close together (without, with, with, without, …), so that a machine that has other work treats
both alike; pairs with nothing in the shadow say how far two blocks differ by themselves. A p99 on such a machine is
mostly that of its scheduler, so the ratios of all pairs are taken together, with an interval: the claim is shown where
the whole of it lies below, refuted where it lies above, and open where it holds the limit; for each kind of shadow, and
for all of them together. The shadow is healthy, fails at every request, hangs, is slow, or eats memory. Nothing of a
project is changed. It needs a bundle.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # for all alike

import httpx
import numpy as np
from measuring import BIN, table
from serving import OURS, ROOT, Endpoint, Load, released, run_loop, served
from sqlalchemy import insert, select

from steadily.bundle import manifest as manifests
from steadily.bundle.manifest import Manifest, ReplayedStep
from steadily.catalog import Catalog
from steadily.clock import Clock
from steadily.database import Database, open_project
from steadily.database.rollout import pair_sums
from steadily.database.tables import releases
from steadily.loadtest.rows import Wanted, bodies, rows_of_evaluation
from steadily.loadtest.sender import OK, request_of, send
from steadily.loadtest.target import Target
from steadily.releases.records import find_release, folder_name
from steadily.releases.slots import Act, place, read_slots
from steadily.releases.store import Store
from steadily.rollout.pairs import PairCounts

MOST = 1.10  # what live's p99 may be with a shadow, of what it is without
OPEN = 3  # the exit code where the machine was too busy to tell
CONFIDENCE = 1.96  # of a normal distribution's standard deviations: 95 %
SETTLES = 1.0  # seconds
NOTHING = "nothing"  # in either block: how far two blocks differ by themselves
HEALTHY, ANY = "healthy", "any of them"
STEP = '''"""What a shadow does wrong, on purpose."""

import time

from steadily import step


@step("bench.wrong")
def wrong(frame):
    """{told}"""
    {does}
    return frame
'''
WRONG = {
    "fails": ("Fail.", 'raise ValueError("on purpose")'),
    "hangs": ("Hang.", "time.sleep(3600)"),
    "slow": ("Take long, and a core.", "end = time.perf_counter() + 0.05\n    while time.perf_counter() < end: pass"),
    "eats memory": ("Eat memory.", 'held = [bytearray(b"x") * (1 << 24) for _ in range(100_000)]'),
}


@dataclass
class Block:
    """What came of one block of load: milliseconds, live's CPU time for each request, what was not answered well."""

    p50: float
    p99: float
    cpu: float
    bad: int


@dataclass
class Kind:
    """A kind of shadow: its release, its pairs of blocks, and what was made of its requests."""

    name: str
    number: int | None
    without: list[Block] = field(default_factory=list)
    beside: list[Block] = field(default_factory=list)

    def ratios(self, figure: str) -> list[float]:
        """Give a figure with the shadow to without, pair by pair."""
        return [
            getattr(one, figure) / getattr(other, figure) for one, other in zip(self.beside, self.without, strict=True)
        ]


@dataclass(frozen=True)
class Ratio:
    """A ratio of all pairs together, and its 95 % interval."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f}–{self.high:.2f})"

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Ratio:
        """Estimate from the ratios of pairs: Hodges and Lehmann's, of logarithms, which a few wild pairs do not move.

        The interval is that of the signed-rank test (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods,
        3rd edition, section 3.3), in its normal approximation.
        """
        logs, n = np.log(ratios), len(ratios)
        rows, columns = np.triu_indices(n)
        means = np.sort((logs[rows] + logs[columns]) / 2)
        total = len(means)
        outside = int(max(0, np.floor(total / 2 - CONFIDENCE * np.sqrt(n * (n + 1) * (2 * n + 1) / 24))))
        return cls(*(float(np.exp(one)) for one in (np.median(means), means[outside], means[total - 1 - outside])))

    @property
    def verdict(self) -> str:
        """Say what this shows of a cost."""
        if self.high <= MOST:
            return f"at most {MOST - 1:.0%}"
        return f"above {MOST - 1:.0%}" if self.low > MOST else "open"


def variants(bundle: Path, folder: Path) -> dict[str, Path]:
    """Make the shadows' bundles: another one that does the same, and those with a step that goes wrong."""
    found = {}
    for name in (HEALTHY, *WRONG):
        own = Path(shutil.copytree(bundle, folder / "made" / name))
        manifest = Manifest.from_json(manifests.content_of(own))
        if name == HEALTHY:
            manifest = replace(manifest, data={**manifest.data, "judged": "another time"})
        else:
            (own / "plugins").mkdir(exist_ok=True)
            told, does = WRONG[name]
            (own / "plugins/bench_wrong.py").write_text(STEP.format(told=told, does=does), encoding="utf-8")
            *others, last = manifest.stages
            code = Catalog(own, ("bench_wrong",), cached=False).entry("bench.wrong").code
            step = ReplayedStep("wrong", "bench.wrong", {}, {"use": "bench.wrong", "code": code, "packages": {}})
            stages = (*others, replace(last, steps=(*last.steps, step)))
            manifest = replace(manifest, stages=stages, plugins=(*manifest.plugins, "bench_wrong"))
        manifests.write(own, manifest)
        found[name] = own
    return found


def entered(database: Database, folder: Path, bundle: Path, number: int) -> int:
    """Put a bundle into the store and the database as a release."""
    content, first = manifests.content_of(bundle), find_release(database, 1)
    url = Store(str(folder / ".steadily/releases")).put(bundle, folder_name(number, content["digest"]))
    row = {name: {} for name in ("metrics", "config", "versions", "data")}
    row |= {"number": number, "digest": content["digest"], "created_us": Clock().now_us(), "task": content["task"]}
    with database.begin() as connection:
        connection.execute(insert(releases).values(**row, manifest=content, latency=dict(first.latency), url=url))
    return number


def shadow(database: Database, endpoint: Endpoint, number: int | None) -> None:
    """Put a release into the shadow or take it out, and wait until the service has done so."""
    seen = read_slots(database)
    if seen.shadow != number:
        place(
            database, {"shadow": number}, Act("shadow", None, "benchmark"), seen=seen.revision, now_us=Clock().now_us()
        )
    url, end = f"http://{endpoint.host}:{endpoint.port}", time.monotonic() + 120
    while ("shadow" in httpx.get(f"{url}/state", timeout=30).json()["watching"]["beside"]) != (number is not None):
        if time.monotonic() > end:
            raise SystemExit("the service does not take up what is in the shadow")
        time.sleep(0.1)
    process, ready = endpoint.process, time.monotonic() + 60
    while number is not None and time.monotonic() < ready:  # it has a low priority once it is open
        if any(child.nice() > process.nice() for child in process.children()):
            break
        time.sleep(0.1)
    time.sleep(SETTLES)  # the one that was taken out ends, the one that was put in has been heard of


def block(endpoint: Endpoint, requests: Sequence[bytes], times: np.ndarray) -> Block:
    """Load the service, and measure."""
    target, before = Target(endpoint.host, endpoint.port), endpoint.cpu_seconds()
    sent = send(target, requests, times)
    cpu = endpoint.cpu_seconds() - before
    fine = sent.kinds == OK
    p50, p99 = np.percentile(sent.took[fine] * 1e3, [50, 99])
    return Block(float(p50), float(p99), cpu * 1e3 / len(times), int((~fine).sum()))


def arrivals(rate: float, seconds: float, seed: int) -> np.ndarray:
    """Give times of a Poisson process."""
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds)))


def attempted(database: Database) -> dict[int, PairCounts]:
    """Sum what was made of the shadows' requests, by release."""
    found: dict[int, PairCounts] = {}
    with database.read() as connection:
        for number, counts in connection.execute(select(pair_sums.c.other, pair_sums.c.counts)):
            found[number] = found.get(number, PairCounts()) + PairCounts.from_json(counts)
    return found


def measured(chosen: argparse.Namespace, folder: Path) -> tuple[float, list[Kind], dict[int, PairCounts]]:
    """Measure all kinds of shadows."""
    server, client = sorted(os.sched_getaffinity(0))[:2]
    bundle = (chosen.project / "bundle").resolve()
    raw = bodies(rows_of_evaluation(Wanted.of(bundle), chosen.project))
    released(chosen.project, folder)
    (folder / "conf/operate.yaml").write_text("serve: {port: 0, beside_memory_mb: 2500}\n", encoding="utf-8")
    with open_project(folder) as database, served(OURS, [BIN / "steadily", "serve"], folder, server, raw) as endpoint:
        made = variants(bundle, folder)
        kinds = [Kind(NOTHING, None)] + [
            Kind(name, entered(database, folder, made[name], 2 + place))
            for place, name in enumerate(made)
            if not chosen.kinds or name in chosen.kinds
        ]
        os.sched_setaffinity(0, {client})
        rate = run_loop(Load(endpoint).run(16, chosen.seconds, 2.0)).rate / 2
        target = Target(endpoint.host, endpoint.port)
        requests = [request_of(target, "/predict", body) for body in raw]
        for kind in kinds:
            for pair in range(chosen.pairs):
                print(f"{kind.name}, pair {pair + 1} of {chosen.pairs}, {rate:.0f} a second …", file=sys.stderr)
                times = arrivals(rate, chosen.seconds, pair)
                for beside in (False, True) if pair % 2 == 0 else (True, False):
                    if kind.number is not None or pair == 0:
                        shadow(database, endpoint, kind.number if beside else None)
                    (kind.beside if beside else kind.without).append(block(endpoint, requests, times))
        shadow(database, endpoint, None)
        return rate, kinds, attempted(database)


def told(kind: Kind, counts: PairCounts) -> tuple[str, ...]:
    """Give the line of a kind."""

    def middle(blocks: Sequence[Block], figure: str) -> float:
        return median(getattr(one, figure) for one in blocks)

    ratio = Ratio.of(kind.ratios("p99"))
    bad = sum(one.bad for one in kind.beside)
    return (
        kind.name,
        f"{middle(kind.without, 'p50'):.1f} → {middle(kind.beside, 'p50'):.1f} ms",
        f"{middle(kind.without, 'p99'):.1f} → {middle(kind.beside, 'p99'):.1f} ms",
        str(ratio),
        ratio.verdict,
        f"{median(kind.ratios('cpu')):.2f}",
        f"{counts.attempted:,}, {counts.dropped:,} dropped",
        str(bad),
    )


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("kinds", nargs="*", metavar="KIND", help=f"{HEALTHY}, {', '.join(WRONG)} (all)")
    words.add_argument("--seconds", type=float, default=4.0, help="how long a block of load lasts (4)")
    words.add_argument("--pairs", type=int, default=20, help="pairs of blocks, without and with (20)")
    words.add_argument("--project", type=Path, default=ROOT, help="a project with a bundle (the mails)")
    chosen = words.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends with this
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two cores are needed: one for the service and its shadow, one for the load")
    if not (chosen.project / "bundle").is_dir():
        raise SystemExit(f"{chosen.project} has no bundle yet: dvc repro makes it")
    with tempfile.TemporaryDirectory(prefix="shadow-") as folder:
        rate, kinds, counts = measured(chosen, Path(folder))
    head = ("the shadow", "p50 of live", "p99 of live", "p99, ratio", "so", "CPU, ratio", "compared", "not answered")
    print(f"{rate:.0f} requests a second, half of what is served")
    lines = [told(kind, counts.get(kind.number or 0, PairCounts())) for kind in kinds]
    every = together(kinds[1:])
    print(table([head, *lines, told(every, sum(counts.values(), PairCounts()))]))
    judge([*kinds[1:], every])


def together(kinds: Sequence[Kind]) -> Kind:
    """Take all pairs as those of one shadow: there are more of them, so that less is left open."""
    return Kind(
        ANY, None, [one for kind in kinds for one in kind.without], [one for kind in kinds for one in kind.beside]
    )


def judge(kinds: Sequence[Kind]) -> None:
    """End with 1 where a shadow costs more than it may, and with 3 where this machine is too busy to tell."""
    told = {kind.name: Ratio.of(kind.ratios("p99")).verdict for kind in kinds}
    if above := [name for name, verdict in told.items() if verdict.startswith("above")]:
        raise SystemExit(f"more than {MOST - 1:.0%} of live's p99: {', '.join(above)}")
    if left := [name for name, verdict in told.items() if verdict == "open"]:
        print(f"open for {', '.join(left)}: on a machine so busy, more --pairs would tell", file=sys.stderr)
        sys.exit(OPEN)


if __name__ == "__main__":
    main()
