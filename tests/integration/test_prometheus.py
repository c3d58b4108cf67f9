"""What is given to Prometheus and Grafana: their own tool finds nothing in it, and it names what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from steadily.database import open_database
from steadily.monitor.exposed import NAMES, text_of
from steadily.monitor.record import Recorder
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.telling import told
from steadily.monitor.watching import Watch
from steadily.serving.measures import Measures
from unit.monitor.watching_world import NOW, batch, reference_of, serve

FOLDER = Path(__file__).parents[2] / "docs/operations"
RULES, DASHBOARD = FOLDER / "prometheus-rules.yaml", FOLDER / "grafana-dashboard.json"
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed; Debian's package prometheus has it"
)


def promtool(*words: str, given: bytes | None = None) -> str:
    done = subprocess.run(["promtool", *words], input=given, capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, text
    return text


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a service with a release, an alert and a channel gives."""
    folder = tmp_path_factory.mktemp("exposed")
    reference = reference_of(400)
    with open_database(f"sqlite:///{folder}/a.db") as database:
        serve(database)
        recorder = Recorder(database, lambda _: reference)
        recorder.count(batch(300, NOW, outcome="exception"))
        recorder.flush(NOW)
        given: dict[str, Any] = {"rules": {"errors": {"hold_minutes": 0}}, "channels": {"team": {"url_env": "NONE"}}}
        watch = Watch(database, lambda _: reference, MonitorSettings(), AlertSettings.model_validate(given))
        served = watch.once(NOW)
        return text_of(told(watch, served, NOW))


def test_the_figures_are_given_in_prometheus_form(exposed: bytes) -> None:
    families = {family.name: family for family in text_string_to_metric_families(exposed.decode())}
    assert tuple(families) == NAMES
    values = {sample.labels["figure"]: sample.value for sample in families["steadily_figure"].samples}
    assert values["error_rate"] == 1.0
    assert "recall.ham" not in values  # what is undefined has no value
    firing = families["steadily_alerts_firing"].samples[0]
    assert (firing.labels, firing.value) == ({"rule": "errors", "severity": "page", "acknowledged": "no"}, 1.0)
    assert families["steadily_channel_messages_waiting"].samples[0].value == 1.0


@needs_promtool
def test_promtool_finds_nothing_in_the_figures(exposed: bytes) -> None:
    assert promtool("check", "metrics", given=exposed) == ""


@needs_promtool
def test_promtool_finds_nothing_in_the_rules() -> None:
    assert "SUCCESS: 7 rules found" in promtool("check", "rules", str(RULES))


def test_rules_and_dashboard_name_what_there_is(exposed: bytes) -> None:
    there = set(NAMES)
    for family in text_string_to_metric_families(Measures().text().decode()):
        there |= {family.name, *(sample.name for sample in family.samples)}
        there |= {f"{family.name}_total", f"{family.name}_bucket", f"{family.name}_count"}
    for path in (RULES, DASHBOARD):
        named = set(re.findall(r"steadily_[a-z_]+", path.read_text(encoding="utf-8")))
        assert named, path
        assert named <= there, path


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers)) == 11
    assert all(panel["targets"] and panel["title"] for panel in dashboard["panels"])
    variables = {f"${{{one['name']}}}" for one in dashboard["templating"]["list"]}
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} <= variables


@needs_promtool
def test_promtool_reads_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = [
        {"record": f"query:{place}", "expr": query.replace("$__rate_interval", "5m")}
        for place, query in enumerate(queries)
    ]
    path = tmp_path / "queries.yaml"
    path.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    assert f"{len(queries)} rules found" in promtool("check", "rules", str(path))
