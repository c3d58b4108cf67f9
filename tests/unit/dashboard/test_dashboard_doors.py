"""Who is let in: the application itself, asked without a network."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from steadily.dashboard.application import application
from steadily.dashboard.doors import COOKIE, Door, sign
from steadily.dashboard.keeping import Kept
from steadily.dashboard.known import Known
from steadily.database import open_database
from steadily.database.monitoring import alerts
from steadily.monitor.alertlog import listed_alerts
from steadily.monitor.record import Recorder
from steadily.monitor.settings import AlertSettings, MonitorSettings
from steadily.monitor.watching import Watch
from steadily.rollout.pairs import Answer, pair_of
from steadily.rollout.record import Beside, Flush, record
from steadily.serving.tokens import Guard
from unit.monitor.watching_world import NOW, batch, reference_of, serve

TOKEN = "a-token-of-the-service"  # noqa: S105
PAGES = ["/dashboard", "/dashboard/rollout", "/dashboard/alerts", "/dashboard/runs", "/dashboard/runs/x"]
READS = [
    "/api/figures",
    "/api/series",
    "/api/alerts",
    "/api/deployment",
    "/api/runs",
    "/api/runs/x",
    "/api/openapi.json",
]
FORM = {"who": "Ann", "note": "seen"}


ALERTS = AlertSettings.model_validate({"rules": {"errors": {"hold_minutes": 0}}})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an alert that fires, to be copied."""
    folder, reference = tmp_path_factory.mktemp("world"), reference_of(400)
    (folder / "conf").mkdir()
    (folder / "conf/config.yaml").write_text("", encoding="utf-8")
    with open_database(f"sqlite:///{folder}/a.db") as database:
        serve(database)
        recorder = Recorder(database, lambda _: reference)
        recorder.count(batch(300, NOW, outcome="exception"))
        recorder.flush(NOW)
        Watch(database, lambda _: reference, MonitorSettings(), ALERTS).once(NOW)
    return folder


@pytest.fixture
def known(world: Path, tmp_path: Path) -> Iterator[Known]:
    folder = tmp_path / "shop"
    shutil.copytree(world, folder)
    with open_database(f"sqlite:///{folder}/a.db") as database:
        yield Known(folder, database, MonitorSettings(), ALERTS)


class Asking:
    """A browser, or a program, that asks the application without a network; it keeps cookies."""

    def __init__(self, known: Known, tokens: str | None, address: str, base: str) -> None:
        self.transport = httpx.ASGITransport(application(known, Door(Guard.of(tokens))), client=(address, 5000))
        self.base, self.cookies = base, httpx.Cookies()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url=self.base, cookies=self.cookies) as sender:
                response = await sender.request(method, path, **more)
                self.cookies = sender.cookies
                return response

        return asyncio.run(send())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("POST", path, **more)

    def delete(self, path: str, **more: Any) -> httpx.Response:
        return self.ask("DELETE", path, **more)


def client(known: Known, tokens: str | None, address: str = "127.0.0.1", base: str = "http://127.0.0.1:8001") -> Asking:
    return Asking(known, tokens, address, base)


def acknowledged(known: Known) -> Any:
    return listed_alerts(known.database)[0]["acknowledged_by"]


@pytest.mark.parametrize("path", PAGES)
def test_without_a_token_a_page_leads_to_the_form(known: Known, path: str) -> None:
    asked = client(known, TOKEN)
    response = asked.get(path)
    assert response.status_code == 303
    assert response.headers["location"].startswith("/dashboard/login?next=%2Fdashboard")
    assert asked.get(path, headers={"Authorization": "Bearer another"}).status_code == 403


@pytest.mark.parametrize("path", READS)
def test_without_a_token_the_api_refuses_in_the_one_form(known: Known, path: str) -> None:
    asked = client(known, TOKEN)
    response = asked.get(path)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json()["error"]["what"] == "a bearer token is needed"
    assert asked.get(path, headers={"Authorization": "Bearer another"}).status_code == 403
    assert asked.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code in (200, 404)


@pytest.mark.parametrize("path", [*PAGES, *READS])
def test_without_tokens_nobody_else_is_let_in(known: Known, path: str) -> None:
    assert client(known, None, "10.0.0.7").get(path).status_code == 403
    assert client(known, None).get(path).status_code in (200, 404)
    assert client(known, None, "::1", "http://[::1]:8001").get(path).status_code in (200, 404)


@pytest.mark.parametrize("path", ["/dashboard", "/api/figures"])
def test_a_name_that_points_here_is_not_let_in_without_tokens(known: Known, path: str) -> None:
    assert client(known, None).get(path, headers={"Host": "rebound.example"}).status_code == 403
    assert client(known, None).get(path, headers={"Host": "[broken"}).status_code == 403


