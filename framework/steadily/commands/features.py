"""The commands about feature sets: list, publish, show."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steadily import layout
from steadily.commands.planning import say
from steadily.errors import DataError

if TYPE_CHECKING:
    from steadily.features.store import Head
    from steadily.lookups import Features, FeatureSet

BUNDLE_TABLES = Path("tables")


@dataclass(frozen=True)
class Named:
    """A bundle that names feature sets, by a word for it, with the folder in which their files lie."""

    label: str
    versions: Mapping[str, str]
    folder: Path


def features(chosen: argparse.Namespace) -> int:
    """Do what was asked."""
    if chosen.what == "publish":
        return publish(Path(), chosen.bundle)
    if chosen.what == "show":
        return show(Path(), chosen.key, chosen.at)
    return listing(Path(), chosen.bundle, as_json=chosen.json)


def sets_of(project: Path) -> dict[Path, FeatureSet]:
    """Find the feature sets that stand in a project, by folder."""
    from steadily.features import described

    found = {folder: described(folder) for folder in sorted((project / layout.DATA).glob("*/"))}
    return {folder: one for folder, one in found.items() if one is not None}


def named(project: Path, bundles: list[str]) -> Iterator[Named]:
    """Give the bundles that name feature sets: the project's own, and those that were asked for.

    Raises:
        DataError: One that was asked for is none.
    """
    from steadily.bundle import manifest

    for place in [str(project / layout.BUNDLE), *bundles]:
        folder = Path(place)
        if place in bundles or (folder / manifest.FILE).is_file():
            found = manifest.read(folder)
            yield Named(place, found.feature_sets, folder / BUNDLE_TABLES)


def publish(project: Path, bundles: list[str]) -> int:
    """Publish the project's feature sets as they are now, and those of other versions that a bundle names."""
    from steadily.features import publish as publish_set
    from steadily.features.settings import store_settings

    url, now = store_settings(project).store, time.time_ns() // 1_000
    here = sets_of(project)
    work = [(one, folder, "") for folder, one in here.items()]
    current = {one.version for one in here.values()}
    for bundle in named(project, bundles):
        for name, version in bundle.versions.items():
            if version not in current:
                current.add(version)
                described = next(one for one in sets_of_folder(bundle.folder) if one.version == version)
                work.append((described, bundle.folder / name, f", from {bundle.label}: another one is made here"))
    if not work:
        raise DataError.at("steadily features publish", "there is no feature set", hint="dvc repro makes them")
    for described, folder, more in work:
        head = publish_set(url, folder, now)
        say([told(described, head, now) + more])
    return 0


def sets_of_folder(folder: Path) -> list[FeatureSet]:
    """Find the feature sets among a bundle's tables."""
    from steadily.features import described

    return [one for path in sorted(folder.glob("*/")) if (one := described(path)) is not None]


def told(described: FeatureSet, head: Head, now_us: int) -> str:
    """Say what came of a publication."""
    from steadily.features.evidence import moment

    done = "published" if head.published_us == now_us else f"is published already, since {moment(head.published_us)}"
    return f"{described.name} {described.version}: {head.keys:,} keys as of {moment(head.as_of)} {done}"


def listing(project: Path, bundles: list[str], *, as_json: bool) -> int:
    """List feature sets: what they are, how far they go here and in the store, and which bundles name them."""
    from steadily.features.settings import store_settings
    from steadily.features.store import StoreAway, open_store

    settings = store_settings(project)
    store, away = open_store(settings.store, max(settings.timeout, 2.0)), None
    heads: list[Head] = []
    try:
        heads = store.heads()
    except StoreAway as error:
        away = str(error)
    finally:
        store.close()
    found = entries(project, heads, list(named(project, bundles)))
    if as_json:
        say([json.dumps({"store": store.shown, "away": away, "feature_sets": found}, indent=1, ensure_ascii=False)])
        return 0
    say([line for entry in found for line in lines_of(entry)] or ["there is no feature set: dvc repro makes them"])
    say([f"store: {away or store.shown}"])
    return 0


