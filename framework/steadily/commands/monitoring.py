"""The commands that watch what serves: monitor, alerts."""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steadily.commands.saying import say
from steadily.errors import DatabaseAway, DataError
from steadily.units import HOUR_US

if TYPE_CHECKING:
    from steadily.database import Database
    from steadily.monitor.watching import Watch

SWEEP_SECONDS = 24 * 3600  # how often labels are counted however old they are
logger = logging.getLogger("steadily.commands.monitoring")


def monitor(chosen: argparse.Namespace) -> int:
    """Look once, or again and again, or export what was counted."""
    from steadily.database import open_project

    if chosen.what == "export":
        return export(chosen.file)
    with open_project(Path()) as database:
        watch = watch_of(database)
        if chosen.every:
            return go_on(watch, chosen.every, as_json=chosen.json)
        say(look_once(watch, as_json=chosen.json, all_labels=True))
    return 0


def export(file: str | None) -> int:
    """Write the hourly statistics into a file."""
    from steadily.database import open_project
    from steadily.monitor.export import export as write

    if file is None:
        raise DataError.at("steadily monitor export", "needs a file", hint="steadily monitor export hourly.parquet")
    with open_project(Path()) as database:
        say([f"{file}: {write(database, Path(file)):,} rows"])
    return 0


def watch_of(database: Database) -> Watch:
    """Give what watching this project takes."""
    from steadily.features.settings import FeaturesSettings
    from steadily.monitor.posting import listeners_of
    from steadily.monitor.references import References
    from steadily.monitor.settings import AlertSettings, MonitorSettings
    from steadily.monitor.watching import Watch
    from steadily.rollout.freshness import Freshness
    from steadily.settings import settings

    alerts = settings(Path(), AlertSettings)
    listeners = listeners_of(Path()) if alerts.channels else []
    freshness = Freshness(database, settings(Path(), FeaturesSettings).address(Path()), alerts.freshness)
    return Watch(database, References(database), settings(Path(), MonitorSettings), alerts, listeners, (freshness,))


def look_once(watch: Watch, *, as_json: bool, all_labels: bool, every: float = 0.0) -> list[str]:
    """Look once, and give what there is to say."""
    from steadily.clock import clock_of
    from steadily.monitor.telling import lines_of, told

    now_us = clock_of(watch.database).now_us()
    served = watch.once(now_us, all_labels=all_labels, unless_within_us=int(every * 500_000))
    content = told(watch, served, now_us)
    return [json.dumps(content, ensure_ascii=False, allow_nan=False)] if as_json else list(lines_of(content))


def go_on(watch: Watch, every: float, *, as_json: bool) -> int:
    """Look again and again; a database that is away is said, and asked again."""
    swept = None
    while True:
        began = time.monotonic()
        sweep = swept is None or began - swept > SWEEP_SECONDS
        try:
            say(look_once(watch, as_json=as_json, all_labels=sweep, every=every))
            swept = began if sweep else swept
        except DatabaseAway as error:
            logger.warning("no data: %s", error)
            say([json.dumps({"state": "no data", "error": str(error)}) if as_json else f"no data: {error}"])
        time.sleep(max(0.0, every - (time.monotonic() - began)))


def alerts(chosen: argparse.Namespace) -> int:
    """List alerts, acknowledge one, silence some."""
    from steadily.clock import clock_of
    from steadily.database import open_project

    with open_project(Path()) as database:
        now_us = clock_of(database).now_us()
        say(
            {"list": listing, "ack": acknowledged, "silence": silenced, "unsilence": unsilenced}[chosen.what](
                database, chosen, now_us
            )
        )
    return 0


def listing(database: Database, chosen: argparse.Namespace, now_us: int) -> list[str]:
    """List alerts and silences."""
    from steadily.monitor.alertlog import listed_alerts, listed_silences
    from steadily.monitor.telling import with_moments
    from steadily.monitor.wording import text_of

    found, quiet = listed_alerts(database, all_=chosen.all), listed_silences(database, now_us)
    if chosen.json:
        content = {"alerts": [with_moments(one) for one in found], "silences": [with_moments(one) for one in quiet]}
        return [json.dumps(content, ensure_ascii=False, allow_nan=False)]
    lines = []
    for alert in found:
        lines.append(f"alert {alert['id']} ({alert['rule']}, {alert['severity']})")
        lines += [f"  {line}" for line in text_of(alert, None).splitlines()]
        if alert["acknowledged_us"]:
            lines.append(f"  acknowledged by {alert['acknowledged_by']}: {alert['note']}")
    lines += [f"silence {one['id']}: {silence_line(one)}" for one in quiet]
    return lines or ["no alert fires"]


def silence_line(silence: dict[str, Any]) -> str:
    """Tell a silence."""
    from steadily.monitor.wording import moment

    what = f"rule {silence['rule']}, {silence['what']}, slot {silence['slot']}"
    return f"{what}, until {moment(silence['ends_us'])}, by {silence['who']}: {silence['note']}"


def acknowledged(database: Database, chosen: argparse.Namespace, now_us: int) -> list[str]:
    """Acknowledge an alert."""
    from steadily.monitor.alertlog import acknowledge

    acknowledge(database, needed(chosen), chosen.by or "", chosen.note or "", now_us)
    return [f"alert {chosen.number} is acknowledged by {chosen.by}"]


def silenced(database: Database, chosen: argparse.Namespace, now_us: int) -> list[str]:
    """Silence alerts for a while."""
    from steadily.monitor.alertlog import silence
    from steadily.monitor.alerts import Silence

    ends_us = now_us + int(chosen.hours * HOUR_US)
    wanted = Silence(chosen.rule, chosen.about, chosen.slot, now_us, ends_us, chosen.by or "", chosen.note or "")
    number = silence(database, wanted)
    return [f"silence {number}: for {chosen.hours:g} hours"]


def unsilenced(database: Database, chosen: argparse.Namespace, now_us: int) -> list[str]:
    """End a silence."""
    from steadily.monitor.alertlog import end_silence

    end_silence(database, needed(chosen), now_us)
    return [f"silence {chosen.number} has ended"]


def needed(chosen: argparse.Namespace) -> int:
    """Give the number that was typed.

    Raises:
        DataError: There is none.
    """
    if chosen.number is None:
        raise DataError.at(f"steadily alerts {chosen.what}", "needs a number", hint="`steadily alerts` lists them")
    return int(chosen.number)
