"""Nobody thinks of bookkeeping: every row and cell is accounted for, whatever the steps do and however they are run."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import Project, orders

CHAOS = '''\
"""Steps that nobody should write."""
from hashlib import blake2b
import pandas as pd
from steadily import step


def chosen(frame, seed, share):
    digest = [blake2b(f"{seed} {row}".encode(), digest_size=1).digest()[0] for row in frame.index]
    return pd.Series(digest, index=frame.index) < share


@step("chaos.row")
def row(frame: pd.DataFrame, *, seed: int, share: int = 25) -> pd.DataFrame:
    """Drop, fill in and lose what it likes, in any order of rows, and say nothing."""
    frame = frame.loc[~chosen(frame, f"drop {seed}", share)]
    frame = frame.sort_values("city").copy()
    frame.loc[chosen(frame, f"fill {seed}", share) & frame["weight"].isna(), "weight"] = float(seed)
    frame.loc[chosen(frame, f"lose {seed}", share), "weight"] = None
    frame.loc[chosen(frame, f"mute {seed}", share), "city"] = None
    return frame.astype({"order": "float64"}) if seed % 2 else frame.assign(new=1)[[*frame.columns[::-1], "new"]]


@step("chaos.reasoned")
def reasoned(frame: pd.DataFrame, *, seed: int, share: int = 25) -> pd.DataFrame:
    """Drop rows and give reasons for half of them, and for some that stay."""
    gone = chosen(frame, f"reason {seed}", share)
    reasons = pd.Series("bad luck", index=frame.index).iloc[::2]
    return frame.loc[~gone], reasons


@step("chaos.all", kind="dataset", reads=("columns",))
def every(frame: pd.DataFrame, *, columns: list[str], seed: int, share: int = 25) -> pd.DataFrame:
    """See all rows, drop some, fill in and lose others."""
    frame = frame.loc[~chosen(frame, f"all {seed}", share)].sort_index(ascending=False)
    return frame.assign(weight=frame["weight"].mask(chosen(frame, f"lost {seed}", share)).fillna(frame["weight"].max()))


@step("chaos.learned")
class Learned:
    """Learn something, and drop and fill in with it."""

    def __init__(self, *, seed: int, share: int = 25) -> None:
        self.seed, self.share = seed, share

    def learn(self, frame):
        return {"rows": len(frame)}

    def merge(self, parts):
        return {"rows": sum(part["rows"] for part in parts)}

    def apply(self, frame, state):
        frame = frame.loc[~chosen(frame, f"learned {self.seed}", self.share)]
        return frame.assign(weight=frame["weight"].fillna(float(state["rows"])))


@step("chaos.part", kind="split", reads=())
def part(frame: pd.DataFrame, *, seed: int, share: int = 25) -> pd.Series:
    """Leave some rows without a part."""
    parts = pd.Series("train", index=frame.index).mask(chosen(frame, f"test {seed}", 64), "test")
    return parts.mask(chosen(frame, f"none {seed}", share))


@step("chaos.break_ids")
def break_ids(frame: pd.DataFrame, *, how: str) -> pd.DataFrame:
    """Do with the row ids what must not be done."""
    return {
        "reset and drop": lambda: frame.reset_index(drop=True),
        "merge": lambda: frame.merge(frame[["order"]], on="order"),
        "twice": lambda: pd.concat([frame, frame.iloc[:1]]),
        "invent": lambda: frame.set_axis(frame.index.to_numpy() + 1),
        "in place": lambda: frame.drop(index=frame.index[:3], inplace=True) or frame,
    }[how]()
'''
CHAOTIC = """\
    steps:
      first: {{use: chaos.row, seed: {0}}}
      second: {{use: chaos.reasoned, seed: {0}}}
      third: {{use: chaos.all, columns: [order, weight], seed: {0}}}
      fourth: {{use: chaos.learned, seed: {0}}}
      fifth: {{use: chaos.row, seed: {1}}}
