"""Reading a date's text: RFC 2822, ISO 8601, or a format of strptime's.

Owns what one text means; a text that means nothing gives None. Each is read on
its own, so that the result does not depend on the texts around it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

Reader = Callable[[str], dt.datetime | None]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)", re.DOTALL)
MAIL = re.compile(
    r"""\s* (?:[a-z]+ \s* ,)? \s*                      # the weekday says nothing that the date does not
    (\d{1,2}) \s+ ([a-z]{3})[a-z]* \s+ (\d{2,4}) \s+    # day, month, year
    (\d{1,2}):(\d{1,2})(?::(\d{1,2}))?                  # hour, minute, second
    (?:\s+([ap]m)\b)?                                   # not of RFC 2822, but seen, and no zone
    \s* (?:([+-]\d\d[0-5]\d) | ([a-z]+(?:\s+[a-z]+)*))? \s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
ISO = re.compile(
    r"\d{4}(?:-\d\d-\d\d|\d{4})(?:[T ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
UNIVERSAL = ("ut", "utc", "gmt", "z")
AMERICAN = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}


def reader_for(form: str) -> Reader:
    """Give the function that reads texts of a form."""
    if form == "rfc2822":
        return of_mail
    return of_iso if form == "iso8601" else lambda text: of_format(text, form)


def of_mail(text: str) -> dt.datetime | None:
    """Read a date as mail has it: RFC 5322 (once 2822), section 3.3, with the obsolete forms of section 4.3.

    Offsets from -9959 to +9959 are read, as the RFC has it; whether such a moment
    can be is left to the contract's range. A year of four digits is that year; of
    two, 00 to 49 are 2000 to 2049 and 50 to 99 are 1950 to 1999; three count from 1900.
    A zone that is not there, or whose name the RFC does not know, leaves the date
    without one. Beyond the RFC a single digit and AM or PM are understood.

    >>> of_mail("Thu, 22 Aug 0102 18:26:25 +0700 (EDT)").isoformat()
    '0102-08-22T11:26:25+00:00'
    >>> of_mail("22 Aug 02 18:26")
    datetime.datetime(2002, 8, 22, 18, 26)
    """
    found = MAIL.fullmatch(without_comments(text))
    if not found:
        return None
    day, month, year, hour, minute, second, half, offset, name = found.groups()
    try:
        date = dt.datetime(full_year(year), MONTHS.index(month.lower()) + 1, int(day))
        clock = dt.timedelta(hours=hour_of(int(hour), half), minutes=to(59, minute), seconds=to(60, second or "0"))
        local = date + clock
        # an offset of a day and more is none that datetime could hold, so the time is moved instead
        return local if (ahead := offset_of(offset, name)) is None else (local - ahead).replace(tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None


def without_comments(text: str) -> str:
    """Take comments in parentheses out, also those within others."""
    while "(" in text and (shorter := COMMENT.sub(" ", text)) != text:
        text = shorter
    return text


def full_year(digits: str) -> int:
    """Give the year that RFC 5322, section 4.3, sees in some digits.

    >>> full_year("02"), full_year("99"), full_year("102"), full_year("0102")
    (2002, 1999, 2002, 102)
    """
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if len(digits) == 2 and year < 50 else 1900)


def to(most: int, digits: str) -> int:
    """Read a number, not above ``most``."""
    if int(digits) > most:
        raise ValueError(digits)
    return int(digits)


def hour_of(hour: int, half: str | None) -> int:
    """Give the hour of the day; with AM or PM it has to be one of 1 to 12."""
    if half is None:
        return to(23, str(hour))
    if not 1 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + (12 if half.lower() == "pm" else 0)


def offset_of(digits: str | None, name: str | None) -> dt.timedelta | None:
    """Give how far local time is ahead of UTC, or None where that is not said in terms that the RFC knows."""
    if digits:
        ahead = dt.timedelta(hours=int(digits[1:3]), minutes=int(digits[3:]))
        return -ahead if digits[0] == "-" else ahead
    known = (name or "").lower()
    if known in UNIVERSAL:
        return dt.timedelta()
    return dt.timedelta(hours=AMERICAN[known]) if known in AMERICAN else None


def of_iso(text: str) -> dt.datetime | None:
    """Read a date in ISO 8601: a day, or a day and a time, with or without a zone.

    >>> of_iso("2002-08-22T18:26:25.5Z").isoformat()
    '2002-08-22T18:26:25.500000+00:00'
    """
    try:
        return dt.datetime.fromisoformat(text.strip()) if ISO.fullmatch(text.strip()) else None
    except ValueError:
        return None


def of_format(text: str, form: str) -> dt.datetime | None:
    """Read a date in a format of strptime's."""
    try:
        return dt.datetime.strptime(text.strip(), form)
    except ValueError:
        return None


def microseconds(moment: dt.datetime | None, zone: ZoneInfo) -> int | None:
    """Count the microseconds since 1970 in UTC, or give None where the calendar's years 1 to 9999 do not reach.

    Where the clock shows an hour twice it is the first one; an hour that it leaves out is counted on from before.
    """
    if moment is None:
        return None
    try:
        return ((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(dt.UTC) - EPOCH) // MICROSECOND
    except (OverflowError, ValueError):
        return None
