"""Rows from SQLite and PostgreSQL: as text, in pieces, for reading only, and without a password in sight."""

from __future__ import annotations

import os
import sqlite3
import sys
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from steadily import DataError, SourceUnreachable
from steadily_files.steps import SqlRows

SERVER = os.environ.get("STEADILY_TEST_POSTGRES", "postgresql+psycopg://root@127.0.0.1:5432/test")


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


@pytest.fixture
def shop(tmp_path):
    """Give the address of a SQLite database."""
    path = tmp_path / "shop é.db"
    run(
        path,
        """
        create table "Odd Table" (id integer primary key, "group" text, price real, raw blob);
        insert into "Odd Table" values (3, 'c', 1.0, x'00ff'), (1, '', null, null), (2, null, 0.1, x'');
        insert into "Odd Table" values (4, '%:x', 2e300, null);
        create table keyless (a);
        insert into keyless values (2), ('x'), (1.5), (null);
        """,
    )
    return f"sqlite:///{path}"


def read(rows: int = 2, **params) -> pd.DataFrame:
    pieces = list(SqlRows(**params).read(rows))
    assert len({name for name, _ in pieces}) == 1
    assert all(len(frame) <= rows for _, frame in pieces)
    return pd.concat([frame for _, frame in pieces], ignore_index=True)


def cells(frame: pd.DataFrame) -> list[list[str | None]]:
    return [[None if pd.isna(value) else value for value in row] for row in frame.to_numpy().tolist()]


def refused(kind: type[DataError] = DataError, **params) -> str:
    with pytest.raises(DataError) as caught:
        read(**params)
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 100])
def test_a_table_is_text_in_the_order_of_its_key(shop, rows):
    frame = read(rows, url=shop, table="Odd Table")
    assert list(frame.columns) == ["id", "group", "price", "raw"]
    assert cells(frame) == [
        ["1", "", None, None],
        ["2", None, "0.1", ""],
        ["3", "c", "1.0", "00ff"],
        ["4", "%:x", "2e+300", None],
    ]
    assert set(frame.dtypes) == {pd.Series(["a"]).dtype}


def test_columns_and_order(shop):
    frame = read(url=shop, table="Odd Table", columns=["group", "id"], order_by=["price"])
    assert frame["id"].tolist() == ["1", "2", "3", "4"]
    assert cells(read(url=shop, table="keyless")) == [["2"], ["x"], ["1.5"], [None]]


def test_a_query_is_taken_as_it_stands(shop):
    query = """select "group" as g, '12:30 :x %s %' as t from "Odd Table" where "group" like '%:x' order by id ; \n"""
    assert cells(read(url=shop, query=query)) == [["%:x", "12:30 :x %s %"]]
    assert next(SqlRows(url=shop, query=query).read(1))[0] == "query"


def test_names_cannot_smuggle_anything_in(shop):
    for name in ['x"; drop table keyless; --', "keyless; drop table keyless", "keyless where 1=1"]:
        assert "no such table" in refused(url=shop, table=name)
        assert "no such column" in refused(url=shop, table="keyless", order_by=[name])
        assert "no such column" in refused(url=shop, table="keyless", columns=["a", name])
    assert len(read(url=shop, table="keyless")) == 4


def test_no_rows_leave_the_columns(shop):
    frame = read(url=shop, query='select id, "group" from "Odd Table" where id > 99')
    assert list(frame.columns) == ["id", "group"]
    assert len(frame) == 0


def test_columns_of_the_same_name_are_refused(shop):
    assert "columns of the same name: 'id'" in refused(url=shop, query='select id, id from "Odd Table"')


@pytest.mark.parametrize(
    "query", ["delete from keyless", "insert into keyless values (9) returning a", "drop table keyless"]
)
def test_nothing_can_be_written(shop, query):
    assert "readonly database" in refused(url=shop, query=query)
    assert "readonly database" in version_refused(url=shop, query="select 1", version_query=query)
    assert len(read(url=shop, table="keyless")) == 4


def version_refused(**params) -> str:
    with pytest.raises(DataError) as caught:
        SqlRows(**params).version()
    return str(caught.value)


def test_a_database_file_that_is_not_there_is_not_made(tmp_path):
    assert "no such database file" in refused(url=f"sqlite:///{tmp_path}/new.db", table="t")
    assert os.listdir(tmp_path) == []
    (tmp_path / "text.db").write_text("this is no database" * 100)
    assert "file is not a database" in refused(url=f"sqlite:///{tmp_path}/text.db", table="t")


