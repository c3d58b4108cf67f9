"""The report in a real browser, of real runs: this one, an earlier one, two side by side."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import yaml
from project import JUDGED, Project
from showing import showing

sys.path.append(str(Path(__file__).parents[2] / "docs"))
from screenshots import browser

from shared import made_once

pytestmark = pytest.mark.long  # its project runs twice, the bundle included
OWN = '''

@step("shop.own", kind="evaluation")
def own(predictions):
    """Say something of our own."""
    return {"share_of_late": (predictions.target == "y").mean(), "undefined": None, "said": "<script>alert(1)</script>"}
'''
HOSTILE = '<img src="http://example.invalid/x.png" onerror="alert(1)"><script>document.title="hacked"</script>'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that ran twice, the second time with another model and a changed step; its text is hostile."""
    folder = tmp_path_factory.mktemp("report") / "my project"
    shutil.copytree(made_once(tmp_path_factory, "a project with reports", make), folder, symlinks=True)
    return Project(folder)


def make(folder: Path) -> None:
    """Make it."""
    made = Project.make(folder, rows=400)
    made.edit("conf/config.yaml", "datasets:\n", JUDGED + "datasets:\n")
    made.path("plugins/shop.py").write_text(made.path("plugins/shop.py").read_text("utf-8") + OWN, "utf-8")
    text = (
        made.path("data/inbox/one.csv")
        .read_text("utf-8")
        .replace(",Ulm,", f',"{HOSTILE.replace(chr(34), chr(34) * 2)}",')
    )
    made.write("data/inbox/one.csv", text)
    made.ok("steadily", "compose")
    made.repro()
    made.commit()
    made.edit("conf/model/small.yaml", "C: 1.0", "C: 0.001")
    made.edit("plugins/shop_words.py", "values.str.upper() + mark", "values.str.upper() + mark + mark")
    made.repro()
    made.ok("steadily", "report", "--out", "page.html")
    made.ok("steadily", "report", "--compare", "HEAD", "workspace", "--out", "two.html")


needs_browser = pytest.mark.skipif(
    not shutil.which("chromium") or not shutil.which("chromedriver"), reason="Chromium and its driver are not installed"
)


@pytest.fixture(
    params=[(390, False), (390, True), (1400, False), (1400, True)],
    ids=["phone-light", "phone-dark", "wide-light", "wide-dark"],
)
def driver(request: pytest.FixtureRequest) -> Iterator[object]:
    width, dark = request.param
    with browser(width, 900, dark=dark) as driver:
        yield driver


@needs_browser
def test_the_page_asks_for_nothing_fits_and_is_accessible(project: Project, driver) -> None:
    for page in ("page.html", "two.html"):
        hold_page(project, driver, page)


