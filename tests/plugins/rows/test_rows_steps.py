"""What each step of the plugin does, on small rows that try to break it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily import DataError, PluginError
from steadily.ledger import kind_of
from steadily.parameters import read_parameters, schema_of
from steadily.steps import definition_of
from steadily_rows import steps
from steadily_rows.steps import (
    Impute,
    cast,
    compare,
    drop_columns,
    drop_duplicates,
    drop_missing,
    in_range,
    join,
    keep,
    map_values,
    rename,
    select,
)

UTC = "datetime64[us, UTC]"


def column(values: list, dtype: str) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype)}).rename_axis("row_id")


def times(*days: str | None) -> pd.DataFrame:
    return pd.DataFrame(
        {"x": pd.to_datetime(pd.Series(days, dtype="str"), format="ISO8601", utc=True).astype(UTC)}
    ).rename_axis("row_id")


def refused(step: object, params: dict) -> list[str]:
    return [wrong.what for wrong in read_parameters(definition_of(step), params)[1]]


class TestDrop:
    def test_missing_is_dropped_with_the_first_reason(self) -> None:
        frame = pd.DataFrame({"a": ["x", None, None], "b": [1.0, np.nan, 2.0]}).rename_axis("row_id")
        rows, reasons = drop_missing(frame, columns=["b", "a"])
        assert rows.index.tolist() == [0]
        assert reasons.to_dict() == {1: "b is missing", 2: "a is missing"}

    def test_an_unknown_column_is_named_with_near_ones(self) -> None:
        with pytest.raises(DataError, match=r"column 'targt': .*the rows have target, text; did you mean 'target'\?"):
            drop_missing(pd.DataFrame({"target": [], "text": []}), columns=["targt"])

    @pytest.mark.parametrize(("which", "stay"), [("first", [0, 1, 3]), ("last", [2, 3, 4])])
    def test_one_of_equal_rows_stays(self, which: str, stay: list[int]) -> None:
        rows, reasons = drop_duplicates(column(["a", None, "a", "b", None], "str"), columns=["x"], keep=which)
        assert rows.index.tolist() == stay
        assert set(reasons) == {f"duplicate of {'an earlier' if which == 'first' else 'a later'} row in x"}

    def test_duplicates_by_nothing_are_refused(self) -> None:
        with pytest.raises(PluginError, match="columns: is empty"):
            drop_duplicates.check(columns=[])

    def test_out_of_range_says_the_value(self) -> None:
        rows, reasons = in_range(
            column([0.0, 10.0, 12.5, np.nan, np.inf], "float64"), ranges={"x": {"min": 0, "max": 10}}
        )
        assert rows.index.tolist() == [0, 1, 3]
        assert reasons.to_dict() == {2: "x is above 10: '12.5'", 4: "x is above 10: 'inf'"}

    def test_out_of_range_and_missing_may_go(self) -> None:
        _, reasons = in_range(column([-1, None], "Int64"), ranges={"x": {"min": 0}}, missing="drop")
        assert reasons.to_dict() == {0: "x is below 0: '-1'", 1: "x is missing"}

    def test_dates_have_ranges(self) -> None:
        rows, reasons = in_range(times("0102-08-01", "2002-01-01", None), ranges={"x": {"min": "1995-01-01"}})
        assert rows.index.tolist() == [1, 2]
        assert reasons[0] == "x is below 1995-01-01: '0102-08-01 00:00:00+00:00'"

    def test_text_has_no_range(self) -> None:
        with pytest.raises(DataError, match=r"column 'x': '<' needs numbers or moments; given: str"):
            in_range(column(["a"], "str"), ranges={"x": {"min": 1}})

    def test_a_number_is_no_bound_for_dates(self) -> None:
        with pytest.raises(DataError, match=r"a number can't be compared.*allowed: a date in ISO 8601"):
            in_range(times("2002-01-01"), ranges={"x": {"min": 1995}})

    @pytest.mark.parametrize(
        ("bounds", "message"),
        [({}, "min, max or both"), ({"min": 2, "max": 1}, "min is above max"), ({"min": 2, "max": "a"}, "of one type")],
    )
    def test_a_range_that_makes_no_sense_is_refused(self, bounds: dict, message: str) -> None:
        with pytest.raises(PluginError, match=message):
            in_range.check(ranges={"x": bounds})

    def test_a_misspelt_bound_is_refused(self) -> None:
        assert refused(in_range, {"ranges": {"x": {"mim": 1}}}) == ["unknown parameter 'mim'"]
        assert refused(in_range, {"ranges": {"x": {"min": True}}})


class TestCast:
    @pytest.mark.parametrize(
        ("frame", "dtype", "expected"),
        [
            (column(["1", " 2.0 ", None, ""], "str"), "Int64", [1, 2, pd.NA, pd.NA]),
            (column([1.0, 2.0, np.nan], "float64"), "Int64", [1, 2, pd.NA]),
            (column([1, 0], "int64"), "boolean", [True, False]),
            (column([True, None], "boolean"), "str", ["true", np.nan]),
            (column([1, None], "Int64"), "str", ["1", np.nan]),
            (column([1.5, 2.0, np.nan], "float64"), "str", ["1.5", "2.0", np.nan]),
            (column([1, None], "Int64"), "float64", [1.0, np.nan]),
            (column(["äö", None], "str"), "str", ["äö", np.nan]),
            (times("2002-01-01", None), "str", ["2002-01-01T00:00:00+00:00", np.nan]),
        ],
    )
    def test_what_loses_nothing_is_done(self, frame: pd.DataFrame, dtype: str, expected: list) -> None:
        rows, reasons = cast(frame, types={"x": dtype})
        assert rows.x.dtype == dtype
        pd.testing.assert_series_equal(rows.x, pd.Series(expected, dtype=dtype, name="x").rename_axis("row_id"))
        assert reasons.empty

    @pytest.mark.parametrize(
        ("frame", "dtype", "given"),
        [
            (column([1.0, 1.5], "float64"), "int64", "1.5"),
            (column([np.inf], "float64"), "Int64", "inf"),
            (column(["9" * 30], "str"), "Int64", "'" + "9" * 30 + "'"),
            (column(["yes"], "str"), "bool", "'yes'"),
            (column([2], "int64"), "bool", "2"),
            (column(["nan"], "str"), "float64", "'nan'"),
            (column([2**60 + 1], "int64"), "float64", "1152921504606846977"),
        ],
    )
    def test_what_loses_something_stops_the_run(self, frame: pd.DataFrame, dtype: str, given: str) -> None:
        with pytest.raises(DataError) as caught:
            cast(frame, types={"x": dtype})
        assert f"column 'x': 1 values do not fit {dtype}; given: {given}" in str(caught.value)

    def test_or_drops_the_row(self) -> None:
        rows, reasons = cast(column([1.0, 1.5, np.nan], "float64"), types={"x": "int64"}, errors="drop")
        assert rows.x.tolist() == [1]
        assert rows.x.dtype == "int64"
        assert reasons.to_dict() == {1: "x is no int64: '1.5'", 2: "x is missing, and int64 can't hold that"}

    def test_or_makes_it_missing(self) -> None:
        rows, _ = cast(column(["1", "a"], "str"), types={"x": "Int64"}, errors="missing")
        assert rows.x.isna().tolist() == [False, True]

    def test_missing_in_int64_points_to_the_other_type(self) -> None:
        with pytest.raises(DataError, match="given: missing; Int64 can hold missing values"):
            cast(column([1.0, np.nan], "float64"), types={"x": "int64"})
        with pytest.raises(PluginError, match=r"types\.x: bool can't hold missing values; use boolean"):
            cast.check(types={"x": "bool"}, errors="missing")

    def test_another_kind_is_refused(self) -> None:
        with pytest.raises(DataError, match=r"datetime64\[us, UTC\] can't become int64 without a loss"):
            cast(times("2002-01-01"), types={"x": "int64"})

    def test_a_category_is_no_type_to_ask_for(self) -> None:
        assert refused(cast, {"types": {"x": "category"}})

    @given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=10))
    def test_whole_numbers_come_back_from_text(self, values: list) -> None:
        frame = column(values, "Int64")
        text, _ = cast(frame, types={"x": "str"})
        back, _ = cast(text, types={"x": "Int64"})
        pd.testing.assert_frame_equal(back, frame)

    @given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=10))
    def test_numbers_come_back_from_text(self, values: list) -> None:
        frame = column(values, "float64")
        text, _ = cast(frame, types={"x": "str"})
        back, _ = cast(text, types={"x": "float64"})
        pd.testing.assert_frame_equal(back, frame, check_exact=True)


class TestColumns:
    def test_two_names_change_places(self) -> None:
        frame = pd.DataFrame({"a": [1], "b": [2], "c": [3]})
        assert rename(frame, columns={"a": "b", "b": "a"}).columns.tolist() == ["b", "a", "c"]

    def test_a_name_that_is_taken_is_refused(self) -> None:
        with pytest.raises(DataError, match="column 'b': is there already"):
            rename(pd.DataFrame({"a": [1], "b": [2]}), columns={"a": "b"})
        with pytest.raises(PluginError, match="two columns get the same name; given: c"):
            rename.check(columns={"a": "c", "b": "c"})

    @pytest.mark.parametrize("step", [select, drop_columns])
    def test_a_column_that_is_not_there_is_refused(self, step: object) -> None:
        with pytest.raises(DataError, match=r"column 'z'.*the rows have a"):
            step(pd.DataFrame({"a": [1]}), columns=["z"])

    def test_selecting_sets_the_order(self) -> None:
        assert select(pd.DataFrame({"a": [1], "b": [2]}), columns=["b", "a", "b"]).columns.tolist() == ["b", "a"]


class TestFilter:
    @pytest.mark.parametrize(
        ("op", "value", "stay"),
        [
            ("==", 2, [1]),
            ("!=", 2, [0, 3]),
            ("<", 2, [0]),
            ("<=", 2, [0, 1]),
            (">", 2, [3]),
            (">=", 2.0, [1, 3]),
            ("in", [1, 3], [0, 3]),
            ("in", [], []),
            ("not_in", [1, 3], [1]),
            ("is_missing", None, [2]),
            ("not_missing", None, [0, 1, 3]),
        ],
    )
    @pytest.mark.parametrize("dtype", ["Int64", "float64"])
    def test_each_operator(self, op: str, value: object, stay: list[int], dtype: str) -> None:
        condition = {"column": "x", "op": op} | ({} if value is None else {"value": value})
        rows, reasons = keep(column([1, 2, None, 3], dtype), conditions=[condition])
        assert rows.index.tolist() == stay
        assert sorted([*reasons.index, *stay]) == [0, 1, 2, 3]

    def test_the_first_unmet_condition_is_the_reason(self) -> None:
        conditions = [{"column": "x", "op": "contains", "value": "a.b"}, {"column": "x", "op": "!=", "value": "xa.b"}]
        _, reasons = keep(column(["a.b", "aXb", None, "xa.b"], "str"), conditions=conditions)
        assert reasons.to_dict() == {
            1: "x does not meet contains a.b: 'aXb'",
            2: "x is missing",
            3: "x does not meet != xa.b: 'xa.b'",
        }

    def test_a_long_value_is_cut_in_the_reason(self) -> None:
        _, reasons = keep(column(["y" * 500], "str"), conditions=[{"column": "x", "op": "==", "value": "z"}])
        assert reasons[0] == "x does not meet == z: '" + "y" * 79 + "…'"

    @pytest.mark.parametrize(
        ("frame", "value"),
        [
            (column(["1"], "str"), 1),
            (column([1], "int64"), "1"),
            (column([1], "int64"), True),
            (column([True], "bool"), 1),
        ],
    )
    def test_two_kinds_can_not_be_compared(self, frame: pd.DataFrame, value: object) -> None:
        with pytest.raises(DataError, match="can't be compared with"):
            keep(frame, conditions=[{"column": "x", "op": "==", "value": value}])

    def test_a_text_that_is_no_date_can_not_be_compared_with_one(self) -> None:
        with pytest.raises(DataError, match="the value is no date; given: 'yesterday'"):
            keep(times("2002-01-01"), conditions=[{"column": "x", "op": "<", "value": "yesterday"}])

    @pytest.mark.parametrize(("op", "value"), [("in", 1), ("==", [1]), ("is_missing", 1), ("contains", 1), ("<", None)])
    def test_a_value_that_does_not_fit_is_refused_before_the_run(self, op: str, value: object) -> None:
        condition = {"column": "x", "op": op} | ({} if value is None else {"value": value})
        with pytest.raises(PluginError, match=f"condition 1: the value does not fit '{op}'"):
            keep.check(conditions=[condition])

    def test_conditions_are_no_code(self) -> None:
        assert refused(keep, {"conditions": ["x > 1"]})
        assert refused(keep, {"conditions": [{"column": "x", "op": "=>", "value": 1}]})
        assert refused(keep, {"conditions": [{"column": "x", "op": ">", "value": 1, "or": 2}]}) == [
            "unknown parameter 'or'"
        ]
        assert not refused(keep, {"conditions": [{"column": "x", "op": "is_missing"}]})


class TestCompare:
    def test_missing_stays_missing(self) -> None:
        frame = column([15, 16, None], "Int64")
        late = compare(frame, column="x", op=">", value=15, into="late").late
        assert late.dtype == "boolean"
        assert late.fillna(True).tolist() == [False, True, True]
        labels = {"true": "late", "false": "on_time"}
        texts = compare(frame, column="x", op=">", value=15, into="late", labels=labels).late
        assert texts.dtype == "str"
        assert texts.fillna("?").tolist() == ["on_time", "late", "?"]

    def test_yaml_keys_are_understood(self) -> None:
        params = {"column": "x", "op": ">", "value": 1, "into": "y", "labels": {True: "a", False: "b"}}
        arguments, wrong = read_parameters(definition_of(compare), params)
        assert not wrong
        compare.check(**arguments)
        assert compare(column([1, 2], "int64"), **arguments).y.tolist() == ["b", "a"]

    def test_nothing_is_overwritten(self) -> None:
        with pytest.raises(DataError, match="column 'x': is there already"):
            compare(column([1], "int64"), column="x", op=">", value=1, into="x")

    def test_both_labels_are_needed(self) -> None:
        with pytest.raises(PluginError, match="allowed: true and false"):
            compare.check(column="x", op=">", value=1, into="y", labels={"true": "late"})


class TestMapValues:
    def test_unlisted_values_stop_the_run(self) -> None:
        with pytest.raises(
            DataError, match=r"2 rows have a value that is not listed; given: 'eggs'; allowed: ham, spam"
        ):
            map_values(column(["ham", "eggs", "eggs", None], "str"), column="x", values={"ham": 0, "spam": 1})

    def test_unlisted_values_may_stay(self) -> None:
        done = map_values(column(["ham", "eggs", None], "str"), column="x", values={"ham": "ok"}, other="keep")
        assert done.x.fillna("?").tolist() == ["ok", "eggs", "?"]

    def test_keys_are_read_as_the_columns_type(self) -> None:
        done = map_values(column([1, None, -1], "Int64"), column="x", values={"1": "one", "-1": None})
        assert done.x.fillna("?").tolist() == ["one", "?", "?"]
        with pytest.raises(DataError, match=r"can't hold; given: 'one'"):
            map_values(column([1], "int64"), column="x", values={"one": 1})

    def test_types_are_not_mixed(self) -> None:
        with pytest.raises(PluginError, match="have to be of one type; given: number, text"):
            map_values.check(column="x", values={"a": 1, "b": "2"})
        with pytest.raises(DataError, match="with other: keep the new values have to be of the column's type"):
            map_values(column(["a"], "str"), column="x", values={"a": 1}, other="keep")
        with pytest.raises(DataError, match="its values can't be mapped; given: float64"):
            map_values(column([1.5], "float64"), column="x", values={"1.5": 1})


class TestJoin:
    TABLE = pd.DataFrame(
        {"x": pd.Series(["a", "b", None], dtype="str"), "wind": [1, 2, 3], "calm": [True, False, True]}
    )

    def test_left_keeps_all_rows_and_types(self) -> None:
        rows, reasons = join(column(["b", "z", None, "b"], "str"), table=self.TABLE, keys=["x"])
        assert rows.wind.fillna(-1).tolist() == [2, -1, -1, 2]
        assert (rows.wind.dtype, rows.calm.dtype) == ("Int64", "boolean")
        assert reasons.empty

    def test_inner_drops_with_the_reason(self) -> None:
        rows, reasons = join(column(["b", "z", None], "str"), table=self.TABLE, keys=["x"], how="inner")
        assert rows.wind.tolist() == [2]
        assert rows.wind.dtype == "int64"
        assert reasons.to_dict() == {
            1: "no row of the table has the same x: 'z'",
            2: "no row of the table has the same x: 'missing'",
        }

    def test_many_are_refused_with_an_example(self) -> None:
        table = pd.DataFrame({"x": ["a", "a"], "y": [1, 2]})
        with pytest.raises(DataError, match=r"table, on x: 1 rows have the same values there.*given: x 'a'"):
            join(column(["a"], "str"), table=table, keys=["x"])

    def test_a_clash_is_refused(self) -> None:
        frame = column(["a"], "str").assign(wind=0)
        with pytest.raises(DataError, match=r"column 'wind': both the rows and the table have it; name the columns"):
            join(frame, table=self.TABLE, keys=["x"])
        assert join(frame, table=self.TABLE, keys=["x"], columns=["calm"])[0].columns.tolist() == ["x", "wind", "calm"]

    def test_two_kinds_never_agree(self) -> None:
        with pytest.raises(DataError, match="the rows have it as int64 and the table as str"):
            join(column([1], "int64"), table=self.TABLE, keys=["x"])

    def test_moments_join(self) -> None:
        table = times("2002-01-01", None).assign(y=["new year", "never"]).rename_axis("row_id")
        rows, _ = join(times("2002-01-01", None, "2003-01-01"), table=table, keys=["x"])
        assert rows.y.fillna("?").tolist() == ["new year", "?", "?"]

    def test_an_empty_table(self) -> None:
        rows, _ = join(column(["a"], "str"), table=self.TABLE.iloc[:0], keys=["x"])
        assert rows.wind.isna().all()
        rows, reasons = join(column(["a"], "str"), table=self.TABLE.iloc[:0], keys=["x"], how="inner")
        assert len(rows) == 0
        assert len(reasons) == 1

    def test_joining_on_nothing_is_refused(self) -> None:
        with pytest.raises(PluginError, match="keys: a join needs at least one column"):
            join.check(table="t", keys=[])


class TestImpute:
    def filled(self, frame: pd.DataFrame, **params: object) -> list:
        step = Impute(columns=["x"], **params)
        return step.apply(frame, step.merge([step.learn(frame)])).x.tolist()

    @pytest.mark.parametrize(
        ("values", "dtype", "strategy", "expected"),
        [
            ([1, 2, None], "Int64", "median", 2),  # 1.5, to the even one
            ([2, 3, None], "Int64", "median", 2),
            ([3, 4, None], "Int64", "mean", 4),
            ([-3, -2, None], "Int64", "median", -2),
            ([2**62, 2**62 + 2, None], "Int64", "median", 2**62 + 1),
            ([2**62, 2**62 + 2, None], "Int64", "mean", 2**62 + 1),
            ([-(2**63), 2**63 - 1, None], "Int64", "median", 0),
            ([1.0, 2.0, np.nan], "float64", "median", 1.5),
            ([1e308, 1.5e308, np.nan], "float64", "median", 1.25e308),
            ([-1.7e308, 1.7e308, np.nan], "float64", "median", 0.0),
            ([1e308, 1.2e308, np.nan], "float64", "mean", 1.1e308),
            ([0.1] * 3 + [np.nan], "float64", "mean", 0.1),
            (["b", "a", "b", "a", None], "str", "most_frequent", "a"),
            ([True, False, True, None], "boolean", "most_frequent", True),
        ],
    )
    def test_what_is_filled_in(self, values: list, dtype: str, strategy: str, expected: object) -> None:
        frame = column(values, dtype)
        filled = self.filled(frame, strategy=strategy)
        assert filled[-1] == expected
        assert filled[:-1] == frame.x.tolist()[:-1]

    def test_moments_are_filled(self) -> None:
        frame = times("2002-01-01", "2002-01-03", None)
        for strategy in ("median", "mean"):
            assert self.filled(frame, strategy=strategy)[-1] == pd.Timestamp("2002-01-02", tz="UTC")

    def test_groups_fall_back_to_all(self) -> None:
        frame = column([1, 3, None, None, None, 100], "Int64").assign(
            g=pd.Series(["a", "a", "a", "b", None, None], dtype="str")
        )
        assert self.filled(frame, strategy="median", by=["g"]) == [1, 3, 2, 3, 3, 100]

    def test_an_unseen_group_gets_the_value_of_all(self) -> None:
        step = Impute(columns=["x"], strategy="median", by=["g"])
        state = step.merge([step.learn(column([1, 3], "Int64").assign(g="a"))])
        assert step.apply(column([None], "Int64").assign(g="new"), state).x.tolist() == [2]

    def test_nothing_to_learn_from_is_refused(self) -> None:
        with pytest.raises(DataError, match="column 'x': is missing in all learning rows"):
            self.filled(column([None, None], "float64"), strategy="mean")

    def test_infinite_values_are_refused(self) -> None:
        with pytest.raises(DataError, match="infinite values have no middle"):
            self.filled(column([np.inf, 1.0], "float64"), strategy="mean")

    @pytest.mark.parametrize(("value", "dtype"), [("a", "float64"), (1.5, "Int64"), (1, "str"), (True, "Int64")])
    def test_a_constant_has_to_fit(self, value: object, dtype: str) -> None:
        with pytest.raises(DataError, match="can't be filled with this"):
            self.filled(column([None], dtype), strategy="constant", value=value)

    def test_text_has_no_median(self) -> None:
        with pytest.raises(DataError, match="text has no median; strategy: most_frequent"):
            self.filled(column(["a"], "str"), strategy="median")

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"strategy": "constant"}, "needs a value"),
            ({"strategy": "median", "value": 1}, "learns its value"),
            ({"strategy": "constant", "value": 1, "by": ["g"]}, "same for all groups"),
            ({"strategy": "median", "by": ["x"]}, "its own groups"),
        ],
    )
    def test_parameters_that_make_no_sense(self, params: dict, message: str) -> None:
        with pytest.raises(PluginError, match=message):
            Impute.check(columns=["x"], **params)

    @given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=20))
    def test_the_median_is_that_of_numpy(self, values: list[int]) -> None:
        frame = column([*values, None], "float64")
        assert self.filled(frame, strategy="median")[-1] == np.median(values)
        whole = column([*values, None], "Int64")
        assert self.filled(whole, strategy="median")[-1] == round(float(np.median(values)))


def test_every_step_has_a_schema() -> None:
    for name in steps.__all__:
        assert schema_of(definition_of(getattr(steps, name)))["additionalProperties"] is False


@pytest.mark.parametrize("plugin", ["rows", "text", "dates", "split"])
def test_importing_a_plugin_is_light(plugin: str) -> None:
    heavy = {"pandas", "numpy", "pyarrow", "pydantic", "sklearn"}
    code = f"import sys, steadily_{plugin}.steps; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("step", "params", "kind"),
    [
        (in_range, {"ranges": {"x": {"max": 0}}}, "x is above 0: '…'"),
        (cast, {"types": {"x": "bool"}, "errors": "drop"}, "x is no bool: '…'"),
        (keep, {"conditions": [{"column": "x", "op": "in", "value": [8, 9]}]}, "x does not meet in [8, 9]: '…'"),
        (
            join,
            {"table": pd.DataFrame({"x": [9]}), "keys": ["x"], "how": "inner"},
            "no row of the table has the same x: '…'",
        ),
    ],
)
def test_the_ledger_can_count_reasons_by_kind(step: object, params: dict, kind: str) -> None:
    _, reasons = step(column([2, 3, 4], "int64"), **params)
    assert len(set(reasons)) == 3
    assert {kind_of(reason) for reason in reasons} == {kind}
