"""A small project that is run in this process: no git, no DVC, a call for each stage."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pyarrow.parquet as pq
import yaml
from project import CONFIG, CONTRACT, MODELS, OPERATE, SHOP, WORDS, orders

from steadily.catalog import CACHE
from steadily.compose import compose
from steadily.datasets import read_dataset
from steadily.stage.run import run_stage

# A pipeline as short as can be: ingest, validate, and a stage ``work`` whose steps a test gives.
SHORT = """\
roles: {target: late}
plugins: [own]
stages:
  ingest:
    steps: {read: {use: files.csv, path: "data/inbox/*.csv"}}
    outputs: {rows: raw}
  validate:
    inputs: {rows: raw}
    outputs: {rows: valid}
  work:
    inputs: {rows: valid}
    steps: {STEPS}
    outputs: {rows: done}
datasets:
  valid:
    max_quarantined: 0.5
    contract: {columns: {n: {dtype: int64}, x: {dtype: float64, nullable: true}, t: {dtype: str, nullable: true}}}
"""
OWN = """\
import pandas as pd
from steadily import step, DataError, Table
"""
ROWS = "n,x,t\n1,1.5,a\n2,,b\n3,3.5,\n4,4.5,d\n"


class Small:
    """A project in the folder that this process is in."""

    folder = Path()
    known: ClassVar[list[str]] = []

    def write(self, name: str, text: str) -> None:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = Path(name).read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old, text.count(old))
        self.write(name, text.replace(old, new))

    def orders(self, rows: int = 200) -> Small:
        """Make it the shop of the integration tests."""
        files = {"conf/config.yaml": CONFIG, "conf/contract/orders.yaml": CONTRACT, "conf/operate.yaml": OPERATE}
        files |= {f"conf/model/{name}.yaml": text for name, text in MODELS.items()}
        files |= {"plugins/shop.py": SHOP, "plugins/shop_words.py": WORDS, "data/inbox/one.csv": orders(0, rows)}
        for name, text in files.items():
            self.write(name, text)
        return self

    def short(self, steps: str = "", own: str = "", rows: dict[str, str] | str = ROWS, config: str = SHORT) -> Small:
        """Make it a short pipeline.

        Args:
            steps: The steps of the stage ``work``, as YAML in braces.
            own: The code of the project's own steps.
            rows: The text of the CSV file, or of several by name.
            config: The pipeline.
        """
        self.write("conf/config.yaml", config.replace("{STEPS}", steps or "{}"))
        self.write("plugins/own.py", OWN + textwrap.dedent(own))
        for name, text in (rows if isinstance(rows, dict) else {"one": rows}).items():
            self.write(f"data/inbox/{name}.csv", text)
        return self

    def compose(self) -> list[str]:
        """Compose, with what is known of the first-party plugins from the test before."""
        forget_own_plugins()
        if not CACHE.exists() and self.known:
            self.write(str(CACHE), self.known[-1])
        lines = compose(Path())
        self.known[:] = [CACHE.read_text(encoding="utf-8")]
        return lines

    def run(self, *stages: str) -> dict[str, Any]:
        """Compose, run stages (all of them unless named), and give the record of the last."""
        self.compose()
        record: dict[str, Any] = {}
        for stage in stages or self.yaml("params.yaml")["stages"]:
            record = run_stage(Path(), stage)
        return record

    def work(self, steps: str, own: str = "", **more: Any) -> pd.DataFrame:
        """Run the short pipeline and give what ``work`` made of the rows."""
        self.short(steps, own, **more).run()
        return read_dataset("done")

    def yaml(self, name: str) -> Any:
        return yaml.safe_load(Path(name).read_text(encoding="utf-8"))

    def json(self, name: str) -> Any:
        return json.loads(Path(name).read_text(encoding="utf-8"))

    def summary(self, stage: str = "work") -> dict[str, Any]:
        return self.json(f"reports/{stage}/summary.json")  # type: ignore[no-any-return]

    def ledger(self, stage: str = "work") -> pd.DataFrame:
        return pq.read_table(f"reports/{stage}/ledger.parquet").to_pandas()

    def drafts(self) -> list[str]:
        """Name what a stage left behind that it should not have."""
        return sorted(str(path) for path in Path().rglob("*.draft*"))


def forget_own_plugins() -> None:
    """Forget modules of a project's plugins/ that were imported for another project, or before an edit."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith("plugins/") or ("/pytest-" in file and "/plugins/" in file):
            del sys.modules[name]
    sys.path_importer_cache.clear()


def begin_anew() -> None:
    """Forget the plugins of all projects, and where they were found: the next one is looked for in its own folder."""
    forget_own_plugins()
    sys.path[:] = [path for path in sys.path if not ("/pytest-" in path and path.endswith("/plugins"))]
