"""Feature sets in a pipeline: made, joined, on record, packed; answered from files and from a store alike."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from steadily.bundle import open_bundle
from steadily.bundle.manifest import read
from steadily.cli import main
from steadily.clock import Clock
from steadily.database import open_project
from steadily.datasets import read_dataset
from steadily.errors import ConfigError, SteadilyError
from steadily.features import described, is_published, online_features, publish
from steadily.releases.records import find_release
from steadily.releases.register import described as registered
from steadily.releases.register import put_and_enter
from steadily.releases.store import Store
from steadily.serving.scoring import FRAME, QUICK
from steadily.serving.scoring import Release as Serving
from steadily.serving.trial import WITHIN, answers_by, plain_rows, read_pieces, same
from unit.features.stores import STORES, away, store_address
from unit.small import Small
from unit.test_bundle import BUNDLE
from unit.test_evaluate import judged

STAGES = """\
  history:
    inputs: {rows: valid}
    steps:
      when: {use: dates.parse, columns: [ordered_at], format: iso8601, errors: drop}
    outputs: {rows: history}
  cities:
    inputs: {rows: history}
    steps:
      values:
        use: features.windows
        keys: [city]
        time: ordered_at
        every: 1d
        ttl: 10d
        MISSING
        values:
          city_weight: {take: mean, of: weight, over: 30d}
          city_orders: {take: count, over: 5d}
    outputs: {values: cities}
"""
LANDED = """\
landed:
  columns:
    city: {dtype: str, nullable: false}
    weight: {dtype: float64, nullable: true}
    ordered_at: {dtype: "datetime64[us, UTC]", nullable: false}
"""
DEFAULT = "missing: default\n        defaults: {city_weight: 25.5, city_orders: 0}"


ORDER = (
    *("ingest", "validate", "history", "cities", "clean", "split", "prepare", "train"),
    *("evaluate", "bundle"),
)
CHANGES = {
    "{rows: valid}\n    steps:\n      need": "{rows: valid, cities: cities}\n    steps:\n      need",
    "errors: drop}\n    outputs: {rows: clean}": """errors: drop}
      known: {use: features.join, values: cities}
    outputs: {rows: clean}""",
    '      shout: {use: shop.shout, columns: [city], mark: "!"}\n': "",
    "datasets:\n": 'datasets:\n  history: {contract: "${contract.landed}"}\n',
    "columns: [weight], strategy": "columns: [weight, city_weight, city_orders], strategy",
}


def shop(small: Small, missing: str = DEFAULT) -> Small:
    """Make the shop of the tests look up what was known of its cities."""
    judged(small, more=STAGES.replace("MISSING", missing) + BUNDLE)
    for old, new in CHANGES.items():
        small.edit("conf/config.yaml", old, new)
    more = "    city_weight: {dtype: float64, nullable: true}\n    city_orders: {dtype: Int64, nullable: true}\n"
    text = Path("conf/contract/orders.yaml").read_text("utf-8")
    small.write("conf/contract/orders.yaml", text + more + LANDED)
    small.edit("conf/model/small.yaml", "columns: [weight]", "columns: [weight, city_weight, city_orders]")
    return small


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, run once."""
    folder = tmp_path_factory.mktemp("packed") / "my project"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        shop(Small()).run(*ORDER)
    return folder