"""
CLEANING = """\
    steps:
      need_target: {use: rows.drop_missing, columns: [late], at: training}
      shout: {use: shop.shout, columns: [city], mark: "!"}
      when: {use: dates.parse, columns: [ordered_at], format: iso8601, errors: drop}
"""
OPEN = """\
  columns:
    order: {dtype: int64, nullable: false}
    city: {dtype: str, nullable: true}
    weight: {dtype: float64, nullable: true, checks: {in_range: {min_value: 0, max_value: 150}}}
    late: {dtype: str, nullable: true}
"""
ACTIONS = ("dropped", "quarantined", "imputed", "lost")


def refuse_gaps(project: Project, stage: str) -> pd.DataFrame:
    """Hold a stage's summary and ledger to what they promise, and give the ledger."""
    summary = project.summary(stage)
    ledger = pd.read_parquet(project.path(f"reports/{stage}/ledger.parquet"))
    entries = Counter(zip(ledger["step"], ledger["action"], strict=True))
    for name, step in summary["steps"].items():
        assert step["in"] == step["out"] + step["dropped"] + step["quarantined"], (stage, name)
        for action in ACTIONS:
            assert entries[name, action] == step[action] == sum(step["reasons"].get(action, {}).values())
    for action in ACTIONS:
        assert summary[action] == sum(step[action] for step in summary["steps"].values())
    assert summary["in"] == summary["out"] + summary["dropped"] + summary["quarantined"]
    assert summary["out"] == sum(summary["outputs"].values())
    assert set(entries) <= {(name, action) for name in summary["steps"] for action in ACTIONS}
    gone = ledger[ledger["action"].isin(["dropped", "quarantined"])]
    assert gone["row_id"].is_unique
    assert ledger["reason"].notna().all()
    cells = ledger[ledger["action"].isin(["imputed", "lost"])]
    assert (cells["before"].isna() == (cells["action"] == "imputed")).all()
    assert (cells["after"].isna() == (cells["action"] == "lost")).all()
    rows = [project.rows(name) for name in project.yaml("params.yaml")["stages"][stage]["outputs"].values()]
    came = [project.rows(name) for name in project.yaml("params.yaml")["stages"][stage].get("inputs", {}).values()]
    if came and stage != "train":
        left = pd.Index([]).append([frame.index for frame in rows])
        before = pd.Index([]).append([frame.index for frame in came])
        assert left.is_unique
        assert set(before) - set(left) == set(gone["row_id"])
        assert set(left) <= set(before)
    return ledger


def test_every_row_of_a_plain_run_is_accounted_for(finished: Project) -> None:
    for stage in ("ingest", "validate", "clean", "split", "prepare"):
        refuse_gaps(finished, stage)
    raw = pd.read_csv(finished.path("data/inbox/one.csv"))
    clean = refuse_gaps(finished, "clean")
    assert set(clean["action"]) == {"dropped"}
    assert set(clean["reason"]) == {"late is missing"}
    assert len(clean) == raw["late"].isna().sum()
    filled = refuse_gaps(finished, "prepare")
    assert set(filled["action"]) == {"imputed"}
    assert set(filled["column"]) == {"weight"}
    medians = finished.rows("train")["weight"].median()
    assert set(filled["after"]) == {str(medians)}


