"""The command line: words to functions. Catches Steadily's own errors and the machine's, and no bug."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from steadily.errors import SteadilyError

SERVICE = "http://127.0.0.1:8000"
TIME_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
RATE_UNITS = {"": 1, "s": 1, "min": 60, "h": 3_600}
MOST_DAYS = 3_660


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after ``steadily``; None takes those of the process.

    Returns:
        The exit code: 0, or 1 where Steadily refused, or 2 where the words are wrong.
    """
    chosen = parser().parse_args(arguments)
    from steadily.logs import begin_logging

    begin_logging()
    try:
        os.chdir(chosen.project)
        module, _, function = chosen.run.partition(":")
        run: Callable[[argparse.Namespace], int] = getattr(import_module(f"steadily.commands.{module}"), function)
        return run(chosen)
    except SteadilyError as error:
        sys.stderr.write("" if error.told else f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:  # a full disk, a folder that may not be written: the machine's trouble, no bug
        sys.stderr.write(f"{error.filename or chosen.run}: {error.strerror or error}\n")
        return 1


def parser() -> argparse.ArgumentParser:
    """Give the words that the command line knows."""
    found = argparse.ArgumentParser(
        prog="steadily", description="Pipelines that are boring and dependable: edit conf/, run `dvc repro`, ask here."
    )
    found.add_argument("--project", type=Path, default=Path(), metavar="FOLDER", help="the project's folder (here)")
    commands = found.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: str, told: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=told, description=told[:1].upper() + told[1:] + ".")
        added.set_defaults(run=run)
        return added

    command("plan", "planning:plan", "say what dvc repro would do, and why").add_argument(
        "--json", action="store_true", help="as JSON"
    )
    command("check", "planning:check", "check the configuration, all problems at once")
    log = command("log", "looking:log", "tell the story of the last run, or of another")
    log.add_argument("run_name", nargs="?", metavar="RUN", help="a run's name, or the beginning of it")
    log.add_argument("--all", action="store_true", help="a line for each run")
    why = command("why", "looking:why", "tell one row's story through every stage")
    why.add_argument("row_id", metavar="ROW_ID", help="the row's id, as the ledger has it")
    steps = command("steps", "looking:steps", "list the steps that are installed, or show one whole")
    steps.add_argument("name", nargs="?", metavar="NAME", help="a step's name")
    steps.add_argument("--json", action="store_true", help="as JSON, with the schema of the parameters")
    preview = command("preview", "looking:preview", "show what a stage does to the first rows, writing nothing")
    preview.add_argument("stage", metavar="STAGE", help="the stage's name")
    preview.add_argument("--rows", type=rows, default=50, metavar="N", help="how many rows, 1 to 100000 (50)")
    preview.add_argument("--json", action="store_true", help="as JSON")
    contract = command("contract", "looking:draft", "propose a contract from data: steadily contract draft FILE")
    contract.add_argument("what", choices=("draft",), help="draft: print the contract that a file's rows keep")
    contract.add_argument("file", metavar="FILE", help="CSV, JSON lines or Parquet, by its name")
    contract.add_argument("--name", default="received", help="what the contract is to be called (received)")
    words = "a word that stands for a missing value in CSV, such as NA; may be given again"
    contract.add_argument("--missing", action="append", default=[], metavar="WORD", help=words)
    predict = command("predict", "predicting:predict", "answer the rows of a file with a bundle")
    predict.add_argument("file", metavar="FILE", help="CSV, JSON lines or Parquet, by its name")
    predict.add_argument("--bundle", default="bundle", metavar="FOLDER", help="the bundle (bundle/)")
    predict.add_argument("--out", metavar="FILE", help=".csv, .jsonl or .parquet (CSV to standard output)")
    predict.add_argument(
        "--allow-other-code", action="store_true", help="take steps whose code is not that of the training"
    )
    report = command("report", "reporting:report", "render the page of the last run, or another, or two")
    report.add_argument("run_name", nargs="?", metavar="RUN", help="a run, a revision of git's, an experiment of DVC's")
    report.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two of them; workspace is what stands here")
    report.add_argument("--out", metavar="FILE", help="the file (under .steadily/reports)")
    add_releases(command)
    add_features(command)
    add_loadtest(command)
    add_replay(command)
    watch_words(command)
    command("restore", "mending:restore", "bring the last complete run back: lock, parameters, versions, outputs")
    command("adopt", "mending:adopt", "write the values of an experiment into conf/")
    command("compose", "planning:compose", "compose conf/ into params.yaml and versions.yaml (dvc repro does it first)")
    command("run", "running:run", "run one stage (dvc repro does it)").add_argument(
        "stage", metavar="STAGE", help="the stage's name"
    )
    return found


