"""What comes in: a body's bytes to rows of plain values, held against the contract as the request's schema states it.

Owns which requests are wrong as a whole. A row that keeps the schema and that training would still have
dropped is no wrong request: it is refused where it is answered, with the ledger's reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic_core import from_json

from steadily.contract import Contract
from steadily.contract.check import comparable, sentence
from steadily.contract.constraints import Constraint, complaint
from steadily.contract.form import Column
from steadily.contract.single import condition
from steadily.dtypes import DATETIME, FAMILY
from steadily.errors import near

Row = dict[str, Any]
SHOWN = 20  # problems in one reply
CUT = 80  # characters of a value in a reply
FRAMES = {"str": "str", "int64": "Int64", "float64": "float64", "bool": "boolean", DATETIME: "str"}


class RequestError(Exception):
    """A request that can't be answered: the status, what is wrong in a line, and each place with its reason."""

    def __init__(self, status: int, what: str, problems: tuple[Mapping[str, Any], ...] = ()) -> None:
        super().__init__(what)
        self.status, self.what, self.problems = status, what, problems

    def body(self) -> dict[str, Any]:
        """Give the one form that all refused requests are told in."""
        return {"error": {"what": self.what, "problems": list(self.problems)}}


def problem(where: str, what: str, given: Any = None, allowed: str | None = None, hint: str | None = None) -> Row:
    """Give one place and its reason, as a reply has it."""
    found = {"where": where, "what": what, "given": None if given is None else shown(given), "allowed": allowed}
    return {key: value for key, value in (found | {"hint": hint}).items() if value is not None}


def shown(value: Any) -> str:
    """Write a value for a reply, cut.

    >>> shown(True), shown([1, 2]), shown("a")
    ('true', 'a list', "'a'")
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list):
        return "an object" if isinstance(value, Mapping) else "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= CUT else f"{text[:CUT]}…"


def parsed(body: bytes) -> Any:
    """Read JSON as RFC 8259 has it: no NaN, no infinity, UTF-8 alone.

    Raises:
        RequestError: It is none.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestError(400, f"the body is no JSON: {error}") from None


