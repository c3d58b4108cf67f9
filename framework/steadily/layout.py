"""Where things lie in a project: the paths of datasets, models, reports, state and the project's own files."""

from __future__ import annotations

from pathlib import Path

CONF = Path("conf")
PARAMS = Path("params.yaml")
VERSIONS = Path("versions.yaml")
PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")
DATA = Path("data")
MODELS = Path("models")
REPORTS = Path("reports")
LEARNED = Path("learned")
EVALUATION = Path("evaluation")
METRICS = Path("metrics")
LATENCY = METRICS / "latency.json"  # times never repeat, so it is no out
BUNDLE = Path("bundle")
PLUGINS = Path("plugins")
STATE = Path(".steadily")
LAST_GOOD = STATE / "last-good"  # lock, parameters, versions and pipeline of the last complete run
FEATURES_FORMAT = 1  # part of every feature set's version: a change of how values are looked up makes new ones
PROVENANCE = "steadily.json"  # in a model's folder
SERVING = STATE / "serving"  # the files of releases as they are served from here
DATA_FORMAT = 2  # part of every stage's version: a change of what Steadily writes retrains


def dataset_folder(name: str) -> Path:
    """Give the folder of a dataset."""
    return DATA / name


def model_folder(name: str) -> Path:
    """Give the folder of a model."""
    return MODELS / name


def report_files(stage: str) -> tuple[Path, Path, Path]:
    """Give a stage's summary, ledger and quarantine."""
    folder = REPORTS / stage
    return folder / "summary.json", folder / "ledger.parquet", folder / "quarantine.parquet"


def evaluation_folder(stage: str) -> Path:
    """Give the folder of what an evaluation found out."""
    return EVALUATION / stage


def plot_file(stage: str, step: str, name: str) -> Path:
    """Give the file with the points of one of an evaluation's plots."""
    return evaluation_folder(stage) / "plots" / step / f"{name}.csv"


def metrics_file(stage: str) -> Path:
    """Give the file with an evaluation's metrics."""
    return METRICS / f"{stage}.json"


def learned_folder(stage: str) -> Path:
    """Give the folder of what a stage's steps have learned."""
    return LEARNED / stage
