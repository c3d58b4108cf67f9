"""Releases that read feature sets, each another version, and what each of them answers: no two the same."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from serving import Operated
from sqlalchemy import update

from shared import made_once
from steadily.bundle import manifest as manifests
from steadily.clock import simulate
from steadily.database.tables import releases
from steadily.features import described, online_features, publish
from steadily.features.online import Online
from steadily.lookups import FeatureSet
from steadily.serving.live import OwnModules
from steadily.serving.replies import entry_of
from unit.features.test_features_pipeline import ORDER, shop
from unit.small import Small, begin_anew

BEGIN_US = 1_772_409_600_000_000  # 2026-03-02T00:00Z
FAILS = '''

@step("shop.careful")
def careful(frame: pd.DataFrame) -> pd.DataFrame:
    """Fail on every second order, if the file beside says so."""
    from pathlib import Path

    if (Path(__file__).parent / "shop_mode.txt").read_text() == "fails" and (frame["order"] % 2 == 0).any():
        raise ValueError("an order that is even")
    return frame
'''
CITIES = ("Ulm", "Köln", "Ulm", "Köln")
ROWS = [
    {"order": one, "city": CITIES[one % 4], "weight": 2.5 + one, "ordered_at": f"2024-05-0{1 + one % 4}T10:00:00Z"}
    for one in range(12)
]
NEWER = "order,city,weight,ordered_at,late\n" + "".join(
    f"{900 + row},{CITIES[row % 4]},{30 + row % 40},2024-04-{18 + row % 12}T10:00:00Z,y\n" for row in range(48)
)


@dataclass(frozen=True)
class Made:
    """Bundles by their number: two that answer, and a third that fails on half of the rows; and newer values of each.

    Attributes:
        bundles: Their folders.
        values: The feature sets' files, newer than those in the bundles.
    """

    bundles: dict[int, Path]
    values: dict[int, Path]


def made_of(factory: pytest.TempPathFactory) -> Made:
    """Give the bundles, made once for all tests, and only to be read."""
    folder = made_once(factory, "shops that read features", make)
    bundles = {number: folder / f"made/{number}" for number in (1, 2, 3)}
    return Made(bundles, {number: folder / f"values/{min(number, 2)}" for number in bundles})


def make(folder: Path) -> None:
    """Run the shop twice, with another definition of its feature set."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        small = shop(Small())
        small.write("plugins/shop.py", Path("plugins/shop.py").read_text("utf-8") + FAILS)
        small.write("plugins/shop_mode.txt", "good")
        small.edit("conf/config.yaml", "      known: {use", "      careful: {use: shop.careful}\n      known: {use")
        for number, (old, new) in {1: ("", ""), 2: ("over: 5d", "over: 9d")}.items():
            if number > 1:
                small.edit("conf/config.yaml", old, new)
                Path("data/inbox/two.csv").unlink()
            small.run(*ORDER)
            shutil.copytree("bundle", folder / f"made/{number}")
            small.write("data/inbox/two.csv", NEWER)
            small.run("ingest", "validate", "history", "cities")
            shutil.copytree("data/cities", folder / f"values/{number}")
    third = Path(shutil.copytree(folder / "made/2", folder / "made/3"))
    (third / "plugins/shop_mode.txt").write_text("fails", "utf-8")
    manifests.write(third, manifests.Manifest.from_json(manifests.content_of(third)))


@dataclass
class Reading:
    """A project in simulated time with these releases, the first one live, whose feature sets are published.

    Attributes:
        operated: The project.
        expected: The entry of each row of ``ROWS`` in a reply of each release.
        features: What each release names as its feature set.
    """

    operated: Operated
    expected: dict[int, list[Any]] = field(default_factory=dict)
    features: dict[int, str] = field(default_factory=dict)


@contextmanager
def prepared(made: Made, operated: Operated, store: str, settings: dict[str, Any]) -> Iterator[Reading]:
    """Publish, register, and find out what each release answers: no two the same of any row, nor what mixes the two.

    Args:
        made: The bundles.
        operated: A project with nothing in it.
        store: The online store's address.
        settings: More sections of ``conf/operate.yaml``.
    """
    operated.prepare()
    path = operated.folder / "conf/operate.yaml"
    more = {"features": {"store": store, "timeout": 30}} | settings
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | more), "utf-8")
    found = Reading(operated)
    with operated.open() as database:
        simulate(database, BEGIN_US)
    for number, bundle in made.bundles.items():
        publish(store, made.values[number], BEGIN_US)
        assert operated.register(bundle) == number
        version = manifests.read(bundle).feature_sets["cities"]
        found.features[number] = f"cities {version}"
        with operated.open() as database, database.begin() as connection:
            named = update(releases).where(releases.c.number == number)
            connection.execute(named.values(feature_set=found.features[number]))
    found.expected = {number: answers(made, number, number, store) for number in (1, 2)}
    mixed = [answers(made, one, other, store) for one, other in ((1, 2), (2, 1))]
    from_files = [answers(made, number, number, None) for number in (1, 2)]
    for row in range(len(ROWS)):
        said = [one[row] for one in (*found.expected.values(), *mixed, *from_files)]
        assert len({json.dumps(one, sort_keys=True) for one in said}) == len(said), said
    found.expected[3] = found.expected[2]
    yield found


def answers(made: Made, number: int, features: int, store: str | None) -> list[Any]:
    """Give what a release answers, with the values of a feature set of its own or of another."""
    begin_anew()
    other = described(made.values[features])
    opened: list[Online] = []

    def open_one(named: FeatureSet) -> Online:
        assert other is not None
        assert store is not None
        opened.append(online_features(store, timeout=30)(replace(named, version=other.version)))
        return opened[-1]

    opens = partial(OwnModules().open, number, made.bundles[number], 1_000, "quick")
    release = opens() if store is None else opens(open_one)
    found = [entry_of(answer, release.classes) for row in ROWS for answer in release.answer(release.reader.read([row]))]
    for one in opened:
        one.close()
    return found