@pytest.fixture
def project(packed: Path, tmp_path: Path, small: Small, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which this process is in."""
    folder = tmp_path / "a copy"
    shutil.copytree(packed, folder)
    monkeypatch.chdir(folder)
    return folder


def raw(project: Path) -> pd.DataFrame:
    return pd.read_csv(project / "data/inbox/one.csv", dtype="str", keep_default_na=False)


def oracle(rows: pd.DataFrame, city: str, at: pd.Timestamp) -> tuple[float, int] | None:
    """Say slowly what was known of a city on the morning of a day."""
    own = rows[(rows["city"] == city) & (rows["ordered_at"] < at)]
    if not len(own) or at - own["ordered_at"].max() > pd.Timedelta(days=31):
        return None
    month, days = (own[own["ordered_at"] >= at - pd.Timedelta(days=length)] for length in (30, 5))
    return float(month["weight"].mean()), len(days)


def test_rows_get_what_was_known_of_their_city_and_nothing_later(project: Path) -> None:
    history, clean = read_dataset("history"), read_dataset("clean")
    seen = 0
    for row in clean.itertuples():
        known = oracle(history, str(row.city), row.ordered_at.floor("D"))  # type: ignore[attr-defined]
        if known is not None:
            assert row.city_weight == pytest.approx(known[0], rel=1e-12)
            assert row.city_orders == known[1]
            seen += 1
    assert seen > 100
    assert clean["city_orders"].dtype == "Int64"


def test_a_lookup_that_found_nothing_is_on_record(project: Path, small: Small) -> None:
    summary = json.loads(Path("reports/clean/summary.json").read_text("utf-8"))
    reasons = summary["steps"]["known"]["reasons"]["imputed"]
    assert reasons.keys() >= {"cities knew no such city by then: '…'"}
    ledger = small.ledger("clean")
    first = ledger[ledger["step"] == "known"].iloc[0]
    assert (first["action"], first["column"], first["after"]) == ("imputed", "city_weight", "25.5")
    assert first["reason"].startswith("cities knew no such city by then: '")
    cities = json.loads(Path("reports/cities/summary.json").read_text("utf-8"))
    assert cities["in"] == cities["out"]
    assert "rows of values for 4 keys, as of" in cities["notes"][0]


def test_the_version_is_of_the_definition_and_not_of_the_data(project: Path, small: Small) -> None:
    before = described(Path("data/cities"))
    assert before is not None
    assert read(Path("bundle")).feature_sets == {"cities": before.version}
    small.write("data/inbox/two.csv", "order,city,weight,ordered_at,late\n900,Ulm,3,2024-04-28T10:00:00Z,y\n")
    small.run("ingest", "validate", "history", "cities")
    assert described(Path("data/cities")) == before
    assert read_dataset("cities")["as_of"].max() == pd.Timestamp("2024-04-29", tz="UTC")
    versions = {before.version}
    for old, new in (
        ("over: 5d", "over: 6d"),
        ("ttl: 10d", "ttl: 11d"),
        ("errors: drop}\n    outputs: {rows: history}", "errors: missing}\n    outputs: {rows: history}"),
    ):
        small.edit("conf/config.yaml", old, new)
        small.run("history", "cities")
        now = described(Path("data/cities"))
        assert now is not None
        versions.add(now.version)
    assert len(versions) == 4, "a definition, or a transform before it, is another version"


@pytest.mark.parametrize("kind", STORES)
def test_serving_reads_what_training_joined_value_for_value(
    kind: str, project: Path, small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with store_address(kind, tmp_path) as url:
        small.write("conf/operate.yaml", f"features: {{store: '{url}'}}\n")
        versions = read(Path("bundle")).feature_sets
        assert [one.published for one in is_published(url, versions)] != [True]
        assert main(["features", "publish"]) == 0
        assert f"cities {versions['cities']}: 4 keys as of 2024-04-" in capsys.readouterr().out
        assert [one.published for one in is_published(url, versions)] == [True]
        online = open_bundle("bundle", features=online_features(url, timeout=20))
        offline = open_bundle("bundle")
        rows = raw(project)
        answers, expected = online.predict(rows), offline.predict(rows)
        pd.testing.assert_frame_equal(answers.table, expected.table)
        assert (answers.imputed, answers.refused) == (expected.imputed, expected.refused)
        checked = online.legs[0].boundary.contract.check(  # type: ignore[union-attr]
            rows.drop(columns="late").rename_axis(index="row_id"), typed_from_text=True
        )
        known = online.legs[1].chain.apply(checked.frame, "rows", "rows")
        clean = read_dataset("clean")
        assert len(known) >= len(clean)
        joined = known.merge(clean.reset_index(), on="order", suffixes=("", "_then"))
        for name in ("city_weight", "city_orders"):
            then = joined[f"{name}_then"].rename(name)
            pd.testing.assert_series_equal(joined[name], then, check_exact=True)
        counts = online.features[0].counts()  # type: ignore[attr-defined]
        assert counts["found"] > 100
        assert counts["away"] == 0
        online.features[0].close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", STORES)
def test_a_store_that_is_away_comes_to_the_configured_case(kind: str, project: Path, tmp_path: Path) -> None:
    bundle = open_bundle("bundle", features=online_features(away(kind, tmp_path)))
    answers = bundle.predict(raw(project).head(3))
    assert not answers.refused
    assert [(one.column, one.value) for one in answers.imputed[0]] == [("city_weight", "25.5"), ("city_orders", "0")]
    assert bundle.features[0].counts()["away"] == 3  # type: ignore[attr-defined]
    bundle.features[0].close()  # type: ignore[attr-defined]


def test_a_row_can_be_refused_for_it(small: Small, tmp_path: Path) -> None:
    shop(small, "missing: refuse").run(*ORDER)
    summary = small.summary("clean")
    dropped = summary["steps"]["known"]["reasons"]["dropped"]
    assert dropped["cities knew no such city by then: '…'"] > 0
    assert summary["steps"]["known"]["in"] == summary["steps"]["known"]["out"] + sum(dropped.values())
    bundle = open_bundle("bundle", features=online_features(away("redis", tmp_path)))
    answers = bundle.predict(raw(Path()).head(2))
    assert [answers.refused[place].reason for place in (0, 1)] == [
        "cities can't be asked: its store is away: 'Ulm'",
        "cities can't be asked: its store is away: 'Köln'",
    ]
    bundle.features[0].close()  # type: ignore[attr-defined]


def test_missing_values_are_counted_as_lost(small: Small) -> None:
    shop(small, "missing: null").run(*ORDER[:5])
    lost = small.summary("clean")["steps"]["known"]["reasons"]["lost"]
    assert lost["cities knew no such city by then: '…'"] > 0
    assert read_dataset("clean")["city_weight"].isna().any()


def test_the_commands_list_show_and_publish(
    project: Path, small: Small, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["features", "list"]) == 0
    version = read(Path("bundle")).feature_sets["cities"]
    told = capsys.readouterr().out
    assert (
        f"cities {version}  city → city_weight, city_orders  (made here)\n  not published\n  named by bundle\n" in told
    )
    assert main(["features", "publish"]) == 0
    assert "published" in capsys.readouterr().out
    assert main(["features", "publish"]) == 0
    assert "is published already, since" in capsys.readouterr().out
    assert main(["features", "show", "Ulm", "--at", "2024-01-20"]) == 0
    here, store = capsys.readouterr().out.splitlines()[1:]
    assert here.partition(": ")[2] == store.partition(": ")[2]
    assert "as of 2024-01-20T00:00:00+00:00: city_weight " in store
    assert main(["features", "show", "Rom", "--at", "2024-04-20"]) == 0
    assert "nothing was known by then" in capsys.readouterr().out
    assert main(["features", "show", "Ulm"]) == 0
    assert "what there is, is too old" in capsys.readouterr().out
    assert main(["features", "show", "Ulm,1"]) == 1
    assert "no feature set here has such a key; given: Ulm,1; cities: city" in capsys.readouterr().err
    assert main(["features", "show", "Ulm", "--at", "yesterday"]) == 1
    shutil.copytree("bundle", tmp_path / "old")
    small.edit("conf/config.yaml", "over: 5d", "over: 6d")
    small.run("cities")
    Path(".steadily/features.db").unlink()
    capsys.readouterr()
    assert main(["features", "publish", "--bundle", str(tmp_path / "old")]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert version not in first
    assert second.startswith(f"cities {version}: 4 keys as of ")
    assert second.endswith("from bundle: another one is made here")
    assert main(["features", "publish", "--json"]) == 0
    assert [one["new"] for one in json.loads(capsys.readouterr().out)] == [False, False]
    assert main(["features", "show", "Ulm", "--at", "2024-01-20", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["store"]["values"] == found["data/cities"]["values"]
    assert main(["features", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["here"], one["named_by"]) for one in found["feature_sets"]] == [(True, []), (False, ["bundle"])]


FIRST = "      first: {use: text.normalize, columns: [city]}\n      values:\n        use: features"
MISTAKES = [
    ("join, values: cities}", "join, values: city}", "given: 'city'; allowed: cities; did you mean 'cities'?"),
    ("values: cities}\n    outputs", "values: other}\n    outputs", "'history' is no feature set"),
    ("take: mean, of", "take: median, of", "stages.cities.steps.values.values.city_weight.take"),
    ("every: 1d", "every: 1w2d", "stages.cities.steps.values.every: is no length of time"),
    (
        "  test_ready: {contract",
        '  cities: {contract: "${contract.landed}"}\n  test_ready: {contract',
        "the columns of a feature set follow from its step",
    ),
    ("      values:\n        use: features", FIRST, "a features stands alone in its stage"),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[said for _, _, said in MISTAKES])
def test_mistakes_are_told_before_anything_runs(small: Small, old: str, new: str, said: str) -> None:
    shop(small)
    small.edit("conf/config.yaml", old, new)
    if "other" in new:
        small.edit("conf/config.yaml", "{rows: valid, cities: cities}", "{rows: valid, cities: cities, other: history}")
    with pytest.raises(ConfigError) as error:
        small.compose()
    assert said in str(error.value)


def test_rows_without_a_key_or_a_time_are_dropped_and_counted(small: Small) -> None:
    config = """\
roles: {target: late}
plugins: [own]
stages:
  ingest: {steps: {read: {use: files.csv, path: "data/inbox/*.csv"}}, outputs: {rows: raw}}
  validate: {inputs: {rows: raw}, outputs: {rows: valid}}
  work:
    inputs: {rows: valid}
    steps: {STEPS}
    outputs: {values: known}
datasets:
  valid:
    contract: {columns: {who: {dtype: str, nullable: true}, t: {dtype: "datetime64[us, UTC]", nullable: true}}}
"""
    rows = "who,t\na,2024-01-01T10:00:00Z\n,2024-01-01T11:00:00Z\nb,\nb,2024-01-02T10:00:00Z\n"
    step = "{v: {use: features.windows, keys: [who], time: t, every: 1d, values: {n: {take: count, over: 1d}}}}"
    small.short(step, rows=rows, config=config).run()
    summary = small.summary()
    assert (summary["in"], summary["out"], summary["dropped"]) == (4, 2, 2)
    assert summary["steps"]["v"]["reasons"]["dropped"] == {"t is missing": 1, "who is missing": 1}
    found = read_dataset("known")
    assert found[["who", "n"]].values.tolist() == [["a", 1], ["a", 0], ["b", 1]]
    assert found.index.is_unique


def test_a_step_of_one_s_own_is_held_to_the_form(small: Small) -> None:
    own = '''
    @step("own.set")
    class Own:
        """A feature set.

        Args:
            give: What to give.
        """

        columns = ["n"]

        def __init__(self, *, give: str):
            self.give = give

        def describe(self):
            return {"keys": ["n"], "time": "n", "every": 1.0, "ttl": None, "missing": None, "defaults": {}}

        def collect(self, frame):
            return len(frame)

        def combine(self, parts):
            rows = pd.DataFrame({"n": [1, 1], "as_of": pd.to_datetime(["2024-01-01"] * 2, utc=True), "x": [1.0, 2.0]})
            return {"twice": rows, "none": None, "text": rows.astype({"as_of": "str"}), "bare": rows[["n"]]}[self.give]
    '''
    for give, said in (
        ("twice", "one row for each key and moment"),
        ("none", "has to give back a DataFrame; given: NoneType"),
        ("text", "as_of has to hold moments"),
        ("bare", "gave other columns; given: n; allowed: n, as_of, then the values"),
    ):
        small.short(f"{{v: {{use: own.set, give: {give}}}}}", own).edit(
            "conf/config.yaml", "{rows: done}", "{values: done}"
        )
        with pytest.raises(SteadilyError) as error:
            small.run()
        assert said in str(error.value)
        assert small.drafts() == []


def test_what_the_releases_that_serve_name_is_published_too(
    project: Path, small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads(Path("bundle/manifest.json").read_text("utf-8"))
    version = content["feature_sets"]["cities"]
    with open_project(Path()) as database:
        row = registered(Path(), content) | {"latency": {}, "created_us": 1, "number": 1}
        put_and_enter(Path(), database, Store(str(project / "store")), Clock(), row, "me")
        release = find_release(database, 1)
    assert release.feature_set == f"cities {version}"
    small.edit("conf/config.yaml", "over: 5d", "over: 6d")
    small.run("cities")
    shutil.rmtree("bundle")
    capsys.readouterr()
    assert main(["features", "publish"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert version not in first
    assert second.startswith(f"cities {version}: 4 keys as of ")
    assert second.endswith("published, from release 1 (live): another one is made here")
    assert main(["features", "list"]) == 0
    assert "named by release 1 (live)" in capsys.readouterr().out
    (evidence,) = is_published(
        f"sqlite:///{Path('.steadily/features.db').absolute()}", release.manifest["feature_sets"]
    )
    assert evidence.published is True
    assert main(["features", "publish", "--release", "2"]) == 1
    assert "2" in capsys.readouterr().err


def test_the_quick_way_of_serving_gives_the_same(project: Path) -> None:
    url = f"sqlite:///{project / 'online.db'}"
    publish(url, Path("data/cities"), 1)
    bundle = open_bundle("bundle", features=online_features(url, timeout=20))
    rows = raw(project).drop(columns="late")
    given = plain_rows(rows)
    quick = Serving(1, bundle, len(given), QUICK)
    assert quick.way == QUICK
    assert quick.quick is not None
    pieces = list(read_pieces(quick, given))
    made = [one for piece in pieces for one in quick.quick.answer(piece)]
    assert sum(one is not None for one in made) > 100
    expected = answers_by(Serving(1, open_bundle("bundle"), len(given), FRAME), given)
    for one, other in zip(answers_by(quick, given), expected, strict=True):
        assert same(one, other, WITHIN[QUICK])
    assert bundle.features[0].counts()["away"] == 0  # type: ignore[attr-defined]
    bundle.features[0].close()  # type: ignore[attr-defined]


def test_workers_and_parts_change_no_byte(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    shop(small)
    for number in range(3):
        lines = [f"{900 + row},Ulm,{row / 7},2024-02-{row + 1:02d}T10:00:00Z,y" for row in range(number, 25, 3)]
        small.write(f"data/inbox/more{number}.csv", "\n".join(["order,city,weight,ordered_at,late", *lines]) + "\n")
    small.run(*ORDER[:4])
    before = {path.name: path.read_bytes() for path in Path("data/cities").iterdir()}
    monkeypatch.setenv("STEADILY_ENGINE", "local:2")
    small.run("cities")
    assert {path.name: path.read_bytes() for path in Path("data/cities").iterdir()} == before
