"""Opening a bundle: its files, its code, its model, each held against what the manifest says."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from steadily.bundle import manifest as manifests
from steadily.bundle.manifest import Manifest, ReplayedStage
from steadily.bundle.replay import Boundary, Bundle, Leg
from steadily.catalog import Catalog
from steadily.chain import Chain, Places, bind
from steadily.contract import Contract
from steadily.errors import PluginError, Problem
from steadily.features.offline import open_offline
from steadily.lookups import Features, FeatureSet
from steadily.spec import StageSpec, StepSpec

INPUT = "rows"
Tell = Callable[[str], None]
OpenFeatures = Callable[[FeatureSet], Features]


def open_bundle(
    folder: Path | str,
    *,
    other_code: bool = False,
    tell: Tell = lambda text: None,
    features: OpenFeatures | None = None,
) -> Bundle:
    """Open a bundle for answering rows.

    A bundle may carry code of the project that it comes from (``plugins/``), which
    runs: open only what you trust as you would trust code.

    Args:
        folder: The bundle's folder.
        other_code: Whether steps may be used whose installed code is not that of the training.
        tell: Called with what is worth knowing, such as packages of other versions.
        features: Opens a feature set for lookups, such as ``steadily.features.online_features(url)``, which reads an
            online store; without it, values come from the bundle's own files, which are as old as the training.

    Raises:
        DataError: A file of it is missing or other than it was written; a model that holds unknown types.
        PluginError: A step is not installed, or its code is not that of the training.
    """
    folder = Path(folder).resolve()
    manifest = manifests.read(folder)
    sys.dont_write_bytecode = True  # or the import of its plugins would leave files in it
    catalog = Catalog(folder, manifest.plugins, cached=False)
    problems = list(code_problems(manifest, catalog))
    if problems and not other_code:
        raise PluginError(*problems)
    for problem in problems:
        tell(str(problem))
    for text in other_packages(manifest):
        tell(text)
    lookups = Lookups(features)
    legs = tuple(leg(folder, catalog, stage, lookups) for stage in manifest.stages)
    step = manifest.model["step"]
    model_step = bind(
        catalog,
        manifest.model["stage"],
        StepSpec(step["name"], step["use"], step["params"]),
        Places(folder, folder, {}),
    )
    model = model_step.guarded(model_step.definition.target.load, folder / manifests.MODEL)  # type: ignore[attr-defined]
    return Bundle(folder, manifest, legs, model_step, model, tuple(lookups.opened.values()))


class Lookups:
    """Opens the feature sets of a bundle, each once."""

    def __init__(self, features: OpenFeatures | None) -> None:
        self.features = features
        self.opened: dict[Path, Features] = {}

    def __call__(self, folder: Path) -> Features:
        """Open the feature set whose files lie in a folder of the bundle."""
        if folder not in self.opened:
            found = open_offline(folder)
            self.opened[folder] = found if self.features is None else self.features(found.set)
        return self.opened[folder]


def leg(folder: Path, catalog: Catalog, stage: ReplayedStage, lookups: Lookups) -> Leg:
    """Bind the steps of one stage, and read the contract at its end."""
    steps = tuple(StepSpec(step.name, step.use, step.params) for step in stage.steps)
    spec = StageSpec(stage.stage, {INPUT: "", **stage.tables}, steps, {INPUT: stage.dataset})
    tables = {name: folder / manifests.TABLES / dataset for name, dataset in stage.tables.items()}
    chain = Chain(catalog, spec, Places(folder / manifests.LEARNED / stage.stage, folder, tables, lookups))
    boundary = None
    if stage.contract is not None:
        values = yaml.safe_load((folder / stage.contract).read_text(encoding="utf-8"))
        trained = Contract.parse(values)
        boundary = Boundary(stage.dataset, trained.without(stage.left_out), trained)
    return Leg(stage.stage, chain, boundary)


def other_packages(manifest: Manifest) -> Iterator[str]:
    """Say which packages are here in another version than in training."""
    for name, then in manifest.packages.items():
        now = installed_version(name)
        if now not in (None, then):
            yield f"trained with {name} {then}, and here is {now}: answers may differ"


def installed_version(name: str) -> str | None:
    """Give the version of a distribution, or of Python itself."""
    if name == "python":
        return ".".join(platform.python_version_tuple()[:2])
    try:
        return "+".join(version(one) for one in name.split("+"))
    except PackageNotFoundError:
        return None


def code_problems(manifest: Manifest, catalog: Catalog) -> Iterator[Problem]:
    """Find steps whose code is not that of the training.

    Raises:
        PluginError: A step is not installed at all.
    """
    model = manifest.model
    steps = [(stage.stage, step.name, step.use, step.version) for stage in manifest.stages for step in stage.steps]
    steps.append((model["stage"], model["step"]["name"], model["step"]["use"], model["step"]["version"]))
    for stage, name, use, then in steps:
        code = catalog.entry(use).code
        trained = {file: digest for file, digest in then["code"].items() if "(" not in file}  # "(…)": a parameter's
        other = sorted(file for file in code.keys() | trained.keys() if code.get(file) != then["code"].get(file))
        if other:
            what = f"the code of {use} here is not that of the training"
            hint = "install the version that it was trained with, or train again; --allow-other-code takes it as it is"
            yield Problem(f"stage {stage}, step {name}", what, ", ".join(other), hint=hint)
