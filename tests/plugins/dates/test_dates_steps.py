from __future__ import annotations

import datetime as dt
import email.utils
import itertools
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily import DataError, PluginError
from steadily.testing import check_step
from steadily_dates.moments import of_iso, of_mail
from steadily_dates.steps import check_parse, check_parts, parse, parts_of

INBOX = Path(__file__).parents[3] / "data" / "inbox" / "spam_messages.csv.gz"
UTC = "datetime64[us, UTC]"
MESSY = [
    "Thu, 22 Aug 2002 18:26:25 +0700",
    None,
    "",
    "rubbish",
    "Wed, 21 Aug 0102 10:54:46 -0500",
    "Wed, 30 Feb 2002 10:54:46 -0500",
    "3 Dec 02 11:51:12 EST",
    "Thu, 22 Aug 2002 18:26:25 (unclosed",
    "Thu, 22 Aug 2002 18:26:25 +0700",
    "ü" * 200,
]


def frame(texts: list[str | None] = MESSY) -> pd.DataFrame:
    return pd.DataFrame({"at": pd.Series(texts, dtype="str"), "n": range(len(texts))}).rename_axis("row_id")


def mails() -> pd.DataFrame:
    return pd.read_csv(INBOX, usecols=["created_at"]).rename_axis("row_id")


@pytest.mark.parametrize(
    "params",
    [
        {"columns": ["at"], "format": "rfc2822", "errors": "drop"},
        {"columns": ["at"], "format": "rfc2822", "errors": "missing", "zone": "America/New_York"},
        {"columns": ["at"], "format": "iso8601", "errors": "missing"},
        {"columns": ["at"], "format": "%d.%m.%Y", "errors": "drop"},
    ],
)
def test_parsing_keeps_its_promises(params: dict) -> None:
    check_step(parse, params, frame())


def test_parts_keep_their_promises() -> None:
    rows, _ = parse(frame(), columns=["at"], format="rfc2822", errors="missing")
    names = ["year", "quarter", "month", "week", "day", "day_of_year", "weekday", "hour", "minute", "second"]
    check_step(parts_of, {"column": "at", "parts": names, "zone": "Asia/Kolkata"}, rows)
    check_step(parts_of, {"column": "at", "parts": []}, rows)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Thu, 22 Aug 2002 18:26:25 +0700", "2002-08-22T11:26:25"),
        ("22 Aug 2002 18:26 GMT", "2002-08-22T18:26:00"),
        ("Thu, 22 Aug 2002 18:26:25 -0400 (EDT)", "2002-08-22T22:26:25"),
        ("Thu, 22 Aug 2002 18:26:25 -0400 (a (nested \\) one) here)", "2002-08-22T22:26:25"),
        ("Thu (day), 22 Aug 2002 18:26:25 EST", "2002-08-22T23:26:25"),
        ("  thu, 2 aug 02 8:06:05 pdt ", "2002-08-02T15:06:05"),
        ("Fri, 30 Aug 99 00:00:00 -0000", "1999-08-30T00:00:00"),
        ("Fri, 30 Aug 49 00:00:00 -0000", "2049-08-30T00:00:00"),
        ("Fri, 30 Aug 50 00:00:00 -0000", "1950-08-30T00:00:00"),
        ("Fri, 30 Aug 102 00:00:00 -0000", "2002-08-30T00:00:00"),
        ("Wed, 21 Aug 0102 10:54:46 -0500", "0102-08-21T15:54:46"),
        ("Wed, 21 Aug 0002 10:54:46 -0500", "0002-08-21T15:54:46"),
        ("Mon, 22 Jul 2002 01:00:00 -1900", "2002-07-22T20:00:00"),
        ("Mon, 22 Jul 2002 01:00:00 +5000", "2002-07-19T23:00:00"),
        ("Mon, 22 Jul 2002 23:59:60 +0000", "2002-07-23T00:00:00"),
        ("Mon, 22 Jul 2002 01:00:00 CEST", "2002-07-22T01:00:00"),
        ("Mon, 22 Jul 2002 01:00:00 Eastern Daylight Time", "2002-07-22T01:00:00"),
        ("Mon, 22 Jul 2002\n 01:00:00\n +0000", "2002-07-22T01:00:00"),
        ("03 Jul 01 12:47:50 AM", "2001-07-03T00:47:50"),
        ("Tue, 06 Aug 2002 06:50:21 PM -0400", "2002-08-06T22:50:21"),
    ],
)
def test_a_mail_date_is_read(text: str, moment: str) -> None:
    rows, reasons = parse(frame([text]), columns=["at"], format="rfc2822")
    assert rows["at"].iloc[0] == pd.Timestamp(dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC))
    assert reasons.empty


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 30 Feb 2002 10:54:46 -0500",
        "Wed, 3 Feb 2002 24:00:00 -0500",
        "Wed, 3 Feb 2002 10:60:00 -0500",
        "Wed, 3 Feb 2002 10:10:61 -0500",
        "Wed, 3 Feb 2002 10:10:10 -0560",
        "Wed, 3 Feb 2002 10:10:10 +-0500",
        "Wed, 3 Feb 2002 10:10:10 01800",
        "Wed, 3 Feb 2002 10:10:10 GMT+1",
        "Wed, 3 Feb 2002 13:10:10 PM",
        "Wed, 3 Feb 2002 00:10:10 AM",
        "Wed, 3 Foo 2002 10:10:10 +0000",
        "Wed, 3 Feb 0000 10:10:10 +0000",
        "Wed, 3 Feb 20020 10:10:10 +0000",
        "Wed, 1 Jan 0001 00:10:10 +0100",
        "Wed, 31 Dec 9999 23:10:10 -0100",
        "Wed, ٣ Feb 2002 10:10:10 +0000",
        "2002/09/14 Sat 02:29:32 CDT",
        "Sat Sep 21 08:18:08 2002",
        "",
        " ",
        "((((((",
    ],
)
def test_what_is_no_mail_date_is_dropped_with_the_reason(text: str) -> None:
    rows, reasons = parse(frame([text]), columns=["at"], format="rfc2822", errors="drop")
    assert rows.empty
    assert rows["at"].dtype == UTC
    assert reasons.tolist() == [f"at cannot be parsed as rfc2822: '{text}'"]


