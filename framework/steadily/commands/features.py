"""The commands about feature sets: list, publish, show."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steadily import layout
from steadily.commands.saying import say
from steadily.errors import DataError

if TYPE_CHECKING:
    from steadily.features.settings import FeaturesSettings
    from steadily.features.store import Head
    from steadily.lookups import Features, FeatureSet

LONG = 2.0  # seconds that a person may wait for the store


@dataclass(frozen=True)
class Named:
    """A bundle that names feature sets: a word for it, the versions by name, and how to come by their files."""

    label: str
    versions: Mapping[str, str]
    tables: Callable[[], Path]


def list_all(chosen: argparse.Namespace) -> int:
    """List feature sets."""
    return listing(Path(), [*named(Path(), chosen.bundle), *serving(Path(), [])], as_json=chosen.json)


def publish(chosen: argparse.Namespace) -> int:
    """Publish feature sets."""
    bundles = [*named(Path(), chosen.bundle), *serving(Path(), chosen.release)]
    return published(Path(), bundles, as_json=chosen.json)


def show(chosen: argparse.Namespace) -> int:
    """Show what is known of a key."""
    return shown(Path(), chosen.key, chosen.at, as_json=chosen.json)


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
            yield Named(place, manifest.read(folder).feature_sets, partial(Path, folder / manifest.TABLES))


def serving(project: Path, numbers: list[int]) -> Iterator[Named]:
    """Give the releases that are warm, in the slots live, shadow and previous, and those that were asked for.

    Raises:
        SteadilyError: The database can't be used, or has no such release.
    """
    from steadily.bundle import manifest
    from steadily.database import open_project
    from steadily.database.settings import DatabaseSettings
    from steadily.database.tables import SLOTS
    from steadily.releases.records import find_release
    from steadily.releases.slots import read_slots
    from steadily.releases.store import fetch
    from steadily.settings import settings

    file = settings(project, DatabaseSettings).address(project).removeprefix("sqlite:///")
    if not numbers and "://" not in file and not Path(file).is_file():
        return  # nothing was ever released
    with open_project(project) as database:
        slots = read_slots(database)
        warm = {slot: getattr(slots, slot) for slot in SLOTS}
        for number in dict.fromkeys(number for number in (*warm.values(), *numbers) if number is not None):
            release = find_release(database, number)
            places = [slot for slot, held in warm.items() if held == number]
            label = f"release {number}" + (f" ({', '.join(places)})" if places else "")
            tables = partial(tables_of, partial(fetch, project, release), Path(manifest.TABLES))
            yield Named(label, release.manifest.get("feature_sets", {}), tables)


def tables_of(fetched: Callable[[], Path], inside: Path) -> Path:
    """Give the folder of a release's tables, its files being brought here first."""
    return fetched() / inside


def published(project: Path, bundles: list[Named], *, as_json: bool) -> int:
    """Publish the project's feature sets as they are now, and those of other versions that bundles name."""
    from steadily.features import publish as publish_set

    url, now = settings_of(project).address(project), time.time_ns() // 1_000
    here = sets_of(project)
    work = [(one, folder, "") for folder, one in here.items()]
    current = {one.version for one in here.values()}
    for bundle in bundles:
        for name, version in bundle.versions.items():
            if version not in current:
                current.add(version)
                folder = bundle.tables()
                one = next(found for found in sets_of_folder(folder) if found.version == version)
                work.append((one, folder / name, f", from {bundle.label}: another one is made here"))
    if not work:
        raise DataError.at("steadily features publish", "there is no feature set", hint="dvc repro makes them")
    found = []
    for one, folder, more in work:
        head = publish_set(url, folder, now)
        found.append({"name": one.name, "version": one.version, **about(head), "new": head.published_us == now})
        say([] if as_json else [told(found[-1]) + more])
    say([json.dumps(found, indent=1)] if as_json else [])
    return 0


def about(head: Head) -> dict[str, Any]:
    """Say what is published."""
    from steadily.features.evidence import moment

    return {"keys": head.keys, "as_of": moment(head.as_of), "published": moment(head.published_us)}


def told(found: Mapping[str, Any]) -> str:
    """Say what came of a publication."""
    done = "published" if found["new"] else f"is published already, since {found['published']}"
    return f"{found['name']} {found['version']}: {found['keys']:,} keys as of {found['as_of']} {done}"


def settings_of(project: Path) -> FeaturesSettings:
    """Read the section ``features`` of ``conf/operate.yaml``."""
    from steadily.features.settings import FeaturesSettings
    from steadily.settings import settings

    return settings(project, FeaturesSettings)


