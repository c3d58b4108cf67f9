"""Lookups against a brute-force oracle, in files and in every store: value for value, the same."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steadily.datasets import Part, dtypes_of, write_manifest, write_part
from steadily.errors import ConfigError, DataError
from steadily.features import freshness, is_published, open_offline, open_online, publish
from steadily.features.offline import DESCRIBED
from steadily.features.store import open_store, shown
from steadily.lookups import FeatureSet, Found
from unit.features.stores import STORES, away, store_address

START = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
NOW = 1_400_000_000_000_000
TYPES = {"mean": "float64", "n": "Int64", "word": "str", "flag": "boolean", "when": "datetime64[us, UTC]"}


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty store: SQLite, PostgreSQL, Redis."""
    with store_address(request.param, tmp_path) as found:
        yield found


def moment(minutes: int) -> dt.datetime:
    return START + dt.timedelta(minutes=minutes)


floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.fixed_dictionaries(
    {
        "mean": st.one_of(st.none(), floats),
        "n": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        "word": st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
        "flag": st.one_of(st.none(), st.booleans()),
        "when": st.one_of(st.none(), st.integers(0, 10_000).map(moment)),
    }
)
people = st.sampled_from(["a", "b", 'é"', ""])
numbers = st.sampled_from([-1, 0, 2**62])
keyed = st.tuples(people, numbers, st.integers(0, 12).map(lambda hours: hours * 60))
tables = st.dictionaries(keyed, values, min_size=1, max_size=20)
asked = st.lists(
    st.tuples(
        st.one_of(st.none(), people),
        numbers,
        st.one_of(st.none(), st.integers(-30, 900), st.integers(0, 14).map(lambda h: h * 60)),
    ),
    max_size=15,
)
lives = st.sampled_from([None, 3600.0, 7200.0, 5400.0])


def write_set(folder: Path, rows: dict[Any, Any], ttl: float | None = None, version: str = "v1") -> FeatureSet:
    """Write a feature set as its stage does."""
    found = FeatureSet("delays", version, {"who": "str", "no": "int64"}, "t", TYPES, 3600.0, ttl)
    content = [{"who": who, "no": no, "as_of": moment(at), **row} for (who, no, at), row in rows.items()]
    types = {**found.keys, "as_of": "datetime64[us, UTC]", **TYPES}
    table = pd.DataFrame(
        {name: pd.Series([row[name] for row in content], dtype=dtype) for name, dtype in types.items()}
    )
    table.index = table.index.rename("row_id")
    folder.mkdir(parents=True, exist_ok=True)
    part = Part("p-0000.parquet", "p", len(table), write_part(table, folder / "p-0000.parquet"))
    write_manifest(folder, "delays", [part], dtypes_of(table), {"transforms": [], DESCRIBED: found.to_json()})
    return found


