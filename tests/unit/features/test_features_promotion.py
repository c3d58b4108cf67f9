"""A release is promoted only while the feature sets that it names are published: by the commands, for each store."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from steadily.cli import main
from steadily.database import Database, open_project
from steadily.database.tables import releases
from steadily.features import described
from steadily.releases.slots import read_slots
from steadily.rollout.gate import WELL
from unit.features.stores import STORES, away, store_address
from unit.features.test_features_pipeline import packed, project  # noqa: F401 (fixtures)
from unit.rollout.serving import begun, load_tested, shadowed
from unit.small import Small

OPERATE = "deploy: {{min_hours: 2, min_pairs: 100}}\nloadtest: {{peak_per_second: 30}}\nfeatures: {{store: '{url}'}}\n"
Say = pytest.CaptureFixture[str]


@pytest.fixture
def database(project: Path, small: Small) -> Iterator[Database]:  # noqa: F811
    """The project's database, in which a shadow reads the project's feature set and keeps all else that is asked."""
    version = version_of(project)
    with open_project(project) as database:
        clock = begun(database, 2)
        assert main(["deploy", "shadow", "2"]) == 0
        with database.begin() as connection:
            named = update(releases).where(releases.c.number == 2)
            manifest = {"feature_sets": {"cities": version}}
            connection.execute(named.values(feature_set=f"cities {version}", manifest=manifest))
        shadowed(database, clock, 20)
        load_tested(database, 2, clock.now_us())
        yield database


def version_of(project: Path) -> str:  # noqa: F811
    found = described(project / "data/cities")
    assert found is not None
    return found.version


def features_line(capsys: Say) -> dict[str, str]:
    capsys.readouterr()
    assert main(["deploy", "status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (line,) = [one for one in found["checklist"] if one["name"] == "features"]
    assert all(one["state"] in WELL for one in found["checklist"] if one != line)
    return dict(line)


@pytest.mark.parametrize("kind", STORES)
def test_it_has_to_be_published_first_and_how_is_said(
    kind: str,
    database: Database,
    project: Path,  # noqa: F811
    small: Small,
    tmp_path: Path,
    capsys: Say,
) -> None:
    version = version_of(project)
    with store_address(kind, tmp_path) as url:
        small.write("conf/operate.yaml", OPERATE.format(url=url))
        line = features_line(capsys)
        assert line["state"] != "passed"
        assert main(["deploy", "promote", "2"]) == 1
        said = capsys.readouterr().err
        assert f"features: {line['state']}: cities {version}: " in said
        assert "published; needed" not in said, "there is a reason"
        assert "needed: its feature-set version published: `steadily features publish`" in said
        assert read_slots(database).live == 1
        assert main(["features", "publish"]) == 0
        line = features_line(capsys)
        assert line["state"] == "passed"
        assert "4 keys as of 2024-04-" in line["evidence"]
        assert main(["deploy", "promote", "2"]) == 0
        assert read_slots(database).live == 2


@pytest.mark.parametrize("kind", STORES)
def test_another_version_of_it_is_none(
    kind: str,
    database: Database,
    project: Path,  # noqa: F811
    small: Small,
    tmp_path: Path,
    capsys: Say,
) -> None:
    with store_address(kind, tmp_path) as url:
        small.write("conf/operate.yaml", OPERATE.format(url=url))
        assert main(["features", "publish"]) == 0
        with database.begin() as connection:
            connection.execute(update(releases).where(releases.c.number == 2).values(feature_set="cities another"))
        assert features_line(capsys)["state"] == "failed"
        assert main(["deploy", "promote", "2"]) == 1
        said = capsys.readouterr().err
        assert "features: failed: cities another: not published (cities another is not published)" in said
        assert read_slots(database).live == 1


AWAY = {
    "sqlite": "there is no such file",
    "postgresql": "the store does not answer",
    "redis": "the store does not answer",
    "hangs": "the store does not answer: Timeout",
}


@pytest.mark.parametrize("kind", AWAY)
def test_while_the_store_is_away_nobody_can_say_so_and_that_is_no_yes(
    kind: str, database: Database, small: Small, tmp_path: Path, capsys: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.write("conf/operate.yaml", OPERATE.format(url="${oc.env:ONLINE_STORE}"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"redis://:secret@127.0.0.1:{port}/0" if kind == "hangs" else away(kind, tmp_path)
        monkeypatch.setenv("ONLINE_STORE", url)
        assert features_line(capsys)["state"] == "insufficient"
        assert main(["deploy", "promote", "2"]) == 1
    said = capsys.readouterr().err
    assert "nobody could say (" in said
    assert AWAY[kind] in said
    assert "secret" not in said
    assert read_slots(database).live == 1
