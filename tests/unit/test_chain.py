"""What a step may do to rows, and what it may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadily.chain import BoundStep, Chain, Places, Result, result_of
from steadily.datasets import read_dataset
from steadily.errors import DataError, StepError
from steadily.ledger import Book, Rows, write_comparison
from steadily.spec import StepSpec
from steadily.steps import StepDefinition
from unit.small import ROWS, SHORT, Small

Step = Callable[..., Any]


def frame() -> pd.DataFrame:
    index = pd.Index([30, 10, 20, 40], name="row_id")
    return pd.DataFrame({"n": [1, 2, 3, 4], "x": [1.5, None, 3.5, 4.5], "t": ["a", "b", None, "d"]}, index=index)


def bound(function: Step, **arguments: Any) -> BoundStep:
    entry: Any = SimpleNamespace(kind="row", distribution="own 1.0")
    return BoundStep("work", StepSpec("one", "own.f"), entry, StepDefinition("own.f", "row", function), arguments)


def applied(function: Step) -> tuple[Result, Rows]:
    step, before = bound(function), Rows.of(frame())
    shown = before.frame.copy(deep=False)
    return result_of(step, step.call(function, shown), before, shown), before


def summed(function: Step) -> dict[str, Any]:
    result, before = applied(function)
    book = Book()
    write_comparison(book, "one", "own.f", before, Rows.of(result.frame), result.where, result.reasons)
    return book.tallies["one"].summary()


def raising(error: BaseException) -> Step:
    def f(frame: pd.DataFrame) -> None:
        raise error

    return f


def doing(change: Callable[[pd.DataFrame], object]) -> Step:
    def f(frame: pd.DataFrame) -> pd.DataFrame:
        change(frame)
        return frame

    return f


def rename(frame: pd.DataFrame, names: list[str]) -> None:
    frame.columns = pd.Index(names)


def renumber(frame: pd.DataFrame) -> None:
    frame.index = pd.RangeIndex(len(frame))


class OwnError(DataError):
    def __init__(self, number: int) -> None:
        super().__init__(f"{number} is odd")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda f: None, "has to give back a DataFrame; given: NoneType; end the step with `return frame`"),
        (lambda f: f["x"], "has to give back a DataFrame; given: Series"),
        (lambda f: (f, None, 1), "has to give back a DataFrame; given: tuple"),
        (lambda f: (f, {"1": "a"}), "gave reasons that are not a Series of texts by row id"),
        (doing(lambda f: f.__setitem__("x", 1.0)), "changed its input in place (column x)"),
        (doing(lambda f: f.loc.__setitem__((10, "x"), 7.0)), "changed its input in place (column x)"),
        (doing(lambda f: f.__setitem__("new", 1.0)), "changed its input in place"),
        (doing(lambda f: f.__delitem__("x")), "changed its input in place"),
        (doing(lambda f: rename(f, ["n", "t", "x"])), "changed its input in place"),
        (doing(renumber), "changed its input in place"),
        (lambda f: f.reset_index(drop=True), "reset the index, which holds the row ids"),
        (lambda f: f.reset_index(), "reset the index, which holds the row ids"),
        (lambda f: f.set_index("t"), "lost the row ids"),
        (lambda f: f.set_index("t", append=True), "lost the row ids"),
        (lambda f: f.set_axis(f.index.astype("float64")), "lost the row ids"),
        (lambda f: pd.concat([f, f]), "gave rows twice"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "gave rows twice"),
        (lambda f: pd.concat([f.iloc[:1], f]), "gave rows twice"),
        (lambda f: f.set_axis(f.index + 1), "gave rows that it was not given"),
        (lambda f: f.assign(row_id=1), "gave a frame that has a column 'row_id'"),
        (lambda f: pd.concat([f, f[["x"]]], axis=1), "gave a frame that has two columns of the same name: x"),
        (lambda f: f.assign(**{"1": 1}).rename(columns={"x": 1}), "has two columns of the same name: 1"),
        (lambda f: pd.concat({"a": f}, axis=1), "has names of columns in several levels"),
        (raising(ValueError("no   good\nat all")), "raised ValueError: no good at all; at "),
        (raising(DataError("this is not my day")), "this is not my day"),
        (raising(SystemExit(0)), "raised SystemExit: 0"),
        (raising(MemoryError()), "raised MemoryError"),
        (raising(ModuleNotFoundError("x", name="no_such_thing")), "needs the package 'no_such_thing', which is not"),
        (raising(ModuleNotFoundError("odd")), "raised ModuleNotFoundError: odd"),
        (raising(OSError(28, "No space left on device")), "No space left on device"),
        (lambda f: f["no such column"], "raised KeyError: 'no such column'"),
        (lambda f: 1 / 0, "raised ZeroDivisionError: division by zero; at "),
    ],
)
def test_what_a_step_may_not_do(function: Step, said: str) -> None:
    with pytest.raises((StepError, DataError)) as caught:
        applied(function)
    assert str(caught.value).startswith("stage work, step one (own.f, own 1.0): ")
    assert said in str(caught.value)


def test_an_own_error_class_keeps_its_words() -> None:
    with pytest.raises(DataError, match=r"step one .*7 is odd"):
        applied(raising(OwnError(7)))


def test_stopping_is_not_an_error_of_the_step() -> None:
    with pytest.raises(KeyboardInterrupt):
        applied(raising(KeyboardInterrupt()))


def test_a_step_may_not_take_the_others_elsewhere(tmp_path: Path) -> None:
    import os

    here = Path.cwd()
    applied(doing(lambda f: os.chdir(tmp_path)))
    assert Path.cwd() == here


@pytest.mark.parametrize(
    ("function", "n"),
    [
        (lambda f: f, [1, 2, 3, 4]),
        (lambda f: f.copy(), [1, 2, 3, 4]),
        (lambda f: f[::-1], [4, 3, 2, 1]),
        (lambda f: f.sort_values("x", ascending=False), [4, 3, 1, 2]),
        (lambda f: f.iloc[:0], []),
        (lambda f: pd.DataFrame(), []),
        (lambda f: f[["n"]], [1, 2, 3, 4]),
        (lambda f: f.iloc[1:].rename_axis("other"), [2, 3, 4]),
        (lambda f: f.rename_axis(columns="called"), [1, 2, 3, 4]),
        (lambda f: f.astype({"n": "str"}).astype({"n": "Int64"}), [1, 2, 3, 4]),
        (lambda f: f.assign(**{"a b": 1, "index": 3, "é.ü/\\": "ß"}), [1, 2, 3, 4]),
        (lambda f: (f.iloc[1:], pd.Series("too small", f.index[:1])), [2, 3, 4]),
    ],
)
def test_what_a_step_may_do(function: Step, n: list[int]) -> None:
    result, _ = applied(function)
    assert list(result.frame.get("n", [])) == n
    assert result.frame.index.name == "row_id" or not n
    told = summed(function)
    assert told["in"] == 4
    assert told["out"] == 4 - told["dropped"] == len(n)


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (pd.Series(["a", "b"], [1, 2]), {"by own.f": 2}),  # of rows that are not there
        (pd.Series(["a"] * 4, frame().index), {"a": 2}),  # of rows that stay, too
        (pd.Series(["a", "b", "c"], [30, 30, 10]), {"a": 1, "c": 1}),  # twice
        (pd.Series(["a", None], [30, 10]), {"a": 1, "by own.f": 1}),
        (pd.Series([1, 2.5], [30, 10], dtype=object), {"1": 1, "2.5": 1}),
        (pd.Series(["a"], [30], dtype="category"), {"a": 1, "by own.f": 1}),
        (pd.Series(["no"], ["30"]), {"by own.f": 2}),
        (pd.Series(dtype=object), {"by own.f": 2}),
        (pd.Series(["it is 'x'", "it is 'y'"], [30, 10]), {"it is '…'": 2}),
    ],
)
def test_reasons(reasons: pd.Series, told: dict[str, int]) -> None:
    assert summed(lambda f: (f.iloc[2:], reasons))["reasons"]["dropped"] == told


def test_a_step_that_changes_its_arguments_changes_them_once() -> None:
    table = pd.DataFrame({"n": [1]})

    def f(frame: pd.DataFrame, *, names: list[str], table: pd.DataFrame) -> pd.DataFrame:
        names.append("b")
        table["n"] = table["n"] + 1
        return frame.assign(k=len(names), n=table["n"].sum())

    step = bound(f, names=["a"], table=table)
    for _ in range(2):
        made = step.call(f, frame())
        assert (made["k"].iloc[0], made["n"].iloc[0]) == (2, 2)


# The ledger against a judge that looks at every cell.

VALUES = st.one_of(st.none(), st.sampled_from(["a", "b"]))
TYPES: dict[str, Any] = {"text": ["a", "b"], "number": [0.5, 1.5], "whole": [1, 2], "truth": [True, False]}
DTYPES = {"text": "str", "number": "float64", "whole": "Int64", "truth": "boolean"}


@st.composite
def two_frames(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = draw(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, max_size=6))
    cells = {
        name: draw(st.lists(st.one_of(st.none(), st.sampled_from(values)), min_size=len(ids), max_size=len(ids)))
        for name, values in TYPES.items()
    }
    index = pd.Index(ids, dtype="int64", name="row_id")
    before = pd.DataFrame({name: pd.array(cells[name], dtype=DTYPES[name]) for name in TYPES}, index=index)
    after = before.loc[draw(st.permutations(draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []))]
    for name, values in TYPES.items():
        what = draw(st.sampled_from(["keep", "other", "text", "gone", "object"]))
        if what == "gone":
            after = after.drop(columns=name)
        elif what in ("text", "object"):
            after = after.assign(**{name: after[name].astype("str" if what == "text" else object)})
        elif what == "other":
            cells[name] = draw(
                st.lists(st.one_of(st.none(), st.sampled_from(values)), min_size=len(after), max_size=len(after))
            )
            after = after.assign(**{name: pd.array(cells[name], dtype=DTYPES[name])})
    if draw(st.booleans()):
        after = after.assign(new=None)[draw(st.permutations([*after.columns, "new"]))]
    return before, after


@given(two_frames())
def test_the_ledger_has_what_a_look_at_every_cell_finds(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    before, after = frames
    expected = {(row, "dropped", None) for row in before.index if row not in set(after.index)}
    for row in after.index:
        for name in before.columns.intersection(after.columns):
            then, now = pd.isna(before.loc[row, name]), pd.isna(after.loc[row, name])
            if then != now:
                expected.add((row, "imputed" if then else "lost", name))
    result = result_of(bound(lambda f: f), after, Rows.of(before), before.copy(deep=False))
    book = Book()
    write_comparison(book, "one", "own.f", Rows.of(before), Rows.of(result.frame), result.where, None)
    entries = book.table().to_pylist()
    assert {(entry["row_id"], entry["action"], entry["column"]) for entry in entries} == expected
    assert len(entries) == len(expected)
    told = book.tallies["one"].summary()
    assert told["in"] == told["out"] + told["dropped"]
    assert sum(told[action] for action in ("dropped", "imputed", "lost")) == len(expected)
    for entry in entries:
        if entry["action"] == "lost":
            assert entry["before"] == str(before.loc[entry["row_id"], entry["column"]])
        if entry["action"] == "imputed":
            assert entry["after"] == str(after.loc[entry["row_id"], entry["column"]])


# Kinds of steps that see more than a partition, in a pipeline.


def code(body: str, mark: str, head: str = "def f(frame):") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"@step({mark})\n{head}\n{lines}"


LEARNED = """
import numpy as np