@pytest.mark.parametrize("fixed", [1, pytest.param(None, marks=pytest.mark.soak)])
def test_steps_that_say_nothing_are_found_out(finished: Project, fixed: int | None) -> None:
    seed = fixed or random.Random().randrange(2, 10_000)
    assert seed, "shown where the test fails"
    finished.edit("conf/config.yaml", CLEANING, CHAOTIC.format(seed, seed + 1))
    finished.edit("conf/config.yaml", "plugins: [shop]", "plugins: [shop, chaos]")
    finished.edit("conf/config.yaml", "  clean: {contract", "  clean: {max_quarantined: 1.0, contract")
    text = finished.path("conf/contract/orders.yaml").read_text(encoding="utf-8")
    finished.write("conf/contract/orders.yaml", text.partition("cleaned:\n")[0] + "cleaned:\n" + OPEN)
    finished.write("plugins/chaos.py", CHAOS)
    for number in range(3):
        finished.write(f"data/inbox/more {number}.csv", orders(1000 * (number + 1), 60))
    finished.edit(
        "conf/config.yaml",
        '{use: split.time, column: ordered_at, cut: "2024-03-01", parts: [train, test]}',
        f"{{use: chaos.part, seed: {seed}}}",
    )
    finished.ok("steadily", "compose")
    for stage in ("ingest", "validate", "clean", "split"):
        finished.ok("steadily", "run", stage)
    ledger = refuse_gaps(finished, "clean")
    assert {"dropped", "imputed", "lost"} <= set(ledger["action"])
    assert {"bad luck", "by chaos.reasoned"} <= set(ledger.loc[ledger["step"] == "second", "reason"])
    parts = refuse_gaps(finished, "split")
    assert set(parts["reason"]) == {"belongs to no part"}
    steps = list(finished.summary("clean")["steps"].values())
    assert [step["in"] for step in steps[1:]] == [step["out"] for step in steps[:-1]]

    first = ledger[ledger["step"] == "first"].set_index("row_id")
    valid = finished.rows("valid")
    gone = first.index[first["action"] == "dropped"]
    lost = first[(first["action"] == "lost") & (first["column"] == "weight")]
    filled = first[(first["action"] == "imputed") & (first["column"] == "weight")]
    assert valid.loc[filled.index, "weight"].isna().all()
    assert set(filled["after"]) <= {str(float(seed))}
    assert (valid.loc[lost.index, "weight"].astype(str) == lost["before"]).all()
    assert not set(gone) & {*lost.index, *filled.index}
    muted = first[(first["action"] == "lost") & (first["column"] == "city")]
    assert (valid.loc[muted.index, "city"] == muted["before"]).all()


def test_steps_that_break_row_ids_or_their_input_are_refused(finished: Project) -> None:
    finished.write("plugins/chaos.py", CHAOS)
    finished.edit("conf/config.yaml", "plugins: [shop]", "plugins: [shop, chaos]")
    shout = '      shout: {use: shop.shout, columns: [city], mark: "!"}\n'
    before = finished.files("data/clean", "reports/clean")
    said = {
        "reset and drop": "reset the index, which holds the row ids",
        "merge": "reset the index, which holds the row ids",
        "twice": "gave rows twice",
        "invent": "gave rows that it was not given",
        "in place": "changed its input in place",
    }
    finished.edit("conf/config.yaml", shout, '      shout: {use: chaos.break_ids, how: "?"}\n')
    last = "?"
    for how, words in said.items():
        finished.edit("conf/config.yaml", f'how: "{last}"', f'how: "{how}"')
        last = how
        finished.ok("steadily", "compose")
        told = finished.refused("steadily", "run", "clean")
        assert told.startswith(f"stage clean, step shout (chaos.break_ids, plugins/): {words}"), (how, told)
        assert finished.files("data/clean", "reports/clean") == before


MESSY = "\ufefforder,city,weight,ordered_at,late\r\n" + "".join(
    f"{number},{city},{weight},2024-0{number % 4 + 1}-11T10:00:00+0{number % 3}:00,{'yn'[number % 2]}\r\n"
    for number, (city, weight) in enumerate(
        [("Ulm", ""), ("Ulm", ""), ("Köln 😀", "3"), ("Köln 😀", "3.0"), ('"a, ""b"""', "1e1"), ("Ulm", "7")] * 5
    )
)