class RowReader:
    """Reads the rows of requests for one release.

    Args:
        contract: The contract of rows as a client gives them; None takes any objects.
        most_rows: The most rows that one request may have.
        unread: Columns that a row may have and nobody reads, since only training needs them.
    """

    def __init__(self, contract: Contract | None, most_rows: int, unread: Sequence[str] = ()) -> None:
        self.contract = contract
        self.most_rows = most_rows
        self.unread = frozenset(unread)
        self.columns = [ColumnReader(column) for column in contract.columns] if contract else []
        self.names = frozenset(contract.dtypes) if contract else frozenset()

    def rows_of(self, body: Any) -> list[Row]:
        """Give the rows of a request's body, ``{"rows": [{…}, …]}``.

        Raises:
            RequestError: It has another form, or rows break the schema; all places are named.
        """
        if not isinstance(body, dict):
            raise RequestError(422, "the body has to be an object with rows", (problem("", "is no object", body),))
        others = [name for name in body if name != "rows"]
        if others:
            told = [problem(name, "unknown key", allowed="rows", hint=near(name, ["rows"])) for name in others[:SHOWN]]
            raise RequestError(422, "the body has keys that nobody reads", tuple(told))
        return self.read(body.get("rows"))

    def read(self, rows: Any) -> list[Row]:
        """Give rows in their columns' types."""
        if not isinstance(rows, list) or not rows:
            raise RequestError(422, "rows has to be a list of at least one row", (problem("rows", "is none", rows),))
        if len(rows) > self.most_rows:
            told = problem("rows", "too many rows", len(rows), f"at most {self.most_rows:,}")
            raise RequestError(422, "too many rows in one request", (told,))
        wrong: list[Row] = []
        read = [self.row(place, row, wrong) for place, row in enumerate(rows)]
        if wrong:
            more = f" ({len(wrong)} places, {SHOWN} shown)" if len(wrong) > SHOWN else ""
            raise RequestError(422, f"rows break the request's schema{more}", tuple(wrong[:SHOWN]))
        return read

    def row(self, place: int, row: Any, wrong: list[Row]) -> Row:
        """Read one row, and note what is wrong with it."""
        where = f"rows[{place}]"
        if not isinstance(row, dict):
            wrong.append(problem(where, "is no object", row))
            return {}
        if self.contract is None:
            return row
        new = row.keys() - self.names
        if self.contract.strict is True and (new := new - self.unread):
            wrong += [problem(f"{where}.{name}", "is not in the contract, which is strict") for name in sorted(new)]
        made: Row = {}
        for column in self.columns:
            if column.name in row:
                made[column.name] = column.read(where, row[column.name], wrong)
            elif column.required:
                wrong.append(problem(where, f"column {column.name} is missing", hint=near(column.name, list(new))))
        return made

    def unasked(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """Name the columns that rows have and the contract does not."""
        if self.contract is None:
            return []
        return sorted({name for row in rows for name in row.keys() - self.names})

    def frame(self, rows: Sequence[Row]) -> pd.DataFrame:
        """Give rows as a frame, in the types that a file's rows would have."""
        if self.contract is None:
            return pd.DataFrame(list(rows))
        present = [column for column in self.contract.columns if any(column.name in row for row in rows)]
        return pd.DataFrame(
            {
                column.name: pd.Series(
                    [row.get(column.name) for row in rows], dtype=FRAMES[FAMILY.get(column.dtype, column.dtype)]
                )
                for column in present
            }
        )


class ColumnReader:
    """Reads one column's values as the request's schema has them."""

    def __init__(self, column: Column) -> None:
        self.name, self.required, self.nullable = column.name, column.required, column.nullable
        self.family = FAMILY.get(column.dtype, column.dtype)
        self.take = TAKERS[self.family]
        stated = [one for one in column.constraints if not one.warns and in_schema(one, self.family)]
        self.checks = [(condition(column.dtype, one), words(column, one)) for one in stated]

    def read(self, where: str, value: Any, wrong: list[Row]) -> Any:
        """Read a value, or note what is wrong with it."""
        if value is None:
            if not self.nullable:
                wrong.append(problem(f"{where}.{self.name}", f"{self.name} is missing"))
            return None
        taken = self.take(value)
        if taken is None:
            allowed = WANTED[self.family] + (" or null" if self.nullable else "")
            wrong.append(problem(f"{where}.{self.name}", f"{self.name} is of another type", value, allowed))
            return None
        held = value if self.family == "float64" else taken  # a whole number as it was written, not rounded
        for passes, told in self.checks:
            if not passes(held):
                wrong.append(problem(f"{where}.{self.name}", told(taken), value))
        return taken


WANTED = {
    "str": "a text",
    "int64": "a whole number of 64 bits",
    "float64": "a finite number",
    "bool": "true or false",
    DATETIME: "a moment in ISO 8601, as text",
}


def words(column: Column, constraint: Constraint) -> Callable[[Any], str]:
    """Give the ledger's words for a value that fails a check."""

    def told(value: Any) -> str:
        rule = f"{column.name} {complaint(constraint, value, comparable(column.dtype))}".rstrip()
        return sentence(column.name, value, rule)

    return told


def in_schema(constraint: Constraint, family: str) -> bool:
    """Tell the checks that JSON Schema has words for; see ``bundle.schema.add_check``."""
    if family in ("int64", "float64"):
        bounds = ("greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range")
        return constraint.check in (*bounds, "isin", "equal_to")
    return family != DATETIME and constraint.check in ("isin", "equal_to", "str_length")


def take_text(value: Any) -> str | None:
    """Take a text."""
    return value if isinstance(value, str) else None


def take_whole(value: Any) -> int | None:
    """Take a whole number, 5.0 among them."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def take_number(value: Any) -> float | None:
    """Take a finite number."""
    if type(value) not in (int, float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def take_truth(value: Any) -> bool | None:
    """Take a truth value."""
    return value if isinstance(value, bool) else None


TAKERS: dict[str, Callable[[Any], Any]] = {
    "str": take_text,
    "int64": take_whole,
    "float64": take_number,
    "bool": take_truth,
    DATETIME: take_text,
}


def places(problems: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give the problems' places and reasons as lines.

    >>> list(places([problem("rows[0].n", "n is missing")]))
    ['rows[0].n: n is missing']
    """
    for one in problems:
        yield f"{one['where']}: {one['what']}" if one["where"] else one["what"]
