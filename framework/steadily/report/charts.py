"""The page's charts, drawn by matplotlib as SVG whose colours and font are the page's."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for the page's own: each is replaced by its variable, so that light and dark both work.
INK, SOFT, LINE, ACCENT, BAD, WARN, PAPER = "#010203", "#020304", "#030405", "#040506", "#050607", "#060708", "#070809"
NAMES = ("ink", "soft", "line", "accent", "bad", "warn", "paper")
VARIABLES = dict(zip((INK, SOFT, LINE, ACCENT, BAD, WARN, PAPER), NAMES, strict=True))
WIDTH = 3.9  # inches at 96 to the inch: 374 px, what a phone has room for
NAME_AT_MOST = 18
FEW = 8  # classes that have room
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "steadily",
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "figure.dpi": 72,
}


@contextmanager
def drawing(height: float) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure with one set of axes, in the page's style."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = STYLE
    with mpl.rc_context(style):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        yield figure, axes


def finished(figure: Figure, name: str, told: str) -> Markup:
    """Give the figure as SVG to stand in the page.

    Args:
        figure: The figure.
        name: Makes the ids of this chart its own.
        told: What it shows, for those who can't see it.
    """
    target = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # the browser's font has it, or not
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) (?:width|height)="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(url\(#|href="#)', rf"\1{name}-", text)
    text = re.sub(r"font: (?:bold )?([\d.]+)px [^;\"]*", r"font-size: \1px; font-family: inherit", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    return Markup(text.replace("<svg", f'<svg class="chart" role="img" aria-label="{escape(told)}"', 1))  # noqa: S704 (ours, and escaped)


def short(name: str) -> str:
    """Cut a name that is too long for an axis; dollar signs would be formulas."""
    text = name if len(name) <= NAME_AT_MOST else f"{name[: NAME_AT_MOST - 1]}…"
    return text.replace("$", r"\$")


def classes(found: Mapping[str, Mapping[str, Any]], prefix: str = "") -> Markup:
    """Draw precision and recall of each class with their intervals."""
    names = list(found)[::-1]
    with drawing(0.75 + (0.42 if len(names) <= FEW else 0.27) * len(names)) as (figure, axes):
        for kind, colour, shift, mark in (("recall", ACCENT, -0.13, "o"), ("precision", WARN, 0.13, "D")):
            for place, name in enumerate(names):
                value, interval = found[name][kind], found[name][f"{kind}_interval"]
                if value is None:
                    continue
                axes.plot(interval, [place + shift] * 2, color=colour, linewidth=1.6, solid_capstyle="round")
                axes.plot([value], [place + shift], mark, color=colour, markersize=4.5)
            axes.plot([], [], mark, color=colour, markersize=4.5, label=kind)
        axes.set_yticks(range(len(names)), [short(name) for name in names])
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.set_xlim(-0.02, 1.02)
        axes.grid(axis="y", visible=False)
        figure.legend(loc="outside upper center", ncols=2, handletextpad=0.2)
        return finished(figure, f"{prefix}classes", "Precision and recall of each class, with 95 % intervals")


def confidence(histogram: Mapping[str, Any], prefix: str = "") -> Markup:
    """Draw how often the model was how sure, right and wrong apart."""
    edges, counts, correct = (histogram[name] for name in ("edges", "counts", "correct"))
    first = next((place for place, count in enumerate(counts) if count), 0)
    width = edges[1] - edges[0]
    with drawing(2.3) as (figure, axes):
        wrong = [count - right for count, right in zip(counts, correct, strict=True)]
        axes.bar(edges[:-1], correct, width * 0.88, align="edge", color=ACCENT, label="right")
        axes.bar(edges[:-1], wrong, width * 0.88, align="edge", bottom=correct, color=BAD, label="wrong")
        axes.set_xlim(edges[first], 1)
        axes.set_xlabel("confidence")
        axes.set_ylabel("rows")
        axes.grid(axis="x", visible=False)
        figure.legend(loc="outside upper center", ncols=2, handlelength=1, handletextpad=0.4)
        return finished(figure, f"{prefix}confidence", "Rows by confidence, right and wrong")


def calibration(curve: Sequence[Mapping[str, Any]], prefix: str = "") -> Markup:
    """Draw accuracy by confidence; a calibrated model lies on the diagonal."""
    with drawing(2.3) as (figure, axes):
        sure = [cell["confidence"] for cell in curve]
        low = min([0.9, *(cell["interval"][0] for cell in curve), *sure]) - 0.03
        axes.plot([low, 1], [low, 1], color=SOFT, linewidth=0.9, linestyle=(0, (3, 3)))
        for cell in curve:
            axes.plot([cell["confidence"]] * 2, cell["interval"], color=ACCENT, linewidth=1.4, alpha=0.55)
        axes.plot(sure, [cell["accuracy"] for cell in curve], "o-", color=ACCENT, markersize=4, linewidth=1.2)
        axes.set_xlim(low, 1.01)
        axes.set_ylim(low, 1.01)
        axes.set_xlabel("confidence")
        axes.set_ylabel("accuracy")
        return finished(
            figure,
            f"{prefix}calibration",
            "Accuracy by confidence with 95 % intervals, beside the diagonal",
        )


def drift(columns: Mapping[str, Mapping[str, Any]], floor: float, prefix: str = "") -> Markup | None:
    """Draw the scores of the columns, at most the 20 largest, with the floor that drift begins at."""
    scored = {name: column for name, column in columns.items() if column["score"] is not None}
    names = sorted(scored, key=lambda name: -scored[name]["score"])[:20][::-1]
    if not names:
        return None
    colours = {"drifted": WARN, "strongly drifted": BAD}
    with drawing(0.7 + 0.24 * len(names)) as (figure, axes):
        axes.barh(
            range(len(names)),
            [scored[name]["score"] for name in names],
            0.62,
            color=[colours.get(scored[name]["state"], ACCENT) for name in names],
        )
        axes.axvline(floor, color=SOFT, linewidth=0.9, linestyle=(0, (3, 3)))
        axes.set_yticks(range(len(names)), [short(name) for name in names])
        axes.set_xlabel(f"score; drift begins at {floor:g}")
        axes.set_xlim(0, max(floor * 1.6, *(scored[name]["score"] * 1.05 for name in names)))
        axes.grid(axis="y", visible=False)
        return finished(figure, f"{prefix}drift", "Drift score of each column; the table has the numbers")


def distribution(name: str, number: int, bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw the shares of a column's bins, in training and now."""
    from matplotlib.ticker import MaxNLocator

    kept = [cell for cell in bins if cell["reference"] or cell["current"]][:16]
    with drawing(2.3) as (figure, axes):
        places = range(len(kept))
        then, now = [cell["reference"] for cell in kept], [cell["current"] for cell in kept]
        axes.bar([place - 0.2 for place in places], then, 0.38, color=SOFT, label="training")
        axes.bar([place + 0.2 for place in places], now, 0.38, color=ACCENT, label="evaluation")
        axes.set_xticks(
            places, [short(cell["label"]) for cell in kept], rotation=40, ha="right", rotation_mode="anchor", fontsize=7
        )
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.grid(axis="x", visible=False)
        figure.legend(loc="outside upper center", ncols=2, handlelength=1, handletextpad=0.4)
        return finished(figure, f"column{number}", f"Shares of the values of {name} in training and in evaluation")
