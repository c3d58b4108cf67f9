from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, make_url, select, text
from sqlalchemy.exc import IntegrityError

from steadily.database import Database, migrations, open_database
from steadily.database.failures import said, shown
from steadily.database.tables import REPLACEMENT, SLOTS, clock, deployments, labels, metadata, predictions, slots
from steadily.errors import DatabaseAway, DatabaseError

WAITING = 30


def test_the_migrations_come_to_the_tables(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_there_is_one_line_of_migrations() -> None:
    scripts = ScriptDirectory(str(migrations.FOLDER))
    assert scripts.get_heads() == [migrations.known()[-1]]
    assert [script.revision for script in reversed(list(scripts.walk_revisions()))] == list(migrations.known())


def test_a_new_database_has_its_slots_and_the_real_time(database: Database) -> None:
    with database.read() as connection:
        assert sorted(connection.execute(select(slots.c.name)).scalars()) == sorted(SLOTS)
        assert connection.execute(select(func.max(slots.c.revision))).scalar() == 0
        assert connection.execute(select(clock.c.simulated)).scalars().all() == [False]


def test_opening_again_changes_nothing(database: Database, database_address: str) -> None:
    with database.begin() as connection:
        connection.execute(insert(labels).values(request_id="a", position=0, label="x", at_us=1))
    with open_database(database_address) as again, again.read() as connection:
        assert connection.execute(select(func.count()).select_from(labels)).scalar() == 1


def open_and_count(address: str, start: object, found: object) -> None:
    start.wait(WAITING)  # type: ignore[attr-defined]
    try:
        with open_database(address) as database, database.read() as connection:
            found.put(connection.execute(select(func.count()).select_from(slots)).scalar())  # type: ignore[attr-defined]
    except BaseException as error:
        found.put(repr(error))  # type: ignore[attr-defined]
        raise


def test_processes_that_open_a_new_database_at_once_make_it_once(database_address: str) -> None:
    processes = multiprocessing.get_context("spawn")
    start, found = processes.Barrier(4), processes.Queue()
    running = [processes.Process(target=open_and_count, args=(database_address, start, found)) for _ in range(4)]
    for one in running:
        one.start()
    assert [found.get(timeout=WAITING) for _ in running] == [3] * 4
    for one in running:
        one.join(WAITING)
        assert one.exitcode == 0


def test_a_database_of_newer_code_is_refused(database: Database, database_address: str) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="written by a newer Steadily; given: its migration 9999"):
        open_database(database_address)


def put_in_and_fail(database: Database, row: dict[str, object]) -> None:
    with database.begin() as connection:
        connection.execute(insert(labels).values(row))
        raise ZeroDivisionError


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    row = {"request_id": "a", "position": 0, "label": "x", "at_us": 1}
    with pytest.raises(ZeroDivisionError):
        put_in_and_fail(database, row)
    with database.begin() as connection:
        connection.execute(insert(labels).values(row))
    with pytest.raises(DatabaseError, match="the database refused"), database.begin() as connection:
        connection.execute(insert(labels), [row | {"request_id": "b"}, row])
    with database.begin() as connection:
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(insert(labels).values(row))
        connection.execute(insert(labels).values(row | {"request_id": "c"}))
    with database.read() as connection:
        assert sorted(connection.execute(select(labels.c.request_id)).scalars()) == ["a", "c"]


def test_keys_lead_somewhere(database: Database) -> None:
    row = {"at_us": 1, "action": "promote", "slot": "live", "release": 7, "override": False, "who": "t"}
    with pytest.raises(DatabaseError, match="the database refused"), database.begin() as connection:
        connection.execute(insert(deployments).values(row))