def test_every_real_mail_has_a_date_or_a_reason() -> None:
    rows, reasons = parse(mails(), columns=["created_at"], format="rfc2822", errors="drop")
    assert (len(rows), len(reasons)) == (6022, 24)
    years = rows.created_at.dt.year.value_counts()
    assert (years[102], years[1980], years[2028]) == (62, 4, 1)
    assert rows.created_at.dtype == UTC


def test_real_mails_are_read_as_the_standard_library_does() -> None:
    """But for 12-hour clocks, where it takes PM for a zone."""
    raw = mails()
    rows, _ = parse(raw, columns=["created_at"], format="rfc2822", errors="drop")
    other = []
    for row, moment in rows.created_at.items():
        said = email.utils.parsedate_to_datetime(raw.created_at[row])
        said = said if said.tzinfo else said.replace(tzinfo=dt.UTC)
        if moment != pd.Timestamp(said.astimezone(dt.UTC)):
            other.append(raw.created_at[row])
    assert len(other) == 9
    assert all(text.rstrip(" -04").endswith(("AM", "PM")) for text in other)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 6046), max_size=5))
def test_real_mails_do_not_depend_on_partitions(edges: set[int]) -> None:
    raw = mails()
    whole, _ = parse(raw, columns=["created_at"], format="rfc2822", errors="missing")
    places = [0, *sorted(edges), len(raw)]
    parts = [
        parse(raw.iloc[a:b], columns=["created_at"], format="rfc2822", errors="missing")[0]
        for a, b in itertools.pairwise(places)
    ]
    pd.testing.assert_frame_equal(pd.concat(parts), whole)


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(9999, 1, 1)), st.integers(-23 * 60, 23 * 60))
def test_what_the_standard_library_writes_is_read_back(moment: dt.datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    assert of_mail(email.utils.format_datetime(moment)) == moment


@given(st.datetimes(timezones=st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=-7))])))
def test_iso_is_read_back(moment: dt.datetime) -> None:
    assert of_iso(moment.isoformat()) == moment


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    of_mail(text)
    of_iso(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2002-09-25", "2002-09-25T00:00"),
        ("20020925T101112Z", "2002-09-25T10:11:12"),
        ("2002-09-25 10:11", "2002-09-25T10:11"),
        (" 2002-09-25T10:11:12.123456789+02:00 ", "2002-09-25T08:11:12.123456"),
        ("2002-09-25T10:11:12,5+0230", "2002-09-25T07:41:12.5"),
    ],
)
def test_iso_dates_are_read(text: str, moment: str) -> None:
    rows, _ = parse(frame([text]), columns=["at"], format="iso8601")
    assert rows["at"].iloc[0] == pd.Timestamp(moment, tz="UTC")


