from __future__ import annotations

from pathlib import Path

import pytest

from steadily import operate, settings
from steadily.database import open_project
from steadily.database.settings import DatabaseSettings, RetentionSettings
from steadily.errors import ConfigError
from steadily.releases.settings import ReleasesSettings
from unit.small import Small

SECRET = "s3cret-of-the-database"  # noqa: S105


def problems(small: Small, text: str) -> list[str]:
    small.write("conf/operate.yaml", text)
    with pytest.raises(ConfigError) as caught:
        settings.read_sections(Path())
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    return [str(problem) for problem in caught.value.problems]


def test_without_a_file_all_is_local(small: Small) -> None:
    small.write("conf/config.yaml", "")
    here = Path().absolute()
    assert settings.settings(Path(), DatabaseSettings).address(here) == f"sqlite:///{here}/.steadily/operate.db"
    assert settings.settings(Path(), ReleasesSettings).address(here) == f"{here}/.steadily/releases"
    assert settings.settings(Path(), RetentionSettings).predictions_days == 90
    with open_project(Path()) as database:
        assert database.shown == f"{here}/.steadily/operate.db"
    assert Path(".steadily/operate.db").is_file()


def test_what_the_file_says(small: Small) -> None:
    text = "database: {url: 'sqlite:///ops/a.db'}\nreleases: {store: 's3://bucket/x'}\nretention: {labels_days: 3}\n"
    small.write("conf/operate.yaml", text)
    assert settings.settings(Path(), DatabaseSettings).address(Path()) == f"sqlite:///{Path().absolute()}/ops/a.db"
    assert settings.settings(Path(), ReleasesSettings).address(Path()) == "s3://bucket/x"
    assert settings.settings(Path(), RetentionSettings).labels_days == 3
    small.write("conf/operate.yaml", "database: {url: 'sqlite:////tmp/a.db'}\nreleases: {store: /srv/releases}\n")
    assert settings.settings(Path(), DatabaseSettings).address(Path()) == "sqlite:////tmp/a.db"
    assert settings.settings(Path(), ReleasesSettings).address(Path()) == "/srv/releases"
    small.write("conf/operate.yaml", "database:\nretention: {}\n")
    assert settings.settings(Path(), DatabaseSettings).url is None


KNOWN = ", ".join(sorted([*operate.KNOWN, *settings.SECTIONS]))


def test_all_that_is_wrong_is_told_at_once(small: Small) -> None:
    text = """\
engine: {wrkers: 2}
databse: {url: x}
releases: {stor: a}
retention: {predictions_days: 0, labels_days: "9", workers_days: true}
database: 7
"""
    assert problems(small, text) == [
        f"conf/operate.yaml:2: unknown section 'databse'; allowed: {KNOWN}; did you mean 'database'?",
        "conf/operate.yaml:1: engine.wrkers: unknown key 'wrkers'; allowed: address, backend, read_rows, workers; "
        "did you mean 'workers'?",
        "conf/operate.yaml:5: database: has to be a mapping; allowed: keys url",
        "conf/operate.yaml:3: releases.stor: unknown key 'stor'; allowed: store; did you mean 'store'?",
        "conf/operate.yaml:4: retention.predictions_days: input should be greater than 0; given: 0",
        "conf/operate.yaml:4: retention.labels_days: has to be a whole number; given: '9'",
        "conf/operate.yaml:4: retention.workers_days: has to be a whole number; given: True",
    ]


def test_a_secret_comes_from_the_environment_and_is_shown_nowhere(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"postgresql://ann:{SECRET}@127.0.0.1:1/shop"
    monkeypatch.setenv("SHOP_DATABASE", address)
    monkeypatch.setenv("SHOP_DAYS", SECRET)
    small.write("conf/operate.yaml", "engine: {workers: 2}\ndatabase: {url: '${oc.env:SHOP_DATABASE}'}\n")
    found = settings.settings(Path(), DatabaseSettings)
    assert found.address(Path()) == address
    assert SECRET not in f"{found!r} {found}"
    operate.engine_settings(Path())
    assert not any(SECRET in path.read_text(encoding="utf-8") for path in Path(".steadily").rglob("*.json"))
    with pytest.raises(Exception, match="can't be reached") as caught:
        open_project(Path())
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__!r}"
    told = problems(small, "retention: {labels_days: '${oc.env:SHOP_DAYS}'}\ndatabase: '${oc.env:SHOP_DATABASE}'\n")
    assert told == [
        "conf/operate.yaml:2: database: has to be a mapping; allowed: keys url",
        "conf/operate.yaml:1: retention.labels_days: has to be a whole number; given: ${oc.env:SHOP_DAYS}; "
        "what comes from the environment is text: ${oc.decode:${oc.env:NAME}} reads it as YAML",
    ]
    assert problems(small, "a: '${oc.env:SHOP_DAYS}'\nretention: {labels_days: '${a}'}\n")


def test_a_secret_in_the_file_is_refused(small: Small) -> None:
    told = problems(small, f"database: {{url: 'postgresql://ann:{SECRET}@host/shop'}}\n")
    hint = "put it into the environment, and ${oc.env:NAME} here"
    assert told == [f"conf/operate.yaml:1: database.url: holds a secret, and conf/ is committed; {hint}"]
    small.write("conf/operate.yaml", "database: {url: 'postgresql://ann@host/shop'}\n")
    assert settings.settings(Path(), DatabaseSettings).address(Path()) == "postgresql://ann@host/shop"


def test_each_section_is_where_it_is_said_to_be() -> None:
    for kind in settings.section_kinds().values():
        assert issubclass(kind, settings.Section)
        kind()