def hold_page(project: Project, driver, page: str) -> None:
    from axe_core_python.selenium import Axe

    driver.get(project.path(page).as_uri())
    requests = [entry for entry in driver.get_log("performance") if '"Network.requestWillBeSent"' in entry["message"]]
    asked = [entry["message"] for entry in requests if "file://" not in entry["message"]]
    assert asked == []
    assert driver.get_log("browser") == []
    assert "hacked" not in driver.title
    assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    names = driver.execute_script("return [...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert names[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(names))
    found = [item for item in Axe().run(driver)["violations"] if item["impact"] in ("serious", "critical")]
    assert found == [], [(item["id"], [node["html"][:200] for node in item["nodes"][:3]]) for item in found]


def test_the_page_tells_what_happened(project: Project) -> None:
    page = project.path("page.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    for text in (
        "1 of 2 limits are missed: no release may be made of this",
        "Rows through the stages",
        "prepare, fill",
        "Precision and recall",
        "Calibration error",
        "Drift from the rows it learned from",
        "city = ",
        "The worst mistakes",
        "shop.own",
        "share_of_late",
        "model.estimator.C 1.0 → 0.001",
        "What changed since the run before",
        "confidence.brier",
        "Contract of" if "Contract of" in page else "Contracts",
        "scikit-learn",
    ):
        assert text in page, text


def test_two_runs_stand_side_by_side(project: Project) -> None:
    page = project.path("two.html").read_text("utf-8")
    assert "model.estimator.C" in page
    assert "clean.shout.code.shop_words.py" in page
    step = next(
        step
        for stage in json.loads(project.path("bundle/manifest.json").read_text("utf-8"))["stages"]
        for step in stage["steps"]
        if step["use"] == "shop.shout"
    )
    then = yaml.safe_load(project.ok("git", "show", "HEAD:versions.yaml"))["clean"]["steps"]["shout"]
    assert step["version"] == project.yaml("versions.yaml")["clean"]["steps"]["shout"]
    changed = {file for file, digest in step["version"]["code"].items() if digest != then["code"][file]}
    assert changed == {"shop_words.py"}
    assert "quality.accuracy" in page
    assert "quality.classes.y.recall" in page


@pytest.mark.service
def test_the_dashboard_has_the_runs_and_their_reports(project: Project) -> None:
    with showing(project.path(".")) as address:
        name = httpx.get(f"{address}/api/runs").json()["runs"][0]["name"]
        assert name in httpx.get(f"{address}/dashboard/runs").text
        page = httpx.get(f"{address}/dashboard/runs/{name}").text
        assert "What became of rows and values" in page
        assert "shop_words.py" in page  # why it ran
        report = httpx.get(f"{address}/dashboard/runs/{name}/report", timeout=120)
        assert report.status_code == 200
        assert "Rows through the stages" in report.text
        assert "script-src" not in report.headers["content-security-policy"]
        assert report.headers["content-security-policy"].startswith("default-src 'none'")
        assert httpx.get(f"{address}/api/runs/{name}").json()["outcome"] == "complete"
        assert httpx.get(f"{address}/dashboard/runs/none/report").status_code == 404


def test_an_earlier_run_is_read_from_the_cache_and_says_what_is_gone(project: Project) -> None:
    runs = [line.split()[0] for line in project.ok("steadily", "log", "--all").splitlines()]
    earlier = next(name for name in runs if project.path(f".steadily/kept/{name}/dvc.lock").is_file())
    project.ok("steadily", "report", earlier, "--out", "earlier.html")
    page = project.path("earlier.html").read_text("utf-8")
    assert f"Run {earlier}" in page
    assert "limits are missed" in page
    assert "not here any more" not in page
    project.path(".dvc/cache").rename(project.path("aside"))
    try:
        project.ok("steadily", "report", earlier, "--out", "gone.html")
    finally:
        project.path("aside").rename(project.path(".dvc/cache"))
    gone = project.path("gone.html").read_text("utf-8")
    assert "not here any more: reports/clean/summary.json" in gone
    assert "This run has no evaluation" in gone


def test_what_is_no_run_is_refused(project: Project) -> None:
    said = project.refused("steadily", "report", "nonsense")
    assert "steadily report: no such run; given: nonsense" in said
    assert "either a run or --compare" in project.refused("steadily", "report", "x", "--compare", "HEAD", "workspace")


def test_dvc_shows_metrics_and_plots_without_settings(project: Project) -> None:
    shown = project.ok("dvc", "metrics", "show")
    assert "quality.accuracy" in shown
    assert "p50_ms" in shown
    assert "confidence.brier" in project.ok("dvc", "metrics", "diff")
    project.ok("dvc", "plots", "show")
    plots = project.path("dvc_plots/index.html").read_text("utf-8")
    for name in ("quality_confusion", "confidence_calibration", "drift_columns"):
        assert name in plots
    shutil.rmtree(project.path("dvc_plots"))
    assert "quality.accuracy" in project.ok("dvc", "exp", "show", "--csv")


def test_the_report_of_a_run_that_failed_and_of_one_without_stages(project: Project) -> None:
    project.edit("plugins/shop.py", '"""Say something of our own."""', '"""Say."""\n    raise ValueError("no")')
    project.refused("dvc", "repro")
    project.ok("steadily", "report", "--out", "failed.html")
    assert "failed in evaluate" in project.path("failed.html").read_text("utf-8")
    project.edit("plugins/shop.py", '"""Say."""\n    raise ValueError("no")', '"""Say something of our own."""')
    project.repro()
