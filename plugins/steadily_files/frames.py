"""Arrow tables and lists of text to pandas frames, with types that never depend on the piece read.

Owns which pandas type a column gets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def text_frame(columns: Mapping[str, Sequence[str | None]]) -> pd.DataFrame:
    """Make a frame of text from lists; None is missing.

    >>> text_frame({"a": ["x", None]}).dtypes.to_dict()
    {'a': <StringDtype(na_value=nan)>}
    """
    import pyarrow as pa

    return to_frame(pa.table({name: pa.array(values, pa.large_string()) for name, values in columns.items()}))


def to_frame(table: pa.Table, may_miss: frozenset[str] = frozenset()) -> pd.DataFrame:
    """Make a frame from an Arrow table; whole numbers and truth values in ``may_miss`` get nullable types.

    Without that, a column of whole numbers would become float in just those
    pieces that miss a value, and lose digits beyond 2**53.
    """
    plain = cast(
        "pd.DataFrame",
        table.select(
            [position for position, name in enumerate(table.column_names) if not nullable(table, name, may_miss)]
        ).to_pandas(ignore_metadata=True, date_as_object=False),
    )
    for position, name in enumerate(table.column_names):
        if nullable(table, name, may_miss):
            plain.insert(position, name, as_nullable(table.column(position)))
    return plain


def nullable(table: pa.Table, name: str, may_miss: frozenset[str]) -> bool:
    """Tell whether the column gets one of pandas' nullable types."""
    import pyarrow as pa

    kind = table.schema.field(name).type
    return name in may_miss and (pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def as_nullable(column: pa.ChunkedArray) -> pd.Series[Any]:
    """Make a Series of ``Int64`` (or its like) or ``boolean``."""
    import pandas as pd
    import pyarrow as pa

    name = "boolean" if pa.types.is_boolean(column.type) else str(column.type).replace("int", "Int").replace("uI", "UI")
    dtype = cast("Any", pd.api.types.pandas_dtype(name))
    return pd.Series(dtype.__from_arrow__(column))


def in_pieces(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Cut a stream of batches into tables of exactly ``rows`` rows; the last is the rest, which may be empty.

    The last piece comes only after the stream has ended.
    """
    import pyarrow as pa

    pending: pa.Table | None = None
    for batch in batches:
        arrived = pa.Table.from_batches([batch])
        pending = arrived if pending is None else pa.concat_tables([pending, arrived])
        at = 0
        while pending.num_rows - at > rows:
            yield pending.slice(at, rows)
            at += rows
        pending = pending.slice(at)
    if pending is not None:
        yield pending