def sets_of_folder(folder: Path) -> list[FeatureSet]:
    """Find the feature sets among a bundle's tables."""
    from steadily.features import described

    return [one for path in sorted(folder.glob("*/")) if (one := described(path)) is not None]


def listing(project: Path, bundles: list[Named], *, as_json: bool) -> int:
    """List feature sets: what they are, how far they go here and in the store, and which bundles name them."""
    from steadily.features.store import StoreAway, open_store

    chosen = settings_of(project)
    store, away = open_store(chosen.address(project), max(chosen.timeout, LONG)), None
    heads: list[Head] = []
    try:
        heads = store.heads()
    except StoreAway as error:
        away = str(error)
    finally:
        store.close()
    found = entries(project, heads, bundles)
    if as_json:
        say([json.dumps({"store": store.shown, "away": away, "feature_sets": found}, indent=1, ensure_ascii=False)])
        return 0
    say([line for entry in found for line in lines_of(entry)] or ["there is no feature set: dvc repro makes them"])
    say([f"store: {away or store.shown}"])
    return 0


def entries(project: Path, heads: list[Head], bundles: list[Named]) -> list[dict[str, Any]]:
    """Gather what is known of each version of each feature set."""
    here = {one.version: one for one in sets_of(project).values()}
    online = {head.set.version: head for head in heads}
    versions = {**{version: head.set for version, head in online.items()}, **here}
    found = []
    for version, described in sorted(versions.items(), key=lambda item: (item[1].name, item[0] not in here, item[0])):
        head = online.get(version)
        published = None if head is None else about(head)
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


def shown(project: Path, key: str, at: str | None, *, as_json: bool) -> int:
    """Show what is known of a key now, or at a moment: in the files here, and in the store."""
    from steadily.features import open_offline, open_online

    parts = key.split(",")
    here = {folder: one for folder, one in sets_of(project).items() if len(one.keys) == len(parts)}
    if not here:
        hint = "; ".join(f"{one.name}: {','.join(one.keys)}" for one in sets_of(project).values())
        raise DataError.at("steadily features show", "no feature set here has such a key", given=key, hint=hint or None)
    chosen, found = settings_of(project), []
    for folder, one in here.items():
        online = open_online(chosen.address(project), one, timeout=max(chosen.timeout, LONG))
        places = {str(folder): value_of(open_offline(folder), parts, at), "store": value_of(online, parts, at)}
        online.close()
        found.append({"name": one.name, "version": one.version, "key": parts, **places})
        lines = [f"{one.name} {one.version}  {key}", *(f"  {name}: {words(value)}" for name, value in places.items())]
        say([] if as_json else lines)
    say([json.dumps(found, indent=1, ensure_ascii=False)] if as_json else [])
    return 0


def value_of(found: Features, parts: list[str], at: str | None) -> dict[str, Any]:
    """Look a key up, and give the outcome, the moment and the values as plain values."""
    import pandas as pd

    from steadily.features.keys import plain

    index = pd.RangeIndex(1)
    try:
        keys = {
            name: pd.Series([part], index).astype(dtype)  # type: ignore[call-overload]
            for (name, dtype), part in zip(found.set.keys.items(), parts, strict=True)
        }
    except (ValueError, TypeError):
        raise DataError.at("steadily features show", "can't be a key", given=",".join(parts)) from None
    moments = pd.Series([moment_of(at)], index).astype("datetime64[us, UTC]")
    answer = found.lookup(pd.DataFrame(keys), moments)
    as_of = answer.as_of.iloc[0]
    return {
        "outcome": str(answer.outcome.iloc[0]),
        "as_of": None if pd.isna(as_of) else as_of.isoformat(),
        "values": {str(name): plain(column)[0] for name, column in answer.values.items()},
        "why": getattr(found, "why", ""),
    }


def words(found: Mapping[str, Any]) -> str:
    """Write what a lookup came to."""
    if found["outcome"] != "found":
        told = {"stale": "what there is, is too old", "away": f"away ({found['why']})"}
        return told.get(found["outcome"], "nothing was known by then")
    return f"as of {found['as_of']}: " + ", ".join(f"{name} {value}" for name, value in found["values"].items())


def moment_of(at: str | None) -> Any:
    """Read a moment; none is now."""
    import pandas as pd

    try:
        asked = pd.Timestamp.now("UTC") if at is None else pd.Timestamp(at)
        return asked.tz_localize("UTC") if asked.tzinfo is None else asked.tz_convert("UTC")
    except ValueError:
        raise DataError.at("--at", "is no moment", given=at, allowed="ISO 8601, such as 2013-12-31T12:00:00Z") from None
