"""``steadily loadtest`` against a small server: exit codes, what is told, what is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from steadily.cli import main
from steadily.database import open_database, open_project
from steadily.loadtest import measured, record
from steadily.loadtest.arrivals import poisson
from unit.loadtest.answering import Server
from unit.loadtest.test_records import release
from unit.small import Small

Capture = pytest.CaptureFixture[str]
ROWS = "order,city,weight,ordered_at\n1,Ulm,3.5,2024-01-02T10:00:00Z\n"
LIMITS = "loadtest: {peak_per_second: 100, limits: {p95_ms: 5000, p99_ms: null, max_error_share: 0.0}}\n"


@pytest.fixture
def shop(small: Small, ran_project: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """A project with a bundle, a database with release 3, and a file of rows."""
    monkeypatch.setattr(measured, "LATE", 5.0)  # how punctual a busy machine is is not the matter here
    shutil.copytree(ran_project / "bundle", "bundle")
    small.write("rows.csv", ROWS)
    small.write("conf/operate.yaml", LIMITS)
    with open_project(Path()) as database:
        release(database, 3)
    return small


def ran(capsys: Capture, server: Server, *words: str, code: int) -> tuple[str, str]:
    given = ["loadtest", "--url", server.url, "--rows", "rows.csv", "--duration", "1", *words]
    assert main(given) == code
    return capsys.readouterr()


def last(number: int = 3) -> Any:
    with open_database("sqlite:///.steadily/operate.db") as database:
        return record.latest(database, number)


def test_one_that_passes(shop: Small, server: Server, capsys: Capture) -> None:
    out, err = ran(capsys, server, "--arrivals", "constant", code=0)
    assert "300 requests a second for 1 s, constant arrivals; 3 × the configured peak of 100 a second" in err
    assert "sent 300 of 300" in out
    assert "answered by release 3\n" in out
    assert "note: too few answers for p99: 300, and it takes 1,000\n" in out
    assert "passed: p95 " in out
    assert out.endswith("kept as load test 1, of release 3\n")
    kept = last()
    assert (kept.id, kept.verdict, kept.result["figures"]["counts"]["ok"]) == (1, "passed", 300)
    assert kept.result["rate"]["peak"] == 100
    assert kept.result["until_us"] > kept.result["began_us"] == kept.at_us
    assert sum(kept.result["latencies"]["counts"].values()) == 300


def test_as_json(shop: Small, server: Server, capsys: Capture) -> None:
    found = json.loads(ran(capsys, server, "--rate", "100", "--seed", "4", "--json", code=3)[0])
    assert found["figures"]["planned"] == len(poisson(100, 1, 4)) == found["figures"]["counts"]["ok"]
    assert found["verdict"]["outcome"] == "invalid"
    assert "too few answers for p95" in found["verdict"]["reasons"][0]
    assert (found["load_test"], found["release"], found["rate"]["origin"]) == (1, 3, "given")


def test_one_that_fails(shop: Small, server: Server, capsys: Capture) -> None:
    shop.write("conf/operate.yaml", LIMITS.replace("5000", "0.001"))
    out, _ = ran(capsys, server, code=1)
    assert "\nfailed: p95 " in out
    assert "above 0.001 ms" in out
    assert last().verdict == "failed"


def test_what_nobody_can_send_is_invalid(shop: Small, server: Server, capsys: Capture) -> None:
    shop.write("conf/operate.yaml", LIMITS.replace("peak", "timeout: 1, peak"))
    out, _ = ran(capsys, server, "--rate", "200000", "--duration", "0.5", code=3)
    assert "\ninvalid: only " in out
    assert last().verdict == "invalid"


def test_a_release_that_is_not_in_the_database_is_told(shop: Small, server: Server, capsys: Capture) -> None:
    shop.write("conf/operate.yaml", f"{LIMITS}database: {{url: 'sqlite:///other.db'}}\n")
    out, _ = ran(capsys, server, code=0)
    assert out.endswith("not kept: the database has no release 3\n")


@pytest.mark.parametrize(
    ("words", "conf", "text"),
    [
        (["--url", "http://127.0.0.1:9"], LIMITS, "http://127.0.0.1:9: nothing listens there"),
        (["--url", "ftp://a"], LIMITS, "--url: is no address of plain HTTP"),
        (["--rate", "1e9"], LIMITS, "arrivals: too many requests, or none"),
        ([], "", "steadily loadtest: no request of the last 7 days was counted"),
        ([], "loadtest: {tmes: 3}", "unknown key 'tmes'; allowed: arrivals, duration, limits, peak_per_second"),
        ([], "loadtest: {limits: {p99_ms: -1}}", "conf/operate.yaml:1: loadtest.limits.p99_ms: "),
        ([], "loadtest: {token: hunter2}", "conf/operate.yaml:1: loadtest.token: holds a secret"),
    ],
)
def test_what_is_refused(shop: Small, server: Server, capsys: Capture, words: list[str], conf: str, text: str) -> None:
    shop.write("conf/operate.yaml", conf)
    _, err = ran(capsys, server, *words, code=1)
    assert text in err
    assert "Traceback" not in err
    assert last() is None


@pytest.mark.parametrize(
    "words",
    [["--rate", "0"], ["--rate", "x"], ["--rate", "nan"], ["--duration", "3601"], ["--times", "1", "--rate", "1"]],
)
def test_words_that_are_none(words: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["loadtest", *words])
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_token_is_sent_and_never_told(
    shop: Small, server: Server, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    shop.write("conf/operate.yaml", LIMITS.replace("peak", "token: '${oc.env:SHOP_TOKEN}', peak"))
    out, err = ran(capsys, server, "--json", code=0)
    assert "s3cret" not in out + err
    assert "s3cret" not in json.dumps(last().result)