def test_a_bad_query_says_what_the_database_said(shop):
    assert 'the database refused: near "selec": syntax error' in refused(url=shop, query="selec 1")
    said = refused(url=shop, table="nowhere")
    assert "the database refused: no such table: nowhere" in said
    assert "mode=ro" not in said  # the address is told as it was given


def test_the_version_is_what_the_query_gives(shop, tmp_path):
    query = 'select max(id), count(*), max(null) from "Odd Table"'
    source = SqlRows(url=shop, table="Odd Table", version_query=query)
    assert source.version() == "4, 4, NULL"
    run(tmp_path / "shop é.db", 'insert into "Odd Table" values (5, null, null, null)')
    assert source.version() == "5, 5, NULL"
    assert SqlRows(url=shop, table="keyless", version_query="select 1 where 0").version() == "no rows"
    many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 101) select i from n"
    assert "more than 100 rows" in version_refused(url=shop, table="keyless", version_query=many)


def test_without_a_version_query_all_rows_are_the_version(shop, tmp_path):
    source = SqlRows(url=shop, table="keyless")
    first = source.version()
    assert first.startswith("4 rows, ")
    assert SqlRows(url=shop, query="select a from keyless order by a desc").version() == first
    run(tmp_path / "shop é.db", "update keyless set a = 3 where a = 2")
    assert source.version() != first
    run(tmp_path / "shop é.db", "update keyless set a = 2 where a = 3")
    assert source.version() == first


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({}, "url, url_env: one of the two has to be given"),
        ({"url": "sqlite:///a.db", "url_env": "DB"}, "url, url_env: one of the two"),
        ({"url": "sqlite:///a.db"}, "query, table: one of the two has to be given"),
        ({"url": "sqlite:///a.db", "query": "select 1", "table": "t"}, "query, table: one of the two"),
        ({"url": "sqlite:///a.db", "query": " ; "}, "query: is empty"),
        ({"url": "sqlite:///a.db", "query": "select 1", "order_by": ["a"]}, "order_by: goes with table"),
        ({"url": "sqlite:///a.db", "table": "t", "columns": ["a", "a"]}, "named twice"),
        ({"url_env": "sqlite:///a.db", "table": "t"}, "url_env: is an address"),
    ],
)
def test_parameters_that_cannot_work_are_refused_before_anything_is_asked(params, what):
    with pytest.raises(DataError) as caught:
        SqlRows.check(**params)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["postgresql://ann:s3cret@db/shop", "postgresql+psycopg://ann:s3%2Fcret@db/x", "mysql://db/x?password=s3cret"],
)
def test_a_password_in_the_address_is_refused_and_not_shown(url):
    with pytest.raises(DataError) as caught:
        SqlRows.check(url=url, table="t")
    assert "url_env" in str(caught.value)
    assert "cret" not in str(caught.value)


