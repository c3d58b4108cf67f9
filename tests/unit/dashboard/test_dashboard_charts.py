from __future__ import annotations

from typing import Any

import pytest

from steadily.dashboard.cards import cards_of, matrix_of
from steadily.dashboard.charts import CHARTS, MOST_LINES, Chart, chart_of, charts_of
from steadily.dashboard.drawing import MOST_BINS, pairs
from steadily.dashboard.numbers import SCORE, SECONDS, SHARE, acts_of, moment, sign, state_of, written
from steadily.monitor.figures import ALERT, FEW, NO_DATA, OK, WARN, Figure
from steadily.monitor.rolling import Point

HOSTILE = '"><script>alert(1)</script>'


def figure(name: str, value: float | None, n: int = 1000, interval: Any = None, state: str = OK, **more: Any) -> Figure:
    return Figure(name, "quality", value, n, interval, state, **more)


def points_of(name: str, values: list[float | None], interval: Any = None, n: int = 1000) -> list[Point]:
    return [
        Point(place * 1_000_000, 1, {name: figure(name, value, n, interval, OK if value is not None else NO_DATA)})
        for place, value in enumerate(values)
    ]


def drawn(name: str, points: list[Point], unit: str = SHARE, levels: Any = None) -> Chart:
    found = chart_of("c", "A chart", unit, ((name, name),), points, levels or {})
    assert found is not None
    return found


def test_a_level_within_reach_is_shown_and_one_far_off_is_told() -> None:
    points = points_of("latency_p95", [0.010, 0.011, 0.012])
    near = drawn("latency_p95", points, SECONDS, {"latency_p95": [{"fire": 0.013, "rule": "slow"}]})
    assert near.low < 0.010
    assert near.high > 0.013
    assert near.beyond == []
    far = drawn("latency_p95", points, SECONDS, {"latency_p95": [{"fire": 0.25, "rule": "slow"}]})
    assert far.high < 0.02
    assert [line.level for line in far.beyond] == [0.25]
    assert "alerts at 250" in far.told.replace("\N{NO-BREAK SPACE}", " ")


def test_small_changes_do_not_look_large_and_shares_stay_shares() -> None:
    flat = drawn("accuracy", points_of("accuracy", [0.9990, 0.9991]))
    assert flat.high == 1.0
    assert flat.high - flat.low >= 0.01
    nothing = drawn("error_rate", points_of("error_rate", [0.0, 0.0]))
    assert nothing.low == 0.0
    assert nothing.high > 0.0


def test_intervals_on_few_rows_do_not_flatten_the_rest() -> None:
    points = points_of("accuracy", [0.95, 0.96], [0.94, 0.97])
    early = points_of("accuracy", [1.0], [0.2, 1.0], n=3)
    assert drawn("accuracy", early + points).low > 0.9
    assert drawn("accuracy", points_of("accuracy", [1.0], [0.2, 1.0], n=300) + points).low < 0.2


def test_what_is_undefined_is_a_gap_and_says_why() -> None:
    chart = drawn("accuracy", points_of("accuracy", [0.9, None, 0.8], [0.85, 0.95]))
    cells = [next(iter(chart.cells(point))) for point in chart.points]
    assert [cell["value"] for cell in cells] == ["0.9", "", "0.8"]
    assert cells[1]["told"] == NO_DATA
    assert cells[0]["told"].replace("\N{NO-BREAK SPACE}", " ") == "90 % (85 to 95 %)"


def test_a_chart_without_any_value_is_none() -> None:
    assert chart_of("c", "A chart", SHARE, (("accuracy", "accuracy"),), points_of("accuracy", [None]), {}) is None
    assert charts_of([], {}, 0.1) == {panel: [] for panel in dict.fromkeys(row[0] for row in CHARTS)}


def test_of_many_classes_those_that_stand_worst_are_drawn() -> None:
    figures = {f"recall.c{place}": figure(f"recall.c{place}", 1 - place / 100) for place in range(40)}
    recall = charts_of([Point(1, 1, figures)], {}, 0.1)["quality"][0]
    assert [line.name for line in recall.lines] == [f"c{place}" for place in range(35, 40)]
    assert len(recall.lines) == MOST_LINES
    assert not recall.intervals


