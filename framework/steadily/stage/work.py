"""The work of a stage, by what its steps are: reading a source, transforming rows, making a feature set, fitting,
judging or packing a model.

Everything is written into drafts; what the stage read is checked once more
before they get their final names.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.lineage import Work, place_of
from steadily.stage.begin import Begun
from steadily.stage.drafts import Drafts

Task = Callable[[Begun, Drafts], dict[str, Any]]
WORKS: dict[Work, tuple[str, str]] = {
    "ingest": ("ingest", "ingest"),
    "transform": ("transform", "transform"),
    "materialise": ("materialise", "materialise"),
    "fit": ("fit", "fit"),
    "evaluate": ("evaluate", "evaluate"),
    "pack": ("pack", "pack"),
}


def work(begun: Begun) -> dict[str, Any]:
    """Do a stage's work and commit what came of it.

    Returns:
        Its summary.

    Raises:
        SteadilyError: It could not be done; nothing was committed.
    """
    with Drafts(finals_of(begun)) as drafts:
        summary = task_of(begun)(begun, drafts)
        begun.refuse_changed()
        drafts.commit()
    return summary


def task_of(begun: Begun) -> Task:
    """Give the function that does the stage's work; each module brings heavy imports of its own."""
    module, function = WORKS[begun.work]
    task: Task = getattr(import_module(f"steadily.stage.{module}"), function)
    return task


def finals_of(begun: Begun) -> dict[str, Path]:
    """Give the final path of everything that the stage writes: outputs what was learned or found, the report."""
    stage, resolution = begun.stage, begun.resolution
    places = {name: place_of(resolution.pipeline, name, resolution.kinds) for name in stage.outputs.values()}
    if "learned" in begun.kinds.values():
        places["(learned)"] = layout.learned_folder(stage.name)
    if begun.work == "evaluate":
        places["(evaluation)"] = layout.evaluation_folder(stage.name)
        places["(metrics)"] = layout.metrics_file(stage.name)
    places |= {f"({path.stem})": path for path in layout.report_files(stage.name)}
    return {name: begun.project / path for name, path in places.items()}
