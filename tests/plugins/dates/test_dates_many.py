from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steadily_dates.many import FEW, many_of_iso
from steadily_dates.moments import microseconds, of_iso

PIECES = st.tuples(
    st.sampled_from(["0001", "0999", "1000", "1969", "1970", "2000", "2024", "8999", "9999", "02024"]),
    st.sampled_from(["00", "01", "02", "06", "12", "13", "1"]),
    st.sampled_from(["00", "01", "28", "29", "30", "31", "32"]),
    st.sampled_from(["T", " ", "t", ""]),
    st.sampled_from(["00:00:00", "23:59:59", "24:00:00", "12:60:00", "12:00:60", "12:00", "1:00:00", "000000"]),
    st.sampled_from(["", ".5", ".123456", ".1234567", ".", ",5", ".000001"]),
    st.sampled_from(["", "Z", "z", "+00:00", "-14:59", "+15:00", "+23:59", "+0100", "+01", " Z", "\n", "Z\n"]),
)
TEXTS = PIECES.map(lambda found: "{}-{}-{}{}{}{}{}".format(*found)) | st.text(max_size=30)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.booleans())
@example(["2024-02-28T12:00:00.5Z", "2024-12-31 23:59:59"], True)
@example(["2024-02-28T12:00:00-14:59", "2024-12-31 23:59:59"], False)
def test_what_is_read_at_once_is_what_is_read_one_by_one(texts, universal):
    found = many_of_iso(texts * FEW, universal=universal)
    zone = ZoneInfo("UTC" if universal else "America/New_York")
    for text, quick in zip(texts, found, strict=False):
        assert quick is None or quick == microseconds(of_iso(text), zone)


@pytest.mark.parametrize("text", ["2024-02-28T12:00:00Z", "2024-02-28 12:00:00.25+05:30", "2024-02-28 12:00:00"])
def test_common_forms_are_read_at_once(text):
    assert many_of_iso([text] * FEW, universal=True)[0] is not None


def test_a_day_that_is_none_leaves_all_to_be_read_one_by_one():
    assert many_of_iso(["2024-02-30T12:00:00Z", "2024-02-28T12:00:00Z"] * FEW, universal=True) == [None] * 2 * FEW
