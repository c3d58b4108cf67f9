"""The step that joins a feature set's values: what finds nothing, what is refused, and what its kind promises."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from steadily.errors import DataError
from steadily.features.keys import microsecond
from steadily.features.offline import History
from steadily.lookups import Features, FeatureSet, Found
from steadily.testing import check_step
from steadily_features.join import join, join_one


class Given(Features):
    """A feature set that stands in memory."""

    def __init__(self, **more: Any) -> None:
        columns = {"delay": "float64", "rows": "Int64"}
        self.set = FeatureSet("delays", "v", {"who": "str"}, "t", columns, 86400.0, **more)
        as_of = pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-02"], utc=True).astype("datetime64[us, UTC]")
        table = pd.DataFrame({"who": ["a", "a", "b"], "as_of": as_of, "delay": [1.0, 2.5, None], "rows": [1, 2, 0]})
        self.history = History(self.set, table.astype({"who": "str", "rows": "Int64"}))

    def lookup(self, keys: pd.DataFrame, moments: pd.Series[Any]) -> Found:
        """Look up."""
        return self.history.lookup(keys, moments)

    def one(self, key: tuple[Any, ...], moment: dt.datetime) -> dict[str, Any] | None:
        """Look up one row."""
        return self.history.one(key, microsecond(moment))


def rows_of(*pairs: tuple[str | None, str | None]) -> pd.DataFrame:
    index = pd.Index(range(10, 10 + len(pairs)), name="row_id")
    moments = pd.Series(pd.to_datetime([at for _, at in pairs], utc=True, format="ISO8601"), index).astype(
        "datetime64[us, UTC]"
    )
    return pd.DataFrame({"who": pd.Series([who for who, _ in pairs], index, dtype="str"), "t": moments})


ROWS = rows_of(
    ("a", "2024-01-02T10:00:00Z"),
    ("a", "2024-01-03"),
    ("a", "2024-01-01"),
    ("b", "2024-01-02T10:00:00Z"),
    ("c", "2024-01-05"),
    (None, "2024-01-05"),
    ("a", None),
    ("a", "2024-01-20"),
)


def test_missing_values_and_why() -> None:
    found, reasons = join(ROWS, values=Given(ttl=86400.0 * 3))
    assert found["delay"].tolist()[:2] == [1.0, 2.5]
    assert found["rows"].astype(object).tolist()[:4] == [1, 2, pd.NA, 0]
    assert found["delay"].isna().tolist() == [False, False, True, True, True, True, True, True]
    assert reasons.to_dict() == {
        12: "delays knew no such who by then: 'a'",
        14: "delays knew no such who by then: 'c'",
        15: "delays knew no such who by then: 'missing'",
        16: "delays knew no such who by then: 'a'",
        17: "delays is too old for this who: 'a'",
    }


def test_rows_that_find_nothing_can_be_dropped() -> None:
    found, reasons = join(ROWS, values=Given(missing="refuse"))
    assert found.index.tolist() == [10, 11, 13, 17]
    assert sorted(reasons.index) == [12, 14, 15, 16]


def test_a_default_stands_in_for_everything_that_is_missing() -> None:
    found, reasons = join(ROWS, values=Given(missing="default", defaults={"delay": 7, "rows": 0}))
    assert found["delay"].tolist() == [1.0, 2.5, 7.0, 7.0, 7.0, 7.0, 7.0, 2.5]
    assert str(found["rows"].dtype) == "Int64"
    assert reasons[13] == "delays holds no value, for nothing happened in time"


@pytest.mark.parametrize(
    "more", [{}, {"missing": "refuse"}, {"missing": "default", "defaults": {"delay": 0, "rows": 0}}]
)
def test_it_keeps_what_its_kind_promises(more: dict[str, Any]) -> None:
    check_step(join, {}, ROWS, tables={"values": Given(ttl=86400.0, **more)})  # type: ignore[dict-item]


def test_columns_of_other_names_and_a_choice_of_values() -> None:
    rows = ROWS.rename(columns={"who": "carrier", "t": "at"})
    found, _ = join(rows, values=Given(), keys=["carrier"], time="at", columns=["rows"])
    assert list(found.columns) == ["carrier", "at", "rows"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"columns": ["other"]}, "value 'other': is not in delays; allowed: delay, rows"),
        ({"keys": ["who", "t"]}, "keys: have to be as many as the feature set's"),
        ({"keys": ["nobody"]}, "nobody"),
        ({"time": "who"}, "has to hold moments"),
    ],
)
def test_what_does_not_fit_is_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as error:
        join(ROWS, values=Given(), **params)
    assert said in str(error.value)


def test_a_column_is_not_written_over() -> None:
    with pytest.raises(DataError, match="both the rows and delays have it"):
        join(ROWS.assign(delay=1.0), values=Given())


@pytest.mark.parametrize("more", [{}, {"missing": "default", "defaults": {"delay": 7, "rows": 0}}])
def test_one_row_gives_what_the_frame_gives_or_takes_its_way(more: dict[str, Any]) -> None:
    values = Given(ttl=86400.0 * 3, **more)
    single = join_one(values=values)
    found, reasons = join(ROWS, values=values)
    for row, who, at in ROWS.itertuples():
        given = {"who": None if pd.isna(who) else who, "t": None if pd.isna(at) else at.to_pydatetime()}
        made = single(given)
        assert (made is None) == (row in reasons.index)
        if made is not None:
            assert [None if pd.isna(value) else value for value in found.loc[row, ["delay", "rows"]]] == [
                made["delay"],
                made["rows"],
            ]
    assert single({"who": "a", "t": dt.datetime(2024, 1, 3, tzinfo=dt.UTC), "delay": 1.0}) is None
