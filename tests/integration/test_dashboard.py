"""The dashboard in a real browser, of weeks that were made up: on a phone and wide, light and dark, by keys alone."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import tried
from showing import showing
from sqlalchemy import text

from seeded import seed
from shared import made_once
from steadily.database import open_database
from steadily.monitor.alertlog import listed_alerts

sys.path.append(str(Path(__file__).parents[2] / "docs"))
from screenshots import browser

pytestmark = pytest.mark.service
TOKEN = "a-token-of-the-service"  # noqa: S105
HOSTILE = "<img src=//evil.invalid/x onerror=document.title='hacked'>"
SCRIPT = '</textarea></q><script>document.title="hacked"</script>'
PAGES = {"?days=7": 13, "/rollout": 0, "/alerts": 0, "/runs": 0, "/runs/none": 0}  # page → charts on it
# All that folds is opened, but of the long tables two alone, since there are two kinds of them; and the many rows of
# the charts' tables are alike, so that three of each are looked at.
OPENED = """const folds = [...document.querySelectorAll('details')];
const first = [document.querySelector('.chart .numbers'), document.querySelector('.dist .numbers')];
document.querySelectorAll('.chart tbody tr:nth-child(n+4)').forEach((row) => row.remove());
folds.forEach((one) => { one.open = !one.classList.contains('numbers') || first.includes(one); });"""
SIZES = [(390, False), (390, True), (1400, False), (1400, True)]
needs_browser = pytest.mark.skipif(
    not shutil.which("chromium") or not shutil.which("chromedriver"), reason="Chromium and its driver are not installed"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has been watched for five weeks, and whose classes, reasons and inputs are hostile."""
    place = tmp_path_factory.mktemp("dashboard") / "spam <b>filter"
    shutil.copytree(made_once(tmp_path_factory, "seeded weeks", lambda path: seed(path).close()), place)
    for path in place.glob("releases/*/figures.json"):
        path.write_text(path.read_text("utf-8").replace('"spam"', json.dumps(HOSTILE)), encoding="utf-8")
    with open_database(address_of(place)) as database, database.begin() as connection:
        for table, column in (("hourly", "tallies"), ("pair_sums", "counts"), ("pair_examples", "content")):
            change = f"UPDATE {table} SET {column} = replace({column}, 'spam', :hostile)"  # noqa: S608 (ours)
            connection.execute(text(change), {"hostile": HOSTILE})
        connection.execute(text("UPDATE deployments SET reason = :hostile, who = :hostile"), {"hostile": SCRIPT})
        where = {"old": str(made_once(tmp_path_factory, "seeded weeks", seed)), "new": str(place)}
        connection.execute(text("UPDATE releases SET url = replace(url, :old, :new)"), where)
    return place


def address_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'operate.db'}"


@pytest.fixture(scope="module")
def shown(folder: Path) -> Iterator[str]:
    with showing(folder) as address:
        yield address


@pytest.fixture(params=SIZES, ids=["phone-light", "phone-dark", "wide-light", "wide-dark"])
def driver(request: pytest.FixtureRequest) -> Iterator[Any]:
    width, dark = request.param
    with browser(width, 900, dark=dark) as found:
        yield found


@pytest.fixture(scope="module")
def phone() -> Iterator[Any]:
    with browser(390, 900) as found:
        yield found


def hold(driver: Any, address: str, page: str, charts: int = 0) -> None:
    """Hold a page against what every page keeps."""
    from axe_core_python.selenium import Axe

    for kind in ("performance", "browser"):
        driver.get_log(kind)  # of the page before
    driver.get(f"{address}/dashboard{page}")
    wait_until(driver, "document.documentElement.dataset.drawn !== undefined")
    assert driver.execute_script("return document.querySelectorAll('.plot canvas').length") == charts, page
    asked = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in urls if not url.startswith((address, "data:", "chrome:", "about:"))] == []
    told = [entry for entry in driver.get_log("browser") if entry["level"] != "DEBUG"]
    assert [entry for entry in told if "404 (Not Found)" not in entry["message"]] == [], page
    assert "hacked" not in driver.title
    assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), page
    states = driver.execute_script("return [...document.querySelectorAll('.state')].map(s => s.textContent)")
    assert [
        said for said in states if not any(letter.isalpha() for letter in said)
    ] == []  # a sign by itself says nothing
    levels = driver.execute_script("return [...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    driver.set_script_timeout(120)
    driver.execute_script(OPENED)
    found = [item for item in Axe().run(driver)["violations"] if item["impact"] in ("serious", "critical")]
    assert found == [], [(item["id"], [node["html"][:200] for node in item["nodes"][:3]]) for item in found]
    assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), page