@step("own.learn")
class Learn:
    def __init__(self, *, by: float = 1.0):
        self.by = by

    def learn(self, frame):
        return {"most": float(frame["x"].max()), "seen": np.sort(frame["n"].to_numpy()), "table": frame[["n"]]}

    def merge(self, parts):
        return {
            "most": max(part["most"] for part in parts),
            "seen/all": np.concatenate([part["seen"] for part in parts]).reshape(2, -1),
            "table": pd.concat([part["table"] for part in parts]),
        }

    def apply(self, frame, state):
        assert state["seen/all"].shape[0] == 2
        assert len(state["table"]) == state.pop("seen/all").size
        return frame.assign(x=frame["x"] / state["most"] * self.by)
"""
TWO_FILES = {"a": "n,x,t\n1,1.5,a\n2,,b\n", "b": "n,x,t\n3,3.5,\n4,4.5,d\n"}


@pytest.mark.parametrize("rows", [ROWS, TWO_FILES], ids=["one part", "two parts"])
def test_several_steps_learn_one_after_another(small: Small, rows: dict[str, str] | str) -> None:
    steps = "{one: {use: own.learn}, two: {use: own.learn, by: 10.0}, three: {use: own.learn, by: 0.5}}"
    assert small.work(steps, LEARNED, rows=rows)["x"].max() == 0.5
    small.edit("conf/config.yaml", "by: 0.5", "by: 4.0")
    small.run("work")
    assert read_dataset("done")["x"].max() == 4.0  # nothing of the first run is remembered


def test_a_step_learns_after_one_that_saw_all_rows(small: Small) -> None:
    steps = "{few: {use: own.few}, learn: {use: own.learn}, again: {use: own.few}}"
    few = code("return frame[frame['x'] < 4]", '"own.few", kind="dataset"')
    done = small.work(steps, LEARNED + few, rows=TWO_FILES)
    assert list(done["x"]) == [1.5 / 3.5, 1.0]


def test_a_dataset_step_adds_changes_and_takes_away_columns(small: Small) -> None:
    body = 'frame = frame.copy()\nframe["self"] = 1\nframe["rank"] = frame["x"].rank()\n'
    body += 'return frame.drop(columns="t").iloc[::-1].iloc[1:], pd.Series({frame.index[-1]: "too high"})'
    done = small.work("{one: {use: own.f}}", code(body, '"own.f", kind="dataset"'), rows=TWO_FILES)
    assert list(done.columns) == ["n", "x", "self", "rank"]
    assert list(done["n"]) == [1, 2, 3]
    assert small.summary()["steps"]["one"]["reasons"] == {"dropped": {"too high": 1}}


def test_a_dataset_step_sees_no_more_than_it_reads(small: Small) -> None:
    head = "def f(frame: pd.DataFrame, *, by: str, also: list[str] | None = None) -> pd.DataFrame:"
    mark = '"own.f", kind="dataset", reads=("by", "also")'
    made = code("return frame.assign(seen=','.join(frame.columns))", mark, head)
    assert set(small.work("{one: {use: own.f, by: n, also: [t, n]}}", made)["seen"]) == {"n,t"}
    small.edit("conf/config.yaml", "by: n", "by: q")
    with pytest.raises(DataError, match=r"step one .*column 'q'.*the rows have n, t, x"):
        small.run("work")


def test_a_table_is_given_whole(small: Small) -> None:
    head = "def f(frame: pd.DataFrame, *, other: Table) -> pd.DataFrame:"
    made = code("other['n'] += 1\nreturn frame.assign(k=other['n'].sum())", '"own.f"', head)
    config = SHORT.replace("  work:\n    inputs: {rows: valid}", "  work:\n    inputs: {rows: valid, more: valid}")
    done = small.work("{one: {use: own.f, other: more}}", made, rows=TWO_FILES, config=config)
    assert list(done["k"]) == [14] * 4


def test_columns_for_a_pass(tmp_path: Path) -> None:
    chain = Chain.__new__(Chain)
    steps: list[Any] = [SimpleNamespace(reads=["a"]), SimpleNamespace(reads=["b"]), SimpleNamespace(reads=None)]
    chain.steps = steps
    chain.places = Places(tmp_path, tmp_path, {})
    assert chain.columns_for(1, ["c", "b", "a"]) == ["b", "a"]
    assert chain.columns_for(1, ["c", "a"]) is None  # b is made by the first
    assert chain.columns_for(2, ["c", "b", "a"]) is None


def test_values_of_every_type_survive(small: Small) -> None:
    body = """frame = frame.assign(
    i=pd.array([1, None, 3, 2**62], dtype="Int64"), b=pd.array([True, None, False, True], dtype="boolean"),
    when=pd.to_datetime(["2024-01-01", None, "1600-01-01", "2262-04-11"], utc=True).astype("datetime64[us, UTC]"),
    far=[float("inf"), float("-inf"), 1e308, 5e-324], cat=pd.Categorical(["a", None, "b", "a"]),
    long=["é" * 100_000, "", "\\x00", "\\U0001f600"], text=1)
frame["self"] = frame.pop("text")
return frame"""
    done = small.work("{shape: {use: own.f}}", code(body, '"own.f"'))  # and a step called as pandas calls things
    assert list(done["i"].isna()) == [False, True, False, False]
    assert done["i"].iloc[3] == 2**62
    assert str(done["when"].dtype) == "datetime64[us, UTC]"
    assert np.isinf(done["far"]).sum() == 2
    assert list(done["long"].str.len()) == [100_000, 0, 1, 1]
    assert list(done["self"]) == [1] * 4
