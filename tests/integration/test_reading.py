"""A service whose releases read feature sets online: live and shadow alike, counted over all workers, with ages."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from reading import BEGIN_US, ROWS, made_of, prepared
from serving import Operated, Running

from steadily.features import described
from steadily.features.online import open_online

pytestmark = pytest.mark.service


def figures(running: Running, name: str) -> dict[tuple[str, ...], float]:
    """Give a figure as whichever worker tells it, by release or what was found."""
    families = text_string_to_metric_families(running.get("/metrics").text)
    samples = [one for family in families for one in family.samples if one.name == name]
    return {
        (one.labels["version"], one.labels.get("outcome") or one.labels.get("slot", "")): one.value for one in samples
    }


def test_live_and_shadow_read_the_version_that_each_names(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    made, store = made_of(tmp_path_factory), f"sqlite:///{tmp_path}/online.db"
    operated = Operated(tmp_path / "one", f"sqlite:///{tmp_path}/operate.db", {"workers": 2, "log_seconds": 0.1})
    with prepared(made, operated, store, {}) as reading, operated.serving() as running:
        operated.put(shadow=2)
        running.wait_for(lambda: "shadow" in running.get("/state").json()["watching"]["beside"])
        places: dict[str, int] = {}

        def compared() -> bool:
            for place, row in enumerate(ROWS):
                reply = running.post("/predict", {"rows": [row]}).json()
                assert reply["answers"][0]["prediction"] == reading.expected[1][place]["prediction"]
                places[reply["request_id"]] = place
            return sum(row.slot == "shadow" for row in operated.logged()) >= 2 * len(ROWS)

        running.wait_for(compared)
        running.wait_for(lambda: sum(row.slot == "live" for row in operated.logged()) == len(places))
        for row in operated.logged():
            wanted = reading.expected[{"live": 1, "shadow": 2}[row.slot]][places[row.request_id]]
            assert (row.outcome, row.prediction) == ("answered", wanted["prediction"])
            assert row.confidence == pytest.approx(wanted["confidence"], abs=1e-9)
        first, second = (reading.features[number].removeprefix("cities ") for number in (1, 2))
        values = described(made.values[1])
        assert values is not None
        online = open_online(store, values)
        online.current(ask=True)
        for _ in range(6):  # whichever worker answers
            assert figures(running, "steadily_feature_lookups_total") == {(first, "found"): len(places)}
            ages = figures(running, "steadily_feature_age_seconds")
            assert ages == {(first, "live"): online.age(BEGIN_US), (second, "shadow"): online.age(BEGIN_US)}
        online.close()