def test_the_environment_holds_the_address(shop, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", shop)
    assert len(read(url_env="WAREHOUSE_URL", table="keyless")) == 4
    monkeypatch.delenv("WAREHOUSE_URL")
    assert "url_env: WAREHOUSE_URL: the environment variable is not set" in refused(
        SourceUnreachable, url_env="WAREHOUSE_URL", table="keyless"
    )
    monkeypatch.setenv("WAREHOUSE_URL", "p@ss s3cret")
    assert "s3cret" not in refused(url_env="WAREHOUSE_URL", table="keyless")


def test_missing_drivers_and_unknown_databases_are_named(monkeypatch):
    assert "SQLAlchemy knows no such database; given: nonsense" in refused(url="nonsense://host/db", table="t")
    monkeypatch.setitem(sys.modules, "pymysql", None)
    assert "driver is not installed" in refused(url="mysql+pymysql://host/db", table="t")


def test_sqlalchemy_itself_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert "SQLAlchemy is not installed; pip install steadily[sql]" in refused(url="sqlite:///a.db", table="t")


def test_a_server_that_does_not_answer(monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setenv("DB", "postgresql+psycopg://ann:s3cret@127.0.0.1:9/shop")
    error = refused(SourceUnreachable, url_env="DB", table="t")
    assert "postgresql+psycopg://ann:***@127.0.0.1:9/shop: the database can't be reached" in error
    assert "s3cret" not in error


@pytest.fixture(scope="module")
def engine():
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    made = sa.create_engine(SERVER, poolclass=sa.pool.NullPool)
    try:
        made.connect().close()
    except sa.exc.OperationalError as error:
        pytest.skip(f"PostgreSQL is out of reach: {error.orig}")
    return made


@pytest.fixture
def orders(engine):
    """Give the name of a PostgreSQL table."""
    name = f"orders_{uuid.uuid4().hex[:8]}"
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f'create table "{name}" (id serial primary key, paid bool, price numeric, at timestamptz, '
            "tags text[], body jsonb, big bigint, raw bytea, x float8)"
        )
        connection.execute(
            sa.text(f'insert into "{name}" values (:id, true, 1.10, :at, :tags, :body, :big, :raw, :x)'),  # noqa: S608
            [
                {
                    "id": number,
                    "at": datetime(2024, 5, 1, 12, 30, tzinfo=UTC),
                    "tags": ["a", "é"],
                    "body": '{"b": [1, null]}',
                    "big": 2**53 + 1 if number == 1 else None,
                    "raw": b"\x00\xff",
                    "x": 0.1,
                }
                for number in range(100, 0, -1)
            ],
        )
    yield name
    with engine.begin() as connection:
        connection.exec_driver_sql(f'drop table "{name}"')


def test_postgresql_values_are_text(orders):
    frame = read(7, url=SERVER, table=orders)
    assert frame["id"].tolist() == [str(number) for number in range(1, 101)]
    assert cells(frame)[0][1:] == [
        "true",
        "1.10",
        "2024-05-01T12:30:00+00:00",
        '["a","é"]',
        '{"b":[1,null]}',
        "9007199254740993",
        "00ff",
        "0.1",
    ]
    assert frame["big"].isna().sum() == 99


def test_postgresql_query_schema_and_version(orders):
    query = f"select id from {orders} where 'a%:x' like 'a%' order by id desc;"  # noqa: S608
    assert read(30, url=SERVER, query=query)["id"].tolist()[:2] == ["100", "99"]
    assert len(read(30, url=SERVER, table=orders, table_schema="public", columns=["id"])) == 100
    assert next(SqlRows(url=SERVER, table=orders, table_schema="public").read(1))[0] == f"public__{orders}"
    source = SqlRows(url=SERVER, table=orders, version_query=f"select max(at), count(*) from {orders}")  # noqa: S608
    assert source.version() == "2024-05-01T12:30:00+00:00, 100"
    assert SqlRows(url=SERVER, table=orders).version().startswith("100 rows, ")


def test_postgresql_is_only_read(orders):
    for query in [f"delete from {orders}", f"with d as (delete from {orders} returning id) select id from d"]:  # noqa: S608
        refused(url=SERVER, query=query)
        version_refused(url=SERVER, table=orders, version_query=query)
    draw = f"select nextval('{orders}_id_seq')"
    assert "read-only transaction" in refused(url=SERVER, query=draw)
    assert "read-only transaction" in version_refused(url=SERVER, table=orders, version_query=draw)
    assert len(read(50, url=SERVER, table=orders)) == 100


def test_postgresql_streams(engine):
    query = "select i, repeat('x', 1000) as x from generate_series(1, 10000000) as i"
    reading = SqlRows(url=SERVER, query=query).read(1_000)
    assert len(next(reading)[1]) == 1_000
    assert next(reading)[1]["i"].iloc[0] == "1001"
    reading.close()


def test_postgresql_errors(engine):
    assert 'relation "nowhere" does not exist' in refused(url=SERVER, table="nowhere")
    assert "syntax error" in refused(url=SERVER, query="selec 1")
    assert "division by zero" in refused(url=SERVER, query="select 1 / (5 - i) as x from generate_series(1, 9) as i")


def test_postgresql_gone_in_the_middle(engine):
    query = "select pg_backend_pid() as pid, i, repeat('x', 100) as x from generate_series(1, 1000000) as i"
    reading = SqlRows(url=SERVER, query=query).read(10)
    pid = next(reading)[1]["pid"].iloc[0]
    with engine.connect() as connection:
        connection.execute(sa.text("select pg_terminate_backend(:pid)"), {"pid": int(pid)})
    with pytest.raises(SourceUnreachable, match="the database"):
        list(reading)


def test_a_wrong_database_is_out_of_reach_and_its_password_hidden(engine, monkeypatch):
    address = sa.make_url(SERVER).set(password="s3cret:@/", database="no_such_database")  # noqa: S106
    monkeypatch.setenv("DB", address.render_as_string(hide_password=False))
    error = refused(SourceUnreachable, url_env="DB", table="t")
    assert "no_such_database" in error
    assert "s3cret" not in error
