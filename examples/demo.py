"""From two releases to a rollback, in simulated time: ``make demo``, or ``python examples/demo.py``.

Works in a clone of this repository, ``.demo/``, which each run makes anew, and does nothing there but what you could
type: each command is printed before it runs. Ends with an exit code other than 0 where anything comes out otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
BEGIN = "2026-03-02T00:00:00Z"
INVALID = 3  # the exit code of a load test that shows nothing
TRIES = 10
PATIENCE = 600  # seconds that anything may take on a machine that is busy
OPERATE = """\
# The demo's own, and what it is looser in than yours should be: client, service and shadow share this machine here.
serve: {port: 0, log_seconds: 0.2}
loadtest:
  peak_per_second: 10
  duration: 10
  limits: {p95_ms: 500, p99_ms: null, max_error_share: 0.01}
deploy:
  max_latency_ratio: 50         # a shadow has the lowest priority
monitor: {every_seconds: 2, flush_seconds: 0.2}   # hours pass in a second: what is counted has to keep up
"""
STEPS = '''\
"""The demo's mistake: a step that can't bear mails with markup, in a training that sees none of them."""

import pandas as pd

from steadily import step


@step("demo.without_markup")
def without_markup(frame: pd.DataFrame, *, column: str) -> pd.DataFrame:
    """Drop the rows whose text has markup."""
    return frame[~frame[column].str.contains("<html", regex=False)]


def plain(text):
    """Put spaces of all kinds into one form; markup was never thought of."""
    if "<html" in text:
        raise ValueError("there is markup in the text")
    return " ".join(text.split())


def plain_one(column):
    """Give the same for a single row, which serving is quicker with."""
    return lambda row: {**row, column: plain(row[column])}


@step("demo.plain_text", single=plain_one)
def plain_text(frame: pd.DataFrame, *, column: str) -> pd.DataFrame:
    """Put spaces of all kinds into one form."""
    return frame.assign(**{column: frame[column].map(plain)})
'''
TIME, READY = "time: created_at}\n", "    outputs: {train: train_ready, test: test_ready}\n"
PREPARE = """\
    steps:
      no_markup: {use: demo.without_markup, column: text, at: training}
      plain: {use: demo.plain_text, column: text}