@pytest.mark.parametrize("text", ["2002-13-01", "2002-9-1", "02-09-25", "2002-09-25x10:11", "2002-W39-3", "1032912000"])
def test_what_is_no_iso_date_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"column 'at': 1 values cannot be parsed as iso8601; given: '"):
        parse(frame([text]), columns=["at"], format="iso8601")


def test_the_zone_is_for_texts_that_say_none() -> None:
    rows, _ = parse(
        frame(["2002-07-01T12:00", "2002-07-01T12:00Z"]), columns=["at"], format="iso8601", zone="Europe/Berlin"
    )
    assert rows["at"].dt.hour.tolist() == [10, 12]


def test_hours_that_come_twice_or_never() -> None:
    texts = ["2013-11-03T01:30", "2013-03-10T02:30"]
    rows, _ = parse(frame(texts), columns=["at"], format="iso8601", zone="America/New_York")
    assert rows["at"].dt.strftime("%H:%M").tolist() == ["05:30", "07:30"]


def test_a_format_of_strptime() -> None:
    rows, reasons = parse(frame(["31.12.2002 23:59", "2002"]), columns=["at"], format="%d.%m.%Y %H:%M", errors="drop")
    assert rows["at"].tolist() == [pd.Timestamp("2002-12-31 23:59", tz="UTC")]
    assert reasons.index.tolist() == [1]


def test_moments_pass() -> None:
    naive = pd.DataFrame({"at": pd.to_datetime(pd.Series(["2002-07-01 12:00", None]))}).rename_axis("row_id")
    once, _ = parse(naive, columns=["at"], format="iso8601", zone="Europe/Berlin")
    again, _ = parse(once, columns=["at"], format="iso8601", zone="Europe/Berlin")
    assert once["at"].iloc[0] == pd.Timestamp("2002-07-01 10:00", tz="UTC")
    pd.testing.assert_frame_equal(once, again)


def test_numbers_are_refused() -> None:
    with pytest.raises(DataError, match=r"column 'n': is no text; given: int64; rows\.cast"):
        parse(frame(), columns=["n"], format="iso8601")


def test_a_long_text_is_cut_in_the_reason() -> None:
    _, reasons = parse(frame(["ü" * 200]), columns=["at"], format="iso8601", errors="drop")
    assert reasons.iloc[0] == "at cannot be parsed as iso8601: '" + "ü" * 79 + "…'"


def test_missing_is_not_dropped() -> None:
    rows, reasons = parse(frame([None, "2002-01-01"]), columns=["at"], format="iso8601", errors="drop")
    assert rows["at"].isna().tolist() == [True, False]
    assert reasons.empty


@pytest.mark.parametrize("form", ["rfc822", "", "%d.%m.", "%Y-%Q", "iso"])
def test_an_unknown_format_is_refused_before_the_run(form: str) -> None:
    with pytest.raises(PluginError, match=r"format: .*allowed: rfc2822, iso8601"):
        check_parse(columns=["at"], format=form)


@pytest.mark.parametrize("zone", ["Berlin", "", "../UTC", "Europe"])
def test_an_unknown_zone_is_refused_before_the_run(zone: str) -> None:
    with pytest.raises(PluginError, match="no such time zone"):
        check_parts(column="at", parts=["hour"], zone=zone)


def test_parts_are_numbers() -> None:
    rows, _ = parse(frame(["2002-09-25T22:30:00Z", None]), columns=["at"], format="iso8601")
    done = parts_of(rows, column="at", parts=["weekday", "hour", "week", "month"], zone="Asia/Kolkata")
    assert done.iloc[0, 2:].tolist() == [3, 4, 39, 9]
    assert done.at_hour.dtype == "Int64"
    assert done.iloc[1, 2:].isna().all()


def test_parts_write_new_columns_only() -> None:
    rows, _ = parse(frame(["2002-09-25"]), columns=["at"], format="iso8601")
    once = parts_of(rows, column="at", parts=["hour"])
    with pytest.raises(DataError, match="column 'at_hour': is there already"):
        parts_of(once, column="at", parts=["hour"])
    with pytest.raises(DataError, match="holds no moments"):
        parts_of(frame(), column="at", parts=["hour"])
