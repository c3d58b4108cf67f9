"""The steps of the plugin ``dates``: moments out of text, and parts of moments as numbers.

Owns what becomes of texts that can't be read. Which moments are plausible is
left to the contract of the dataset that comes out.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from steadily import DataError, PluginError, need_columns, step
from steadily_dates.many import many_of_iso
from steadily_dates.moments import EPOCH, MICROSECOND, microseconds, reader_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

FORMATS = "rfc2822, iso8601, or a format of strptime's such as '%d.%m.%Y %H:%M'"
YEARS = ("%Y", "%y", "%G", "%c", "%x")
SHOWN = 80

Part = Literal["year", "quarter", "month", "week", "day", "day_of_year", "weekday", "hour", "minute", "second"]


def check_parse(
    *,
    columns: list[str],
    format: str,
    errors: Literal["raise", "missing", "drop"] = "raise",
    zone: str = "UTC",
) -> None:
    """Refuse a format that strptime can't read, and a zone that nobody knows."""
    zone_of(zone)
    if format in ("rfc2822", "iso8601"):
        return
    if not any(code in format for code in YEARS):
        raise PluginError.at("format", "is no format of a date with its year", given=repr(format), allowed=FORMATS)
    try:
        dt.datetime.strptime(dt.datetime(2001, 2, 3, tzinfo=dt.UTC).strftime(format), format)
    except ValueError as error:
        raise PluginError.at("format", f"can't be read: {error}", given=repr(format), allowed=FORMATS) from None


def zone_of(name: str) -> ZoneInfo:
    """Find a time zone by name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of the database, or a path out of it
        raise PluginError.at("zone", "no such time zone", given=repr(name), allowed="such as Europe/Berlin") from None


def parse_one(
    *,
    columns: list[str],
    format: str,
    errors: Literal["raise", "missing", "drop"] = "raise",
    zone: str = "UTC",
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``parse`` for one row; what can't be read is left to the frame's way, which has the words for it."""
    local, read = zone_of(zone), reader_for(format)

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        made = dict(row)
        for name in columns:
            text = row[name]
            if text is None or (isinstance(text, dt.datetime) and text.tzinfo is dt.UTC):
                continue
            micro = microseconds(read(text), local) if isinstance(text, str) else None
            if micro is None:
                return None
            made[name] = EPOCH + micro * MICROSECOND
        return made

    return single


@step("dates.parse", reads=("columns",), single=parse_one)
def parse(
    frame: pd.DataFrame,
    *,
    columns: list[str],
    format: str,
    errors: Literal["raise", "missing", "drop"] = "raise",
    zone: str = "UTC",
) -> tuple[pd.DataFrame, pd.Series]:
    """Read text as moments in UTC, to the microsecond; what is missing stays missing.

    Each text is read on its own. Moments that have a zone already are only brought to UTC.

    Args:
        frame: The rows.
        columns: The columns of text.
        format: ``rfc2822`` (mail headers), ``iso8601``, or a format of strptime's such as ``%d.%m.%Y %H:%M``.
        errors: What becomes of a text that can't be read: it stops the run (``raise``), becomes ``missing``,
            or its row is dropped (``drop``).
        zone: The time zone of texts that say none.
    """
    import pandas as pd

    need_columns(frame, columns)
    made, found = {}, []
    for name in columns:
        made[name] = parsed(frame[name], format, zone)
        unread = frame[name][made[name].isna() & frame[name].notna()]
        if unread.empty:
            continue
        if errors == "raise":
            refuse_unread(unread, format)
        elif errors == "drop":
            found.append(reasons_for(unread, format))
    if not found:
        return frame.assign(**made), pd.Series([], index=frame.index[:0], dtype="str")
    reasons: pd.Series = pd.concat(found)
    reasons = reasons[~reasons.index.duplicated()]
    gone = frame.index.isin(reasons.index)
    return frame.assign(**made).loc[~gone], reasons.reindex(frame.index[gone])


parse.__dict__["check"] = check_parse


