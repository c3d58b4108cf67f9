"""The stage that comes before all others: composes the configuration and writes down what each stage would do.

Refuses before anything runs whatever can be refused by then, opens the run in
the journal, and keeps the last complete run aside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steadily import journal, lastgood, layout, lockguard, tracked, yamlcache, yamltext
from steadily.dvcfile import FIGURES, is_foreign, is_foreign_figure, pipeline_file, read_lock
from steadily.errors import ConfigError, Problem, RunError, SteadilyError
from steadily.files import write_atomically
from steadily.outputs import keep_run
from steadily.plan import differences, reasons_to_run, shown
from steadily.resolution import Resolution, compose_values, places, resolve
from steadily.sources import ask_sources, untracked
from steadily.stage.drafts import sweep
from steadily.versions import stage_versions
from steadily.yamltext.core import load_core

VERSIONS_HEADER = "Written by `steadily compose`: what each stage would do, in parts, and one digest."


@dataclass(frozen=True)
class Composition:
    """What ``compose`` comes to: the files as they are to be, why each stage would run, and what is worth saying."""

    resolution: Resolution
    pipeline: Mapping[str, Any]
    versions: Mapping[str, Any]
    reasons: Mapping[str, list[str]]
    notes: tuple[str, ...]


def in_experiment() -> bool:
    """Tell whether DVC runs an experiment, for which it has composed ``params.yaml`` itself."""
    return bool(os.environ.get("DVC_EXP_BASELINE_REV"))


def compose_all(project: Path, *, fetch: bool = False) -> Composition:
    """Compose, check, ask the sources and foretell, writing nothing but caches.

    Args:
        project: The project's folder.
        fetch: Whether data that DVC tracks may be brought from its cache where a source lacks it.

    Raises:
        SteadilyError: With everything that is wrong.
    """
    experiment = in_experiment()
    values = experiment_values(project) if experiment else compose_values(project)
    resolution = resolve(project, values, experiment=experiment)
    earlier = earlier_versions(project)
    keep = keeps_unreachable(project)
    sources, notes = asked(project, resolution, earlier, keep=keep, fetch=fetch)
    versions = stage_versions(resolution.specifications, resolution.steps, sources)
    pipeline = pipeline_file(resolution.pipeline, resolution.kinds, resolution.plots)
    files = {str(layout.PARAMS): values, str(layout.VERSIONS): versions}
    reasons = reasons_to_run(project, resolution, pipeline["stages"], files, read_lock(project / layout.LOCK))
    return Composition(resolution, pipeline, versions, reasons, (*resolution.notes, *notes))


def asked(
    project: Path, resolution: Resolution, earlier: Mapping[str, Any], *, keep: bool, fetch: bool
) -> tuple[dict[str, Any], list[str]]:
    """Ask the sources, once more if DVC's cache had what one lacked.

    Raises:
        SteadilyError: With the problems of all sources.
    """
    try:
        return ask_sources(resolution, earlier, keep_unreachable=keep)
    except SteadilyError as error:
        if fetch and tracked.check_out(project):
            return asked(project, resolution, earlier, keep=keep, fetch=False)
        raise SteadilyError(*error.problems, *tracked.told(project)) from error


def earlier_versions(project: Path) -> Mapping[str, Any]:
    """Read ``versions.yaml`` as it stands; it is about to be written anew, so that one which can't be read is empty."""
    try:
        found = lastgood.read_yaml(project / layout.VERSIONS)
    except Exception:  # whatever somebody made of it
        return {}
    return found if isinstance(found, dict) else {}


def check_project(project: Path) -> Composition:
    """Compose and check as a run would, and write nothing.

    Raises:
        SteadilyError: With everything that is wrong.
    """
    if not in_experiment():
        refuse_hand_edits(project, compose_values(project))
    return compose_all(project)


def experiment_values(project: Path) -> dict[str, Any]:
    """Read the values that DVC composed for an experiment.

    Raises:
        ConfigError: Something in them was left open.
    """
    compose_values(project)  # refuses in conf/ what DVC would have taken, such as secrets from the environment
    values = lastgood.read_yaml(project / layout.PARAMS)
    problems = [
        Problem(f"{layout.PARAMS}: {'.'.join(path)}", "is left open ('???')", hint="give it a value with -S")
        for path, _, value in differences({}, values)
        for value, path in open_values(value, path)
    ]
    if problems:
        raise ConfigError(*problems)
    return values


