"""Stages of transforms: contracts, splits, learning, quarantine, several streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from steadily.datasets import open_dataset, read_dataset
from steadily.errors import ConfigError, DataError, RunError, StepError
from steadily.layout import dataset_folder
from steadily.stories.row import story_of_row
from unit.small import ROWS, SHORT, Small

DONE = "  done: {contract: {columns: {n: {dtype: int64, checks: {lt: 3}}}}, max_quarantined: MAX}\n"


def split(small: Small, series: str, rows: str = ROWS, config: str = "") -> dict[str, Any]:
    code = f"""
@step("own.split", kind="split", reads=("column",))
def split(frame: pd.DataFrame, *, column: str) -> pd.Series:
    return {series}
"""
    text = SHORT.replace("outputs: {rows: done}", "outputs: {train: train, test: test}") + config
    small.short("{one: {use: own.split, column: n}}", code, rows, text).run()
    return small.summary()


def test_a_split_names_a_part_for_each_row(small: Small) -> None:
    told = split(small, "pd.Series(['test', None, 'train', 'train'], frame.index)")
    assert told["outputs"] == {"train": 2, "test": 1}
    assert told["steps"]["one"]["reasons"] == {"dropped": {"belongs to no part": 1}}
    assert (told["in"], told["out"], told["dropped"]) == (4, 3, 1)
    assert list(read_dataset("train")["n"]) == [3, 4]
    small.edit("plugins/own.py", "'train', 'train'], frame.index", "'train', 'test'], frame.index[::-1]")
    small.run("work")
    assert list(read_dataset("test")["n"]) == [1, 4]


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ("frame['n']", "gave part '1'; allowed: train, test; the stage's outputs are named after the split's parts"),
        ("pd.Series(['train', 1, True, 'x'], frame.index)", "gave part '1'"),
        ("pd.Series(['train', 'valid'] * 2, frame.index)", "gave part 'valid'"),
        ("pd.Series(['train'] * 3, frame.index[:3])", "a split gives a Series with a part for each row id"),
        ("pd.Series(['train'] * 4)", "a split gives a Series with a part for each row id"),
        ("pd.Series(['train'] * 4, frame.index[[0, 0, 1, 2]])", "a split gives a Series with a part for each row id"),
        ("pd.Series(['train'] * 4, list('abcd'))", "a split gives a Series with a part for each row id"),
        ("['train'] * 4", "a split gives a Series with a part for each row id; given: list"),
        ("pd.Series([None] * 4, frame.index)", "none of 4 rows is left"),
    ],
)
def test_what_a_split_may_not_give(small: Small, series: str, said: str) -> None:
    with pytest.raises((StepError, DataError)) as caught:
        split(small, series)
    assert said in str(caught.value)
    assert small.drafts() == []


def test_parts_of_other_types(small: Small) -> None:
    told = split(small, "pd.Series(pd.Categorical(['train', 'test', None, 'train']), frame.index)")
    assert told["outputs"] == {"train": 2, "test": 1}


def test_a_class_that_no_model_can_learn_is_told(small: Small) -> None:
    target = "roles: {target: t}\n"
    text = target + SHORT.replace("roles: {target: late}\n", "")
    small.short("{}", "", ROWS, text)
    series = "pd.Series(['train', 'train', 'train', 'test'], frame.index)"
    code = f'@step("own.split", kind="split")\ndef split(frame: pd.DataFrame) -> pd.Series:\n    return {series}\n'
    text = text.replace("outputs: {rows: done}", "outputs: {train: train, test: test}")
    small.short("{one: {use: own.split}}", code, ROWS, text).run()
    assert small.summary()["notes"] == ["class 'd' appears in test (1 row) and not in train: no model can learn it"]


def test_each_contract_has_its_own_share(small: Small) -> None:
    train = "  train: {contract: {columns: {n: {dtype: int64}}}, max_quarantined: 0}\n"
    config = train + "  test: {contract: {columns: {n: {dtype: int64, checks: {lt: 3}}}}, max_quarantined: SHARE}\n"
    series = "pd.Series(['train', 'test', 'test', 'train'], frame.index)"
    told = split(small, series, config=config.replace("SHARE", "0.5"))
    assert told["steps"]["contract"]["quarantined"] == 1  # more than none of train, but of test
    small.edit("conf/config.yaml", "max_quarantined: 0.5}\n", "max_quarantined: 0.4}\n")
    with pytest.raises(DataError, match=r"contract of test: 1 of 2 rows fail it \(50.0%\); allowed: at most 40.0%"):
        small.run("work")


def test_quarantine_keeps_rows_as_they_came(small: Small) -> None:
    config = SHORT.replace("{n: {dtype: int64}", "{reason: {dtype: int64, checks: {lt: 3}}, dataset: {dtype: str}")
    rows = "reason,dataset,x,t\n1,a,1,é\n2,b,,\nx,c,1,\n4,d,1,\n"
    small.work("{}", rows=rows, config=config)
    table = pq.read_table("reports/validate/quarantine.parquet").to_pandas()
    assert list(table["its reason"]) == ["x", "4"]
    assert list(table["its dataset"]) == ["c", "d"]
    assert set(table["dataset"]) == {"valid"}
    assert all("reason" in reason for reason in table["reason"])
    told = small.summary("validate")
    assert (told["in"], told["out"], told["quarantined"]) == (4, 2, 2)
    assert small.ledger("validate")["action"].tolist() == ["quarantined"] * 2


def test_a_part_whose_rows_all_fail(small: Small) -> None:
    files = {"a": ROWS, "b": "n,x,t\nx,1,\ny,1,\n", "c": "n,x,t\n"}
    assert list(small.work("{}", rows=files)["n"]) == [1, 2, 3, 4]
    assert [part.rows for part in open_dataset(dataset_folder("done")).parts] == [4, 0, 0]
    assert small.summary("validate")["quarantined"] == 2
    done = read_dataset("done")
    assert {name: str(dtype) for name, dtype in done.dtypes.items()} == {"n": "int64", "x": "float64", "t": "str"}


def test_all_rows_of_all_parts_fail(small: Small) -> None:
    small.short("{}", "", "n,x,t\nx,1,\n").write("conf/operate.yaml", "engine: {backend: sequential}\n")
    with pytest.raises(DataError, match=r"stage validate, contract of valid: 1 of 1 rows fail it \(100.0%\)"):
        small.run()
    small.edit("conf/config.yaml", "max_quarantined: 0.5", "max_quarantined: 1.0")
    with pytest.raises(DataError, match="stage validate: none of 1 row is left"):
        small.run()
    assert not Path("data/valid").exists()
    assert small.drafts() == []


def test_a_check_that_only_warns_is_counted_over_all_parts(small: Small) -> None:
    checks = "{n: {dtype: int64, checks: {lt: {value: 3, options: {raise_warning: true}}}}"
    files = {"a": ROWS, "b": ROWS}
    small.work("{}", rows=files, config=SHORT.replace("{n: {dtype: int64}", checks))
    assert [note for note in small.summary("validate")["notes"] if "warning" in note] == [
        "valid: 4 rows with a warning of the contract: n is not below 3"
    ]


TWO = """\
roles: {target: t}
plugins: [own]
stages:
  ingest: {steps: {read: {use: files.csv, path: "data/inbox/*.csv"}}, outputs: {rows: raw}}
  validate: {inputs: {rows: raw}, outputs: {rows: valid}}
  halves:
    inputs: {rows: valid}
    steps: {half: {use: split.random, parts: {train: 0.5, test: 0.5}}}
    outputs: {train: train, test: test}
  work:
    inputs: {train: train, test: test}
    learn_on: train
    steps: {STEPS}
    outputs: {train: a, test: b}
