"""The manifest of a bundle: what is in it, by digest, and how rows are answered with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from steadily.errors import DataError, Problem

FILE = "manifest.json"
FORMAT = 1
CHUNK = 1 << 20
LEARNED, TABLES, CONTRACTS, MODEL, PLUGINS = "learned", "tables", "contracts", "model", "plugins"
AGAIN = "get the bundle again, or `dvc repro` makes it anew"


@dataclass(frozen=True)
class ReplayedStep:
    """A step that serving repeats: its name in the stage, the step it uses, parameters, and version in parts."""

    name: str
    use: str
    params: Mapping[str, Any]
    version: Mapping[str, Any]


@dataclass(frozen=True)
class ReplayedStage:
    """A stage that serving repeats.

    Attributes:
        stage: Its name in training, which reasons and errors name.
        steps: Its steps, less those that only training takes.
        dataset: The dataset that the rows left it in.
        contract: The file of that dataset's contract, or None.
        left_out: Columns of the contract that only training has.
        tables: Further inputs, by their names in the stage: dataset.
    """

    stage: str
    steps: tuple[ReplayedStep, ...]
    dataset: str
    contract: str | None
    left_out: tuple[str, ...]
    tables: Mapping[str, str]


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        task: "classification" or "regression".
        roles: The columns of the roles.
        classes: The model's classes as text.
        features: The columns that the model reads.
        source: The source step that training read rows with, and its parameters.
        stages: What is repeated, in order; the first checks the rows as they come.
        model: The model's stage, and its step with version.
        training_only: Columns that rows may have and answers do not need.
        plugins: The project's own plugin modules.
        verdicts: How the evaluation's figures stand to their limits.
        data: The digests of the evaluated and the learned data.
        packages: Versions of the packages that the steps use.
        feature_sets: The versions of the feature sets that rows are looked up in, by name.
    """

    task: str
    roles: Mapping[str, str]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    source: Mapping[str, Any]
    stages: tuple[ReplayedStage, ...]
    model: Mapping[str, Any]
    training_only: tuple[str, ...]
    plugins: tuple[str, ...]
    verdicts: tuple[Mapping[str, Any], ...]
    data: Mapping[str, Any]
    packages: Mapping[str, str]
    feature_sets: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Manifest:
        """Read it from plain values."""
        stages = tuple(
            ReplayedStage(
                stage["stage"],
                tuple(ReplayedStep(**step) for step in stage["steps"]),
                stage["dataset"],
                stage["contract"],
                tuple(stage["left_out"]),
                stage["tables"],
            )
            for stage in content["stages"]
        )
        return cls(
            task=content["task"],
            roles=dict(content["roles"]),
            classes=tuple(content["classes"]),
            features=tuple(content["features"]),
            source=dict(content["source"]),
            stages=stages,
            model=dict(content["model"]),
            training_only=tuple(content["training_only"]),
            plugins=tuple(content["plugins"]),
            verdicts=tuple(content["verdicts"]),
            data=dict(content["data"]),
            packages=dict(content["packages"]),
            feature_sets=dict(content.get("feature_sets", {})),
            digest=content["digest"],
        )


def write(folder: Path, manifest: Manifest) -> str:
    """Write the manifest of a finished folder, with the digest of every file in it.

    Returns:
        The digest of the whole.
    """
    content = {"format": FORMAT, **asdict(manifest), "files": dict(described(folder))}
    content["digest"] = digest_of(content)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8", newline="\n")
    return str(content["digest"])


def digest_of(content: Mapping[str, Any]) -> str:
    """Digest what a manifest says, its own digest left out."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, allow_nan=False).encode()).hexdigest()


def described(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every file but the manifest: its path, size and digest."""
    for path in files_in(folder):
        name = path.relative_to(folder).as_posix()
        if name != FILE:
            yield name, {"bytes": path.stat().st_size, "sha256": sha256(path)}


def files_in(folder: Path) -> list[Path]:
    """List the files in a folder, links among them, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def sha256(path: Path) -> str:
    """Digest a file."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def read(folder: Path) -> Manifest:
    """Read a bundle's manifest, after every file of it has been found to be the one that was written.

    Raises:
        DataError: There is no bundle, or files are missing, cut off, changed, or more than there should be: all of
            them are named.
    """
    content = content_of(folder)
    problems = list(misfits(folder, content["files"]))
    if problems:
        raise DataError(*problems)
    try:
        return Manifest.from_json(content)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError.at(str(folder / FILE), f"can't be read: {type(error).__name__} {error}", hint=AGAIN) from error


def content_of(folder: Path) -> dict[str, Any]:
    """Read the manifest's text, and compare its digest."""
    path = folder / FILE
    if not path.is_file():
        there = "holds no bundle: there is no manifest.json in it" if folder.is_dir() else "there is no such folder"
        raise DataError.at(str(folder), there, hint="`dvc repro` makes bundle/")
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
            raise ValueError("it is no manifest")
    except ValueError as error:
        raise DataError.at(str(path), f"can't be read: {error}", hint=AGAIN) from error
    if content.get("format") != FORMAT:
        hint = "it was made by another version of Steadily"
        raise DataError.at(
            str(path), "is of another format", given=content.get("format"), allowed=str(FORMAT), hint=hint
        )
    if digest_of(content) != content.get("digest"):
        raise DataError.at(str(path), "was changed since it was written", hint=AGAIN)
    return content


def misfits(folder: Path, files: Mapping[str, Any]) -> Iterator[Problem]:
    """Find files that are missing, other, or too many; a link or a way out of the folder is none of its files."""
    there = {path.relative_to(folder).as_posix(): path for path in files_in(folder)}
    for name in sorted(there.keys() - files.keys() - {FILE}):
        yield Problem(str(folder / name), "is in no manifest", hint="a bundle holds what was packed and nothing else")
    for name, about in files.items():
        path = there.get(name)
        if path is None:
            yield Problem(str(folder / name), "is missing", hint=AGAIN)
        elif path.is_symlink():
            yield Problem(str(path), "is a link, not the file that was written", hint=AGAIN)
        elif path.stat().st_size != about["bytes"]:
            sizes = f"{path.stat().st_size:,} bytes", f"{about['bytes']:,}"
            yield Problem(str(path), "is not as long as when it was written", *sizes, hint=AGAIN)
        elif sha256(path) != about["sha256"]:
            yield Problem(str(path), "was changed since it was written", hint=AGAIN)