def open_values(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Find the mandatory values that nobody set: DVC writes them as '???'."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from open_values(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from open_values(item, (*path, str(number)))
    elif value == "???":
        yield value, path


def keeps_unreachable(project: Path) -> bool:
    """Tell whether a source out of reach is to keep its last version, which the operator says."""
    from steadily.operate import engine_settings, operation

    engine_settings(project)  # an engine that can't be is refused now, not by the first stage that needs it
    return bool((operation(project).get("sources") or {}).get("unreachable") == "keep")


def compose(project: Path) -> list[str]:
    """Do what DVC's first stage does: check, write ``params.yaml`` and ``versions.yaml``, open the run.

    Returns:
        Lines worth showing.

    Raises:
        SteadilyError: The configuration, the sources or the pipeline's shape do not allow a run.
    """
    owner = journal.Owner.of(os.getppid()) if os.environ.get("DVC_STAGE") else None
    close_earlier(project, owner)
    sweep(project)
    if owner is not None:
        lockguard.keep_copy(project)
        lockguard.stand_guard(project, owner.pid)
    run = journal.open_run(project, owner, trigger=trigger(owner))
    with told_to(project, run):
        lines = write_composition(project, run)
    if owner is None:
        run.write("run_closed", outcome="composed")
    return lines


def trigger(owner: journal.Owner | None) -> str:
    """Name what began the run."""
    if in_experiment():
        return "dvc exp run"
    return "dvc repro" if owner else "steadily compose"


@contextmanager
def told_to(project: Path, run: journal.Run) -> Iterator[None]:
    """Write a refusal down before it is shown; an experiment that is refused leaves ``params.yaml`` as it was."""
    try:
        yield
    except SteadilyError as error:
        run.write("compose_failed", error=str(error))
        if in_experiment():
            take_back(project)
        raise


def take_back(project: Path) -> None:
    """Write ``params.yaml`` from ``conf/`` again, which DVC wrote over for an experiment."""
    with suppress(SteadilyError):
        put(project / layout.PARAMS, sealed_params(project, compose_values(project)))


def sealed_params(project: Path, values: Mapping[str, Any]) -> str:
    """Give the text of ``params.yaml``."""
    return yamltext.sealed(yamlcache.dump(project, "params", values))


def write_composition(project: Path, run: journal.Run) -> list[str]:
    """Compose and write; see ``compose``."""
    experiment = in_experiment()
    if not experiment:
        refuse_hand_edits(project, compose_values(project))
    found = compose_all(project, fetch=True)
    refuse_other_shape(project, found, experiment=experiment)
    params = sealed_params(project, found.resolution.values)
    put(project / layout.PARAMS, params)
    put(project / lastgood.COMPOSED, params)
    put(project / layout.VERSIONS, yamlcache.dump(project, "versions", found.versions, VERSIONS_HEADER))
    notes = [*found.notes, *untracked(project, found.resolution)]
    run.write("composed", reasons=found.reasons, notes=notes)
    return [f"note: {note}" for note in notes]


def put(path: Path, text: str) -> None:
    """Write a file unless it has this text already."""
    if not path.is_file() or path.read_bytes() != text.encode():
        write_atomically(path, text)


def close_earlier(project: Path, owner: journal.Owner | None) -> None:
    """Close the run that an earlier ``dvc repro`` left open, keeping it aside if it was a whole one.

    Raises:
        RunError: It is still at work.
    """
    run = journal.last_run(project)
    if run is None or run.closed is not None:
        lastgood.keep_last_good(project)
        return
    journal.refuse_other_run(project, run, owner)
    complete = lastgood.keep_last_good(project)
    if complete:
        keep_run(project, run.name)
    run.write("run_closed", outcome=journal.outcome_of(run, complete=complete))


def refuse_hand_edits(project: Path, composed: Mapping[str, Any]) -> None:
    """Refuse a ``params.yaml`` that somebody edited since it was written.

    Raises:
        ConfigError: Naming for each edited value the place in ``conf/`` that holds it.
    """
    path = project / layout.PARAMS
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        values = load_core(text)
    except Exception as error:
        found = yamltext.parse_problem(error, str(layout.PARAMS), text)
        raise ConfigError(replace(found, hint="`git checkout params.yaml`")) from error
    changed = list(differences(composed, values))
    if not changed or yamltext.seal_of(text) == "intact":
        return
    where = places(project, experiment=False)
    raise ConfigError(
        *(
            Problem(
                f"{layout.PARAMS}: {'.'.join(keys)}",
                "was edited by hand, but is written from conf/",
                f"{shown(new)} where conf/ has {shown(old)}",
                hint=f"edit {where(*keys)} instead and `git checkout params.yaml`; "
                "`steadily adopt` writes the values into conf/",
            )
            for keys, old, new in changed
        )
    )


def with_foreign(present: Mapping[str, Any], pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """Give what ``dvc.yaml`` is to hold: our own entries, then those of stages, metrics and plots that are not ours."""
    stages = present.get("stages") or {}
    foreign = {name: entry for name, entry in stages.items() if name not in pipeline["stages"] and is_foreign(entry)}
    wanted: dict[str, Any] = {"stages": {**pipeline["stages"], **foreign}}
    for key in FIGURES:
        others = [entry for entry in present.get(key) or [] if is_foreign_figure(entry)]
        wanted[key] = [*pipeline[key], *others] or None
    return wanted


def other_shape(project: Path, pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """Give what ``dvc.yaml`` is to hold where it is out of date; nothing where it is not."""
    present = lastgood.read_yaml(project / layout.PIPELINE)
    wanted = with_foreign(present, pipeline)
    if not list(differences({key: present.get(key) for key in wanted}, wanted)):
        return {}
    return {key: value for key, value in {**present, **wanted}.items() if value}


def foretold_shape(project: Path, found: Composition) -> list[str]:
    """Say that ``dvc.yaml`` has to be written before anything can run, if it has."""
    if not (project / layout.PIPELINE).is_file():
        return [f"{layout.PIPELINE} is not there yet: `steadily compose` writes it"]
    if other_shape(project, found.pipeline):
        return [f"the pipeline's shape changed: the next dvc repro rewrites {layout.PIPELINE} and stops, one more runs"]
    return []


def refuse_other_shape(project: Path, found: Composition, *, experiment: bool) -> None:
    """Stop where ``dvc.yaml`` is out of date: DVC has loaded the old one already.

    Raises:
        RunError: It was rewritten, or an experiment asks for another shape.
    """
    content = other_shape(project, found.pipeline)
    if not content:
        return
    if experiment:
        raise RunError.at(
            str(layout.PIPELINE),
            "this experiment changes the pipeline's shape",
            hint="an experiment changes parameters; for other stages, inputs or outputs edit conf/",
        )
    header = "Written by `steadily compose` from conf/: change stages there."
    write_atomically(project / layout.PIPELINE, yamltext.dump(content, header=header))
    if os.environ.get("DVC_STAGE"):
        raise RunError.at(
            str(layout.PIPELINE), "the pipeline's shape changed; dvc.yaml has been rewritten; run dvc repro again"
        )