def wait_until(driver: Any, true: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(driver, 30).until(lambda one: one.execute_script(f"return {true}"))


@needs_browser
def test_every_page_fits_asks_for_nothing_else_and_is_accessible(shown: str, driver: Any) -> None:
    for page, charts in PAGES.items():
        hold(driver, shown, page, charts)


@needs_browser
def test_what_people_and_rows_say_is_shown_and_never_run(shown: str, phone: Any) -> None:
    for page in ("", "/rollout", "/alerts"):
        phone.get(f"{shown}/dashboard{page}")
        assert phone.execute_script("return document.querySelectorAll('img').length") == 0
        assert "hacked" not in phone.title
    page = httpx.get(f"{shown}/dashboard/rollout").text
    assert "<script>document" not in page
    assert "&lt;script&gt;document.title" in page
    assert HOSTILE not in page
    assert "onerror=document.title=&#39;hacked&#39;&gt;" in page


@needs_browser
def test_who_has_no_mouse_walks_along_a_line_and_opens_a_column(shown: str, phone: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    phone.get(f"{shown}/dashboard?days=28")
    wait_until(phone, "document.documentElement.dataset.drawn !== undefined")
    plot = phone.find_element("css selector", "#latency-p95 .plot")
    assert "alerts at 250" in plot.get_attribute("aria-label")
    when = phone.find_element("css selector", "#latency-p95 .key .when")
    assert when.text == "now"
    for _ in range(3):
        plot.send_keys(Keys.ARROW_LEFT)
    wait_until(phone, "document.querySelector('#latency-p95 .key .when').textContent !== 'now'")
    assert when.text.startswith("2003-02-04")
    summary = phone.find_element("css selector", "details.column summary")
    summary.send_keys(Keys.ENTER)
    assert phone.execute_script("return document.querySelector('details.column').open")
    assert phone.execute_script("return document.querySelectorAll('details.column[open] svg.bars').length") >= 1


@needs_browser
def test_an_alert_is_acknowledged_behind_a_token(folder: Path, phone: Any, tmp_path: Path) -> None:
    place = tmp_path / "locked"
    shutil.copytree(folder, place)
    settings = {"database": {"url": "sqlite:///operate.db"}, "serve": {"tokens": "${oc.env:TEST_TOKENS}"}}
    (place / "conf/operate.yaml").write_text(json.dumps(settings), encoding="utf-8")
    with showing(place, TEST_TOKENS=f"another,{TOKEN}") as address:
        phone.get(f"{address}/dashboard/alerts#alert-2")
        assert phone.current_url.startswith(f"{address}/dashboard/login?next=%2Fdashboard%2Falerts")
        sign_in(phone, "wrong")
        assert "not one of those" in phone.find_element("css selector", "[role=alert]").text
        sign_in(phone, TOKEN)
        assert phone.current_url.startswith(f"{address}/dashboard/alerts")
        cookie = phone.get_cookies()[0]
        assert (cookie["httpOnly"], cookie["sameSite"], TOKEN in cookie["value"]) == (True, "Strict", False)
        hold(phone, address, "/alerts")
        phone.get(f"{address}/dashboard/alerts#alert-2")
        wait_until(phone, "document.querySelector('#alert-2 details.act').open")
        for name, said in (("who", SCRIPT), ("note", HOSTILE)):
            phone.find_element("css selector", f"#alert-2 [name={name}]").send_keys(said)
        phone.find_element("css selector", "#alert-2 button").click()
        wait_until(phone, "document.querySelector('[role=status]') !== null")
        assert HOSTILE in phone.find_element("css selector", "#alert-2 .seen").text
        assert "hacked" not in phone.title
        with open_database(address_of(place)) as database:
            found = next(alert for alert in listed_alerts(database) if alert["id"] == 2)
        assert (found["acknowledged_by"], found["note"]) == (SCRIPT, HOSTILE)
        phone.find_element("css selector", "header form button").click()
        wait_until(phone, "location.pathname === '/dashboard/login'")
        assert httpx.get(f"{address}/dashboard").status_code == 303
        assert phone.get_cookies() == []
    log = (place / "dashboard.log").read_text("utf-8")
    assert TOKEN not in log


def sign_in(driver: Any, token: str) -> None:
    from selenium.webdriver.support.expected_conditions import staleness_of
    from selenium.webdriver.support.wait import WebDriverWait

    field = driver.find_element("name", "token")
    field.send_keys(token)
    driver.find_element("css selector", "main button").click()
    WebDriverWait(driver, 30).until(staleness_of(field))


@needs_browser
def test_a_project_with_nothing_yet_says_what_to_do_next(phone: Any, tmp_path: Path) -> None:
    place = tmp_path / "new"
    (place / "conf").mkdir(parents=True)
    (place / "conf/config.yaml").write_text("", encoding="utf-8")
    with showing(place) as address:
        for page in ("", "/rollout", "/alerts", "/runs"):
            hold(phone, address, page)
        assert "steadily release" in httpx.get(f"{address}/dashboard").text
        assert "dvc repro" in httpx.get(f"{address}/dashboard/runs").text
        assert httpx.get(f"{address}/api/figures").json()["serving"] == []
        assert httpx.get(f"{address}/api/deployment").json()["slots"]["live"] is None


def test_the_api_says_what_the_pages_and_the_command_say(shown: str, folder: Path) -> None:
    figures = httpx.get(f"{shown}/api/figures").json()
    live = next(one for one in figures["serving"] if one["slot"] == "live")
    assert live["figures"]["drift"]["state"] == "alert"
    series = httpx.get(f"{shown}/api/series?days=28").json()
    assert 100 < len(series["points"]) < 130
    assert series["points"][-1]["figures"]["drift"]["value"] == live["figures"]["drift"]["value"]
    assert {change["action"] for change in series["changes"]} >= {"promote", "rollback", "shadow"}
    deployment = httpx.get(f"{shown}/api/deployment").json()
    assert deployment["passes"] is True
    assert deployment["slots"]["shadow"] == 4
    description = httpx.get(f"{shown}/api/openapi.json").json()
    named = {(path, method) for path, about in description["paths"].items() for method in about}
    assert ("/api/alerts/{number}/acknowledge", "post") in named
    for path, method in named:
        if method == "get" and "{" not in path:
            assert httpx.get(f"{shown}{path}").status_code == 200, path


@pytest.mark.parametrize("cases", [5, pytest.param(300, marks=pytest.mark.soak)])
def test_schemathesis_finds_nothing_in_the_api(folder: Path, tmp_path: Path, cases: int) -> None:
    place = tmp_path / "tried"
    shutil.copytree(folder, place)
    with showing(place) as address:
        tried(f"{address}/api/openapi.json", cases, tmp_path)


def test_a_database_that_goes_away_is_no_data_and_never_well(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "away"
    shutil.copytree(folder, place)
    with showing(place) as address:
        assert httpx.get(f"{address}/dashboard").status_code == 200
        with open_database(address_of(place)) as database, database.begin() as connection:
            connection.execute(text("ALTER TABLE slots RENAME TO gone"))
        page = httpx.get(f"{address}/dashboard")
        assert page.status_code == 503
        assert "Nothing is known to be well" in page.text
        assert httpx.get(f"{address}/api/figures").status_code in (200, 503)
        assert httpx.get(f"{address}/api/deployment").status_code == 503
