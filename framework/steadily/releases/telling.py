"""What the commands say of releases and slots, as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from steadily.errors import rows_of
from steadily.releases.records import SHORT, Release, moment
from steadily.releases.slots import Slots

FIGURES_AT_MOST = 24


def told_registered(number: int, *, new: bool, live: bool, url: str) -> Iterator[str]:
    """Say what came of registering."""
    if not new:
        yield f"already registered as release {number}"
        return
    yield f"release {number}: {url}"
    if live:
        yield f"release {number} is live, as the first release: there is nothing to compare it with"
    else:
        yield "`steadily release diff` compares it with another; nothing serves it until it is deployed"


def told_list(found: Sequence[Mapping[str, Any]], slots: Slots) -> Iterator[str]:
    """Give a line for each release."""
    if not found:
        yield "no release yet: `steadily release` registers the bundle of the last complete run"
    for row in found:
        places = [name for name in ("live", "shadow", "previous") if getattr(slots, name) == row["number"]]
        words = [
            f"{row['number']:>4}",
            row["digest"][:SHORT],
            moment(row["created_us"]),
            f"git {commit_of(row['git_commit'], row['git_dirty'])}",
            *places,
        ]
        yield "  ".join(words)


def commit_of(commit: str | None, dirty: bool | None) -> str:
    """Name a commit.

    >>> commit_of("0123456789abcdef", True), commit_of(None, None)
    ('0123456789ab with changes', 'none')
    """
    return "none" if commit is None else commit[:SHORT] + (" with changes" if dirty else "")


def told_release(release: Release, slots: Slots) -> Iterator[str]:
    """Tell all that matters of one release."""
    manifest = release.manifest
    yield f"release {release.number}, {release.task}"
    yield f"  digest: {release.digest}"
    yield f"  made: {moment(release.created_us)}, from git {commit_of(release.git_commit, release.git_dirty)}"
    yield f"  files: {release.url}, {len(manifest['files']) + 1} of {size_of(manifest['files'])}"
    serving = [name for name in ("live", "shadow", "previous") if getattr(slots, name) == release.number]
    yield f"  serves: {', '.join(serving) or 'nowhere'}"
    yield f"  feature set: {release.feature_set or 'none'}"
    yield f"  predicts: {manifest['roles'].get('target')} ({', '.join(manifest['classes']) or 'a number'})"
    yield f"  reads: {', '.join(manifest['features'])}"
    contract = next((stage["contract"] for stage in manifest["stages"] if stage["contract"]), None)
    yield f"  contract of a request: {contract or 'none'}"
    yield "  steps:"
    for stage in manifest["stages"]:
        for step in stage["steps"]:
            yield f"    {stage['stage']}.{step['name']}: {step['use']}, code {code_of(step['version'])}"
    model, step = manifest["model"], manifest["model"]["step"]
    yield f"    {model['stage']}.{step['name']}: {step['use']}, code {code_of(step['version'])}"
    yield "  figures:"
    yield from (f"    {line}" for line in told_figures(release.metrics))
    for verdict in manifest["verdicts"]:
        yield f"    {verdict['figure']}: {verdict['limit']} {verdict['wanted']:g} kept"
    yield f"  latency of one row: {told_latency(release.latency)}"
    yield f"  data: learned {release.data['learned']}, judged {release.data['judged']}"
    yield "  packages: " + ", ".join(f"{name} {version}" for name, version in manifest["packages"].items())


def code_of(version: Mapping[str, Any]) -> str:
    """Name the code of a step by its files' digests."""
    return ", ".join(f"{file} {digest}" for file, digest in version["code"].items()) or "none"


def size_of(files: Mapping[str, Any]) -> str:
    """Say how large files are together.

    >>> size_of({"a": {"bytes": 1_500_000}, "b": {"bytes": 1}})
    '1.5 MB'
    """
    count = sum(about["bytes"] for about in files.values())
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"


def told_figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Give a line for each single figure of each evaluation step."""
    found = [
        f"{step}.{name}: {value:.6g}"
        for step, figures in metrics.items()
        for name, value in figures.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    yield from found[:FIGURES_AT_MOST]
    if len(found) > FIGURES_AT_MOST:
        yield f"… and {len(found) - FIGURES_AT_MOST} more (--json has them)"


def told_latency(latency: Mapping[str, Any]) -> str:
    """Write a latency.

    >>> told_latency({"rows": 50, "p50_ms": 1.25, "p95_ms": None})
    'p50 1.25 ms (50 rows)'
    """
    found = [
        f"{name.removesuffix('_ms')} {value:.4g} ms"
        for name, value in latency.items()
        if name.endswith("_ms") and value is not None
    ]
    return f"{', '.join(found) or 'too few rows'} ({rows_of(latency['rows'])})"


def told_slots(slots: Slots, last: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tell what serves where, and what was done last."""
    for name in ("live", "shadow", "previous"):
        number = getattr(slots, name)
        since = moment(slots.since_us[name])
        yield f"{name + ':':<10}" + ("nothing" if number is None else f"release {number}, since {since}")
    for row in last:
        over = " over the checklist" if row["override"] else ""
        what = f"release {row['release']}" if row["release"] else "nothing"
        why = f": {row['reason']}" if row["reason"] else ""
        yield f"{moment(row['at_us'])}  {row['action']}{over}, {row['slot']}: {what}, by {row['who']}{why}"
