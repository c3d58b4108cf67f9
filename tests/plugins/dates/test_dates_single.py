"""The steps' forms for single rows give what the steps give."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from one_row import MOMENTS, TEXTS, BothWays, Row, typed_rows
from steadily.dtypes import DATETIME
from steadily_dates.steps import Part, parse, parts_of

ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia",
     "Africa/Monrovia", "Etc/GMT+12"]
)  # fmt: skip
FORMS = st.sampled_from(["iso8601", "rfc2822", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%S%z", "%y%m%d"])
LOCAL = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]


@st.composite
def written(draw: st.DrawFn) -> str:
    """A moment as people and programs write it, with white space around it at times, or a text that is none."""
    moment = draw(st.one_of(MOMENTS, st.datetimes(), st.datetimes(timezones=st.sampled_from(LOCAL).map(ZoneInfo))))
    made = draw(
        st.sampled_from(
            [
                lambda: moment.isoformat(),
                lambda: moment.isoformat(" ", timespec=draw(st.sampled_from(["minutes", "seconds", "milliseconds"]))),
                lambda: moment.isoformat().replace("+00:00", "Z"),
                lambda: moment.date().isoformat(),
                lambda: moment.strftime("%d.%m.%Y %H:%M"),
                lambda: moment.strftime("%Y-%m-%dT%H:%M:%S%z"),
                lambda: moment.strftime("%y%m%d"),
                lambda: format_datetime(moment),
                lambda: format_datetime(moment) + " (CEST)",
                lambda: draw(TEXTS),
            ]
        )
    )()
    return draw(st.sampled_from(["", " ", "\n", "\xa0", "\u2003"])) + made + draw(st.sampled_from(["", " ", "\t"]))


@settings(max_examples=250)
@given(
    st.one_of(st.none(), written()), typed_rows(other=()), FORMS, st.sampled_from(["raise", "missing", "drop"]), ZONES
)
def test_parse(text: str | None, more: tuple[Row, dict[str, str]], form: str, errors: str, zone: str) -> None:
    row, dtypes = {"at": text, **more[0]}, {"at": "str", **more[1]}
    BothWays(parse, {"columns": ["at"], "format": form, "errors": errors, "zone": zone}).agree(row, dtypes)


@given(typed_rows(at=(DATETIME,), n=()), ZONES)
def test_parse_leaves_moments(rows: tuple[Row, dict[str, str]], zone: str) -> None:
    both = BothWays(parse, {"columns": ["at"], "format": "iso8601", "zone": zone})
    both.agree(*rows, sure=True)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso8601", "2024-10-27T02:30:00"),  # shown twice
        ("iso8601", "2024-03-31 02:30"),  # left out
        ("iso8601", "0001-01-01T12:00:00Z"),
        ("iso8601", "9999-12-31"),
        ("iso8601", " 2024-01-05T10:00:00.123456+05:30 "),
        ("rfc2822", "Thu, 22 Aug 2002 18:26:25 +0700 (EDT)"),
        ("rfc2822", "22 Aug 02 18:26"),
        ("%d.%m.%Y", "27.10.2024"),
    ],
)
def test_ordinary_texts_are_answered(form: str, text: str, zone: str) -> None:
    params = {"columns": ["at"], "format": form, "errors": "drop", "zone": zone}
    BothWays(parse, params).agree({"at": text}, {"at": "str"}, sure=True)


@settings(max_examples=150)
@given(
    typed_rows(at=(DATETIME,), at_day=()),
    st.lists(st.sampled_from(get_args(Part)), unique=True),
    ZONES,
    st.sampled_from(["at", "at_day"]),
)
def test_parts(rows: tuple[Row, dict[str, str]], parts: list[str], zone: str, column: str) -> None:
    BothWays(parts_of, {"column": column, "parts": parts, "zone": zone}).agree(*rows)


@pytest.mark.parametrize("at", [dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC), None])
def test_ordinary_moments_have_parts(at: Any) -> None:
    params = {"column": "at", "parts": list(get_args(Part)), "zone": "Europe/Berlin"}
    BothWays(parts_of, params).agree({"at": at}, {"at": DATETIME}, sure=True)