def add_releases(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the words for releases and for what serves."""
    release = command("release", "releasing:register", "register the bundle of the last complete run as a release")
    as_json(release)
    inside = release.add_subparsers(metavar="WHAT")
    as_json(below(inside, "list", "releasing:list_all", "list the releases"))
    show = below(inside, "show", "releasing:show", "show one release whole")
    show.add_argument("number", type=release_number, metavar="N", help="its number")
    as_json(show)
    diff = below(inside, "diff", "releasing:diff", "show two releases side by side, what differs alone")
    diff.add_argument("a", type=release_number, metavar="A", help="the number of one")
    diff.add_argument("b", type=release_number, metavar="B", help="the number of the other")
    as_json(diff)
    serve = command("serve", "serving:serve", "answer requests with the live release")
    serve.add_argument("--host", metavar="ADDRESS", help="the address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, metavar="N", help="the port (8000)")
    serve.add_argument("--workers", type=int, metavar="N", help="processes that answer side by side (1)")
    told = "answer with this release, whatever is live, and log nothing: for a load test of it"
    serve.add_argument("--trial", type=release_number, metavar="N", help=told)
    add_deploying(command)


def add_deploying(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the words of which release serves."""
    deploy = command("deploy", "deploying:status", "say what serves where, or change it")
    inside = deploy.add_subparsers(required=True, metavar="WHAT")
    as_json(below(inside, "status", "deploying:status", "say what serves where, and how shadow and live are doing"))
    shadow = below(inside, "shadow", "deploying:shadow", "let a release answer beside the live one, unheard")
    as_json(shadow)
    whom = shadow.add_mutually_exclusive_group(required=True)
    whom.add_argument("number", nargs="?", type=release_number, metavar="N", help="its number")
    whom.add_argument("--stop", action="store_true", help="take out the one that is there")
    promote = below(inside, "promote", "deploying:promote", "put the shadow into live traffic, if its checklist passes")
    as_json(promote)
    promote.add_argument("number", type=release_number, metavar="N", help="its number")
    promote.add_argument("--override", action="store_true", help="although the checklist is not passed")
    promote.add_argument("--reason", metavar="TEXT", help="why, which is kept for ever")
    rollback = below(inside, "rollback", "deploying:rollback", "put the previous release back into live traffic")
    as_json(rollback)
    rollback.add_argument("--reason", metavar="TEXT", help="why, which is kept for ever")


def add_loadtest(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the words for the load test."""
    load = command("loadtest", "loading:loadtest", "send a service so many times its peak, and judge how it answers")
    load.add_argument("--url", default=SERVICE, metavar="URL", help=f"where the service listens ({SERVICE})")
    much = load.add_mutually_exclusive_group()
    much.add_argument("--rate", type=positive, metavar="R", help="requests a second, instead of a peak's multiple")
    much.add_argument("--times", type=positive, metavar="N", help="how many times the peak (3)")
    load.add_argument("--duration", type=seconds, metavar="SECONDS", help="for how long, up to 3600 (60)")
    load.add_argument(
        "--arrivals", choices=("poisson", "constant"), metavar="KIND", help="poisson or constant (poisson)"
    )
    load.add_argument("--seed", type=seed, default=0, metavar="N", help="the same seed sends at the same times (0)")
    load.add_argument("--rows", metavar="FILE", help="the rows to send (those on which the last run was judged)")
    load.add_argument("--json", action="store_true", help="as JSON")
    load.description = f"{load.description} Exit codes: 0 passed, 1 failed, 3 invalid."


def add_replay(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the words for simulated time, and for traffic in it."""
    clock = command("clock", "replaying:clock", "say which time it is for operations, or begin to simulate it")
    inside = clock.add_subparsers(metavar="WHAT")
    told = "begin simulated time in a database without real deployments, for ever"
    simulate = below(inside, "simulate", "replaying:simulate", told)
    simulate.add_argument("--at", metavar="MOMENT", help="the time to begin with, in ISO 8601 (now)")
    replay = command("replay", "replaying:replay", "send recorded rows to a service, while simulated time passes")
    replay.add_argument("file", nargs="?", metavar="FILE", help="the rows: CSV, JSON lines or Parquet, by its name")
    replay.add_argument("--project-data", action="store_true", help="the rows that the last run took in, instead")
    replay.add_argument("--url", default=SERVICE, metavar="URL", help=f"where the service listens ({SERVICE})")
    told = "send at even distances, in the order of their times: 2, 30/min, 100/h (a second where nothing is said)"
    replay.add_argument("--rate", type=rate, metavar="R", help=told)
    told = "seconds to pass in a real one (as fast as it answers; 1 with --own-time)"
    replay.add_argument("--speed", type=positive, metavar="X", help=told)
    replay.add_argument("--for", dest="length", type=duration, metavar="TIME", help="end after 90s, 30m, 48h or 7d")
    replay.add_argument("--from", dest="since", metavar="MOMENT", help="leave out the rows that came in earlier")
    replay.add_argument("--loop", action="store_true", help="begin anew after the last row; needs --for")
    told = "send what turned out to be true so long after each row, as in 24h"
    replay.add_argument("--labels", type=duration, metavar="TIME", help=told)
    replay.add_argument("--own-time", action="store_true", help="where time is real: let it pass by itself")
    as_json(replay)


def below(inside: Any, name: str, run: str, told: str) -> argparse.ArgumentParser:
    """Add a word below a command's."""
    added: argparse.ArgumentParser = inside.add_parser(name, help=told, description=told[:1].upper() + told[1:] + ".")
    added.set_defaults(run=run)
    return added


def as_json(command: argparse.ArgumentParser) -> None:
    """Let a command answer as JSON."""
    command.add_argument("--json", action="store_true", help="as JSON")


def add_features(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the words for feature sets."""
    features = command("features", "features:list_all", "list feature sets, publish them, or show the values of a key")
    features.set_defaults(json=False, bundle=[])
    inside = features.add_subparsers(metavar="WHAT")
    listing = below(inside, "list", "features:list_all", "list feature sets: here, in the online store, who reads them")
    publish = below(
        inside, "publish", "features:publish", "publish those of the project, and of the releases that serve"
    )
    more = "a further release whose feature sets are to be there; may be given again"
    publish.add_argument("--release", action="append", type=release_number, default=[], metavar="N", help=more)
    for one in (listing, publish):
        told = "a further bundle that counts; may be given again"
        one.add_argument("--bundle", action="append", default=[], metavar="FOLDER", help=told)
    show = below(inside, "show", "features:show", "show what is known of a key, here and in the online store")
    for one in (listing, publish, show):
        as_json(one)
    show.add_argument("key", metavar="KEY", help="as in UA; EWR,IAH where a feature set has two keys")
    show.add_argument("--at", metavar="MOMENT", help="as of this moment, in ISO 8601, rather than now")


def release_number(word: str) -> int:
    """Read the number of a release."""
    if not word.isdecimal() or not 1 <= int(word) < 2**31:
        raise argparse.ArgumentTypeError(f"{word!r} is no release's number")
    return int(word)


def watch_words(command: Callable[[str, str, str], argparse.ArgumentParser]) -> None:
    """Add the words that watch what serves."""
    dashboard = command("dashboard", "dashboard:dashboard", "show the dashboard: figures, rollout, alerts, runs")
    dashboard.add_argument("--host", metavar="ADDRESS", help="the address to listen on (127.0.0.1)")
    dashboard.add_argument("--port", type=int, metavar="N", help="the port (8001)")
    monitor = command("monitor", "monitoring:monitor", "look at what serves: figures, drift, alerts")
    monitor.add_argument("what", nargs="?", choices=("export",), help="export: write the hourly statistics as Parquet")
    monitor.add_argument("file", nargs="?", metavar="FILE", help="the file to export to, which ends in .parquet")
    monitor.add_argument("--every", type=seconds, metavar="SECONDS", help="go on, and look this often")
    monitor.add_argument("--json", action="store_true", help="as JSON")
    alerts = command("alerts", "monitoring:alerts", "list alerts, acknowledge one, silence some")
    alerts.add_argument(
        "what", nargs="?", choices=("list", "ack", "silence", "unsilence"), default="list", help="what to do (list)"
    )
    alerts.add_argument("number", nargs="?", type=int, metavar="ID", help="the alert's number, or the silence's")
    alerts.add_argument("--by", metavar="NAME", help="who you are")
    alerts.add_argument("--note", metavar="TEXT", help="what you found, or why")
    alerts.add_argument("--rule", default="*", metavar="PATTERN", help="silence this rule (all)")
    alerts.add_argument("--about", default="*", metavar="PATTERN", help="silence this figure or column (all)")
    alerts.add_argument("--slot", default="*", metavar="PATTERN", help="silence this slot (all)")
    alerts.add_argument("--hours", type=float, default=24.0, metavar="N", help="for how many hours (24)")
    alerts.add_argument("--all", action="store_true", help="those that are over, too")
    alerts.add_argument("--json", action="store_true", help="as JSON")


def positive(word: str) -> float:
    """Read a number above 0."""
    try:
        found = float(word)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"{word!r} is no number above 0")
    return found


def seconds(word: str) -> float:
    """Read a number of seconds, up to an hour."""
    found = positive(word)
    if found > 3600:
        raise argparse.ArgumentTypeError(f"{word!r} is more than 3600 seconds")
    return found


def rate(word: str) -> float:
    """Read a rate, in requests a second.

    >>> rate("2"), rate("30/min"), rate("36/h")
    (2.0, 0.5, 0.01)
    """
    much, _, unit = word.partition("/")
    if unit not in RATE_UNITS:
        raise argparse.ArgumentTypeError(f"{word!r} is no rate such as 2, 30/min or 100/h")
    return positive(much) / RATE_UNITS[unit]


def duration(word: str) -> float:
    """Read a length of time, in seconds.

    >>> duration("90s"), duration("48h")
    (90.0, 172800.0)
    """
    if word[-1:] not in TIME_UNITS:
        raise argparse.ArgumentTypeError(f"{word!r} is no length of time such as 90s, 30m, 48h or 7d")
    found = positive(word[:-1]) * TIME_UNITS[word[-1]]
    if found > MOST_DAYS * TIME_UNITS["d"]:
        raise argparse.ArgumentTypeError(f"{word!r} is more than {MOST_DAYS} days")
    return found


def seed(word: str) -> int:
    """Read a seed."""
    if not word.isdecimal() or len(word) > 18:
        raise argparse.ArgumentTypeError(f"{word!r} is no whole number from 0")
    return int(word)


def rows(word: str) -> int:
    """Read a number of rows."""
    if not word.isdigit() or not 1 <= int(word) <= 100_000:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of rows from 1 to 100000")
    return int(word)


if __name__ == "__main__":
    sys.exit(main())
