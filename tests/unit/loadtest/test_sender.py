"""The sender against a real server in a process of its own: kinds of answers, time-outs, frozen servers."""

from __future__ import annotations

import gc
import json
import socket
import threading
from typing import Any

import numpy as np
import pytest

from steadily.errors import ConfigError, RunError
from steadily.loadtest.arrivals import constant
from steadily.loadtest.heard import Heard
from steadily.loadtest.measured import figures_of, latencies_of
from steadily.loadtest.sender import KINDS, Bounds, Sent, connections_for, request_of, room_for, send
from steadily.loadtest.target import Target, need_answer, need_ready, target_of
from steadily.loadtest.verdict import Limits, judge
from unit.loadtest.answering import Server


def requests(server: Server, *rows: dict[str, Any]) -> list[bytes]:
    target = target_of(server.url)
    return [request_of(target, "/predict", json.dumps({"rows": [row]}).encode()) for row in rows]


def kinds(sent: Sent) -> list[str]:
    return [KINDS[int(kind)] for kind in sent.kinds]


def test_what_comes_of_requests(server: Server) -> None:
    rows = ("ham", "wrong", "moved", "shed", "fail", "drop", "noise", "pieces", "close", "refuse")
    heard, told = Heard(), []
    sent = send(
        target_of(server.url),
        requests(server, *({"do": do} for do in rows)),
        constant(100, 0.3),
        hear=heard.hear,
        tell=lambda sent, done: told.append((sent, done)),
    )
    wanted = ["ok", "rejected", "rejected", "shed", "server_error", "disconnected", "disconnected", "ok", "ok", "ok"]
    assert kinds(sent) == wanted * 3
    assert (np.isnan(sent.took) == np.array([kind == "disconnected" for kind in kinds(sent)])).all()
    assert heard.releases == {3: 12}
    assert (heard.predicted, heard.refused, heard.unclear) == (9, {"s, t": 3}, 0)
    assert told[-1][0] <= 30
    assert (sent.lags >= 0).all()
    assert gc.isenabled()


def test_requests_do_not_wait_for_answers(server: Server) -> None:
    slow = requests(server, {"do": "slow", "seconds": 1.5})
    sent = send(target_of(server.url), slow, constant(100, 0.2))
    assert kinds(sent) == ["ok"] * 20
    assert sent.connections == 20
    assert sent.waited == 0
    assert sent.took.min() >= 1.5


def test_where_all_connections_wait_a_request_waits_and_is_not_counted_as_sent_in_time(server: Server) -> None:
    slow = requests(server, {"do": "slow", "seconds": 0.3})
    sent = send(target_of(server.url), slow, constant(20, 1), Bounds(connections=2))
    assert sent.connections == sent.bound == 2
    assert sent.waited >= 10
    figures = figures_of(sent, Heard(), 20, 1)
    assert figures.in_time <= 10
    assert "all 2 connections were waiting for answers" in judge(figures, Limits(None, None, None)).reasons[0]
    answered = [took for took, kind in zip(sent.took, kinds(sent), strict=True) if kind == "ok"]
    assert max(answered) >= 0.9  # from the time at which it was to be sent


def test_what_is_not_answered_times_out_from_the_intended_time(server: Server) -> None:
    rows = requests(server, {"do": "hang"}, {})
    sent = send(target_of(server.url), rows, constant(100, 0.2), Bounds(timeout=2.0))
    assert kinds(sent) == ["timed_out", "ok"] * 10
    assert (sent.took[::2] >= 2.0).all()
    assert figures_of(sent, Heard(), 100, 0.2).timed == 20


def test_nothing_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        target = Target("127.0.0.1", probe.getsockname()[1])
        with pytest.raises(RunError, match="nothing listens there; `steadily serve` starts the service"):
            need_ready(target, {})
        sent = send(target, [b"x"], constant(50, 0.2))
    assert kinds(sent) == ["disconnected"] * 10
    figures = figures_of(sent, Heard(), 50, 0.2)
    assert (figures.error_share, figures.timed, figures.max_ms) == (1.0, 0, None)
    assert judge(figures, Limits(None, None)).outcome == "failed"


