"""Whether the bundle that stands may become a release: of one complete run, untouched since, good enough.

Finds all that is in the way at once. Reads ``dvc.lock`` and takes DVC's digests of files itself, without DVC.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from steadily import journal, layout
from steadily.bundle import manifest as manifests
from steadily.dvcfile import is_complete, is_foreign, read_lock
from steadily.errors import Problem, ReleaseError, SteadilyError
from steadily.lastgood import FILES, read_yaml

AGAIN = (
    "`dvc repro` makes a whole run, `dvc checkout` brings back what it wrote, `steadily restore` the last complete one"
)
CHUNK = 1 << 20
CROSSED = {"minimum": "below its minimum", "maximum": "above its maximum"}


def check_ready(project: Path) -> dict[str, Any]:
    """Give the manifest of a project's bundle, if that may be released.

    Raises:
        ReleaseError: All that is in the way.
    """
    bundle = project / layout.BUNDLE
    try:
        content = manifests.content_of(bundle)
    except SteadilyError as error:
        raise ReleaseError(*run_problems(project), *error.problems) from error
    problems = [
        *run_problems(project),
        *manifests.misfits(bundle, content["files"]),
        *missed(content["verdicts"]),
    ]
    if problems:
        raise ReleaseError(*problems)
    return content


def missed(verdicts: list[Mapping[str, Any]]) -> Iterator[Problem]:
    """Find the limits that the evaluation did not keep."""
    for verdict in verdicts:
        if not verdict["met"]:
            given = "undefined" if verdict["given"] is None else f"{verdict['given']:.6g}"
            limit = verdict["limit"]
            what = f"is {CROSSED[limit]}" if verdict["given"] is not None else f"has a {limit} and no value"
            hint = f"mend data or model, or change the {limit} in conf/, and run dvc repro"
            yield Problem(f"figure {verdict['figure']}", what, given, f"{limit} {verdict['wanted']:g}", hint)


def run_problems(project: Path) -> Iterator[Problem]:
    """Find what does not belong to one complete run."""
    running = journal.last_run(project)
    if running is not None and running.closed is None and running.owner is not None and running.owner.alive:
        yield Problem(str(layout.LOCK), "a dvc repro is at work", f"process {running.owner.pid}", hint="wait for it")
    absent = [path for path in FILES if not (project / path).is_file()]
    for path in absent:
        yield Problem(str(path), "is missing, so there is no complete run", hint=AGAIN)
    if absent:
        return
    lock, stages = read_lock(project / layout.LOCK), read_yaml(project / layout.PIPELINE)["stages"]
    own = {name: entry for name, entry in stages.items() if not is_foreign(entry)}
    changed = list(changed_outputs(project, {name: lock[name].outs for name in own if name in lock}))
    yield from changed
    files = {str(path): read_yaml(project / path) for path in (layout.PARAMS, layout.VERSIONS)}
    touched = {problem.where for problem in changed} & set(files)
    if not touched and not is_complete(lock, stages, files):
        yield Problem(str(layout.LOCK), "does not record one complete run by these parameters", hint=AGAIN)


def changed_outputs(project: Path, outs: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
    """Find outputs that are not what ``dvc.lock`` says of them; a bundle's files are told one by one elsewhere."""
    for stage, found in outs.items():
        for path, digest in found.items():
            where = path if stage == "compose" or path.endswith((".json", ".parquet", ".yaml")) else f"{path}/"
            if not (project / path).exists():
                yield Problem(where, f"is missing; {stage} wrote it", hint=AGAIN)
            elif digest and md5_of(project / path) != digest:
                yield Problem(where, f"is not what {stage} wrote: dvc.lock has another digest of it", hint=AGAIN)


def md5_of(path: Path) -> str:
    """Give DVC's digest of a file or folder; of a folder it is that of the list of its files."""
    if path.is_file():
        return file_md5(path)
    listed = [
        {"md5": file_md5(file), "relpath": file.relative_to(path).as_posix()}
        for file in path.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
    listed.sort(key=lambda item: item["relpath"])
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def file_md5(path: Path) -> str:
    """Give the MD5 of a file, which is the digest that DVC uses."""
    found = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
