"""An environment without DVC and Hydra, and what a bundle answers in it.

Made of links to the installed packages, all but those: what is not there can't be
imported, and its metadata are not found either.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from steadily import read_dataset

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("dvc", "hydra", "omegaconf", "antlr4", "_steadily")
ANSWER = """
import importlib.util, json, sys
import pandas as pd
from steadily.bundle import open_bundle

for name in ("dvc", "hydra", "omegaconf"):
    assert importlib.util.find_spec(name) is None, name
folder, given, size, out = sys.argv[1:]
rows, size = pd.read_parquet(given), int(size)
bundle = open_bundle(folder)
tables, refused, imputed = [], {}, {}
for start in range(0, len(rows), size):
    chunk = rows.iloc[start : start + size]
    answers = bundle.predict(chunk)
    if len(answers.table):
        tables.append(answers.table.set_axis(chunk.index[answers.table.index], axis=0))
    for place, one in answers.refused.items():
        refused[str(chunk.index[place])] = [one.stage, one.step, one.reason]
    for place, found in answers.imputed.items():
        imputed[str(chunk.index[place])] = [[one.column, one.value, one.step] for one in found]
assert not [name for name in sys.modules if name.partition(".")[0] in ("dvc", "hydra", "omegaconf")]
pd.concat(tables).to_parquet(out)
print(json.dumps({"refused": refused, "imputed": imputed}))
"""


@dataclass(frozen=True)
class Told:
    """What a bundle said of rows, by row id."""

    table: pd.DataFrame
    refused: dict[int, list[str]]
    imputed: dict[int, list[Any]]


def bare_python(folder: Path) -> Path:
    """Make an environment that has everything but DVC and Hydra, and give its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    target = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    for found in Path(sysconfig.get_path("purelib")).iterdir():
        if not found.name.startswith(LEFT_OUT):
            (target / found.name).symlink_to(found)
    (target / "tree.pth").write_text(f"{ROOT / 'framework'}\n{ROOT / 'plugins'}\n", encoding="utf-8")
    return python


def answered(python: Path, bundle: Path, rows: pd.DataFrame, folder: Path, size: int = 20_000) -> Told:
    """Let a bundle answer rows in a process of its own, so many at a time, in a folder with nothing in it."""
    folder.mkdir(parents=True)
    given, out = folder.with_suffix(".rows.parquet"), folder.with_suffix(".answers.parquet")
    rows.to_parquet(given)
    done = subprocess.run(
        [python, "-c", ANSWER, bundle, given, str(size), out],
        cwd=folder, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not list(folder.iterdir())
    said = json.loads(done.stdout)
    refused, imputed = ({int(row): found for row, found in said[key].items()} for key in ("refused", "imputed"))
    return Told(pd.read_parquet(out), refused, imputed)


def hold_bundle(project: Path, folder: Path, few: int) -> None:
    """Hold a bundle to what its project's evaluation and ledgers say of the same rows, somewhere without DVC and Hydra.

    Args:
        project: A project whose pipeline has run.
        folder: Where the environment is made, and a copy of the bundle.
        few: How many rows are answered one at a time, and by sevens.
    """
    folder.mkdir()
    python, bundle = bare_python(folder / "env"), folder / "a copy"
    shutil.copytree(project / "bundle", bundle)
    raw, expected = read_dataset("raw", project), read_dataset("predictions", project).drop(columns="target")
    gone = refusals_of(project, json.loads((bundle / "manifest.json").read_text("utf-8")))
    whole = answered(python, bundle, raw.loc[raw.index.isin([*expected.index, *gone])], folder / "whole")
    pd.testing.assert_frame_equal(whole.table.loc[expected.index], expected, check_names=False, rtol=0, atol=1e-12)
    assert whole.refused == gone
    rows = pd.concat([raw.loc[list(gone)[: few // 3]], raw.loc[expected.index[: few - few // 3]]])
    told = [answered(python, bundle, rows, folder / str(size), size) for size in (1, 7, len(rows))]
    for one in told[:2]:
        assert one.refused == told[2].refused
        assert one.imputed == told[2].imputed
        pd.testing.assert_frame_equal(one.table, told[2].table, check_exact=True)


def refusals_of(project: Path, manifest: dict[str, Any]) -> dict[int, list[str]]:
    """Give the rows that training dropped or quarantined where serving does the same, with stage, step and reason."""
    found: dict[int, list[str]] = {}
    for stage in manifest["stages"]:
        steps = {*(step["name"] for step in stage["steps"]), "contract"}
        path = project / "reports" / stage["stage"] / "ledger.parquet"
        ledger = pd.read_parquet(path) if path.is_file() else pd.DataFrame({"action": [], "step": []})
        gone = ledger[ledger["action"].isin(["dropped", "quarantined"]) & ledger["step"].isin(steps)]
        for entry in gone.reset_index().to_dict("records"):
            found.setdefault(int(entry["row_id"]), [stage["stage"], entry["step"], entry["reason"]])
    return found