def test_a_freeze_is_seen_in_all_that_should_have_been_answered_meanwhile(server: Server) -> None:
    heard = Heard()
    freezing = threading.Thread(target=server.freeze, args=[1.0])

    def tell(sent: int, done: int) -> None:
        if done >= 100 and freezing.ident is None:
            freezing.start()

    sent = send(target_of(server.url), requests(server, {}), constant(500, 3), hear=heard.hear, tell=tell)
    freezing.join()
    figures = figures_of(sent, heard, 500, 3)
    assert figures.counts["ok"] == 1_500
    assert figures.p99_ms is not None
    assert figures.p99_ms > 900  # a client that waits for each answer would have seen one slow request of a thousand
    assert (sent.took > 0.5).sum() > 200
    found = judge(figures, Limits(p95_ms=None))
    assert any(reason.startswith("p99 ") and reason.endswith("above 250 ms") for reason in found.failed)
    assert latencies_of(sent).count == 1_500


def test_a_rate_that_nobody_can_send_is_invalid(server: Server) -> None:
    sent = send(target_of(server.url), requests(server, {}), constant(400_000, 0.5), Bounds(1.0, 64))
    figures = figures_of(sent, Heard(), 400_000, 0.5)
    assert figures.counts["unsent"] > 0
    found = judge(figures, Limits(None, None, None))
    assert found.outcome == "invalid"
    assert "400,000 requests a second were sent in time, and 99 % have to be" in found.reasons[0]


def test_nothing_to_send(server: Server) -> None:
    sent = send(target_of(server.url), [b""], [])
    assert len(sent.kinds) == 0
    assert judge(figures_of(sent, Heard(), 1, 1), Limits()).outcome == "invalid"


def test_a_large_request_arrives_whole(server: Server) -> None:
    sent = send(target_of(server.url), requests(server, {"text": "x" * 3_000_000}), constant(10, 0.3))
    assert kinds(sent) == ["ok"] * 3


def test_connections() -> None:
    assert connections_for(constant(100, 10), 2.0) == pytest.approx(100 * 2.1 + 64, abs=2)
    assert connections_for(np.array([]), 2.0) == 1
    assert 1 <= room_for(10**9) <= 10**9


@pytest.mark.parametrize(
    "url",
    [
        "https://a",
        "a:80",
        "http://",
        "http://a?x=1",
        "http://a b",
        "http://a:99999",
        "http://me@a",
        "http://ä",
        "http://[1",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^--url: is no address"):
        target_of(url)


def test_addresses() -> None:
    assert target_of("http://[::1]:8000").url == "http://[::1]:8000"
    assert target_of("http://localhost/a/").url == "http://localhost:80/a"
    assert target_of("http://h").port == 80
    with pytest.raises(RunError, match="there is no such host"):
        send(Target("no-such-host.invalid", 80), [b"x"], [0.0])


def test_what_is_asked_before(server: Server) -> None:
    target = target_of(server.url)
    assert need_ready(target, {}) == 3
    need_answer(target, b'{"rows":[{}]}', {})
    with pytest.raises(RunError, match=r"refuses the first of the rows that would be sent; given: 422 \{"):
        need_answer(target, b'{"rows":[{"do":"wrong"}]}', {})
    with pytest.raises(RunError, match="has no /health/ready"):
        need_ready(Target(target.host, target.port, "/elsewhere"), {})
    with pytest.raises(RunError, match="gives no answer to POST /predict"):
        need_answer(target, b'{"rows":[{"do":"drop"}]}', {})


def test_answers_that_say_nothing() -> None:
    heard = Heard()
    bodies = [b"", b"[]", b'{"release": 1}', b'{"release": 1, "answers": [3]}', b"[" * 100_000]
    bodies += [b'{"release": null, "answers": [{"prediction": 1}]}', b'{"release": 1, "answers": [{"error": {}}]}']
    for body in bodies:
        heard.hear(0, 200, body)
    heard.hear(0, 500, b"{}")
    assert heard.unclear == 7
    assert heard.releases == {1: 1}
