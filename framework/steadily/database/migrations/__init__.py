"""Brings a database to the tables that this code knows, by Alembic's migrations in ``versions/``.

Each is a file whose name begins with its number, with a function ``upgrade``; a published one is never changed.
A test holds what they come to against ``tables.py``.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from steadily.errors import DatabaseError

FOLDER = Path(__file__).parent
TABLE = "alembic_version"


def known() -> tuple[str, ...]:
    """List the migrations that this code has, in order, without importing Alembic."""
    return tuple(sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py")))


def revision_of(connection: Connection) -> str | None:
    """Tell which migration a database has come to; None where there is none of our tables yet."""
    if not inspect(connection).has_table(TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {TABLE}")).scalar()  # noqa: S608 (a constant)


def upgrade(connection: Connection, shown: str) -> None:
    """Bring a database up to date, within a transaction in which nobody else does the same.

    Args:
        connection: In that transaction.
        shown: The database's address for messages.

    Raises:
        DatabaseError: It was made by newer code.
    """
    current = revision_of(connection)
    refuse_newer(current, shown)
    if current == known()[-1]:
        return
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(FOLDER))
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        for script in reversed(list(scripts.iterate_revisions("head", current or "base"))):
            script.module.upgrade()
    context.stamp(scripts, "head")


def refuse_newer(current: str | None, shown: str) -> None:
    """Refuse a database that has come further than this code knows.

    Raises:
        DatabaseError: It has.
    """
    if current is not None and current not in known():
        raise DatabaseError.at(
            shown,
            "the database was written by a newer Steadily",
            given=f"its migration {current}",
            allowed=f"up to {known()[-1]}",
            hint="upgrade Steadily here, or name another database in conf/operate.yaml (database.url)",
        )
