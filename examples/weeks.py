"""Weeks of mail after the demo: a drift, an alert, a person's answer, a release for it: ``make weeks``.

Goes on where ``make demo`` ended, in ``.demo/``, and does nothing there but what you could type. Two weeks of usual
mail pass. Then the mails change: people subscribe to newsletters, which look like spam to a filter that has never seen
one that was wanted. Nothing retrains by itself; somebody is told, looks, and decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from demo import MISTAKE, Demo, go

DAY = timedelta(days=1)
A_DAY = 360  # mails
BY_NIGHT = 0.3  # of what comes by day
USUAL, CHANGING = 10, 5  # days
NEW = "newsletters.csv.gz"
SHARES = (0.25, 0.4, 0.6)  # of newsletters, on the first days of the change; the last goes on
WATCH = """\
alerts:
  longest_step_minutes: 1440    # days pass in seconds here; where time is real, looks are a minute apart
"""
SHOP = "You get this newsletter because you subscribed to it at {}. Read it in your browser, or change what you get.\n"
SHOPS = ("the garden shop", "the book club", "the record store", "the bicycle people", "the theatre")
Look = Callable[[str, str], None]


def look_away(moment: str, address: str) -> None:
    """Look at nothing: what a reader does who reads the lines."""


class Weeks(Demo):
    """The weeks after the demo, in its folder.

    Args:
        folder: Where the demo ended.
        cache: The cache of DVC's that it took.
        look: Is called with what there is to be seen, and where on the dashboard, as soon as it is there.
    """

    def __init__(self, folder: Path, cache: Path, look: Look = look_away) -> None:
        super().__init__(folder, cache)
        self.look = look
        self.sent = 0  # files of mail

    def run(self) -> None:
        """Go through all of it."""
        operate = self.folder / "conf/operate.yaml"
        if not operate.exists():
            self.fail(f"{self.folder} is not there: `make demo` makes it")
        operate.write_text(operate.read_text(encoding="utf-8") + WATCH, encoding="utf-8")
        with self.serving() as self.url:
            self.usual()
            changed = self.change()
            self.answer()
            self.learn(changed)
            self.shadow()
            self.promote()
            self.back()
        self.end()
        self.say(
            f"steadily --project {self.folder} dashboard     # all of it, at http://127.0.0.1:8001/dashboard?days=28"
        )

    def usual(self) -> None:
        """Let two weeks pass in which nothing happens."""
        self.title(f"{USUAL} days of usual mail: most of it of the kind that the release learned from")
        self.mail(USUAL, ())
        self.hold(not self.alerts("drift"), "no alert of drift fires")
        self.look("usual", f"{self.url}/dashboard?days=28")

    def change(self) -> Path:
        """Let the mails change, until somebody is told."""
        self.title("The mails change: newsletters that people subscribed to, which look like spam to this filter")
        path = self.mail(CHANGING, SHARES)
        self.until("an alert of drift fires", lambda: bool(self.alerts("drift")))
        self.until("an alert of quality fires, as labels come a day later", lambda: bool(self.alerts("recall")))
        self.command("steadily", "alerts")
        self.look("drift", f"{self.url}/dashboard?days=28#drift")
        return path

    def answer(self) -> None:
        """Let a person answer for the first alert; whoever looks may have done so on the page."""
        self.title("Nothing retrains by itself. A person looks, finds out why, and says so")
        first = min(self.alerts("drift"), key=lambda one: one["id"])
        self.look("alert", f"{self.url}/dashboard/alerts#alert-{first['id']}")
        if not self.alert(first["id"])["acknowledged_by"]:
            note = "newsletters that people subscribed to; their labels are in by tomorrow"
            self.command("steadily", "alerts", "ack", str(first["id"]), "--by", "Ann Weber", "--note", note)
        kept = self.alert(first["id"])
        self.hold(bool(kept["acknowledged_by"]), f"{kept['acknowledged_by']} has seen it: {kept['note']}")
        self.look("acknowledged", f"{self.url}/dashboard/alerts")

    def learn(self, changed: Path) -> None:
        """Make a release that has seen the new mails: their labels are there."""
        self.title("She decides: the changed mails come into the inbox, and everything from ingest on runs again")
        for old, new in MISTAKE:
            self.edit("conf/config.yaml", new, old)
        self.say("That took out what had been wrong with release 3. Now the mails that changed, with their labels:")
        target = f"data/inbox/{NEW}"
        self.command("cp", str(changed.relative_to(self.folder)), target)
        self.command("git", "add", target)
        self.command("steadily", "plan")
        self.command("dvc", "repro", "--quiet")
        self.command("steadily", "release")

    def shadow(self) -> None:
        """Let it run in shadow, and see by labels that it does better."""
        self.title("Release 4 into the shadow: what it would have said, beside what was said, and what was true")
        self.command("steadily", "deploy", "shadow", "4")
        self.mail(3, SHARES[-1:])
        self.until("nothing waits for the shadow", self.is_idle, quiet=True)
        self.load_test(4)
        self.command("steadily", "deploy", "status")
        self.look("shadow", f"{self.url}/dashboard/rollout")

    def promote(self) -> None:
        """Put it live over a line of its checklist, with a reason, and let days pass."""
        self.title("Release 4 goes live: it disagrees with release 2, as it has to, and is right where it does")
        self.command("steadily", "deploy", "promote", "4", fails=True)
        reason = "it differs on the newsletters, and labels say that it is right there"
        self.command("steadily", "deploy", "promote", "4", "--override", "--reason", reason)
        self.until("the service answers with release 4", lambda: self.answering() == 4)
        self.mail(3, SHARES[-1:])
        self.look("promotion", f"{self.url}/dashboard?days=28#quality")

    def back(self) -> None:
        """Go back, by hand."""
        self.title("And back: somebody decides that newsletters are to be kept out after all")
        reason = "newsletters are not to reach people's inboxes before the new rules are agreed on"
        self.command("steadily", "deploy", "rollback", "--reason", reason)
        self.until("the service answers with release 2", lambda: self.answering() == 2)
        self.mail(1, SHARES[-1:])
        found = self.status()["deployments"][0]
        self.hold(found["action"] == "rollback" and found["reason"] == reason, f"{found['who']} did it: {reason}")
        self.look("rollback", f"{self.url}/dashboard?days=28#quality")

    # what it is made of

    def mail(self, days: int, shares: Sequence[float]) -> Path:
        """Send days of mail at their own times, and what turned out to be true a day later; give their file."""
        path = self.folder / f".steadily/mail-{self.sent}.csv.gz"
        write_mails(self.folder, path, begin=self.now(), days=days, shares=shares, seed=self.sent)
        self.sent += 1
        words = (str(path.relative_to(self.folder)), "--url", self.url, "--labels", "24h", "--json")
        found: dict[str, Any] = json.loads(self.asked("steadily", "replay", *words))
        errors = sum(found["errors"].values())
        self.say(
            f"{found['sent']:,} sent: {found['answered']:,} answered, {found['refused']:,} refused, {errors:,} errors; "
            f"{found['labels']:,} labels; {found['passed_seconds'] / 86_400:.1f} days passed"
        )
        self.hold(not errors, "every mail was answered")
        return path

    def now(self) -> datetime:
        """Ask which time it is."""
        told = self.asked("steadily", "clock", shown=False).split(",")[0]
        return datetime.fromisoformat(told).astimezone(UTC)

    def alerts(self, rule: str) -> list[dict[str, Any]]:
        """Ask which alerts of a rule fire."""
        return [one for one in self.all_alerts() if one["rule"] == rule]

    def alert(self, number: int) -> dict[str, Any]:
        """Ask for one alert."""
        return next(one for one in self.all_alerts("--all") if one["id"] == number)

    def all_alerts(self, *words: str) -> list[dict[str, Any]]:
        """Ask which alerts there are."""
        found = json.loads(self.asked("steadily", "alerts", *words, "--json", shown=False))
        return list(found["alerts"])


def write_mails(project: Path, path: Path, *, begin: datetime, days: int, shares: Sequence[float], seed: int) -> None:
    """Write days of mail: mails that no release has learned from, drawn again and again, and newsletters.

    Args:
        project: Whose inbox; by the mails of its test part a release was judged.
        path: The file.
        begin: When it begins; what is written is of the year 2004, as the contract knows none after it.
        days: How many.
        shares: Of newsletters, day by day; the last goes on.
        seed: Of what is drawn.
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    inbox = pd.read_csv(project / "data/inbox/spam_messages.csv.gz", dtype=str, keep_default_na=False)
    letters = inbox[inbox["text"].str.contains("<html", case=False, regex=False)]
    judged = pd.concat([pd.read_parquet(part, columns=["id"]) for part in sorted(project.glob("data/test/*.parquet"))])
    inbox = inbox[inbox["id"].isin(judged["id"])]
    began, made = begin.replace(year=2004), []
    for day in range(days):
        share = shares[min(day, len(shares) - 1)] if shares else 0.0
        for moment in moments(began + day * DAY, rng):
            is_letter = rng.random() < share
            row = (letters if is_letter else inbox).iloc[rng.integers(len(letters if is_letter else inbox))]
            text, target = row["text"], row["target"]
            if is_letter:
                text, target = SHOP.format(SHOPS[rng.integers(len(SHOPS))]) + text[:1380], "ham"
            made.append((f"{seed}/{len(made):05}", target, text, format_datetime(moment)))
    frame = pd.DataFrame(made, columns=["id", "target", "text", "created_at"])
    frame.to_csv(path, index=False, compression={"method": "gzip", "mtime": 0})


def moments(begin: datetime, rng: Any) -> list[datetime]:
    """Give when a day's mails come: more by day than by night."""
    seconds = rng.uniform(0, 86_400, 2 * A_DAY)
    hours = [(begin + timedelta(seconds=one)).hour for one in seconds]
    chance = [1.0 if 7 <= hour < 20 else BY_NIGHT for hour in hours]
    kept = seconds[rng.random(len(seconds)) < chance]
    return [begin + timedelta(seconds=int(one)) for one in sorted(kept[:A_DAY])]


if __name__ == "__main__":
    go(Weeks, "Weeks of mail after the demo: drift, alert, answer, release.", "where the demo ended")
