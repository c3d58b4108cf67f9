"""The command that tests a service under load."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from steadily.commands.saying import say

if TYPE_CHECKING:
    from steadily.database import Database
    from steadily.loadtest.sender import Tell
    from steadily.loadtest.settings import LoadtestSettings
    from steadily.loadtest.trial import Plan

EXIT = {"passed": 0, "failed": 1, "invalid": 3}


def loadtest(chosen: argparse.Namespace) -> int:
    """Send open traffic to a service, say what came of it, and keep it."""
    from steadily.clock import clock_of
    from steadily.database import open_project
    from steadily.loadtest import record
    from steadily.loadtest.settings import LoadtestSettings
    from steadily.loadtest.target import need_answer, need_ready
    from steadily.loadtest.trial import carry_out, times_of, told_after, told_before
    from steadily.settings import settings

    project = Path()
    asked = settings(project, LoadtestSettings)
    with open_project(project) as database:
        clock = clock_of(database)
        plan = plan_of(chosen, asked, database, clock.now_us())
        times = times_of(plan)
        release = need_ready(plan.target, plan.headers)
        bodies = bodies_of(chosen, bundle_of(project, database, release), project)
        need_answer(plan.target, bodies[0], plan.headers)
        sys.stderr.write(f"{told_before(plan)}\n")
        began = clock.now_us()
        span = {"began_us": began, "until_us": began + int((plan.duration + plan.timeout) * 1e6)}
        number = record.begin(database, release, began, plan.to_json() | span)
        with progress(len(times)) as tell:
            outcome = carry_out(plan, times, bodies, release, tell)
        result = outcome.to_json() | span | {"until_us": clock.now_us(), "rows": len(bodies)}
        release = release or next(iter(outcome.figures.releases), None)
        number = number or record.begin(database, release, began, result)
        if number is not None:
            record.finish(database, number, outcome.verdict.outcome, result)
    if chosen.json:
        say([json.dumps({**result, "load_test": number, "release": release}, indent=1, ensure_ascii=False)])
    else:
        say([*told_after(outcome), kept_as(number, release)])
    return EXIT[outcome.verdict.outcome]


def plan_of(chosen: argparse.Namespace, asked: LoadtestSettings, database: Database, now_us: int) -> Plan:
    """Put together what was asked for and what ``conf/operate.yaml`` says."""
    from steadily.loadtest.rate import busiest_minute, choose
    from steadily.loadtest.target import target_of
    from steadily.loadtest.trial import Plan
    from steadily.loadtest.verdict import Limits

    target = target_of(chosen.url)
    times = chosen.times or asked.times
    return Plan(
        target=target,
        rate=choose(chosen.rate, times, asked.peak_per_second, lambda: busiest_minute(database, now_us)),
        duration=chosen.duration or asked.duration,
        arrivals=chosen.arrivals or asked.arrivals,
        limits=Limits(**asked.limits.model_dump()),
        timeout=asked.timeout,
        seed=chosen.seed,
        headers=headers_of(asked),
    )


def headers_of(asked: LoadtestSettings) -> dict[str, str]:
    """Give the headers that say who is asking."""
    return {"Authorization": f"Bearer {asked.token.get_secret_value()}"} if asked.token else {}


def bundle_of(project: Path, database: Database, release: int | None) -> Path:
    """Give the files of the release that answers; those of the last run's bundle where it is not registered here."""
    from steadily import layout
    from steadily.errors import ReleaseError
    from steadily.releases.records import find_release
    from steadily.releases.store import fetch

    try:
        return project / layout.BUNDLE if release is None else fetch(project, find_release(database, release))
    except ReleaseError:
        return project / layout.BUNDLE


def bodies_of(chosen: argparse.Namespace, bundle: Path, project: Path) -> list[bytes]:
    """Give the requests' bodies: of a file's rows, or of those on which the last run was judged."""
    from steadily.loadtest.rows import Wanted, bodies, rows_of_evaluation, rows_of_file

    wanted = Wanted.of(bundle)
    return bodies(rows_of_file(wanted, Path(chosen.rows)) if chosen.rows else rows_of_evaluation(wanted, project))


@contextmanager
def progress(planned: int) -> Iterator[Tell]:
    """Show a bar on a terminal: how many requests are done."""
    from tqdm import tqdm

    with tqdm(total=planned, desc="load test", unit="request", disable=None, leave=False) as bar:

        def tell(sent: int, done: int) -> None:
            bar.update(done - bar.n)

        yield tell


def kept_as(number: int | None, release: int | None) -> str:
    """Say where the result is kept, if it is."""
    if number is not None:
        return f"kept as load test {number}, of release {release}"
    what = "the answers name no release" if release is None else f"the database has no release {release}"
    return f"not kept: {what}"
