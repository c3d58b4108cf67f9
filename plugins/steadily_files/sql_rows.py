"""The source of rows from a SQL database.

Owns the step and what is asked; connecting and errors are ``database``'s, text is ``sql_text``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steadily import DataError, step
from steadily_files.columns import refuse_repeated
from steadily_files.database import Database, connected
from steadily_files.frames import text_frame
from steadily_files.sql_text import as_text, digest_of

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection, CursorResult

AT_ONCE = 10_000


@dataclass(frozen=True)
class Wanted:
    """What is asked of the database: a query as it stands, or columns of a table in an order."""

    query: str | None
    table: str | None
    schema: str | None
    columns: list[str] | None
    order_by: list[str] | None

    def check(self) -> None:
        """Refuse what can't be asked."""
        if (self.query is None) == (self.table is None):
            raise DataError.at("query, table", "one of the two has to be given, and only one")
        if self.query is not None and not self.query.strip("; \n\t\r"):
            raise DataError.at("query", "is empty")
        of_table = {"table_schema": self.schema, "columns": self.columns, "order_by": self.order_by}
        misplaced = [name for name, value in of_table.items() if value is not None]
        if self.query is not None and misplaced:
            raise DataError.at(", ".join(misplaced), "goes with table; a query says it itself, as with ORDER BY")
        refuse_repeated(self.columns)

    @property
    def name(self) -> str:
        """The name of the part that the rows become."""
        return "query" if self.table is None else "__".join(filter(None, [self.schema, self.table])).replace("/", "__")


@step("files.sql")
class SqlRows:
    """Read rows from a SQL database; every value is text, as from ``files.csv``.

    Rows stream through a connection that only reads where the database can promise
    that, and that never commits. Their order is that of ``order_by`` (a table's
    primary key if not given) or of the query's own ORDER BY; without any, the database
    may give them in another order next time, which changes nothing but their order.

    Args:
        url: The database's address, without a password: ``sqlite:///data/shop.db``.
        url_env: The environment variable that holds the address, with its password.
        query: What to select.
        table: The table to read instead.
        table_schema: The table's schema, if not the default one.
        columns: The table's columns to read, in this order; all of them if none are named.
        order_by: The columns that order the table's rows.
        version_query: A quick query whose result changes whenever the rows do, such as
            ``select max(updated_at), count(*) from orders``. Without it, all rows are read
            for a digest each time that the pipeline is composed.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        url_env: str | None = None,
        query: str | None = None,
        table: str | None = None,
        table_schema: str | None = None,
        columns: list[str] | None = None,
        order_by: list[str] | None = None,
        version_query: str | None = None,
    ) -> None:
        self.database = Database(url, url_env)
        self.wanted = Wanted(query, table, table_schema, columns, order_by)
        self.version_query = version_query
        self.database.check()
        self.wanted.check()

    @classmethod
    def check(cls, **params: Any) -> None:
        """Refuse parameters that can't work, before anything is asked."""
        cls(**params)

    def read(self, rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """Give the rows, at most ``rows`` at a time, with the table's name or ``query``."""
        with connected(self.database) as connection, asked(connection, self.wanted, rows) as result:
            names = names_of(result)
            block = result.fetchmany(rows)
            yield self.wanted.name, frame_of(names, block)
            while block := result.fetchmany(rows):
                yield self.wanted.name, frame_of(names, block)

    def version(self) -> str:
        """Tell what is there now: the result of ``version_query``, or a digest of all rows."""
        with connected(self.database) as connection:
            if self.version_query is None:
                with asked(connection, self.wanted, AT_ONCE) as result:
                    return digest_of(result)
            with as_written(connection, self.version_query, AT_ONCE) as result:
                return in_words(result)


def asked(connection: Connection, wanted: Wanted, rows: int) -> CursorResult[Any]:
    """Ask for the rows, to be streamed ``rows`` at a time."""
    if wanted.query is not None:
        return as_written(connection, wanted.query, rows)
    return of_table(connection, wanted, rows)


def as_written(connection: Connection, query: str, rows: int) -> CursorResult[Any]:
    """Ask a query as it stands: ':' and '%' in it mean nothing to us."""
    options = {"no_parameters": True, "stream_results": True, "max_row_buffer": rows}
    return connection.exec_driver_sql(query.strip().rstrip("; \n\t\r"), execution_options=options)


def of_table(connection: Connection, wanted: Wanted, rows: int) -> CursorResult[Any]:
    """Ask for a table's rows; SQLAlchemy quotes all names.

    Columns are named together with their table, since SQLite takes a column that
    it does not know for a piece of text.
    """
    import sqlalchemy as sa

    order = wanted.order_by if wanted.order_by is not None else primary_key(connection, wanted)
    named = dict.fromkeys([*(wanted.columns or []), *order])
    table = sa.table(str(wanted.table), *map(sa.column, named), schema=wanted.schema)
    columns: list[Any] = [table.c[name] for name in wanted.columns] if wanted.columns else [sa.text("*")]
    query = sa.select(*columns).select_from(table).order_by(*(table.c[name] for name in order))
    return connection.execution_options(stream_results=True, max_row_buffer=rows).execute(query)


def primary_key(connection: Connection, wanted: Wanted) -> list[str]:
    """Give the columns of the table's primary key; none if it has none or is a view."""
    import sqlalchemy as sa

    try:
        return list(sa.inspect(connection).get_pk_constraint(str(wanted.table), wanted.schema)["constrained_columns"])
    except sa.exc.NoSuchTableError:
        return []  # the query itself says what is wrong with the name


def names_of(result: CursorResult[Any]) -> list[str]:
    """Give the names of the columns, and refuse one that is there twice."""
    if not result.returns_rows:
        raise DataError.at("query", "it gives no rows", allowed="a SELECT")
    names = list(result.keys())
    twice = [repr(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError.at("query", f"it gives columns of the same name: {', '.join(twice)}", hint="rename one with AS")
    return names


def frame_of(names: list[str], block: Any) -> pd.DataFrame:
    """Make a frame of text."""
    columns = list(zip(*block, strict=True)) or [()] * len(names)
    return text_frame({name: [as_text(value) for value in values] for name, values in zip(names, columns, strict=True)})


def in_words(result: CursorResult[Any]) -> str:
    """Give a small result as one line of text.

    Raises:
        DataError: It is not small.
    """
    found = result.fetchmany(101) if result.returns_rows else []
    if len(found) > 100:
        raise DataError.at("version_query", "gives more than 100 rows", allowed="a summary, such as max(…), count(*)")
    rows = [["NULL" if value is None else str(as_text(value)) for value in row] for row in found]
    return "; ".join(map(", ".join, rows)) or "no rows"