def test_a_transaction_that_reads_writes_nothing_on_postgres(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no transactions that may not write")
    with pytest.raises(DatabaseError, match="read-only"), database.read() as connection:
        connection.execute(insert(labels).values(request_id="a", position=0, label="x", at_us=1))


def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    count = select(func.count()).select_from(labels)
    with database.read() as reading:
        assert reading.execute(count).scalar() == 0
        with database.begin() as writing:
            writing.execute(insert(labels).values(request_id="a", position=0, label="x", at_us=1))
        assert reading.execute(count).scalar() == 0
    with database.read() as reading:
        assert reading.execute(count).scalar() == 1


def test_transactions_that_want_to_be_alone_come_one_after_another(database: Database) -> None:
    def add_one() -> None:
        for _ in range(10):
            with database.begin(alone="counting") as connection:
                now = connection.execute(select(func.max(labels.c.position))).scalar()
                last = -1 if now is None else now
                connection.execute(insert(labels).values(request_id="a", position=last + 1, label="x", at_us=1))

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(select(func.max(labels.c.position))).scalar() == 39


def test_values_come_back_as_they_were_put_in(database: Database) -> None:
    texts = ["ümlaut 🙂", "nul\0 half \ud800 pair", "'; DROP TABLE labels; --", "", "x" * 100_000]
    row = {"slot": "live", "release": 1, "at_us": 2**62, "outcome": "answered", "latency_us": 2**40}
    plain = {"b": [1, 2.5, None, True], "a": {"ü\0\ud800": "\0"}}
    with database.begin() as connection:
        for number, words in enumerate(texts):
            given = row | {"request_id": f"r{number}", "position": number, "prediction": words, "imputed": plain}
            connection.execute(insert(predictions).values(given | {"confidence": 1 / 3}))
    with database.read() as connection:
        found = connection.execute(select(predictions).order_by(predictions.c.position)).all()
    assert [one.prediction for one in found] == [
        texts[0], f"nul{REPLACEMENT} half {REPLACEMENT} pair", *texts[2:]
    ]  # fmt: skip
    assert {one.confidence for one in found} == {1 / 3}
    assert {one.at_us for one in found} == {2**62}
    assert {one.latency_us for one in found} == {2**40}
    assert all(one.imputed == plain and list(one.imputed) == ["b", "a"] and one.inputs is None for one in found)


def test_what_is_no_number_is_put_in_nowhere(database: Database) -> None:
    row = {"request_id": "a", "position": 0, "slot": "live", "release": 1, "at_us": 1, "outcome": "answered"}
    with pytest.raises((DatabaseError, ValueError), match="not JSON compliant"), database.begin() as connection:
        connection.execute(insert(predictions).values(row | {"inputs": {"x": float("nan")}}))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("no address", "is no database address; allowed: postgresql://"),
        ("mysql://ann:s3cret@host/name", "does not use; given: mysql"),
        ("sqlite://", "it has to be a file"),
        ("sqlite:///:memory:", "it has to be a file"),
        ("postgresql://ann:s3cret@host:port/name", "is no database address"),
    ],
)
def test_an_address_that_can_not_be(address: str, said: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_database(address)
    assert said in str(caught.value)
    assert "database.url" in str(caught.value)
    assert "s3cret" not in f"{caught.value!r}"


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    with pytest.raises(DatabaseAway) as caught:
        open_database("postgresql://ann:s3cret@127.0.0.1:1/shop")
    assert str(caught.value).startswith("postgresql+psycopg://ann:***@127.0.0.1:1/shop: the database can't be reached")
    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_a_file_that_can_not_be_a_database(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x" * 4096, encoding="utf-8")
    with pytest.raises(DatabaseError, match="file is not a database"):
        open_database(f"sqlite:///{tmp_path}/file")
    with pytest.raises(DatabaseError, match="can't be made"):
        open_database(f"sqlite:///{tmp_path}/file/below/it.db")
    with pytest.raises(DatabaseAway, match="unable to open database file"):
        open_database(f"sqlite:///{tmp_path}")


def test_a_locked_database_is_away_for_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadily.database.opening.BUSY_SECONDS", 0.1)
    address = f"sqlite:///{tmp_path}/a.db"
    with open_database(address) as one, open_database(address) as other, one.begin():
        with pytest.raises(DatabaseAway, match="database is locked"), other.begin():
            pass
        with other.read() as connection:
            connection.execute(select(slots))


def test_a_connection_that_was_ended_is_replaced(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no connections that others end")
    with database.read() as connection:
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
    with pytest.raises(DatabaseAway, match="can't be reached"), database.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with database.read() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar() != process


def test_sqlite_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path}/a folder/a.db") as database, database.read() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in PRAGMAS}
    assert found == PRAGMAS


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_no_secret_of_an_address_is_shown() -> None:
    url = make_url("postgresql+psycopg://ann:p%40ss@db/shop?sslmode=require&sslpassword=top")
    assert shown(url) == "postgresql+psycopg://ann:***@db/shop?sslmode=require&sslpassword=***"
    assert said(ValueError("p@ss, p%40ss and top"), url) == "ValueError"

    refusal = ValueError()
    refusal.orig = "p@ss,\n p%40ss and top"  # type: ignore[attr-defined]
    assert said(refusal, url) == "***, *** and ***"
