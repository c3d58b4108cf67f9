"""What a stage does to a few rows, shown and not written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from packed import BUNDLE
from steadily.cli import main
from steadily.errors import SteadilyError
from steadily.files import digest_of
from steadily.preview import preview, table, told
from unit.small import Small
from unit.test_evaluate import judged


def tree(*but: str) -> dict[str, str]:
    return {
        str(path): digest_of(path)
        for path in Path().rglob("*")
        if path.is_file() and ".steadily/cache" not in str(path)
    }


@pytest.fixture
def ran(small: Small) -> Small:
    judged(small, more=BUNDLE).run("ingest", "validate", "clean", "split", "prepare")
    return small


def test_each_step_is_shown_and_nothing_is_written(ran: Small, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree()
    for stage in ("ingest", "validate", "clean", "split", "prepare"):
        assert main(["preview", stage, "--rows", "40"]) == 0
    text = capsys.readouterr().out
    assert tree() == before
    assert "clean: the first 40 rows of 200 rows of valid" in text
    assert "'Ulm' → 'ULM!'" in text or "→ 'KÖLN!'" in text
    assert "ordered_at: str → datetime64[us, UTC]" in text
    assert "of these rows alone: " in text
    assert "knows what it learned in the last run" in text
    assert "nothing was written" in text
    assert max(map(len, text.splitlines())) <= 120


def test_an_edit_is_seen_before_anything_runs(ran: Small) -> None:
    ran.edit("conf/config.yaml", 'mark: "!"', 'mark: "???!"')
    ran.edit("conf/config.yaml", "strategy: median", "strategy: mean")
    found = preview(Path(), "clean", 20)
    assert found.steps[1].changed["city"]["examples"][0][1].endswith("???!")
    learned = preview(Path(), "prepare", 30)
    assert learned.steps[0].notes == ["learned from 30 rows of train"]


def test_rows_that_a_run_would_drop_or_quarantine_are_shown_with_the_reason(small: Small) -> None:
    small.orders()
    small.edit("data/inbox/one.csv", "\n7,", "\nseven,")
    small.edit("conf/config.yaml", "columns: [late], at: training", "columns: [late, weight], at: training")
    small.run("ingest", "validate")
    found = preview(Path(), "validate", 200)
    assert found.steps[-1].reasons[0]["reason"] == "order is not a whole number (int64)"
    assert "order 'seven' is not a whole number (int64)" in found.steps[-1].reasons[0]["examples"][0]
    dropped = preview(Path(), "clean", 200).steps[0]
    assert dropped.rows_out < dropped.rows_in
    assert {reason["action"] for reason in dropped.reasons} == {"dropped"}


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("train", "fits a model, which takes all rows"),
        ("evaluate", "judges a model by all rows"),
        ("bundle", "packs the bundle"),
        ("nothing", "no such stage"),
    ],
)
def test_stages_that_have_no_preview_say_what_to_do(ran: Small, stage: str, said: str) -> None:
    with pytest.raises(SteadilyError, match=said):
        preview(Path(), stage, 5)


def test_a_stage_whose_input_is_not_there_yet(small: Small) -> None:
    small.orders().compose()
    with pytest.raises(SteadilyError, match="there is no such dataset; run dvc repro"):
        preview(Path(), "clean", 5)


def test_as_json(ran: Small, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "clean", "--rows", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["stage"], found["rows"], found["of"]) == ("clean", 3, 200)
    assert [step["name"] for step in found["steps"]] == ["need_target", "shout", "when", "contract"]


@pytest.mark.parametrize("word", ["0", "-1", "x", "100001", "1.5"])
def test_rows_that_are_no_number_are_refused(small: Small, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["preview", "clean", "--rows", word])
    assert "no number of rows from 1 to 100000" in capsys.readouterr().err


def test_wide_rows_are_cut_to_the_screen(small: Small) -> None:
    import pandas as pd

    lines = list(table(pd.DataFrame({f"column_{number}": ["x" * 50] for number in range(30)})))
    assert max(map(len, lines)) <= 100
    assert "more: column_" in lines[-1]
    assert list(table(pd.DataFrame())) == ["  no rows"]
    assert told  # the screen's form is tried above, by the command