def parsed(column: pd.Series, form: str, zone: str) -> pd.Series:
    """Read a column; each distinct text once."""
    import numpy as np
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        moved: pd.Series = column.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
        return moved
    naive = pd.api.types.is_datetime64_dtype(column.dtype)
    if not naive and not isinstance(column.dtype, pd.StringDtype):
        raise DataError.at(f"column '{column.name}'", "is no text", given=column.dtype, hint="rows.cast makes it one")
    codes, distinct = pd.factorize(column)
    texts: Any = pd.DatetimeIndex(distinct).to_pydatetime() if naive else distinct.tolist()
    local, read = zone_of(zone), reader_for(form)
    quick = many_of_iso(texts, universal=zone == "UTC") if form == "iso8601" and not naive else [None] * len(texts)
    moments = [
        microseconds(text if naive else read(text), local) if known is None else known
        for text, known in zip(texts, quick, strict=True)
    ]
    nothing = np.iinfo("int64").min  # pandas' NaT
    micro = np.array([*(nothing if one is None else one for one in moments), nothing], dtype="int64")[codes]
    read_at: pd.Series = pd.Series(micro.view("M8[us]"), index=column.index, name=column.name).dt.tz_localize("UTC")
    return read_at


def reasons_for(unread: pd.Series, form: str) -> pd.Series:
    """Say of texts that they can't be read."""
    text = unread.astype("str")
    text = text.where(text.str.len() <= SHOWN, text.str.slice(0, SHOWN - 1) + "…")
    return (f"{unread.name} cannot be parsed as {form}: '" + text + "'").astype("str")


def refuse_unread(unread: pd.Series, form: str) -> None:
    """Stop the run, with examples of texts that can't be read."""
    raise DataError.at(
        f"column '{unread.name}'",
        f"{len(unread)} values cannot be parsed as {form}",
        given=", ".join(f"'{text[:SHOWN]}'" for text in unread.drop_duplicates().head(3)),
        allowed=FORMATS,
        hint="errors: drop or errors: missing go on without them",
    )


def check_parts(*, column: str, parts: list[Part], zone: str = "UTC") -> None:
    """Refuse a zone that nobody knows."""
    zone_of(zone)


ONE_PART: dict[Part, Callable[[dt.datetime], int]] = {
    "year": lambda moment: moment.year,
    "quarter": lambda moment: (moment.month + 2) // 3,
    "month": lambda moment: moment.month,
    "week": lambda moment: moment.isocalendar().week,
    "day": lambda moment: moment.day,
    "day_of_year": lambda moment: moment.timetuple().tm_yday,
    "weekday": lambda moment: moment.weekday(),
    "hour": lambda moment: moment.hour,
    "minute": lambda moment: moment.minute,
    "second": lambda moment: moment.second,
}


def parts_of_one(
    *, column: str, parts: list[Part], zone: str = "UTC"
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``parts_of`` for one row."""
    local = zone_of(zone)
    named = {f"{column}_{part}": ONE_PART[part] for part in parts}

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        moment = row[column]
        if named.keys() & row.keys() or not (moment is None or isinstance(moment, dt.datetime)):
            return None
        here = None if moment is None else moment.astimezone(local)
        return {**row, **{name: None if here is None else part(here) for name, part in named.items()}}

    return single


@step("dates.parts", reads=("column",), single=parts_of_one)
def parts_of(frame: pd.DataFrame, *, column: str, parts: list[Part], zone: str = "UTC") -> pd.DataFrame:
    """Add parts of a moment as columns of whole numbers (dtype Int64), named COLUMN_PART.

    Args:
        frame: The rows.
        column: The column of moments.
        parts: Which parts; the weekday counts from Monday, 0; the week is that of ISO 8601.
        zone: The time zone whose calendar and clock count.
    """
    import pandas as pd

    need_columns(frame, [column])
    if not isinstance(frame[column].dtype, pd.DatetimeTZDtype):
        what = "holds no moments"
        raise DataError.at(f"column '{column}'", what, given=frame[column].dtype, hint="dates.parse makes them of text")
    taken = [f"{column}_{part}" for part in parts if f"{column}_{part}" in frame.columns]
    if taken:
        raise DataError.at(f"column '{taken[0]}'", "is there already; dates.parts writes a new one")
    local = frame[column].dt.tz_convert(zone)
    return frame.assign(**{f"{column}_{part}": part_of(local, part) for part in parts})


parts_of.__dict__["check"] = check_parts


def part_of(local: pd.Series, part: Part) -> pd.Series:
    """Take one part of moments."""
    named = {"weekday": "day_of_week"}.get(part, part)
    values: pd.Series = local.dt.isocalendar()["week"] if part == "week" else getattr(local.dt, named)
    return values.astype("Int64")


__all__ = ["parse", "parts_of"]