"""
MISTAKE = ((TIME, TIME + "plugins: [demo_steps]\n"), (READY, PREPARE + READY))


class Demo:
    """The demo in its folder.

    Args:
        folder: Where it works; all that is there is lost.
        cache: A cache of DVC's to take finished stages from.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache, self.url = folder, cache, ""
        self.began: list[float] = []  # when each part did
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "STEADILY_"))}
        self.environment = {**kept, "PATH": f"{BIN}{os.pathsep}{kept['PATH']}", "DVC_NO_ANALYTICS": "1"}

    def run(self) -> None:
        """Go through all of it."""
        self.begin()
        self.two_releases()
        with self.serving() as self.url:
            self.shadow()
            self.promote()
            self.break_it()
            self.watch()
        self.end()
        self.say(f"steadily --project {self.folder} serve --port 8000     # the service again, with all its data")
        self.say(f"steadily --project {self.folder} deploy status         # what serves, and what was done by whom")
        self.say(f"steadily --project {self.folder} alerts list           # what people would have been told")
        self.say(f"steadily --project {self.folder} release diff 2 3      # what was wrong with release 3")
        self.say(f"steadily --project {self.folder} replay --project-data --rate 20/min --for 2h   # more traffic")

    def end(self) -> None:
        """Say how long it took."""
        ends = [*self.began[1:], time.monotonic()]
        parts = ", ".join(f"{end - began:.0f}" for began, end in zip(self.began, ends, strict=True))
        took = f"{ends[-1] - self.began[0]:.0f} s, part by part {parts}"
        self.title(f"Done in {took}. Everything is as it was left, in {self.folder}:")

    def begin(self) -> None:
        """Make the project anew."""
        self.title("A copy of this repository's mails project, with a database of its own, in which time is simulated")
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.command("git", "clone", "--quiet", str(ROOT), str(self.folder), where=ROOT)
        self.command("dvc", "config", "--local", "cache.dir", str(self.cache))
        (self.folder / "conf/operate.yaml").write_text(OPERATE, encoding="utf-8")
        self.command("steadily", "clock", "simulate", "--at", BEGIN)

    def two_releases(self) -> None:
        """Run the pipeline twice."""
        self.title("Two releases: the committed pipeline, and one that learns from mails of all times, the newest too")
        self.command("dvc", "repro", "--quiet")
        self.command("steadily", "release")
        self.edit("conf/config.yaml", "split: by_time", "split: at_random")
        self.command("steadily", "plan")
        self.command("dvc", "repro", "--quiet")
        self.command("steadily", "release")
        self.hold(self.slots()["live"] == 1, "release 1 is live, as the first; release 2 waits")

    def shadow(self) -> None:
        """Let release 2 run in shadow for 49 hours."""
        self.title("Release 2 into the shadow: it gets every request too, and nobody hears what it says")
        self.command("steadily", "deploy", "shadow", "2")
        self.command("steadily", "deploy", "promote", "2", fails=True)
        self.say("Refused, and rightly: nothing is known of it yet. 49 hours of mails, 30 an hour:")
        sent = self.replay("--rate", "30/h", "--for", "49h")
        self.hold(not sent["errors"], "every request was answered")
        self.until("nothing waits for the shadow", self.is_idle, quiet=True)
        self.until("the shadow has attempted each of them", lambda: self.pairs() >= sent["sent"])
        self.load_test(2)
        self.command("steadily", "deploy", "status")

    def load_test(self, release: int) -> None:
        """Send three times the peak; a machine too busy to send it has shown nothing, and tries again."""
        self.say(f"One line is left: a load test, of release {release} alone, beside what serves.")
        with self.serving("--trial", str(release)) as url:
            for _ in range(TRIES):
                code = self.command("steadily", "loadtest", "--times", "3", "--url", url, fails=None)
                if code != INVALID:
                    break
                self.say("This machine is too busy to send in time, so that the test shows nothing. Again:")
        self.hold(code == 0, f"release {release} stands three times the peak")

    def promote(self) -> None:
        """Put release 2 live."""
        self.title("Release 2 goes live; release 1 stays warm beside it, to be compared with, and to go back to")
        self.command("steadily", "deploy", "promote", "2")
        self.until("the service answers with release 2", lambda: self.answering() == 2)
        self.replay("--rate", "60/h", "--for", "6h")

    def break_it(self) -> None:
        """Make a third release with a mistake, and promote it over the checklist."""
        self.title("Now a mistake, on purpose: release 3 has a step that can't bear mails with markup")
        self.say("Its training drops these mails (at: training), so it never meets one; live traffic is full of them.")
        (self.folder / "plugins/demo_steps.py").write_text(STEPS, encoding="utf-8")
        for old, new in MISTAKE:
            self.edit("conf/config.yaml", old, new)
        self.command("dvc", "repro", "--quiet")
        self.command("steadily", "release")
        self.say("Its figures are fine. The shadow would show what is wrong; somebody is in a hurry:")
        self.command("steadily", "deploy", "promote", "3", fails=True)
        reason = "the demo wants to see it fail"
        self.command("steadily", "deploy", "promote", "3", "--override", "--reason", reason)
        self.until("the service answers with release 3", lambda: self.answering() == 3)

    def watch(self) -> None:
        """Let traffic come until the rule takes release 3 off."""
        self.title(
            "20 mails a minute, half a minute a second; the rule looks every second, and nobody touches anything"
        )
        words = ("--rate", "20/min", "--speed", "30", "--for", "6h", "--loop")
        command = ("steadily", "replay", "--project-data", "--url", self.url, *words)
        self.shown(command)
        with subprocess.Popen(
            self.words(*command), cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        ) as traffic:
            try:
                self.until("release 3 was taken off, and release 2 put back", lambda: self.answering() == 2)
            finally:
                traffic.send_signal(signal.SIGINT)
            self.say("Ctrl-C ends the traffic; it says what became of it:")
            self.say(traffic.communicate(timeout=PATIENCE)[0].rstrip())
        self.hold(self.slots()["live"] == 2, "the service answers with release 2")
        self.command("steadily", "deploy", "status")
        found = self.status()["deployments"][0]
        self.hold(found["action"] == "rollback", f"{found['who']} did it: {found['reason']}")
        sent = self.replay("--rate", "20/min", "--for", "5m")
        self.hold(not sent["errors"] and set(sent["releases"]) == {"2"}, "every mail is answered again, by release 2")

    # what it is made of

    def replay(self, *words: str) -> dict[str, Any]:
        """Send mails that were recorded, and give what came of it."""
        found: dict[str, Any] = json.loads(
            self.asked("steadily", "replay", "--project-data", "--url", self.url, *words, "--json")
        )
        errors = sum(found["errors"].values())
        came = (
            f"{found['sent']:,} sent: {found['answered']:,} answered, {found['refused']:,} refused, {errors:,} errors"
        )
        self.say(f"{came}; {found['passed_seconds'] / 3600:.1f} hours passed")
        return found

    @contextmanager
    def serving(self, *words: str) -> Iterator[str]:
        """Serve; give the address, and stop at the end."""
        command = self.words("steadily", "serve", "--port", "0", *words)
        with (
            (self.folder / "serve.log").open("a") as log,
            subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            ) as process,
        ):
            try:
                line = process.stdout.readline() if process.stdout else ""
                self.say(line.strip())
                if " answers at " not in line:
                    self.fail((self.folder / "serve.log").read_text(encoding="utf-8"))
                url = line.split(" answers at ")[1].split("/predict")[0]
                self.until("it is ready", lambda: self.ready(url) is not None, quiet=True)
                yield url
            finally:
                process.terminate()

    def ready(self, url: str) -> int | None:
        """Ask a service which release answers; None where it is not ready."""
        try:
            return int(self.got(f"{url}/health/ready")["release"])
        except (OSError, ValueError, KeyError):
            return None

    def is_idle(self) -> bool:
        """Ask the service whether anything waits for the shadow: to ask it costs less than a command would."""
        beside = self.got(f"{self.url}/state")["watching"]["beside"]
        return not beside["shadow"]["waiting"]

    def got(self, url: str) -> dict[str, Any]:
        """Get what a service says of itself."""
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (our own service)
            found: dict[str, Any] = json.load(answer)
        return found

    def answering(self) -> int | None:
        """Give the release that answers."""
        return self.ready(self.url)

    def status(self) -> dict[str, Any]:
        """Ask how things stand."""
        found: dict[str, Any] = json.loads(self.asked("steadily", "deploy", "status", "--json", shown=False))
        return found

    def slots(self) -> dict[str, Any]:
        """Ask which release is where."""
        found: dict[str, Any] = self.status()["slots"]
        return found

    def pairs(self) -> int:
        """Ask how many requests both releases have attempted, as the checklist has it."""
        line = next(one for one in self.status()["checklist"] if one["name"] == "pairs")
        return int(line["evidence"].split()[0].replace(",", ""))

    def command(self, *words: str, where: Path | None = None, fails: bool | None = False) -> int:
        """Run a command before the reader's eyes; ``fails`` says whether it has to, None that either is right."""
        self.shown(words)
        done = subprocess.run(
            self.words(*words),
            cwd=where or self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.say(done.stdout.rstrip())
        if fails is not None and (done.returncode != 0) != fails:
            self.fail(f"exit code {done.returncode}, which is not as told")
        return done.returncode

    def asked(self, *words: str, shown: bool = True) -> str:
        """Run a command, and give what it says."""
        if shown:
            self.shown(words)
        done = subprocess.run(
            self.words(*words), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            self.fail(f"exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def words(self, *words: str) -> list[str]:
        """Give a command with the program beside this Python, where it is there."""
        own = BIN / words[0]
        return [str(own) if own.exists() else words[0], *words[1:]]

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a line of a file, as an editor would."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            self.fail(f"{file} is not what the demo knows: {old!r} is there {text.count(old)} times")
        path.write_text(text.replace(old, new), encoding="utf-8")
        told = [f"- {line}" for line in old.splitlines()] + [f"+ {line}" for line in new.splitlines()]
        self.say("\n".join([f"edit {file}", *told]))

    def until(self, what: str, true: Callable[[], bool], *, quiet: bool = False) -> None:
        """Wait until something holds, and say so."""
        end = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > end:
                self.fail(f"in {PATIENCE} s it did not come to pass that {what}")
            time.sleep(0.2)
        if not quiet:
            self.hold(True, what)

    def hold(self, true: bool, what: str) -> None:
        """Say that something is so, or end because it is not."""
        if not true:
            self.fail(f"it is not so that {what}")
        self.say(f"✓ {what}")

    def title(self, text: str) -> None:
        """Begin a part."""
        self.began.append(time.monotonic())
        self.say(f"\n{len(self.began)}. {text}\n")

    def shown(self, words: tuple[str, ...]) -> None:
        """Show a command."""
        self.say(f"$ {shlex.join(words)}")

    def say(self, text: str) -> None:
        """Say something, if there is something to be said."""
        if text:
            sys.stdout.write("".join(f"   {line}\n" if line else "\n" for line in text.split("\n")))
            sys.stdout.flush()

    def fail(self, why: str) -> NoReturn:
        """End: something was not as told."""
        sys.stdout.flush()
        sys.exit(f"the demo ends here: {why}")


def go(kind: type[Demo], told: str, where: str) -> None:
    """Read the words, and go through a demo of a kind."""
    words = argparse.ArgumentParser(description=told)
    words.add_argument("--folder", type=Path, default=ROOT / ".demo", help=f"{where} (.demo)")
    words.add_argument("--cache", type=Path, default=ROOT / ".dvc/cache", help="DVC's cache (the repository's own)")
    chosen = words.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has background jobs ignore it
    kind(chosen.folder.resolve(), chosen.cache.resolve()).run()


if __name__ == "__main__":
    told = "Two releases, shadow, load test, promotion, a mistake, its rollback."
    go(Demo, told, "where; what is there is lost")
