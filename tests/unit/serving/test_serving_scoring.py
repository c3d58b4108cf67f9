"""A release answers each row as its bundle does, whichever way the row takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packed import BUNDLE
from steadily.bundle import open_bundle
from steadily.bundle.quick import QuickWay
from steadily.serving.scoring import ANSWERED, ERROR, REFUSED, Answer, Release, answers_of
from unit.small import Small, forget_own_plugins
from unit.test_evaluate import MODEL, SHARES, judged

# The shop's own step with a form for single rows, which raises, leaves and gives up on some; then steps of all kinds.
SINGLE = '''
def shout_one(*, columns, mark="!"):
    def single(row):
        if row["city"] == "Cursed":
            raise RuntimeError("no")
        if row["city"] == "Exit":
            raise SystemExit(3)
        return None if row["city"] == "Unsure" else {**row, **{name: row[name].upper() + mark for name in columns}}
    return single


@step("shop.fussy", single=lambda **_: lambda row: None if row["order"] in (-13, -14) else row)
def fussy(frame):
    """Fail on a row."""
    if (frame["order"] == -13).any():
        raise ValueError("thirteen")
    return frame[frame["order"] != -14]
'''
STEPS = """\
      heavy: {use: rows.in_range, ranges: {weight: {max: 90}}}
      fussy: {use: shop.fussy}
      hour: {use: dates.parts, column: ordered_at, parts: [hour]}
      size: {use: text.length, column: city, into: letters}
      light: {use: rows.compare, column: weight, op: "<", value: 5, into: is_light}
      where: {use: rows.map_values, column: city, values: {"ULM!": south, "KIEL!": north}, other: missing}
      place: {use: rows.impute, columns: [city], strategy: most_frequent}
"""


def made(own: str = SHARES + SINGLE, *, steps: str = STEPS, model: str | None = None) -> None:
    """Make a bundle of the shop in this folder."""
    small = judged(Small(), own=own, more=BUNDLE)
    if "def shout_one" in own:
        small.edit(
            "plugins/shop.py", '@step("shop.shout")', '@step("shop.shout", single=lambda **given: shout_one(**given))'
        )
    small.edit("conf/config.yaml", "errors: drop}\n", "errors: drop}\n" + steps)
    if model is not None:
        small.edit("conf/config.yaml", "  - model: small\n", "")
        small.edit("conf/config.yaml", 'model: "${model}"', f"model: {{use: {model}}}")
    small.run()


def opened(folder: Path, **more: Any) -> Release:
    """Make a bundle in a folder, and open it as release 1."""
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        made(**more)
        return Release(1, open_bundle("bundle"))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    yield opened(tmp_path_factory.mktemp("quick") / "shop")
    forget_own_plugins()


def by_bundle(release: Release, rows: Sequence[Any]) -> list[Answer]:
    """Answer rows by the bundle's own way alone."""
    answers = release.bundle.predict(release.reader.frame(rows))
    return answers_of(answers, release.bundle.number_columns)


def hold(release: Release, rows: list[Any]) -> list[Answer]:
    """Hold a release's answers against the bundle's, each row alone and all together."""
    found = release.answer(rows)
    assert len(found) == len(rows)
    for given_one, expected in zip(found, by_bundle(release, rows), strict=True):
        assert given_one.outcome == expected.outcome
        assert (given_one.prediction, type(given_one.prediction)) == (expected.prediction, type(expected.prediction))
        assert given_one.imputed == expected.imputed
        assert given_one.refusal == expected.refusal
        assert (given_one.probabilities is None) == (expected.probabilities is None)
        if given_one.probabilities is not None:
            np.testing.assert_allclose(given_one.probabilities, expected.probabilities, rtol=0, atol=1e-9)
            assert given_one.confidence == pytest.approx(expected.confidence, abs=1e-9)
    return found


def rows_of(release: Release, *changes: dict[str, Any]) -> list[Any]:
    good = {"order": 1, "city": "Ulm", "weight": 2.5, "ordered_at": "2024-03-05T10:00:00Z"}
    return release.reader.read([good | change for change in changes])


def test_ordinary_rows_take_the_quick_way(release: Release) -> None:
    assert release.slow_because is None
    assert release.quick is not None
    rows = rows_of(release, {}, {"weight": None}, {"city": "Bonn"}, {"weight": 7, "order": 5.0})
    assert None not in release.quick.answer(rows)
    found = hold(release, rows)
    assert [[(one.column, one.step) for one in answer.imputed] for answer in found][:2] == [[], [("weight", "fill")]]
    assert {answer.outcome for answer in found} == {ANSWERED}


def test_rows_that_are_dropped_refused_or_failed_on_get_the_bundles_words(release: Release) -> None:
    rows = rows_of(
        release,
        {},
        {"weight": 95},
        {"ordered_at": "yesterday"},
        {"order": -13},
        {"order": -14},
        {"city": "Cursed"},
        {"city": "Exit"},
        {"city": "Unsure"},
        {"ordered_at": " 2024-03-05 "},
        {},
    )
    found = hold(release, rows)
    outcomes = [ANSWERED, REFUSED, REFUSED, ERROR, REFUSED, *[ANSWERED] * 5]
    assert [one.outcome for one in found] == outcomes
    assert found[1].refusal is not None
    assert found[1].refusal.reason == "weight is above 90: '95.0'"
    assert [hold(release, [row])[0].outcome for row in rows] == outcomes


