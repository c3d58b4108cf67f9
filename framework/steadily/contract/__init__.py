"""Contracts: what the columns of a dataset are, and which rows keep to it.

Owns the public face: reading a contract, its canonical form, its pandera
schema. A contract is a pandera schema in pandera's own YAML form. Its checks are
evaluated by ``contract_check`` with the expressions that pandera's backend uses
(pandera itself takes longer, and has no words for what fails);
``tests/unit/test_contract.py`` holds the two against each other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steadily.contract.form import Column, Reading, Strict, Where
from steadily.dtypes import DATETIME
from steadily.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    from pandera.pandas import DataFrameSchema

    from steadily.contract.check import Checked

Hints = Callable[[list[str], list[str]], Mapping[str, str]]


@dataclass(frozen=True)
class Contract:
    """The columns of a dataset in their order, with types, ranges and whether they may be missing.

    ``strict`` is pandera's: true refuses further columns, false and "filter" leave them out.

    >>> Contract.parse({"columns": {"n": {"dtype": "int", "checks": {"ge": 0}}}}).dtypes
    {'n': 'int64'}
    """

    columns: tuple[Column, ...]
    strict: Strict = False

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: Where = lambda *keys: ".".join(map(str, keys))) -> Contract:
        """Read a contract from pandera's YAML form, as a mapping.

        Bounds of date columns are days or moments in ISO 8601. A day means its
        midnight in UTC, as an upper bound too: ``max_value: 2004-12-31`` leaves
        out what came later on that day. A moment without a zone is in UTC.

        Args:
            values: The mapping.
            where: Says at which file and line a key of the mapping stands:
                ``where("columns", "text", "dtype")``; places in lists are numbers,
                and only keys that are there are asked for.

        Raises:
            ConfigError: With all that is wrong.
        """
        reading = Reading(values, where)
        columns, strict = reading.schema()
        if reading.problems:
            raise ConfigError(*reading.problems)
        return cls(columns, strict)

    @property
    def dtypes(self) -> dict[str, str]:
        """The canonical type of each column."""
        return {column.name: column.dtype for column in self.columns}

    def canonical(self) -> dict[str, Any]:
        """Give the contract as JSON-able data, for digests; ``parse`` reads it, and so does pandera.

        Left out is what changes nothing: titles, descriptions, pandera's version.
        """
        columns = [column.form() for column in self.columns]
        return {"schema_type": "dataframe", "columns": columns, "strict": self.strict}

    def without(self, names: Iterable[str]) -> Contract:
        """Give the contract less some columns."""
        gone = set(names)
        return Contract(tuple(column for column in self.columns if column.name not in gone), self.strict)

    def schema(self) -> DataFrameSchema:
        """Give the pandera schema, made once in each process."""
        return schema_of(self)

    def check(
        self, frame: pd.DataFrame, *, typed_from_text: bool, where: str = "contract", hints: Hints | None = None
    ) -> Checked:
        """Tell the rows that keep the contract from those that do not.

        Args:
            frame: Rows, indexed by row id.
            typed_from_text: Whether text is read as the contract's types (CSV), a
                row with a value that can't be read being quarantined; otherwise
                a text column where a number is wanted is an error.
            where: What errors are to name, such as the dataset.
            hints: Gives likely renames for missing columns, from (missing, new) names.

        Returns:
            The passing rows with exactly the contract's columns, order and types,
            and what failed and why.

        Raises:
            DataError: Columns are missing, of another type, or not in a strict contract.
        """
        from steadily.contract.check import check

        return check(self, frame, typed_from_text=typed_from_text, where=where, hints=hints)


@functools.lru_cache(maxsize=64)
def schema_of(contract: Contract) -> DataFrameSchema:
    """Make the pandera schema from pandera's form; bounds of dates become timestamps, which pandera leaves text."""
    import pandas as pd
    from pandera.io.pandas_io import deserialize_schema

    form = contract.canonical()
    for column in form["columns"]:
        for check in column["checks"] if column["dtype"] == DATETIME else ():
            for name, value in check.items():
                if isinstance(value, str):
                    check[name] = pd.Timestamp(value)
                elif isinstance(value, list):
                    check[name] = [pd.Timestamp(one) for one in value]
    schema: DataFrameSchema = deserialize_schema(form)  # type: ignore[no-untyped-call]
    return schema
