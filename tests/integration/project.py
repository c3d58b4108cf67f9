"""A small real project for integration tests: git, DVC, a plugin of its own, a few hundred rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

BIN = Path(sys.executable).parent
CONFIG = """\
defaults:
  - contract: orders
  - model: small
  - _self_
task: classification
roles: {target: late, time: ordered_at}
plugins: [shop]
stages:
  ingest:
    steps:
      read: {use: files.csv, path: "data/inbox/*.csv"}
    outputs: {rows: raw}
  validate:
    inputs: {rows: raw}
    outputs: {rows: valid}
  clean:
    inputs: {rows: valid}
    steps:
      need_target: {use: rows.drop_missing, columns: [late], at: training}
      shout: {use: shop.shout, columns: [city], mark: "!"}
      when: {use: dates.parse, columns: [ordered_at], format: iso8601, errors: drop}
    outputs: {rows: clean}
  split:
    inputs: {rows: clean}
    steps:
      by_time: {use: split.time, column: ordered_at, cut: "2024-03-01", parts: [train, test]}
    outputs: {train: train, test: test}
  prepare:
    inputs: {train: train, test: test}
    learn_on: train
    steps:
      fill: {use: rows.impute, columns: [weight], strategy: median}
    outputs: {train: train_ready, test: test_ready}
  train:
    inputs: {rows: train_ready}
    steps: {model: "${model}"}
    outputs: {model: lateness}
datasets:
  valid: {contract: "${contract.received}", max_quarantined: 0.1}
  clean: {contract: "${contract.cleaned}"}
  train: {contract: "${contract.cleaned}"}
  test: {contract: "${contract.cleaned}"}
  train_ready: {contract: "${contract.cleaned}"}
  test_ready: {contract: "${contract.cleaned}"}
"""
JUDGED = """\
  evaluate:
    inputs: {rows: test_ready, model: lateness, reference: train_ready}
    steps:
      quality: {use: evaluate.classification}
      confidence: {use: evaluate.confidence}
      drift: {use: evaluate.drift, min_rows: 50}
      slices: {use: evaluate.slices, columns: [city, weight]}
      own: {use: shop.own}
    outputs: {predictions: predictions}
    minimums: {quality: {accuracy: 0.1, macro_f1: 0.999}}
  bundle:
    inputs: {model: lateness, predictions: predictions}
    outputs: {bundle: bundle}
"""
CONTRACT = """\
received:
  columns:
    order: {dtype: int64, nullable: false}
    city: {dtype: str, nullable: false}
    weight: {dtype: float64, nullable: true, checks: {in_range: {min_value: 0, max_value: 100}}}
    ordered_at: {dtype: str, nullable: false}
    late: {dtype: str, nullable: true, checks: {isin: ["y", "n"]}}
cleaned:
  columns:
    order: {dtype: int64, nullable: false}
    city: {dtype: str, nullable: false}
    weight: {dtype: float64, nullable: true}
    ordered_at: {dtype: "datetime64[us, UTC]", nullable: false}
    late: {dtype: str, nullable: false}
"""
MODELS = {
    "small": """\
use: sklearn.model
features:
  numbers: {columns: [weight], use: sklearn.preprocessing.StandardScaler}
  cities: {columns: [city], use: sklearn.preprocessing.OneHotEncoder, handle_unknown: ignore}
estimator: {use: sklearn.linear_model.LogisticRegression, C: 1.0}
""",
    "bayes": """\
use: sklearn.model
features:
  cities: {columns: [city], use: sklearn.preprocessing.OneHotEncoder, handle_unknown: ignore}
