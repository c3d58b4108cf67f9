"""Renders the page: evidence into HTML that stands by itself, without a request to anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from steadily import layout
from steadily.contract import Contract
from steadily.errors import SteadilyError
from steadily.figures import flat
from steadily.files import write_atomically
from steadily.journal import Run
from steadily.outputs import kept_before, outputs_of
from steadily.report import charts
from steadily.report.changes import changes_between, figures_between, rows_between
from steadily.report.evidence import Evidence, gather, run_of

PLACE = layout.STATE / "reports"
OWN = ("evaluate.classification", "evaluate.confidence", "evaluate.drift", "evaluate.slices")
DISTRIBUTIONS = 6
MOST_CLASSES = 40
LONG_NUMBER = re.compile(r"-?\d+\.\d{6,}(e[-+]?\d+)?")
FEW_CLASSES = 8  # whose confusion matrix has room beside a chart
CONFUSED = 12
WORTH_DRAWING = 0.02  # a score that an eye can see in the distributions


def render_run(project: Path, name: str | None, out: Path | None) -> Path:
    """Write the page of a run.

    Args:
        project: The project's folder.
        name: The run; None is the last.
        out: The file; None puts it under ``.steadily/reports``.

    Raises:
        RunError: There is no such run, or its outputs are not on record.
    """
    run = run_of(project, name)
    found = gather(outputs_of(project, name or "workspace"), run)
    html = environment().get_template("run.html").render(run=found, since=since(project, run, found), **parts_of(found))
    return written(project, out, f"{found.name}.html", html)


def since(project: Path, run: Run | None, found: Evidence) -> dict[str, Any] | None:
    """Give what changed since the complete run before: what people changed, and the metrics that moved with it."""
    name = kept_before(project, run.name) if run else None
    if name is None:
        return None
    before = gather(outputs_of(project, name), None, rows=False)
    moved = [
        figure
        for figure in figures_between(before, found)
        if figure[1] != figure[2] and figure[0].count(".") == 1 and not figure[0].startswith("latency.")
    ]
    return {"name": name, "changes": changes_between(before, found), "figures": moved if before.evaluation else None}


def render_comparison(project: Path, first: str, second: str, out: Path | None) -> Path:
    """Write the page that shows two runs side by side.

    Raises:
        RunError: There is no such run, or its outputs are not on record.
    """
    one, other = (gather(outputs_of(project, name), run_of(project, name)) for name in (first, second))
    names = [evidence.name if evidence.name != "workspace" else "workspace" for evidence in (one, other)]
    html = (
        environment()
        .get_template("compare.html")
        .render(
            one=one,
            other=other,
            names=[first, second],
            changes=changes_between(one, other),
            figures=figures_between(one, other),
            rows=rows_between(one, other),
            curves=[curves_of(one, "a"), curves_of(other, "b")],
        )
    )
    return written(project, out, f"{names[0]}-{names[1]}.html".replace("/", "_"), html)


def written(project: Path, out: Path | None, name: str, html: str) -> Path:
    """Write a page and give its path."""
    path = out or project / PLACE / name
    write_atomically(path, html)
    return path


def environment() -> Any:
    """Give the templates; whatever comes from rows is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("steadily.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {made.__name__: made for made in (number, signed, brief)}
    found.filters |= {made.__name__: unbroken(made) for made in (share, interval, milliseconds)}
    found.filters["count"] = "{:,}".format
    return found


def unbroken(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """Keep a figure and its unit on one line."""
    return lambda value: write(value).replace(" ", "\N{NO-BREAK SPACE}")


def number(value: Any) -> str:
    """Write a figure; what is undefined is said to be so.

    >>> number(0.12345), number(None), number(1234.5), number(3)
    ('0.123', 'undefined', '1,234', '3')
    """
    if value is None:
        return "undefined"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"


def share(value: float | None) -> str:
    """Write a share in per cent.

    >>> share(0.985), share(None), share(1.0)
    ('98.5 %', 'undefined', '100 %')
    """
    if value is None:
        return "undefined"
    text = f"{100 * value:.1f}".removesuffix(".0")
    return f"{text} %"


def interval(value: Any) -> str:
    """Write an interval in per cent.

    >>> interval([0.5, 0.625]), interval(None)
    ('50–62.5 %', '')
    """
    return "" if value is None else f"{share(value[0]).removesuffix(' %')}–{share(value[1])}"


def signed(value: float) -> str:
    """Write a difference with its sign.

    >>> signed(0.01), signed(-2.0), signed(0.0)
    ('+0.010', '−2', '0')
    """
    if not value:
        return "0"
    return ("+" if value > 0 else "−") + number(abs(value))


def milliseconds(value: float | None) -> str:
    """Write a time.

    >>> milliseconds(3.912), milliseconds(None)
    ('3.91 ms', 'undefined')
    """
    return number(value) if value is None else f"{number(value)} ms"


def brief(value: Any, most: int = 60) -> str:
    """Write a value in little room: numbers with six digits, text cut.

    >>> brief("3.0620000000000003"), brief("Köln"), brief("a long word", 6)
    ('3.062', 'Köln', 'a lon…')
    """
    text = " ".join(str(value).split())
    if LONG_NUMBER.fullmatch(text):
        return f"{float(text):.6g}"
    return text if len(text) <= most else f"{text[: most - 1]}…"


def parts_of(found: Evidence) -> dict[str, Any]:
    """Give what the template shows beside the evidence: charts, tables, generic figures."""
    quality, drift = found.figures("evaluate.classification"), found.figures("evaluate.drift")
    return {
        "quality": quality,
        "confused": confused(quality["confusion"]) if quality and len(quality["classes"]) > FEW_CLASSES else [],
        "confidence": found.figures("evaluate.confidence"),
        "drift": drift,
        "drifts": sorted(drift["columns"].items(), key=lambda item: -(item[1]["score"] or -1)) if drift else [],
        "slices": found.figures("evaluate.slices"),
        "curves": curves_of(found, ""),
        "distributions": distributions_of(drift) if drift else [],
        "others": list(others_of(found)),
        "contracts": list(contracts_of(found)),
        "largest": max((stage.summary["in"] for stage in found.stages if stage.summary), default=0),
        "packages": packages_of(found),
    }


def confused(matrix: Mapping[str, Any]) -> list[tuple[str, str, int, float]]:
    """Give the pairs of classes that are taken for each other most: the true one, the other, rows, their share.

    >>> confused({"labels": ["a", "b"], "counts": [[8, 2], [0, 5]]})
    [('a', 'b', 2, 0.2)]
    """
    labels = matrix["labels"]
    pairs = [
        (labels[true], labels[said], count, count / sum(row))
        for true, row in enumerate(matrix["counts"])
        for said, count in enumerate(row)
        if count and said != true
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))[:CONFUSED]


def curves_of(found: Evidence, name: str) -> dict[str, Any]:
    """Draw what the evaluation has figures for."""
    quality, confidence = found.figures("evaluate.classification"), found.figures("evaluate.confidence")
    drift = found.figures("evaluate.drift")
    few = quality and len(quality["classes"]) <= MOST_CLASSES
    return {
        "classes": charts.classes(quality["classes"], name) if quality and few else None,
        "confidence": charts.confidence(confidence["histogram"], name) if confidence else None,
        "calibration": charts.calibration(confidence["calibration"], name) if confidence else None,
        "drift": charts.drift(drift["columns"], drift["rule"]["floor"], name) if drift else None,
    }


def distributions_of(drift: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Draw the distributions of the columns that have drifted most."""
    parts: list[tuple[float, str, Any]] = []
    for name, column in drift["columns"].items():
        for part, found in (column.get("parts") or {"": column}).items():
            if "bins" in found and (found["score"] or 0) >= WORTH_DRAWING:
                parts.append((found["score"], f"{name}: {part.replace('_', ' ')}" if part else name, found["bins"]))
    ranked = sorted(parts, key=lambda part: (-part[0], part[1]))[:DISTRIBUTIONS]
    return [(name, charts.distribution(name, at, bins)) for at, (_, name, bins) in enumerate(ranked)]


def others_of(found: Evidence) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give the figures of steps that the page has no section for: numbers by dotted name, text as it is."""
    if found.evaluation is None:
        return
    for name, use in found.evaluation["uses"].items():
        if use not in OWN:
            figures = found.evaluation["figures"][name]
            texts = {key: value for key, value in figures.items() if isinstance(value, str | bool)}
            yield name, use, {**flat(figures), **texts}


def contracts_of(found: Evidence) -> Iterator[tuple[str, list[Any]]]:
    """Give the columns of each dataset's contract, with their checks in words."""
    for stage in found.pipeline.stages if found.pipeline else ():
        for dataset in stage.outputs.values():
            contract = found.pipeline.dataset(dataset).contract if found.pipeline else None
            if contract is None:
                continue
            try:
                columns = Contract.parse(contract).columns
            except SteadilyError:
                continue
            yield dataset, [(column, "; ".join(words_of(check) for check in column.constraints)) for column in columns]


def words_of(check: Any) -> str:
    """Put a check into words."""
    values = ", ".join(f"{name} {plain(value)}" for name, value in check.arguments)
    return f"{check.check}: {values}"


def plain(value: Any) -> str:
    """Write an argument of a check."""
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple) else str(value)


def packages_of(found: Evidence) -> dict[str, str]:
    """Give the packages that the steps use, by version."""
    stages = found.outputs.versions.values()
    steps = [step for stage in stages if isinstance(stage, Mapping) for step in (stage.get("steps") or {}).values()]
    return dict(sorted((name, version) for step in steps for name, version in (step.get("packages") or {}).items()))