def signed_in(known: Known) -> Asking:
    asked = client(known, f"other,{TOKEN}")
    response = asked.post("/dashboard/login", data={"token": f" {TOKEN} ", "next": "/dashboard/alerts"})
    assert (response.status_code, response.headers["location"]) == (303, "/dashboard/alerts")
    cookie = response.headers["set-cookie"]
    assert TOKEN not in cookie
    for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert word in cookie
    assert "Secure" not in cookie
    return asked


def test_a_token_gives_a_cookie_and_signing_out_takes_it_back(known: Known) -> None:
    asked = signed_in(known)
    assert asked.get("/dashboard").status_code == 200
    assert asked.get("/api/figures").status_code == 200
    assert asked.post("/dashboard/logout", headers={"Origin": "http://127.0.0.1:8001"}).status_code == 303
    assert asked.get("/dashboard").status_code == 303


def test_over_tls_the_cookie_stays_there(known: Known) -> None:
    asked = client(known, TOKEN, base="https://watch.example")
    assert "Secure" in asked.post("/dashboard/login", data={"token": TOKEN}).headers["set-cookie"]


@pytest.mark.parametrize("token", ["wrong", "", "tökèn", TOKEN[:-1], "x" * 30_000])
def test_another_token_gives_none(known: Known, token: str) -> None:
    response = client(known, TOKEN).post("/dashboard/login", data={"token": token})
    assert response.status_code in (403, 413)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil", "/dashboard//evil", "/dashboardx"]
)
def test_signing_in_leads_nowhere_else(known: Known, target: str) -> None:
    response = client(known, TOKEN).post("/dashboard/login", data={"token": TOKEN, "next": target})
    assert response.headers["location"] == "/dashboard"


def cookies() -> list[str]:
    late = "99999999999"
    return [
        "", ".", "1.x", late, f"{late}.", f"{late}.{sign(b'another', late)}", f"1.{sign(TOKEN.encode(), '1')}",
        f"{late}9.{sign(TOKEN.encode(), late)}", f"-1.{sign(TOKEN.encode(), '-1')}", f"{late}.\u00e9",
    ]  # fmt: skip


@pytest.mark.parametrize("value", cookies())
def test_a_forged_or_old_cookie_is_none(known: Known, value: str) -> None:
    headers = httpx.Headers([(b"cookie", f"{COOKIE}={value}".encode("latin-1"))])
    assert client(known, TOKEN).get("/dashboard", headers=headers).status_code == 303


def test_a_cookie_ends_with_its_token(known: Known) -> None:
    cookie = signed_in(known).cookies[COOKIE]
    headers = {"Cookie": f"{COOKIE}={cookie}"}
    assert client(known, TOKEN).get("/dashboard", headers=headers).status_code == 200
    assert client(known, "a-new-one").get("/dashboard", headers=headers).status_code == 303


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "http://127.0.0.1:8001", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
ACTS = ["/dashboard/alerts/1/acknowledge", "/dashboard/silences", "/dashboard/silences/1/end", "/dashboard/logout"]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ACTS)
def test_a_page_of_another_site_can_do_nothing(known: Known, path: str, headers: dict[str, str]) -> None:
    for asked in (client(known, None), signed_in(known)):
        response = asked.post(path, data=FORM, headers=headers)
        assert response.status_code == 403
        assert "another site" in response.text
        assert acknowledged(known) is None


@pytest.mark.parametrize("headers", FOREIGN)
def test_nor_can_it_through_the_api(known: Known, headers: dict[str, str]) -> None:
    for asked in (client(known, None), signed_in(known)):
        response = asked.post("/api/alerts/1/acknowledge", json={"by": "x", "note": "y"}, headers=headers)
        assert response.status_code == 403
        assert acknowledged(known) is None


def test_a_cookie_alone_proves_no_page_of_ours(known: Known) -> None:
    asked = signed_in(known)
    assert asked.post("/dashboard/alerts/1/acknowledge", data=FORM).status_code == 403
    assert acknowledged(known) is None
    own = {"Origin": "http://127.0.0.1:8001", "Sec-Fetch-Site": "same-origin"}
    done = asked.post("/dashboard/alerts/1/acknowledge", data=FORM, headers=own)
    assert (done.status_code, done.headers["location"]) == (303, "/dashboard/alerts?done=acknowledged#alert-1")
    assert acknowledged(known) == "Ann"


def test_signing_in_for_somebody_else_is_refused(known: Known) -> None:
    response = client(known, TOKEN).post(
        "/dashboard/login", data={"token": TOKEN}, headers={"Origin": "https://evil.example"}
    )
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("path", [*PAGES, "/dashboard/login", "/dashboard/static/dashboard.js", "/api/figures"])
def test_every_answer_bears_the_policy(known: Known, path: str) -> None:
    headers = client(known, None).get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["../pages.py", "%2e%2e/pages.py", "nothing.js", "uplot/LICENSE", ""])