estimator: {use: sklearn.naive_bayes.BernoulliNB, alpha: 1.0}
""",
}
OPERATE = """\
engine: {backend: local, workers: 1, read_rows: 50000}
sources: {unreachable: fail}
"""
IGNORED = """\
/data/*
!/data/inbox
!/data/*.dvc
!/data/.gitignore
/reports/
/learned/
/models/
/evaluation/
/metrics/
/bundle/
/.steadily/
__pycache__/
"""
SHOP = '''\
"""Steps of the shop."""
import pandas as pd
from steadily import step
from shop_words import loud


@step("shop.shout")
def shout(frame: pd.DataFrame, *, columns: list[str], mark: str = "!") -> pd.DataFrame:
    """Write the columns in capitals, with a mark at the end."""
    return frame.assign(**{name: loud(frame[name], mark) for name in columns})
'''
WORDS = '''\
"""Words of the shop."""


def loud(values, mark):
    """Make text loud."""
    return values.str.upper() + mark
'''


@dataclass
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that it printed."""
        return self.out + self.err


@dataclass
class Project:
    """A project in a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, *, rows: int = 200) -> Project:
        """Make a project whose data has ``rows`` rows, and commit it to git."""
        folder.mkdir(parents=True)
        project = cls(folder)
        files = {
            "conf/config.yaml": CONFIG,
            "conf/contract/orders.yaml": CONTRACT,
            "conf/operate.yaml": OPERATE,
            "plugins/shop.py": SHOP,
            "plugins/shop_words.py": WORDS,
            ".gitignore": IGNORED,
            ".dvcignore": "__pycache__\n",
            "data/inbox/one.csv": orders(0, rows),
        }
        files |= {f"conf/model/{name}.yaml": text for name, text in MODELS.items()}
        for name, text in files.items():
            project.write(name, text)
        project.ok("git", "init", "-q")
        for command in (
            ["dvc", "init", "-q"],
            ["dvc", "config", "core.analytics", "false"],
            ["dvc", "config", "hydra.enabled", "true"],
            ["steadily", "compose"],
            ["git", "add", "-A"],
            ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "begin"],
        ):
            project.ok(*command)
        return project

    def path(self, name: str) -> Path:
        """Give the path of a file."""
        return self.folder / name

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that has to be there exactly once."""
        text = self.path(name).read_text(encoding="utf-8")
        assert text.count(old) == 1, (name, old, text.count(old))
        self.write(name, text.replace(old, new))

    def env(self) -> dict[str, str]:
        """Give the environment of commands: this Python's programs first, nothing of an outer run."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "STEADILY_"))}
        return {**kept, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1", **self.environment}

    def run(self, *command: str, timeout: float = 300) -> Done:
        """Run a command in the project."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env(), capture_output=True, text=True, timeout=timeout, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *command: str) -> str:
        """Run a command that has to succeed, and give what it printed."""
        done = self.run(*command)
        assert done.code == 0, f"{command}: {done.text}"
        return done.text

    def refused(self, *command: str) -> str:
        """Run a command that has to fail, without a traceback, and give what it printed."""
        done = self.run(*command)
        assert done.code != 0, f"{command} succeeded: {done.text}"
        assert "Traceback" not in done.text, done.text
        return done.text

    def repro(self, *more: str) -> list[str]:
        """Run ``dvc repro`` and name the stages whose command ran."""
        return [line.split()[-1] for line in self.ok("dvc", "repro", *more).splitlines() if line.startswith("> exec")]

    def lock(self) -> bytes:
        """Give ``dvc.lock``."""
        return self.path("dvc.lock").read_bytes()

    def yaml(self, name: str) -> Any:
        """Read a YAML file."""
        return yaml.safe_load(self.path(name).read_text(encoding="utf-8"))

    def files(self, *folders: str) -> dict[str, bytes]:
        """Give the content of all files under some folders."""
        found = [path for folder in folders for path in sorted(self.path(folder).rglob("*")) if path.is_file()]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}

    def rows(self, dataset: str) -> Any:
        """Read a dataset's rows, in the order of its parts."""
        from steadily import read_dataset

        return read_dataset(dataset, self.folder)

    def summary(self, stage: str) -> dict[str, Any]:
        """Read a stage's summary."""
        return json.loads(self.path(f"reports/{stage}/summary.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]

    def commit(self) -> None:
        """Commit everything to git."""
        self.ok("git", "add", "-A")
        self.ok("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "more")


def orders(first: int, rows: int) -> str:
    """Make rows of orders, the same for the same numbers."""
    cities = ("Ulm", "Köln", "Bonn", "Gera")
    lines = ["order,city,weight,ordered_at,late"]
    for number in range(first, first + rows):
        weight = "" if number % 9 == 4 else f"{(number * 37) % 50 + 0.5}"
        late = "" if number % 40 == 7 else "y" if (number * 13) % 7 < 3 else "n"
        day = f"2024-{number % 4 + 1:02d}-{number % 27 + 1:02d}T10:{number % 60:02d}:00Z"
        lines.append(f"{number},{cities[number % 4]},{weight},{day},{late}")
    return "\n".join(lines) + "\n"