@pytest.mark.soak  # test_engine has the same bytes of other ways of working
def test_results_are_the_same_however_the_work_is_cut(finished: Project) -> None:
    files = {"b.csv": MESSY, "a.csv": orders(300, 30), "ä b.csv": orders(400, 3)}
    seen = []
    for order, engine, workers, rows in (
        (1, "", 1, 50000),
        (-1, "local:2", 1, 7),
    ):
        for name in list(files)[::order]:
            target = finished.path(f"data/inbox/{name}")
            target.unlink(missing_ok=True)
            target.write_text(files[name], encoding="utf-8", newline="")
        finished.write("conf/operate.yaml", f"engine: {{backend: local, workers: {workers}, read_rows: {rows}}}\n")
        finished.environment["STEADILY_ENGINE"] = engine
        finished.ok("rm", "-rf", ".dvc/cache/runs", "dvc.lock", "data/raw", "data/valid", "data/clean", "data/train")
        finished.ok(
            "rm", "-rf", "data/test", "data/train_ready", "data/test_ready", "models", "learned", "reports", ".steadily"
        )
        assert len(finished.repro()) == 7
        seen.append({"lock": finished.lock()} | finished.files("data", "models", "learned", "reports"))
    for other in seen[1:]:
        assert other.keys() == seen[0].keys()
        assert [name for name in other if other[name] != seen[0][name]] == []


LISTENER = '''\
"""Hears how stages went, and makes steps as it runs."""
import json
from pathlib import Path
from steadily import hookimpl, step


def keep(hook, record):
    with Path("heard.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"hook": hook, **record}) + "\\n")


@hookimpl
def stage_finished(record):
    keep("stage_finished", record)


@hookimpl
def stage_failed(record):
    keep("stage_failed", record)


def adding(number):
    def add(frame, *, column: str):
        """Add a number to a column."""
        return frame.assign(**{column: frame[column] + number})

    return step(f"made.add_{number}")(add)


@hookimpl
def register_steps(register):
    for number in (1, 2):
        register(adding(number))
'''


