"""What the page does with much and with odd things: many classes, long names, signs that mean something elsewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest

from steadily.report import charts
from steadily.report.page import brief, confused, environment

ODD = ("$x^2$", "<script>alert(1)</script>", "🙂 漢字", "", "a" * 200, 'quote " and & amp')


def figures(names: tuple[str, ...]) -> dict[str, Any]:
    kinds = ("precision", "recall")
    found: dict[str, Any] = {}
    for place, name in enumerate(names):
        found[name] = dict.fromkeys([*kinds, *(f"{kind}_interval" for kind in kinds)])
        if place % 3:  # every third class was never said, and has no rows
            found[name] |= dict.fromkeys(kinds, 0.5) | {f"{kind}_interval": [0.25, 0.75] for kind in kinds}
    return found


def ids(drawn: str) -> list[str]:
    return re.findall(r'\bid="([^"]+)"', drawn)


@pytest.mark.parametrize("names", [("a",), ODD, tuple(f"class {number}" for number in range(40))])
def test_any_classes_are_drawn_without_a_warning_and_escaped(names: tuple[str, ...]) -> None:
    drawn = charts.classes(figures(names))
    assert drawn.startswith('<svg class="chart" role="img" aria-label="')
    assert "<script" not in drawn


def test_two_charts_of_one_kind_on_a_page_share_no_id() -> None:
    found = figures(("a", "b", "c"))
    curve = [{"confidence": 0.9, "accuracy": 0.8, "interval": [0.7, 0.9], "rows": 10}]
    columns = {"x": {"score": 0.2, "state": "drifted"}}
    histogram = {"edges": [0.0, 0.5, 1.0], "counts": [1, 2], "correct": [1, 1]}
    drawn = [
        str(chart)
        for side in ("a", "b")
        for chart in (
            charts.classes(found, side),
            charts.calibration(curve, side),
            charts.confidence(histogram, side),
            charts.drift(columns, 0.1, side),
        )
    ]
    named = [name for one in drawn for name in set(ids(one))]
    assert len(named) == len(set(named)) > 0


def test_shares_are_named_in_whole_per_cent_where_they_are_whole() -> None:
    bins = [{"label": str(place), "reference": 0.1, "current": 0.13} for place in range(10)]
    drawn = str(charts.distribution("x", 0, bins))
    marks = re.findall(r">(\d+(?:\.\d+)?) %<", drawn)
    assert len(marks) == len(set(marks)) > 1


def test_the_pairs_that_are_confused_most_come_first() -> None:
    counts = [[5, 3, 0], [0, 0, 0], [9, 1, 90]]
    assert confused({"labels": ["a", "b", "c"], "counts": counts}) == [
        ("c", "a", 9, 0.09),
        ("a", "b", 3, 0.375),
        ("c", "b", 1, 0.01),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [("3.0620000000000003", "3.062"), ("1e3", "1e3"), (3, "3"), ("2024-01-05", "2024-01-05"), ("x\n y", "x y")],
)
def test_values_are_written_in_little_room(value: Any, said: str) -> None:
    assert brief(value) == said
    assert len(brief("x" * 500)) == 60


def test_a_large_confusion_matrix_has_narrow_columns_and_whole_names_to_point_at() -> None:
    names = [*ODD, *(f"class {number}" for number in range(24))]
    matrix = {"labels": names, "counts": [[place * other % 7 for other in range(30)] for place in range(30)]}
    module: Any = environment().get_template("parts.html").module
    page = str(module.confusion(matrix, True))
    assert 'class="many"' in page
    assert "<script" not in page
    assert f'title="{"a" * 200}"' in page
    assert ">·<" in page
    small = str(module.confusion({"labels": ["a", "b"], "counts": [[1, 0], [0, 1]]}))
    assert 'class="many"' not in small
    assert ">0<" in small