def rows_of(wanted: list[Any]) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Make the rows that ask."""
    index = pd.Index(range(100, 100 + len(wanted)), name="row_id")
    keys = pd.DataFrame(
        {
            "who": pd.Series([row[0] for row in wanted], index, dtype="str"),
            "no": pd.Series([row[1] for row in wanted], index, dtype="Int64"),
        }
    )
    moments = [pd.NaT if row[2] is None else moment(row[2]) for row in wanted]
    return keys, pd.Series(moments, index, dtype="datetime64[us, UTC]", name="t")


def oracle(rows: dict[Any, Any], wanted: list[Any], ttl: float | None) -> list[Any]:
    """Look up slowly, straight from the definition."""
    found: list[Any] = []
    for who, no, at in wanted:
        own = [then for (name, number, then) in rows if (name, number) == (who, no) and at is not None and then <= at]
        if not own:
            found.append(("unknown", None, None))
        elif ttl is not None and (at - max(own)) * 60 > ttl:
            found.append(("stale", None, None))
        else:
            found.append(("found", max(own), rows[who, no, max(own)]))
    return found


def plain(found: Found) -> list[Any]:
    """Give what was found as plain values, floats as their bits."""
    answers = []
    for place in range(len(found.outcome)):
        row = {name: found.values[name].iloc[place] for name in TYPES}
        there = found.outcome.iloc[place] == "found"
        as_of = found.as_of.iloc[place]
        minutes = int((as_of - START).total_seconds() // 60) if there else None
        assert there or pd.isna(as_of)
        assert there or all(pd.isna(value) for value in row.values())
        told = {name: None if pd.isna(value) else value for name, value in row.items()}
        answers.append((found.outcome.iloc[place], minutes, exact(told) if there else None))
    return answers


def exact(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """Give floats as their bits."""
    return row and {name: value.hex() if isinstance(value, float) else value for name, value in row.items()}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables, wanted=asked, ttl=lives)
def test_files_give_what_the_oracle_gives(tmp_path: Path, rows: Any, wanted: Any, ttl: float | None) -> None:
    write_set(tmp_path / "set", rows, ttl)
    found = open_offline(tmp_path / "set").lookup(*rows_of(wanted))
    assert plain(found) == [(out, at, exact(row)) for out, at, row in oracle(rows, wanted, ttl)]
    assert found.values.dtypes.astype(str).to_dict() == TYPES


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables, wanted=asked, ttl=lives)
def test_a_store_gives_what_files_give_value_for_value(
    tmp_path: Path, url: str, rows: Any, wanted: Any, ttl: float | None
) -> None:
    described = write_set(tmp_path / "set", rows, ttl, version=secrets.token_hex(8))
    publish(url, tmp_path / "set", NOW)
    online = open_online(url, described, timeout=20)
    try:
        keys, moments = rows_of(wanted)
        files = open_offline(tmp_path / "set").lookup(keys, moments)
        for _ in range(2):  # from the store, then from memory
            store = online.lookup(keys, moments)
            pd.testing.assert_frame_equal(store.values, files.values)
            assert plain(store) == plain(files)
            assert store.as_of.equals(files.as_of)
            assert store.outcome.equals(files.outcome)
        outcomes = list(files.outcome)
        assert online.counts() == {"away": 0} | {
            name: 2 * outcomes.count(name) for name in ("found", "unknown", "stale")
        }
        expected = [row for _, _, row in oracle(rows, wanted, ttl)]
        for place, (who, no, at) in enumerate(wanted):
            if at is not None:
                answers = [one.one((who, no), moment(at)) for one in (online, open_offline(tmp_path / "set"))]
                assert [exact(one) for one in answers] == [exact(expected[place])] * 2
    finally:
        online.close()


ROW = {"mean": 0.1, "n": 1, "word": "x", "flag": True, "when": None}


def test_a_newer_materialisation_replaces_the_earlier_one_and_never_the_other_way_round(
    tmp_path: Path, url: str
) -> None:
    old = write_set(tmp_path / "old", {("a", 0, 0): ROW, ("b", 0, 0): ROW})
    new = write_set(tmp_path / "new", {("a", 0, 0): ROW, ("a", 0, 60): {**ROW, "mean": 0.2}})
    first = publish(url, tmp_path / "old", NOW)
    assert publish(url, tmp_path / "old", NOW + 1) == first, "published already"
    online = open_online(url, old, timeout=20, refresh=0)
    ask = rows_of([("a", 0, 90), ("b", 0, 90)])
    assert online.lookup(*ask).values["mean"].tolist() == [0.1, 0.1]
    second = publish(url, tmp_path / "new", NOW + 2)
    assert second.materialisation != first.materialisation
    found = online.lookup(*ask)
    assert found.values["mean"].tolist()[0] == 0.2
    assert found.outcome.tolist() == ["found", "unknown"], "nothing of the earlier one is mixed in"
    assert publish(url, tmp_path / "old", NOW + 3) == second, "the newer one stays"
    assert online.age(second.as_of + 5_000_000) == 5.0
    online.close()
    assert old == new


def test_a_reader_of_the_earlier_one_can_finish_and_then_reads_the_newest(tmp_path: Path, url: str) -> None:
    described = write_set(tmp_path / "0", {("a", 0, 0): ROW})
    heads = []
    for number in range(4):
        write_set(tmp_path / str(number), {("a", 0, number): {**ROW, "n": number}, ("b", 0, number): ROW})
        heads.append(publish(url, tmp_path / str(number), NOW))
    store = open_store(url, 20)
    assert store.blocks(heads[3], ['["a",0]']) is not None
    assert store.blocks(heads[2], ['["a",0]']) is not None, "the one before is there for those who still read it"
    online = open_online(url, described, timeout=20, refresh=1e9)
    online.head, online.checked = heads[0], float("inf")  # what a reader that slept would have in mind
    assert online.lookup(*rows_of([("a", 0, 90)])).values["n"].tolist() in ([0], [3])
    online.close()
    store.close()


def test_many_keys_and_several_publishers_at_once(tmp_path: Path, url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    described = write_set(tmp_path / "0", {(f"k{n}", n, 0): {**ROW, "n": 0} for n in range(1200)})
    publish(url, tmp_path / "0", NOW)
    online = open_online(url, described, timeout=20, refresh=0)
    ask = rows_of([(f"k{n}", n, 90) for n in range(1200)])
    with ThreadPoolExecutor(4) as pool:
        for number in range(1, 4):
            write_set(tmp_path / str(number), {(f"k{n}", n, number): {**ROW, "n": number} for n in range(1200)})
        work = [pool.submit(publish, url, tmp_path / str(number), NOW) for number in (1, 2, 3)]
        while not all(one.done() for one in work):
            seen = online.lookup(*ask)
            assert seen.values["n"].nunique() == 1, "a reader sees one whole materialisation"
            assert (seen.outcome == "found").all()
        [one.result() for one in work]
    assert online.lookup(*ask).values["n"].unique().tolist() == [3]
    online.close()


def test_versions_stand_side_by_side(tmp_path: Path, url: str) -> None:
    one = write_set(tmp_path / "1", {("a", 0, 0): ROW}, version="one")
    two = write_set(tmp_path / "2", {("a", 0, 0): {**ROW, "mean": 7.0}}, version="two")
    for folder in ("1", "2"):
        publish(url, tmp_path / folder, NOW)
    for described, mean in ((one, 0.1), (two, 7.0)):
        online = open_online(url, described, timeout=20)
        assert online.lookup(*rows_of([("a", 0, 1)])).values["mean"].tolist() == [mean]
        online.close()
    store = open_store(url, 20)
    assert [head.set.version for head in store.heads()] == ["one", "two"]
    store.close()


def test_what_is_published_is_said_with_evidence(tmp_path: Path, url: str) -> None:
    assert is_published(url, {}) == []
    before = is_published(url, {"delays": "v1"})
    assert [bool(one.published) for one in before] == [False]
    assert freshness(before, NOW) == {"delays": None}
    write_set(tmp_path / "set", {("a", 0, 0): ROW})
    publish(url, tmp_path / "set", NOW)
    found, other = is_published(url, {"delays": "v1", "others": "v2"})
    assert found.published is True
    assert found.told == "delays v1: 1 keys as of 2013-01-01T00:00:00Z, published 2014-05-13T16:53:20Z"
    assert other.published is False
    assert other.told == "others v2 is not published"
    assert freshness([found], int(found.as_of_us or 0) + 90_000_000) == {"delays": 90.0}


@pytest.mark.parametrize("kind", STORES)
def test_a_store_that_is_away_is_the_configured_case_and_counted(kind: str, tmp_path: Path) -> None:
    described = write_set(tmp_path / "set", {("a", 0, 0): ROW})
    url = away(kind, tmp_path)
    online = open_online(url, described, timeout=5)
    found = online.lookup(*rows_of([("a", 0, 1), (None, 0, 1)]))
    assert found.outcome.tolist() == ["away", "away"]
    assert found.values.isna().all(axis=None)
    assert found.values.dtypes.astype(str).to_dict() == TYPES
    assert online.counts() == {"found": 0, "unknown": 0, "stale": 0, "away": 2}
    assert online.lookup(*rows_of([("a", 0, 1)])).outcome.tolist() == ["away"]
    assert online.why
    assert "secret" not in online.why
    online.close()
    evidence = is_published(url, {"delays": "v1"})
    assert [one.published for one in evidence] == [None], "no answer is no yes"
    assert "secret" not in evidence[0].told


def test_a_store_that_comes_back_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadily.features.online.REST", 0.0)
    described = write_set(tmp_path / "set", {("a", 0, 0): ROW})
    url = f"sqlite:///{tmp_path / 'late.db'}"
    online = open_online(url, described, timeout=20)
    assert online.lookup(*rows_of([("a", 0, 1)])).outcome.tolist() == ["away"]
    publish(url, tmp_path / "set", NOW)
    assert online.lookup(*rows_of([("a", 0, 1)])).outcome.tolist() == ["found"]
    online.close()


def test_a_store_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    described = write_set(tmp_path / "set", {("a", 0, 0): ROW})
    url = f"sqlite:///{tmp_path / 'there.db'}"
    publish(url, tmp_path / "set", NOW)
    online = open_online(url, described, timeout=0.05)
    hold = threading.Event()
    monkeypatch.setattr(online.store, "head", lambda version: hold.wait(60))
    assert online.lookup(*rows_of([("a", 0, 1)])).outcome.tolist() == ["away"]
    assert "no answer within 0.05 s" in online.why
    hold.set()
    online.close()


def test_keys_and_moments_of_other_types_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path / "set", {("a", 0, 0): ROW})
    offline = open_offline(tmp_path / "set")
    keys, moments = rows_of([("a", 0, 1)])
    with pytest.raises(DataError, match="the rows have it as str, and feature set delays as int64"):
        offline.lookup(keys.astype({"no": "str"}), moments)
    with pytest.raises(DataError, match="has to hold moments"):
        offline.lookup(keys, moments.astype("str"))


def test_addresses_are_read_and_never_shown_with_a_password() -> None:
    assert shown("redis://:p@ss@host:1/0") == "redis://:***@host:1/0"
    for url in ("mysql://host/x", "sqlite://", "nonsense"):
        with pytest.raises(ConfigError):
            open_store(url)