def test_no_rows_and_refused_rows_alone(release: Release) -> None:
    assert release.answer([]) == []
    rows = rows_of(release, {"ordered_at": "x"}, {"ordered_at": ""})
    assert [one.outcome for one in hold(release, rows)] == [REFUSED, REFUSED]


VALUES: dict[str, Any] = {
    "order": st.one_of(st.sampled_from([-13, -14, 2**53 + 1, 2**63 - 1, -(2**63)]), st.integers(-50, 50)),
    "city": st.one_of(st.sampled_from(["Ulm", "ulm", "Cursed", "Unsure", "ß", "", " ", "\0"]), st.text(max_size=4)),
    "weight": st.one_of(st.none(), st.sampled_from([0, -0.0, 5, 90, 90.5, 100]), st.floats(0, 100)),
    "ordered_at": st.sampled_from(
        ["2024-03-05T10:00:00Z", "2024-03-05", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59.9999999Z", "", "x",
         "2024-10-27T02:30:00", " 2024-02-30 ", "20240305T1000+0530"]
    ),
}  # fmt: skip


@settings(max_examples=30)
@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=6))
def test_any_rows_are_answered_as_the_bundle_answers_them(release: Release, rows: list[Any]) -> None:
    hold(release, release.reader.read(rows))


def test_without_a_form_for_single_rows_the_bundle_answers(tmp_path: Path) -> None:
    release = opened(tmp_path / "shop", own=SHARES, steps="")
    assert release.quick is None
    assert release.slow_because == "stage clean, step shout (shop.shout) has no form for single rows"
    rows = rows_of(release, {}, {"weight": None}, {"ordered_at": "x"})
    assert [one.outcome for one in hold(release, rows)] == [ANSWERED, ANSWERED, REFUSED]


def test_without_a_scorer_the_bundle_answers(tmp_path: Path) -> None:
    own = SHARES + MODEL.replace("PREDICT", 'return pd.Series("n", frame.index)').replace("PROBA", "pass")
    release = opened(tmp_path / "shop", own=own + SINGLE, steps="", model="shop.coin")
    assert release.slow_because == "the model (shop.coin) has no scorer"
    hold(release, rows_of(release, {}, {"weight": None}, {"ordered_at": "x"}))


class Scored:
    """Stands for a bundle's model whose scorer fails on some rows, and gives what is no answer to others."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def scorer(self) -> Any:
        score = self.model.scorer()

        def scored(rows: Sequence[Any]) -> Any:
            if any(row["weight"] == 66 for row in rows):
                raise SystemExit(3)
            predictions, probabilities = score(rows)
            for place, row in enumerate(rows):
                probabilities[place] = {67: [np.nan, 1], 68: [0.5, 0.6], 69: [-0.1, 1.1]}.get(
                    row["weight"], probabilities[place]
                )
            return predictions, probabilities

        return scored


def test_a_scorer_that_fails_or_gives_no_answer_leaves_the_row_to_the_bundle(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release.bundle, "model", Scored(release.bundle.model))
    monkeypatch.setattr(release, "quick", QuickWay(release.bundle))
    assert release.quick is not None
    rows = rows_of(release, {"weight": 67}, {}, {"weight": 68}, {"weight": 69})
    assert [one is None for one in release.quick.answer(rows)] == [True, False, True, True]
    hold(release, rows)
    failing = rows_of(release, {}, {"weight": 66})
    assert release.quick.answer(failing) == [None, None]
    hold(release, failing)


JOINED = """\
      join: {use: rows.join, table: rivers, keys: [city], columns: [river]}
"""


def test_a_joined_table(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", list(sys.path))
        patch.setattr(sys, "dont_write_bytecode", True)
        small = judged(Small(), own=SHARES + SINGLE, more=BUNDLE)
        small.edit(
            "plugins/shop.py", '@step("shop.shout")', '@step("shop.shout", single=lambda **given: shout_one(**given))'
        )
        small.write("rivers/all.csv", "city,river\nULM!,Danube\nKIEL!,\n")
        small.edit(
            "conf/config.yaml",
            "  clean:\n",
            '  rivers:\n    steps: {read: {use: files.csv, path: "rivers/*.csv"}}\n    outputs: {rows: rivers_raw}\n'
            "  known:\n    inputs: {rows: rivers_raw}\n    outputs: {rows: rivers}\n  clean:\n",
        )
        small.edit(
            "conf/config.yaml",
            "    inputs: {rows: valid}\n    steps:\n",
            "    inputs: {rows: valid, rivers: rivers}\n    steps:\n",
        )
        small.edit("conf/config.yaml", "errors: drop}\n", "errors: drop}\n" + JOINED)
        small.edit(
            "conf/config.yaml", "datasets:\n",
            "datasets:\n  rivers: {contract: {columns: {city: {dtype: str}, river: {dtype: str, nullable: true}}}}\n",
        )  # fmt: skip
        small.run()
        release = Release(1, open_bundle("bundle"))
    assert release.slow_because is None
    hold(release, rows_of(release, {}, {"city": "kiel"}, {"city": "Bonn"}, {"city": "Unsure"}))
