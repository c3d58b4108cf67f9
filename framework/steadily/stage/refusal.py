"""When a stage's rows are not worth going on with: too many fail the contract, or none is left.

Owns what is said then: how many, why, with an example of each reason, and which
places of the configuration decide it. What a row's failure is, the contract and
the ledger have said already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from steadily.errors import DataError, Problem, rows_of
from steadily.ledger import Action, Tally, kind_of
from steadily.resolution import places
from steadily.spec import PipelineSpec, StageSpec

CONTRACT = "contract"
SHOWN = 5
GONE: tuple[Action, ...] = ("dropped", "quarantined")
HINT = "mend the data or the configuration; `dvc repro` goes on from here, `steadily restore` goes back"


def refuse_poor(
    project: Path,
    pipeline: PipelineSpec,
    stage: StageSpec,
    tallies: Mapping[str, Tally],
    contracts: Mapping[str, Tally],
    ledger: list[Path],
) -> None:
    """Refuse to go on when more rows than allowed fail a contract, or all that came in are gone.

    Args:
        project: The project's folder.
        pipeline: The pipeline.
        stage: The stage that has seen its rows.
        tallies: What each of its steps did, in order.
        contracts: What the contract of each of its datasets did.
        ledger: The pieces of its ledger, for examples.

    Raises:
        DataError: With the most frequent reasons.
    """
    problems: list[Problem] = []
    for name, tally in contracts.items():
        allowed = pipeline.dataset(name).max_quarantined
        if tally.count("quarantined") > allowed * tally.rows_in:
            problems += too_many(project, stage, name, tally, allowed, ledger)
    steps = list(tallies.values())
    if not problems and steps and steps[0].rows_in and not steps[-1].rows_out:
        problems += none_left(stage, tallies, ledger)
    if problems:
        raise DataError(*problems)


def too_many(
    project: Path, stage: StageSpec, name: str, tally: Tally, allowed: float, ledger: list[Path]
) -> Iterator[Problem]:
    """Say that more rows than allowed fail a dataset's contract, and why."""
    place = f"stage {stage.name}, contract of {name}"
    where = places(project, experiment=False)
    failing = tally.count("quarantined")
    yield Problem(
        place,
        f"{failing:,} of {tally.rows_in:,} rows fail it ({failing / tally.rows_in:.1%})",
        None,
        f"at most {allowed:.1%} (datasets.{name}.max_quarantined, {where('datasets', name, 'max_quarantined')})",
        f"the contract is at {where('datasets', name, 'contract', 'columns')}; {HINT}",
    )
    yield from why(place, {(CONTRACT, kind): count for kind, count in tally.reasons["quarantined"].items()}, ledger)


def none_left(stage: StageSpec, tallies: Mapping[str, Tally], ledger: list[Path]) -> Iterator[Problem]:
    """Say that no row is left, and which steps took them away."""
    rows = next(iter(tallies.values())).rows_in
    yield Problem(f"stage {stage.name}", f"none of {rows_of(rows)} is left", hint=HINT)
    gone = {
        (name, kind): count
        for name, tally in tallies.items()
        for action in GONE
        for kind, count in tally.reasons[action].items()
    }
    yield from why(f"stage {stage.name}", gone, ledger)


def why(place: str, gone: Mapping[tuple[str, str], int], ledger: list[Path]) -> Iterator[Problem]:
    """Give the most frequent reasons, each with an example."""
    top = Counter(gone).most_common(SHOWN)
    found = examples({key for key, _ in top}, ledger)
    for (step, kind), count in top:
        by = "" if step == CONTRACT else f"step {step}: "
        yield Problem(place, f"{rows_of(count)}: {by}{kind}", hint=found.get((step, kind)))


def examples(wanted: set[tuple[str, str]], ledger: list[Path]) -> dict[tuple[str, str], str]:
    """Find in a ledger's pieces a row for each reason, by its step and kind."""
    found: dict[tuple[str, str], str] = {}
    for piece in ledger:
        if wanted == found.keys():
            break
        for entry in pq.read_table(piece).to_pylist():
            for step, kind in wanted - found.keys():
                if entry["action"] in GONE and entry["step"] == step and is_of(entry, kind):
                    told = "" if entry["reason"] == kind else f": {entry['reason']}"
                    found[step, kind] = f"such as row {entry['row_id']}{told}"
    return found


def is_of(entry: Mapping[str, Any], kind: str) -> bool:
    """Tell whether an entry's reason is of a kind: a contract's has the value behind the column, a step's at the end.

    >>> is_of({"column": "n", "reason": "n -1 is below 0; m is missing"}, "n is below 0")
    True
    """
    return kind_of(entry["reason"]) == kind or kind.removeprefix(str(entry["column"])) in entry["reason"]
