"""What ``steadily deploy status`` says, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from steadily.database.tables import SLOTS
from steadily.releases.records import moment
from steadily.releases.telling import told_slots
from steadily.rollout.deploy import Status

EXAMPLES = 5
CELLS = 10


def told_status(found: Status) -> Iterator[str]:
    """Tell what serves where, the shadow's checklist, the rule, alerts, and what was done last."""
    if found.simulated:
        yield "time is simulated in this database: nothing here is a real deployment"
    lines = list(told_slots(found.slots, found.deployments))
    yield from lines[: len(SLOTS)]
    if found.slots.shadow is not None:
        yield f"checklist of release {found.slots.shadow}: {'passed' if found.passes else 'not passed'}"
        for line in found.checklist:
            needed = "" if line.state == "passed" else f"; needed: {line.needed}"
            yield f"  {line.state:<13}{line.name}: {line.evidence}{needed}"
        yield from told_disagreement(found)
    yield told_rule(found.rule)
    for alert in found.alerts:
        yield f"alert {alert['id']}, {moment(alert['at_us'])}: {alert['message']}"
    yield from lines[len(SLOTS) :]


def told_disagreement(found: Status) -> Iterator[str]:
    """Tell how live and shadow answered the same requests otherwise."""
    cells = [(count, live, other) for (live, other), count in found.counts.confusion.items() if live != other]
    for count, live, other in sorted(cells, reverse=True)[:CELLS]:
        yield f"  live {live}, shadow {other}: {count:,}"
    for one in found.examples[:EXAMPLES]:
        words = ", ".join(f"{name} {value}" for name, value in one.items() if name != "at_us")
        yield f"  such as, {moment(one['at_us'])}: {words}"


def told_rule(rule: Mapping[str, Any] | None) -> str:
    """Tell what the rollback rule said last.

    >>> told_rule(None)
    'rollback rule: insufficient: nothing was looked at since the release went live'
    """
    if rule is None:
        return "rollback rule: insufficient: nothing was looked at since the release went live"
    evidence = round(rule["evidence"], 1) + 0.0  # -0.0 is nothing to a reader
    return (
        f"rollback rule, {moment(rule['at_us'])}: {rule['state']}: {rule['why']} ({rule['mode']}, evidence "
        f"{evidence:.1f} of {rule['threshold']:.1f}, {rule['requests']:,} requests in five minutes)"
    )
