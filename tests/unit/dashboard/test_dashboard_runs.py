from __future__ import annotations

from pathlib import Path

import pytest

from steadily.dashboard.runs import find_run, listed_runs, report_of, told_run
from steadily.errors import RunError, SteadilyError
from unit.small import Small


def test_a_run_is_told_with_what_it_did_to_every_row(small: Small) -> None:
    small.short("{drop: {use: rows.drop_missing, columns: [t]}}").run()
    line = listed_runs(Path())[0]
    assert (line["stages"], line["outcome"]) == (1, "complete")  # each stage runs by itself here
    found = told_run(Path(), line["name"])
    work = next(stage for stage in found["stages"] if stage["stage"] == "work")
    assert (work["in"], work["out"], work["dropped"], work["failed"]) == (4, 3, 1, False)
    assert [(entry["step"], entry["action"], entry["rows"]) for entry in work["ledger"]] == [("drop", "dropped", 1)]
    assert "t is missing" in work["ledger"][0]["reason"]


def test_a_run_that_failed_says_where_and_why(small: Small) -> None:
    own = """
    @step("own.fail")
    def fail(frame: pd.DataFrame) -> pd.DataFrame:
        \"\"\"Fail.\"\"\"
        raise ValueError("<b>no</b>")
    """
    with pytest.raises(SteadilyError):
        small.short("{fail: {use: own.fail}}", own).run()
    line = listed_runs(Path())[0]
    assert line["outcome"] == "failed"
    failed = told_run(Path(), line["name"])["stages"][-1]
    assert (failed["stage"], failed["failed"], failed["ledger"]) == ("work", True, [])
    assert "<b>no</b>" in failed["error"]


@pytest.mark.parametrize("name", ["x", "../../etc/passwd", "", "*"])
def test_what_is_no_run_is_refused(small: Small, name: str) -> None:
    small.short().run()
    for asked in (find_run, told_run, report_of):
        with pytest.raises(RunError, match="there is no such run"):
            asked(Path(), name)


def test_without_runs_there_are_none(small: Small) -> None:
    assert listed_runs(Path()) == []