def entries(project: Path, heads: list[Head], bundles: list[Named]) -> list[dict[str, Any]]:
    """Gather what is known of each version of each feature set."""
    from steadily.features.evidence import moment

    here = {one.version: one for one in sets_of(project).values()}
    online = {head.set.version: head for head in heads}
    versions = {**{version: head.set for version, head in online.items()}, **here}
    found = []
    for version, described in sorted(versions.items(), key=lambda item: (item[1].name, item[0] not in here, item[0])):
        head = online.get(version)
        published = head and {
            "keys": head.keys,
            "as_of": moment(head.as_of),
            "published": moment(head.published_us),
        }
        users = [bundle.label for bundle in bundles if bundle.versions.get(described.name) == version]
        found.append({**described.to_json(), "here": version in here, "online": published, "named_by": users})
    return found


def lines_of(entry: Mapping[str, Any]) -> Iterator[str]:
    """Write one version of a feature set."""
    where = "made here" if entry["here"] else "of another time: not what this project makes"
    yield f"{entry['name']} {entry['version']}  {', '.join(entry['keys'])} → {', '.join(entry['columns'])}  ({where})"
    online = entry["online"]
    yield (
        f"  published {online['published']}: {online['keys']:,} keys as of {online['as_of']}"
        if online
        else "  not published"
    )
    if entry["named_by"]:
        yield f"  named by {', '.join(entry['named_by'])}"


def show(project: Path, key: str | None, at: str | None) -> int:
    """Show what is known of a key now, or at a moment: in the files here, and in the store."""
    from steadily.features import open_offline, open_online
    from steadily.features.settings import store_settings

    if not key:
        raise DataError.at("steadily features show", "whose values?", hint="a KEY, as in UA or EWR,IAH")
    parts = key.split(",")
    here = {folder: one for folder, one in sets_of(project).items() if len(one.keys) == len(parts)}
    if not here:
        hint = "; ".join(f"{one.name}: {','.join(one.keys)}" for one in sets_of(project).values())
        raise DataError.at("steadily features show", "no feature set here has such a key", given=key, hint=hint or None)
    settings = store_settings(project)
    for folder, one in here.items():
        online = open_online(settings.store, one, timeout=max(settings.timeout, 2.0))
        say([f"{one.name} {one.version}  {key}"])
        say([f"  {folder}: {value_of(open_offline(folder), parts, at)}", f"  store: {value_of(online, parts, at)}"])
        online.close()
    return 0


def value_of(found: Features, parts: list[str], at: str | None) -> str:
    """Write what a lookup comes to."""
    import pandas as pd

    asked = moment_of(at)
    index = pd.RangeIndex(1)
    try:
        keys = {
            name: pd.Series([part], index).astype(dtype)  # type: ignore[call-overload]
            for (name, dtype), part in zip(found.set.keys.items(), parts, strict=True)
        }
    except (ValueError, TypeError):
        raise DataError.at("steadily features show", "can't be a key", given=",".join(parts)) from None
    answer = found.lookup(pd.DataFrame(keys), pd.Series([asked], index).astype("datetime64[us, UTC]"))
    outcome = answer.outcome.iloc[0]
    if outcome != "found":
        words = {"stale": "what there is, is too old", "away": f"away ({getattr(found, 'why', '')})"}
        return words.get(str(outcome), "nothing was known by then")
    values = ", ".join(f"{name} {answer.values[name].iloc[0]}" for name in answer.values)
    return f"as of {answer.as_of.iloc[0].isoformat()}: {values}"


def moment_of(at: str | None) -> Any:
    """Read a moment; the end of time shows the newest values there are, unless these are too old by now."""
    import pandas as pd

    try:
        asked = pd.Timestamp.now("UTC") if at is None else pd.Timestamp(at)
        return asked.tz_localize("UTC") if asked.tzinfo is None else asked.tz_convert("UTC")
    except ValueError:
        raise DataError.at("--at", "is no moment", given=at, allowed="ISO 8601, such as 2013-12-31T12:00:00Z") from None