def test_no_other_file_is_given(known: Known, name: str) -> None:
    assert client(known, None).get(f"/dashboard/static/{name}").status_code == 404


@pytest.mark.parametrize(
    ("form", "status"),
    [({"who": "", "note": "x"}, 422), ({"who": "x"}, 422), ({}, 422), ({"who": "x" * 30_000, "note": "x"}, 413)],
)
def test_an_acknowledgement_needs_a_name_and_a_note(known: Known, form: dict[str, str], status: int) -> None:
    assert client(known, None).post("/dashboard/alerts/1/acknowledge", data=form).status_code == status
    assert acknowledged(known) is None


def test_an_alert_that_is_not_there_can_not_be_acknowledged(known: Known) -> None:
    asked = client(known, None)
    assert asked.post("/dashboard/alerts/99/acknowledge", data=FORM).status_code == 422
    given = {"by": "x", "note": "y"}
    for number, status in ((99, 404), (0, 404), (2**70, 404), ("x", 422)):
        assert asked.post(f"/api/alerts/{number}/acknowledge", json=given).status_code == status
    assert asked.post("/api/alerts/1/acknowledge", json=given | {"more": 1}).status_code == 422
    assert asked.post("/api/alerts/1/acknowledge", json={"by": " ", "note": "y"}).status_code == 422
    for body in (b"?\xff", b"[" * 100_000, b"{"):  # of which FastAPI makes an error of another form by itself
        found = asked.post("/api/alerts/1/acknowledge", content=body, headers={"content-type": "application/json"})
        assert (found.status_code, set(found.json())) == (422, {"error"})
    assert acknowledged(known) is None


def test_what_is_silenced_stands_there_until_it_is_ended(known: Known) -> None:
    asked = client(known, None)
    form = FORM | {"rule": "err*", "about": "", "slot": "live", "hours": "2.5"}
    assert (
        asked.post("/dashboard/silences", data=form).headers["location"].startswith("/dashboard/alerts?done=silenced")
    )
    found = asked.get("/api/alerts").json()["silences"]
    assert [(one["rule"], one["what"], one["who"]) for one in found] == [("err*", "*", "Ann")]
    assert "err*" in asked.get("/dashboard/alerts").text
    assert asked.post("/dashboard/silences/1/end").status_code == 303
    assert asked.get("/api/alerts").json()["silences"] == []
    for hours in ("", "0", "-1", "nan", "1e9", "x"):
        assert asked.post("/dashboard/silences", data=form | {"hours": hours}).status_code == 422


def test_the_api_silences_and_acknowledges_as_well(known: Known) -> None:
    asked = client(known, TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    given = {"by": "a program", "note": "deploying"}
    assert asked.post("/api/alerts/1/acknowledge", json=given, headers=headers).json()["acknowledged_by"] == "a program"
    assert acknowledged(known) == "a program"
    number = asked.post("/api/silences", json=given | {"hours": 1}, headers=headers).json()["silence"]
    assert asked.delete(f"/api/silences/{number}", headers=headers).status_code == 200
    assert asked.delete(f"/api/silences/{number}", headers=headers).status_code == 404
    assert asked.post("/api/silences", json=given | {"hours": 0}, headers=headers).status_code == 422


def test_series_take_the_ranges_there_are(known: Known) -> None:
    asked = client(known, None)
    assert asked.get("/api/series?days=7").json()["days"] == 7
    assert asked.get("/api/series?days=8").status_code == 422
    assert asked.get("/api/series?days=x").status_code == 422
    assert asked.get("/dashboard?days=-1").status_code == 200


def test_what_is_not_known_of_an_alert_or_a_pair_leaves_the_pages_whole(known: Known) -> None:
    serve(known.database, 2, "shadow")
    example = {"request_id": "r1", "live": None, "other": "ham"}
    pair = pair_of(Answer(None, True, 900), Answer("ham", False, 900), NOW)
    record(known.database, Flush("w", 1, NOW, 1, 1, 1, 1, [Beside("shadow", 2, 1, pair, [example])]))
    with known.database.begin() as connection:
        connection.execute(update(alerts).values(value=None, level=None, evidence={}))
    asked = client(known, None)
    for path in PAGES[:4]:
        assert asked.get(path).status_code == 200, path
    assert "live <strong>failed</strong>" in asked.get("/dashboard/rollout").text
    assert "It has no value now" in asked.get("/dashboard/alerts").text


def test_many_who_look_at_once_cost_no_more_than_one() -> None:
    kept, made, gate = Kept(60), [], threading.Event()

    def make() -> int:
        gate.wait(10)
        made.append(1)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("a", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert found == [7] * 8
    assert made == [1]


def test_what_failed_is_not_kept_and_what_is_old_goes() -> None:
    kept = Kept(60, most=2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 2) == 2
    for key in "bcd":
        kept.get(key, lambda: 0)
    assert len(kept.found) == 2
    assert Kept(0).get("a", lambda: 3) == 3
