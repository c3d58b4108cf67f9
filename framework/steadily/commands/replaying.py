"""The commands of simulated time: clock, clock simulate, replay."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from steadily.commands.saying import say

if TYPE_CHECKING:
    from steadily.clock import Clock
    from steadily.database import Database
    from steadily.replay.recording import Recording
    from steadily.replay.schedule import Due
    from steadily.replay.sending import Sending, Tell

STOPPED = 130  # as the command line says where a person stopped a command


def clock(chosen: argparse.Namespace) -> int:
    """Say which time it is."""
    from steadily.clock import clock_of
    from steadily.database import open_project
    from steadily.releases.records import moment

    with open_project(Path()) as database:
        found = clock_of(database)
        say([f"{moment(found.now_us())}, {'simulated' if found.simulated else 'real'}"])
    return 0


def simulate(chosen: argparse.Namespace) -> int:
    """Begin simulated time; where there is some, it goes on from where it is."""
    from steadily.clock import Clock, is_simulated
    from steadily.clock import simulate as begin
    from steadily.database import open_project
    from steadily.releases.records import moment

    at_us = Clock().now_us() if chosen.at is None else moment_of("--at", chosen.at)
    with open_project(Path()) as database:
        before = "goes on" if is_simulated(database) else "begins"
        found = begin(database, at_us)
        say([f"simulated time {before} at {moment(found.now_us())}; nothing in {database.shown} is ever real again"])
    return 0


def replay(chosen: argparse.Namespace) -> int:
    """Send recorded rows, and say what came of it."""
    from steadily.clock import clock_of
    from steadily.commands.loading import bundle_of, headers_of
    from steadily.database import open_project
    from steadily.loadtest.settings import LoadtestSettings
    from steadily.loadtest.target import need_ready, target_of
    from steadily.replay.pace import Pace
    from steadily.replay.schedule import bounded
    from steadily.replay.sending import Plan, Sending
    from steadily.settings import settings

    refuse_words(chosen)
    project, asked = Path(), settings(Path(), LoadtestSettings)
    length_us = None if chosen.length is None else int(chosen.length * 1e6)
    labels_us = None if chosen.labels is None else int(chosen.labels * 1e6)
    plan = Plan(target_of(chosen.url), headers_of(asked), asked.timeout, length_us, labels_us)
    with open_project(project) as database:
        found = clock_of(database)
        refuse_clock(chosen, database, found)
        release = need_ready(plan.target, plan.headers)
        recording = recording_for(chosen, bundle_of(project, database, release), project)
        due = bounded(schedule_for(chosen, recording), length_us)
        speed = chosen.speed or (1.0 if chosen.own_time else None)
        with progress(len(due)) as tell:
            sending = Sending(plan, recording, Pace(found, speed), tell)
            stopped = carried_out(sending, due)
        say(told(chosen, sending, recording, found, stopped=stopped))
    return STOPPED if stopped else 0


def refuse_words(chosen: argparse.Namespace) -> None:
    """Refuse words that do not go together.

    Raises:
        ConfigError: Saying which.
    """
    from steadily.errors import ConfigError

    if (chosen.file is None) != chosen.project_data:
        raise ConfigError.at("steadily replay", "needs a file of rows, or --project-data: one of the two")
    if chosen.loop and chosen.length is None:
        raise ConfigError.at("--loop", "would never end", hint="--for 48h ends it")


def refuse_clock(chosen: argparse.Namespace, database: Database, found: Clock) -> None:
    """Refuse to send recorded rows as if they were real ones, unless that is wanted.

    Raises:
        DatabaseError: Time is real, and nobody said so; or it is simulated, and somebody did.
    """
    from steadily.errors import DatabaseError

    if not found.simulated and not chosen.own_time:
        hint = "`steadily clock simulate` begins simulated time in a fresh one; --own-time lets real time pass"
        raise DatabaseError.at(database.shown, "is real: recorded rows would count as today's traffic", hint=hint)
    if found.simulated and chosen.own_time:
        raise DatabaseError.at(database.shown, "has simulated time, which does not pass by itself", given="--own-time")


def recording_for(chosen: argparse.Namespace, bundle: Path, project: Path) -> Recording:
    """Read the rows that are to be sent, with their times where these are needed."""
    from steadily.bundle.open import open_bundle
    from steadily.loadtest.rows import Wanted
    from steadily.replay.recording import frames_of_file, frames_of_project, recording_of

    wanted = Wanted.of(bundle)
    timed = not chosen.rate
    opened = open_bundle(bundle, other_code=True) if timed or wanted.manifest.roles.get("time") else None
    since_us = None if chosen.since is None else moment_of("--from", chosen.since)
    if chosen.project_data:
        return recording_of(wanted, frames_of_project(project), "the project's data", opened, since_us, timed=timed)
    file = Path(chosen.file)
    return recording_of(wanted, frames_of_file(bundle, wanted, file), str(file), opened, since_us, timed=timed)


def schedule_for(chosen: argparse.Namespace, recording: Recording) -> Iterator[Due]:
    """Say when each row is due."""
    from steadily.replay.schedule import at_rate, own_times

    if chosen.rate:
        return at_rate(len(recording.bodies), chosen.rate, loop=chosen.loop)
    return own_times(recording.times.tolist(), loop=chosen.loop)


def carried_out(sending: Sending, due: list[Due]) -> bool:
    """Send it all; say whether a person stopped it."""
    from steadily.loadtest.sender import loop_factory

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(sending.run(due))
    except KeyboardInterrupt:
        return True
    return False


def told(
    chosen: argparse.Namespace, sending: Sending, recording: Recording, found: Clock, *, stopped: bool
) -> list[str]:
    """Say what came of it."""
    from steadily.releases.records import moment
    from steadily.replay.telling import told_sent

    began_us, until_us = sending.pace.began_us, found.now_us()
    if chosen.json:
        more = {"began_us": began_us, "until_us": until_us, "simulated": found.simulated, "stopped": stopped}
        return [json.dumps({**sending.sent.to_json(), **more, "unread_times": recording.unread}, indent=1)]
    kind = "simulated time" if found.simulated else "time"
    lines = list(told_sent(sending.sent, 0 if chosen.rate else recording.unread))
    lines.append(f"{kind}: {moment(began_us)} to {moment(until_us)}")
    return [*lines, "stopped"] if stopped else lines


@contextmanager
def progress(planned: int) -> Iterator[Tell]:
    """Show a bar on a terminal: how many rows were sent, and how many hours have passed."""
    from tqdm import tqdm

    with tqdm(total=planned, desc="replay", unit="request", disable=None, leave=False) as bar:

        def tell(sent: int, passed_us: int) -> None:
            bar.set_postfix_str(f"{passed_us / 3_600e6:.1f} h", refresh=False)
            bar.update(sent - bar.n)

        yield tell


def moment_of(word: str, given: str) -> int:
    """Read a moment, in microseconds since 1970; one without a zone is UTC.

    Raises:
        ConfigError: It is none.
    """
    from steadily.errors import ConfigError

    try:
        found = datetime.fromisoformat(given)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1e6)
    except (ValueError, OverflowError):
        allowed = "ISO 8601, such as 2026-03-02T09:00:00Z"
        raise ConfigError.at(word, "is no moment", given=given, allowed=allowed) from None