datasets:
  valid: {contract: "${c}"}
  train: {contract: "${c}"}
  test: {contract: "${c}"}
c: {columns: {n: {dtype: int64}, x: {dtype: float64, nullable: true}, t: {dtype: str, nullable: true}}}
"""
ALL = """
@step("own.all", kind="dataset")
def f(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(mean=frame["n"].mean()).iloc[1:]


@step("own.halves", kind="split")
def g(frame: pd.DataFrame) -> pd.Series:
    return pd.Series("train", frame.index).where(frame["n"] < 5, "test")
"""
MANY = "n,x,t\n" + "".join(f"{n},{n if n % 3 else ''},{'ab'[n % 2]}\n" for n in range(10))


def test_steps_of_all_rows_see_each_stream_by_itself(small: Small) -> None:
    config = TWO.replace("{use: split.random, parts: {train: 0.5, test: 0.5}}", "{use: own.halves}")
    steps = "{all: {use: own.all}, fill: {use: rows.impute, columns: [x], strategy: mean}, again: {use: own.all}}"
    small.short(steps, ALL, MANY, config).run()
    a, b = read_dataset("a"), read_dataset("b")
    assert (list(a["n"]), list(b["n"])) == ([2, 3, 4], [7, 8, 9])
    assert set(a["mean"]) == {2.5}
    assert set(b["mean"]) == {7.5}
    assert (a["x"].isna().sum(), b["x"].isna().sum()) == (0, 0)
    assert b.loc[b["n"] == 9, "x"].iloc[0] == a.loc[a["n"] == 3, "x"].iloc[0]  # what train has, fills test
    told = small.summary()
    assert (told["in"], told["out"], told["dropped"], told["imputed"]) == (10, 6, 4, 3)
    assert list(told["steps"]) == ["all", "fill", "again"]
    state = small.json("learned/work/fill/state.json")
    assert state["plain"] or state["stored"]


def test_learning_from_what_is_no_stream(small: Small) -> None:
    config = TWO.replace("{use: split.random, parts: {train: 0.5, test: 0.5}}", "{use: own.halves}")
    config = config.replace("outputs: {train: a, test: b}", "outputs: {test: b}").replace(
        "inputs: {train: train, test: test}", "inputs: {test: test, train: train}"
    )
    steps = "{all: {use: own.all}, fill: {use: rows.impute, columns: [x], strategy: mean}}"
    small.short(steps, ALL, MANY, config).run()
    assert list(read_dataset("b").loc[lambda frame: frame["n"] == 9, "x"]) == [7 / 3]


def test_inputs_that_others_change_in_the_middle(small: Small) -> None:
    touch = """
@step("own.touch")
def touch(frame: pd.DataFrame) -> pd.DataFrame:
    import pathlib
    path = pathlib.Path("FILE")
    path.write_bytes(path.read_bytes() + b"\\n")
    return frame
"""
    for file, said in (
        ("data/valid/dataset.json", r"data.valid: changed while the stage was reading it; run dvc repro again"),
        ("params.yaml", r"stage work: params.yaml changed while the stage was running; nothing was written"),
    ):
        with pytest.raises(RunError, match=said):
            small.work("{one: {use: own.touch}}", touch.replace("FILE", file))
        assert small.drafts() == []
        assert not Path("data/done").exists()


def test_a_missing_column_names_the_file_and_the_likely_rename(small: Small) -> None:
    small.work("{}")
    small.write("data/inbox/two.csv", ROWS.replace("n,x,t", "n,weight,t"))
    with pytest.raises(DataError) as caught:
        small.run()
    assert "two" in str(caught.value)
    assert "column x is missing" in str(caught.value)
    assert "weight" in str(caught.value)
    small.write(".steadily/sketches/valid.json", "{")  # a hint is all that it is good for
    with pytest.raises(DataError, match="column x is missing"):
        small.run("validate")


def test_the_engine_changes_nothing(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = "{fill: {use: rows.impute, columns: [x], strategy: median}}"
    files = {name: MANY.replace("n,x,t\n", "n,x,t\n") for name in "abc"}
    small.work(steps, rows=files)
    before = open_dataset(dataset_folder("done")).digest
    monkeypatch.setenv("STEADILY_ENGINE", "sequential")
    small.run("work")
    assert open_dataset(dataset_folder("done")).digest == before


def test_a_stage_needs_what_compose_wrote(small: Small) -> None:
    from steadily.stage.run import run_stage

    small.short()
    with pytest.raises(RunError, match=r"params.yaml or versions.yaml is missing; run dvc repro"):
        run_stage(Path(), "work")
    small.run()
    small.write("plugins/own.py", Path("plugins/own.py").read_text() + "\nX = 1\n")
    run_stage(Path(), "work")  # nothing that a step uses
    small.edit("params.yaml", "0.5", "0.6")
    with pytest.raises(RunError, match=r"its parameters or its code are not those that `steadily compose` wrote down"):
        run_stage(Path(), "validate")
    with pytest.raises(ConfigError, match="no such stage; allowed: ingest, validate, work"):
        run_stage(Path(), "wrok")


def test_one_rows_story(small: Small) -> None:
    steps = "{fill: {use: rows.impute, columns: [x], strategy: median}, need: {use: rows.drop_missing, columns: [t]}}"
    small.work(steps, rows=ROWS + "x,1,\n")
    raw = read_dataset("raw")
    filled, dropped, bad = (raw.index[raw["n"] == n][0] for n in ("2", "3", "x"))
    story = story_of_row(Path(), int(filled))
    assert story[0] == f"row {filled}"
    assert "    fill: imputed x (missing) → 3.5: by rows.impute" in story
    assert "      x: 3.5" in story
    assert any("→ raw (one-0000)" in line for line in story)
    assert story_of_row(Path(), int(dropped))[-1] == "    need: dropped: t is missing"
    assert "contract: quarantined n (was x): n 'x' is" in "\n".join(story_of_row(Path(), int(bad)))
    with pytest.raises(DataError, match="has such a row; given: 5; `dvc checkout` brings"):
        story_of_row(Path(), 5)


def test_a_row_with_lists_has_a_story(small: Small) -> None:
    small.work("{}")
    part = next(Path("data/raw").glob("*.parquet"))
    odd = pd.read_parquet(part).assign(more=[[1, 2], None, [], [None]])
    odd.to_parquet(part)
    assert any("more: [1 2]" in line for line in story_of_row(Path(), int(odd.index[0])))
