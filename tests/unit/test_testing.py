"""The conformance kit finds each promise that a step can break, and lets those pass which keep them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steadily import PluginError, Table, step
from steadily.testing import check_step

ROWS = pd.DataFrame({"n": np.arange(20) % 7, "s": list("abcdefghijklmnopqrst")}).rename_axis("row_id")
ROWS.index = ROWS.index * 3 + 100


@step("demo.good")
def good(frame: pd.DataFrame, *, least: int = 2) -> tuple[pd.DataFrame, pd.Series]:
    """Drop small numbers.

    Args:
        frame: The rows.
        least: The smallest number that stays.
    """
    small = frame.index[frame.n < least]
    return frame.drop(index=small), pd.Series("too small", index=small, dtype="str")


def test_a_good_step_passes() -> None:
    check_step(good, {}, ROWS)
    check_step(good, {"least": 3}, ROWS.iloc[:0])


def test_what_is_no_step_is_refused() -> None:
    with pytest.raises(PluginError, match="is no step; put @step above it"):
        check_step(test_a_good_step_passes, {}, ROWS)


def test_parameters_have_to_fit() -> None:
    with pytest.raises(AssertionError, match=r"step 'demo\.good': the parameters do not fit the signature"):
        check_step(good, {"lest": 1}, ROWS)


def in_place(frame: pd.DataFrame) -> pd.DataFrame:
    frame["new"] = 1
    return frame


def reset(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.reset_index(drop=True).rename_axis("row_id")


def wrong_reasons(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    return frame, pd.Series("gone", index=frame.index[:1], dtype="str")


def few_reasons(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    return frame.iloc[1:], pd.Series([], index=frame.index[:0], dtype="str")


def by_chance(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(r=np.random.default_rng().random(len(frame)))


def no_type_when_empty(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        x=pd.Series([len(text) for text in frame.s], index=frame.index, dtype=None if len(frame) else "str")
    )


BROKEN: list[tuple[Callable[[pd.DataFrame], object], str]] = [
    (in_place, "changed its input in place"),
    (reset, "was the index reset"),
    (lambda frame: frame.iloc[::-1], "another order"),
    (lambda frame: pd.concat([frame, frame]), "came out twice"),
    (lambda frame: frame.rename_axis("id"), "lost its name"),
    (lambda frame: frame.n, "has to give a DataFrame, not Series"),
    (lambda frame: (frame, ["gone"]), "reasons have to be a Series, not list"),
    (lambda frame: frame.assign(mean=frame.n.mean()), "the result depends on how the rows are cut"),
    (wrong_reasons, "a reason is given for a row that was not dropped"),
    (few_reasons, "a dropped row has no reason"),
    (by_chance, "run twice"),
    (no_type_when_empty, "no rows in"),
]


@pytest.mark.parametrize(("broken", "promise"), BROKEN)
def test_a_broken_row_step_is_found(broken: Callable[[pd.DataFrame], object], promise: str) -> None:
    def wrapped(frame: pd.DataFrame) -> object:
        """Break a promise."""
        return broken(frame)

    with pytest.raises(AssertionError, match=promise):
        check_step(step("demo.broken")(wrapped), {}, ROWS)


def test_a_step_has_to_be_described() -> None:
    @step("demo.silent")
    def silent(frame: pd.DataFrame, *, least: int) -> pd.DataFrame:
        """Say nothing of the parameter."""
        return frame

    @step("demo.mute")
    def mute(frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    with pytest.raises(AssertionError, match="the Args section of its docstring leaves out least"):
        check_step(silent, {"least": 1}, ROWS)
    with pytest.raises(AssertionError, match="has to say in its first line"):
        check_step(mute, {}, ROWS)


def test_a_step_with_a_check_may_refuse() -> None:
    @step("demo.picky")
    def picky(frame: pd.DataFrame) -> pd.DataFrame:
        """Pass."""
        return frame

    def refuse() -> None:
        raise PluginError.at("picky", "never")

    picky.__dict__["check"] = refuse
    with pytest.raises(PluginError, match="never"):
        check_step(picky, {}, ROWS)


@step("demo.with_table")
def with_table(frame: pd.DataFrame, *, table: Table) -> pd.DataFrame:
    """Count the table's rows.

    Args:
        frame: The rows.
        table: Any table.
    """
    return frame.assign(size=len(table))


def test_tables_are_given_by_name() -> None:
    check_step(with_table, {}, ROWS, tables={"table": ROWS})
    with pytest.raises(AssertionError, match="tables= has to give table"):
        check_step(with_table, {}, ROWS)


class Learner:
    """Learn the largest number."""

    def learn(self, frame: pd.DataFrame) -> dict:
        return {"max": int(frame.n.max()) if len(frame) else -1}

    def merge(self, parts: list[dict]) -> dict:
        return {"max": max(part["max"] for part in parts)}

    def apply(self, frame: pd.DataFrame, state: dict) -> pd.DataFrame:
        return frame.assign(share=frame.n / state["max"])


class ByPartition(Learner):
    """Learn something of the partitions."""

    def merge(self, parts: list[dict]) -> dict:
        return {"max": parts[0]["max"]}


class Objects(Learner):
    """Learn what no file can keep."""

    def merge(self, parts: list[dict]) -> dict:
        return {"max": {1, 2}}


class Remembering(Learner):
    """Keep what was learned out of the State."""

    def merge(self, parts: list[dict]) -> dict:
        self.most = max(part["max"] for part in parts)
        return {}

    def apply(self, frame: pd.DataFrame, state: dict) -> pd.DataFrame:
        return frame.assign(share=self.most)


class Meddling(Learner):
    """Change the State."""

    def apply(self, frame: pd.DataFrame, state: dict) -> pd.DataFrame:
        state["seen"] = 1
        return frame


def test_learned_steps() -> None:
    check_step(step("demo.learner")(Learner), {}, ROWS)
    with pytest.raises(AssertionError, match="the State depends on how the rows are cut"):
        check_step(step("demo.bypartition")(ByPartition), {}, ROWS)
    with pytest.raises(AssertionError, match="a State can't hold 'max': set"):
        check_step(step("demo.objects")(Objects), {}, ROWS)
    with pytest.raises(AttributeError):
        check_step(step("demo.remembering")(Remembering), {}, ROWS)
    with pytest.raises(AssertionError, match="applying changed the State"):
        check_step(step("demo.meddling")(Meddling), {}, ROWS)


def test_a_dataset_step_sees_its_columns_only() -> None:
    @step("demo.whole", kind="dataset", reads=("columns",))
    def whole(frame: pd.DataFrame, *, columns: list[str]) -> pd.DataFrame:
        """Drop duplicates.

        Args:
            frame: The rows.
            columns: What to compare.
        """
        assert frame.columns.tolist() == columns
        return frame.drop_duplicates()

    check_step(whole, {"columns": ["n"]}, ROWS)


def test_splits() -> None:
    @step("demo.split", kind="split")
    def halves(frame: pd.DataFrame) -> pd.Series:
        """Split in halves."""
        return pd.Series(np.where(frame.n > 3, "a", "b"), index=frame.index, dtype="str")

    @step("demo.numbers", kind="split")
    def numbers(frame: pd.DataFrame) -> pd.Series:
        """Split in numbers."""
        return frame.n

    @step("demo.short", kind="split")
    def short(frame: pd.DataFrame) -> pd.Series:
        """Split a few."""
        return halves(frame).iloc[1:]

    check_step(halves, {}, ROWS)
    with pytest.raises(AssertionError, match="a part's name has to be a text"):
        check_step(numbers, {}, ROWS)
    with pytest.raises(AssertionError, match="one value for each row id"):
        check_step(short, {}, ROWS)


class Source:
    """Give two files."""

    names = ("a", "b")

    def version(self) -> dict[str, str]:
        return dict.fromkeys(self.names, "1")

    def read(self, rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
        for name in self.names:
            for start in range(0, 10, rows):
                yield name, ROWS.reset_index(drop=True).iloc[start : min(start + rows, 10)]


class Backwards(Source):
    """Give names in no order."""

    names = ("b", "a")


class Greedy(Source):
    """Give all at once."""

    def read(self, rows: int) -> Iterator[tuple[str, pd.DataFrame]]:
        return super().read(1000)


def test_sources() -> None:
    ten = ROWS.reset_index(drop=True).head(10)
    check_step(step("demo.source")(Source), {}, pd.concat([ten, ten], ignore_index=True))
    check_step(Source, {})
    with pytest.raises(AssertionError, match="it reads other rows than it should"):
        check_step(Source, {}, ten)
    with pytest.raises(AssertionError, match="names have to come in order: 'a' came after 'b'"):
        check_step(step("demo.backwards")(Backwards), {})
    with pytest.raises(AssertionError, match="a chunk has 10 rows where at most 1 were asked for"):
        check_step(step("demo.greedy")(Greedy), {})


class Shares:
    """The share of each class in the training rows."""

    def __init__(self, shares: dict[str, float]) -> None:
        self.shares = shares

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(self.shares, index=frame.index)

    def save(self, folder: Path) -> None:
        Path(folder, "shares.json").write_text(json.dumps(self.shares))


class Prior:
    """Predict the share of each class."""

    def fit(self, frame: pd.DataFrame, target: pd.Series) -> Shares:
        return Shares(target.value_counts(normalize=True).sort_index().to_dict())

    @staticmethod
    def load(folder: Path) -> Shares:
        return Shares(json.loads(Path(folder, "shares.json").read_text()))


class Forgetful(Prior):
    """Come back as another model."""

    @staticmethod
    def load(folder: Path) -> Shares:
        return Shares({"x": 0.5, "y": 0.5})


def test_models() -> None:
    target = pd.Series(np.where(ROWS.n > 2, "x", "y"), index=ROWS.index, dtype="str")
    check_step(step("demo.prior")(Prior), {}, ROWS, target=target)
    with pytest.raises(AssertionError, match="give a target"):
        check_step(Prior, {}, ROWS)
    with pytest.raises(AssertionError, match="loaded from its folder it predicts otherwise"):
        check_step(step("demo.forgetful")(Forgetful), {}, ROWS, target=target)


def test_a_step_that_looks_at_more_than_it_says_is_found_out() -> None:
    @step("demo.scaled", reads=("column",))
    def scaled(frame: pd.DataFrame, *, column: str) -> pd.DataFrame:
        """Divide a column by how many columns there are.

        Args:
            column: The column.
        """
        return frame.assign(**{column: frame[column] / len(frame.columns)})

    class Widths(Learner):
        """Learn how many columns there are."""

        def learn(self, frame: pd.DataFrame) -> dict:
            return {"max": len(frame.columns)}

        def merge(self, parts: list[dict]) -> dict:
            return parts[0]

        def apply(self, frame: pd.DataFrame, state: dict) -> pd.DataFrame:
            return frame

    with pytest.raises(AssertionError, match="it looks at columns that reads= does not name"):
        check_step(scaled, {"column": "n"}, ROWS)
    with pytest.raises(AssertionError, match="it learns from columns that reads= does not name"):
        check_step(step("demo.widths", reads=())(Widths), {}, ROWS)