def test_hooks_of_a_project_plugin_are_called(finished: Project) -> None:
    finished.write("plugins/ears.py", LISTENER)
    finished.edit("conf/config.yaml", "plugins: [shop]", "plugins: [shop, ears]")
    assert finished.ok("steadily", "plan") == "nothing to do: dvc repro would run compose only\n", (
        "a listener is no step"
    )
    shown = finished.ok("steadily", "steps", "made.add_2")
    assert "Add a number to a column." in shown
    shout = '      shout: {use: shop.shout, columns: [city], mark: "!"}\n'
    finished.edit("conf/config.yaml", shout, "      more: {use: made.add_2, column: weight}\n")
    assert finished.repro("split") == ["compose", "clean", "split"]
    heard = [json.loads(line) for line in finished.path("heard.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(record["hook"], record["stage"]) for record in heard] == [
        ("stage_finished", stage) for stage in ("clean", "split")
    ]
    assert heard[0].items() >= {"in": 200, "out": 195, "dropped": 5, "quarantined": 0, "imputed": 0, "lost": 0}.items()
    assert (
        finished.rows("clean")["weight"] == finished.rows("valid").loc[finished.rows("clean").index, "weight"] + 2
    ).sum() == 173

    finished.edit("conf/config.yaml", "column: weight}", "column: city}")
    told = finished.refused("dvc", "repro")
    heard = [json.loads(line) for line in finished.path("heard.jsonl").read_text(encoding="utf-8").splitlines()]
    assert heard[-1]["hook"] == "stage_failed"
    assert heard[-1]["stage"] == "clean"
    assert "step more (made.add_2, plugins/): raised TypeError" in heard[-1]["error"]
    assert heard[-1]["error"].splitlines()[0] in told


def test_a_listener_that_raises_changes_nothing(finished: Project) -> None:
    finished.write("plugins/ears.py", LISTENER.replace("    keep(", "    raise ValueError('deaf')\n    keep("))
    finished.edit("conf/config.yaml", "plugins: [shop]", "plugins: [shop, ears]")
    finished.edit("conf/config.yaml", 'mark: "!"', 'mark: "?"')
    told = finished.ok("dvc", "repro", "clean")
    assert "deaf" in told
    log = finished.ok("steadily", "log").splitlines()
    assert log[-2:] == ["  not reached: split, prepare, train", "not complete: 1 stage ran"]


def entry_of(project: Project, stage: str, **wanted: Any) -> Any:
    """Find an entry of a ledger."""
    ledger = pd.read_parquet(project.path(f"reports/{stage}/ledger.parquet"))
    for name, value in wanted.items():
        ledger = ledger[ledger[name] == value]
    return next(ledger.itertuples())


def test_one_row_and_one_run_are_told(finished: Project) -> None:
    filled = entry_of(finished, "prepare", action="imputed")
    story = finished.ok("steadily", "why", str(filled.row_id))
    lines = [line.strip() for line in story.splitlines()]
    assert lines[0] == f"row {filled.row_id}"
    assert [line for line in story.splitlines() if line.startswith("  ") and line[2] != " "] == [
        "  ingest",
        "  validate",
        "  clean",
        "  split",
        "  prepare",
    ]
    assert lines[1:3] == ["ingest", "→ raw (one-0000)"]
    assert "weight: (missing)" in lines
    assert any(line.startswith("fill: imputed weight (missing) → ") for line in lines)
    dropped = entry_of(finished, "clean", action="dropped")
    story = finished.ok("steadily", "why", str(dropped.row_id))
    assert story.rstrip().endswith("need_target: dropped: late is missing")
    assert "no dataset and no ledger of this project has such a row; given: 12" in finished.refused(
        "steadily", "why", "12"
    )
    assert "a row id is a whole number" in finished.refused("steadily", "why", "order-7")

    finished.edit("data/inbox/one.csv", "\n10,Bonn,", "\n10,Bonn,1")
    finished.edit("data/inbox/one.csv", "\n11,Gera,", "\n11,Gera,-")
    finished.repro()
    ledger = refuse_gaps(finished, "validate")
    assert len(ledger) == 2
    entry = next(ledger[ledger["before"].str.startswith("-")].itertuples())
    story = finished.ok("steadily", "why", str(entry.row_id))
    assert f"contract: quarantined weight (was {entry.before}): " in story
    log = finished.ok("steadily", "log")
    assert "  ingest: changed in the source: one.csv\n    200 rows in, 200 out, in " in log
    assert "200 rows in, 198 out, 2 quarantined" in log
    assert log.splitlines()[-1] == "complete: 6 stages ran"
    every = finished.ok("steadily", "log", "--all").splitlines()
    assert len(every) == 3, "composed by hand, then two whole runs"
    first = every[1].split()[0]
    assert finished.ok("steadily", "log", first).startswith(f"run {first}, dvc repro, began ")
    assert "no such run; given: 1999" in finished.refused("steadily", "log", "1999")


@given(
    values=st.lists(st.sampled_from(["", "a", "ä 😀", "1", "1.0", "01", "nan", "None"]), min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
    size=st.integers(1, 12),
)
def test_parts_and_row_ids_do_not_depend_on_how_a_source_is_read(values: list[str], cuts: list[int], size: int) -> None:
    from steadily.stage.ingest import in_parts

    rows = pd.DataFrame({"text": values, "number": range(len(values))}).assign(number=1)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    chunks = [("one", rows.iloc[start:end]) for start, end in itertools.pairwise(edges)]
    whole = list(in_parts(iter([("one", rows)]), None, size))
    cut = list(in_parts(iter(chunks), None, size))
    assert [len(frame) for _, frame in cut] == [len(frame) for _, frame in whole]
    assert all(len(frame) == size for _, frame in whole[:-1])
    for (_, one), (_, other) in zip(cut, whole, strict=True):
        pd.testing.assert_frame_equal(one, other)
    ids = pd.Index([]).append([frame.index for _, frame in whole])
    assert ids.is_unique
    assert len(ids) == len(rows)
