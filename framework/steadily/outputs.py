"""The outputs of a run: those that stand in the project, or those of an earlier run, from DVC's cache.

Owns the way from a path to a file. An earlier run is known by its ``dvc.lock``:
of a complete run it is kept with parameters and versions beside the journal;
git has those that were committed, and DVC those of its experiments.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steadily import journal, lastgood, layout
from steadily.dvcfile import LockedStage, read_lock
from steadily.errors import RunError, listed
from steadily.yamltext.core import load_core

FOLDER = ".dir"  # how the digest of a folder ends: its object lists the files
KEPT = layout.STATE / "kept"
KEPT_AT_MOST = 200
FILES = (layout.LOCK, layout.PARAMS, layout.VERSIONS)


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a run wrote.

    Attributes:
        name: The run, as it was asked for.
        project: The project's folder.
        params: Its parameters.
        versions: Its versions.
        digests: Its outputs by path; None for those that stand in the project.
        cache: DVC's cache.
        missing: Outputs that were asked for and are in no place; filled by use.
    """

    name: str
    project: Path
    params: Mapping[str, Any]
    versions: Mapping[str, Any]
    digests: Mapping[str, str] | None = None
    cache: Path | None = None
    missing: dict[str, None] = field(default_factory=dict)

    def files(self, path: Path) -> dict[str, Path]:
        """Give the files of an output by their path inside it ("" for one that is a file); empty where it is gone."""
        if self.digests is None:
            found = dict(present(self.project / path))
        else:
            digest = self.digests.get(str(path))
            found = dict(objects(self.cache, digest)) if digest and self.cache else {}
        if not found:
            self.missing[str(path)] = None
        return found

    def file(self, path: Path, inner: str = "") -> Path | None:
        """Give one file of an output, or None where it is gone."""
        return self.files(path).get(inner)

    def json(self, path: Path, inner: str = "") -> Any:
        """Read a file of JSON; None where it is gone."""
        found = self.file(path, inner)
        return None if found is None else json.loads(found.read_text(encoding="utf-8"))


def present(path: Path) -> Iterator[tuple[str, Path]]:
    """Give the files of an output that stands in the project."""
    if path.is_file():
        yield "", path
    elif path.is_dir():
        yield from ((one.relative_to(path).as_posix(), one) for one in sorted(path.rglob("*")) if one.is_file())


def cache_folder(project: Path) -> Path | None:
    """Ask DVC where its cache is."""
    done = subprocess.run(["dvc", "cache", "dir"], cwd=project, capture_output=True, text=True, check=False)
    return project / done.stdout.strip() / "files" / "md5" if done.returncode == 0 else None


def objects(cache: Path, digest: str) -> Iterator[tuple[str, Path]]:
    """Give the files of an output by their path inside it, with their objects in the cache: all, or none."""
    listing = cache / digest[:2] / digest[2:]
    files = [("", digest)]
    if digest.endswith(FOLDER):
        files = (
            [(item["relpath"], item["md5"]) for item in json.loads(listing.read_bytes())] if listing.is_file() else []
        )
    found = [(inner, cache / md5[:2] / md5[2:]) for inner, md5 in files]
    if all(path.is_file() for _, path in found):
        yield from found


def keep_run(project: Path, name: str) -> None:
    """Keep what the outputs of a complete run are found by; the oldest of more than 200 go."""
    folder = project / KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    for path in FILES:
        shutil.copyfile(project / lastgood.FOLDER / path, folder / path)
    for old in sorted((project / KEPT).iterdir())[:-KEPT_AT_MOST]:
        shutil.rmtree(old)


def kept_before(project: Path, name: str) -> str | None:
    """Name the last complete run before a run whose outputs are on record."""
    folder = project / KEPT
    earlier = [one.name for one in folder.iterdir() if one.name < name] if folder.is_dir() else []
    return max((one for one in earlier if (folder / one / layout.LOCK).is_file()), default=None)


def outputs_of_workspace(project: Path) -> Outputs:
    """Give the outputs that stand in the project."""
    params, versions = (lastgood.read_yaml(project / path) for path in (layout.PARAMS, layout.VERSIONS))
    return Outputs("workspace", project, params, versions)


def outputs_of(project: Path, name: str) -> Outputs:
    """Find a run's outputs.

    Args:
        project: The project's folder.
        name: ``workspace``; a run of the journal, or the beginning of its name; a revision of git's; an experiment
            of DVC's.

    Raises:
        RunError: There is nothing of that name.
    """
    if name == "workspace":
        return outputs_of_workspace(project)
    runs = [run.name for run in journal.runs(project)]
    named = [run for run in runs if run.startswith(name)]
    if named and named[-1] == runs[-1]:
        return outputs_of_workspace(project)
    kept = [run for run in named if (project / KEPT / run / layout.LOCK).is_file()]
    if kept:
        folder = project / KEPT / kept[-1]
        return from_texts(project, kept[-1], {path: (folder / path).read_text(encoding="utf-8") for path in FILES})
    texts = revision(project, name)
    if texts is None:
        what = f"run {named[-1]} was not complete, so its outputs are not on record" if named else "no such run"
        hint = "`steadily log --all` lists the runs; a revision of git's or an experiment of DVC's will do, too"
        raise RunError.at("steadily report", what, given=None if named else name, hint=hint)
    return from_texts(project, name, texts)


def from_texts(project: Path, name: str, texts: Mapping[Path, str]) -> Outputs:
    """Read what the outputs of an earlier run are found by."""
    draft = project / layout.STATE / "report.lock"
    draft.parent.mkdir(exist_ok=True)
    draft.write_text(texts[layout.LOCK], encoding="utf-8")
    try:
        locked: Mapping[str, LockedStage] = read_lock(draft)
    finally:
        draft.unlink()
    digests = {path: digest for stage in locked.values() for path, digest in stage.outs.items()}
    params, versions = (load_core(texts[path]) or {} for path in (layout.PARAMS, layout.VERSIONS))
    return Outputs(name, project, params, versions, digests, cache_folder(project))


def revision(project: Path, name: str) -> dict[Path, str] | None:
    """Read lock, parameters and versions from a revision of git's, or an experiment of DVC's; None if there is none.

    Raises:
        RunError: No run was committed there.
    """
    refs = git(project, "for-each-ref", "--format=%(refname)", "refs/exps") or ""
    experiments = [ref for ref in refs.splitlines() if ref.rpartition("/")[2] == name]
    commit = git(
        project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{[*experiments, name][0]}^{{commit}}"
    )
    if not commit:
        return None
    found = {path: git(project, "show", f"{commit.strip()}:./{path}") for path in FILES}
    texts = {path: text for path, text in found.items() if text is not None}
    missing = [str(path) for path in FILES if path not in texts]
    if missing:
        what = f"revision {name} holds no {listed(missing)}"
        raise RunError.at("steadily report", what, hint="commit these after a run; `steadily log --all` lists the runs")
    return texts


def git(project: Path, *words: str) -> str | None:
    """Ask git; None where it refuses."""
    done = subprocess.run(["git", *words], cwd=project, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