def test_drift_is_drawn_with_the_level_of_the_settings() -> None:
    figures = {"drift": figure("drift", 0.02), "drift.a": figure("drift.a", 0.02)}
    score = charts_of([Point(1, 1, figures)], {}, 0.1)["drift"][0]
    assert score.lines[0].level == 0.1
    assert score.high >= 0.1


def one_with(figures: dict[str, Figure]) -> dict[str, Any]:
    watched = {name: [{"fire": 0.2}] if name.startswith("latency_") else [] for name in figures}
    return {"figures": {name: one.to_json() for name, one in figures.items()}, "levels": watched}


def test_a_card_tells_states_evidence_and_what_lacks() -> None:
    figures = {
        "precision.a": figure("precision.a", 0.9, 50, [0.8, 0.95], WARN, reference=(0.95, 0.94, 0.96)),
        "recall.a": figure("recall.a", None, 0, state=NO_DATA),
        "latency_p95": figure("latency_p95", 0.011, 900),
        "latency_p99": figure("latency_p99", None, 900, state=FEW, needs=1000),
        "mean_confidence": figure("mean_confidence", 0.9),
    }
    cards = {card.title: card for card in cards_of(one_with(figures), one_with(figures)["figures"])}
    precision = cards["Precision"].entries[0]
    assert (precision.label, precision.state) == ("a", WARN)
    told = [text.replace("\N{NO-BREAK SPACE}", " ") for text in precision.evidence]
    assert told == ["80 to 95 %", "last 24 h 90 %", "at evaluation 95 %", "of 50"]
    assert cards["Recall"].entries[0].value == "–"
    assert cards["Latency"].entries[1].evidence == ("900 of the 1,000 that it is shown from",)
    assert [one.state for one in cards["Latency"].entries] == [OK, FEW]
    assert [one.state for one in cards["Confidence"].entries] == [""]  # which no rule watches


def test_a_card_of_many_classes_shows_the_worst_and_counts_the_rest() -> None:
    figures = {f"recall.c{place}": figure(f"recall.c{place}", 0.9) for place in range(30)}
    figures |= {"recall.bad": figure("recall.bad", 0.2, state=ALERT)}
    card = cards_of(one_with(figures), {})[1]
    assert card.entries[0].label == "bad"
    assert card.more == "and 28 more classes, none worse"


def test_a_matrix_keeps_classes_that_only_one_side_has() -> None:
    found = matrix_of([("a", "b", 3), ("b", "b", 1)])
    assert found == {
        "top": ["a", "b"],
        "rows": [("a", [(0, 0, True), (3, 10, False)]), ("b", [(0, 0, False), (1, 10, True)])],
    }
    assert matrix_of([]) is None


def test_bars_hold_no_style_and_escape_what_they_are_of() -> None:
    picture = pairs([HOSTILE, "b"], [0.5, 0.5], [0.0, 1.0], HOSTILE)
    assert "<script" not in picture
    assert "style=" not in picture
    assert picture.count("<rect") == 4
    assert pairs([str(place) for place in range(100)], [0.01] * 100, [0.01] * 100, "many").count("<g>") == MOST_BINS


@pytest.mark.parametrize("state", [OK, WARN, ALERT, FEW, NO_DATA])
def test_states_differ_by_their_sign_and_not_by_colour_alone(state: str) -> None:
    assert [sign(other) for other in (OK, WARN, ALERT, FEW, NO_DATA)].count(sign(state)) == 1
    assert state_of(state) == state


def test_an_unknown_word_is_never_well() -> None:
    assert state_of("whatever") == FEW
    assert written(None, SCORE) == "–"
    assert moment("no time") == "no time"


def test_changes_at_once_are_one_act_and_others_are_not() -> None:
    row = {"action": "promote", "who": "ann", "reason": None, "override": True, "replaced": None}
    rows = [row | {"at_us": 2, "slot": "shadow", "release": 3}, row | {"at_us": 1, "slot": "live", "release": 1}]
    acts = acts_of(rows)
    assert [(act["mark"], act["live"], act["moves"]) for act in acts] == [
        (False, None, ["release 3 into shadow"]),
        (True, 1, ["release 1 live"]),
    ]
