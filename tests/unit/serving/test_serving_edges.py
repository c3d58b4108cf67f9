"""Bodies, tokens and the Open Inference Protocol: what may come in, and in which form it goes out."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from steadily.bundle.replay import Refusal
from steadily.contract import Contract
from steadily.serving import v2
from steadily.serving.bodies import Gone, need_json, read_body, send_json
from steadily.serving.requests import RequestError, problem
from steadily.serving.scoring import ANSWERED, ERROR, REFUSED, Answer
from steadily.serving.service import Asked
from steadily.serving.tokens import Guard

# Bodies


def scope(**headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "headers": named}


def read(pieces: list[bytes | None], *, most: int = 10, seconds: float = 30, **headers: str) -> bytes:
    """Read a body that comes in pieces; None is a client that goes away, and after the last piece nothing comes."""
    waiting = list(pieces)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        piece = waiting.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece != pieces[-1] or bool(waiting)}

    return asyncio.run(read_body(scope(**headers), receive, most, seconds))


def test_a_body_in_pieces() -> None:
    assert read([b"ab", b"", b"cd"]) == b"abcd"
    assert read([b"0123456789"], content_length="10") == b"0123456789"
    assert read([b""], content_length="0") == b""


@pytest.mark.parametrize(
    ("pieces", "headers"),
    [([b"x" * 11], {}), ([b"x" * 6, b"y" * 6], {}), ([b"x"], {"content_length": "11"}),
     ([b"x" * 11], {"content_length": "1"})],
)  # fmt: skip
def test_a_body_that_is_too_long_is_refused_before_it_is_read_whole(pieces: Any, headers: Any) -> None:
    with pytest.raises(RequestError) as caught:
        read(pieces, **headers)
    assert caught.value.status == 413
    assert caught.value.what == "the body is longer than 10 bytes"


def test_a_client_that_is_slow_or_goes_away() -> None:
    with pytest.raises(RequestError) as caught:
        read_never()
    assert caught.value.status == 408
    with pytest.raises(Gone):
        read([b"a", None])


def read_never() -> bytes:
    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    return asyncio.run(read_body(scope(), receive, 10, 0.02))


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"])
def test_json_is_what_says_that_it_is(kind: str) -> None:
    need_json(scope(content_type=kind))


@pytest.mark.parametrize("kind", [None, "", "text/plain", "text/json", "application/jsonx", "\xff"])
def test_what_does_not_say_so_is_refused(kind: str | None) -> None:
    with pytest.raises(RequestError) as caught:
        need_json(scope() if kind is None else scope(content_type=kind))
    assert caught.value.status == 415


def test_a_reply_is_json_of_its_length() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(send_json(send, 503, {"a": float("nan"), "b": "ä\0"}, [(b"retry-after", b"1")]))
    start, body = sent
    assert start["status"] == 503
    assert dict(start["headers"])[b"retry-after"] == b"1"
    assert int(dict(start["headers"])[b"content-length"]) == len(body["body"])
    assert json.loads(body["body"]) == {"a": None, "b": "ä\0"}


# Tokens


def status_of(guard: Guard, authorization: str | None, client: str | None = "10.0.0.7") -> int:
    try:
        guard.check(authorization, client)
    except RequestError as error:
        told, status = json.dumps(error.body()), error.status
        return 500 if "s3cret" in told else status
    return 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer s3cret", 200), ("bearer  other ", 200), (None, 401), ("", 401), ("Bearer", 401), ("Bearer ", 401),
        ("Basic s3cret", 401), ("s3cret", 401), ("Bearer s3cre", 403), ("Bearer s3cret2", 403),
        ("Bearer s3cret,other", 403),
        ("Bearer \xfc", 403),
    ],
)  # fmt: skip
def test_tokens(authorization: str | None, status: int) -> None:
    guard = Guard.of(" s3cret,, other ,")
    assert status_of(guard, authorization) == status
    assert status_of(guard, authorization, "127.0.0.1") == status


@pytest.mark.parametrize(
    ("client", "status"), [("127.0.0.1", 200), ("127.9.9.9", 200), ("::1", 200),
     ("10.0.0.7", 403), (None, 403), ("x", 403)]
)  # fmt: skip
@pytest.mark.parametrize("listed", [None, "", " , "])
def test_without_tokens_this_machine_alone_is_let_in(listed: str | None, client: str | None, status: int) -> None:
    assert status_of(Guard.of(listed), "Bearer anything", client) == status


# The Open Inference Protocol

COLUMNS = {
    "n": {"dtype": "int64"},
    "x": {"dtype": "float64", "nullable": True},
    "t": {"dtype": "str"},
    "b": {"dtype": "bool"},
    "at": {"dtype": "datetime"},
}


CONTRACT = Contract.parse({"columns": COLUMNS})


def release(task: str = "classification", contract: Contract | None = CONTRACT) -> Any:
    """What the protocol needs to know of a release."""
    return SimpleNamespace(
        number=7,
        classes=["ham", "spam"] if task == "classification" else [],
        manifest=SimpleNamespace(task=task),
        bundle=SimpleNamespace(contract=contract),
    )


def tensor(name: str, datatype: str, data: Any, shape: Any = None) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)] if shape is None else shape, "data": data}


INPUTS = [
    tensor("n", "INT32", [1, 2]),
    tensor("x", "FP32", [1.5, None]),
    tensor("t", "BYTES", [["a"], ["b"]], [2, 1]),
    tensor("b", "BOOL", [True, False]),
    tensor("at", "BYTES", ["2024-01-05", "2024-01-06"]),
]


def test_tensors_are_columns() -> None:
    rows = v2.rows_of({"inputs": INPUTS}, release())
    assert rows[0] == {"n": 1, "x": 1.5, "t": "a", "b": True, "at": "2024-01-05"}
    assert rows[1] == {"n": 2, "x": None, "t": "b", "b": False, "at": "2024-01-06"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "inputs"),
        ([], "inputs"),
        ({"inputs": []}, "inputs"),
        ({"inputs": ["n"]}, "inputs[0]"),
        ({"inputs": [{**INPUTS[0], "name": ["n"]}]}, "inputs[0]"),
        ({"inputs": [{**INPUTS[0], "name": "m"}]}, "inputs[0].name"),
        ({"inputs": [{**INPUTS[0], "datatype": "INT7"}]}, "inputs[0].datatype"),
        ({"inputs": [{**INPUTS[0], "datatype": ["INT64"]}]}, "inputs[0].datatype"),
        ({"inputs": [{**INPUTS[0], "datatype": "BYTES"}]}, "inputs[0].datatype"),
        ({"inputs": [{**INPUTS[2], "datatype": "INT64"}]}, "inputs[0].datatype"),
        ({"inputs": [{**INPUTS[0], "shape": [3]}]}, "inputs[0].data"),
        ({"inputs": [{**INPUTS[0], "shape": []}]}, "inputs[0].shape"),
        ({"inputs": [{**INPUTS[0], "shape": [2, 2]}]}, "inputs[0].shape"),
        ({"inputs": [{**INPUTS[0], "shape": [-2]}]}, "inputs[0].shape"),
        ({"inputs": [{**INPUTS[0], "shape": [True]}]}, "inputs[0].shape"),
        ({"inputs": [{**INPUTS[0], "shape": "2"}]}, "inputs[0].shape"),
        ({"inputs": [{"name": "n", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}}]},
         "inputs[0].data"),
        ({"inputs": [INPUTS[0], INPUTS[0]]}, "inputs[1].name"),
        ({"inputs": [INPUTS[0], tensor("x", "FP64", [1.0])]}, "inputs"),
        ({"inputs": INPUTS, "outputs": [{"name": "odds"}]}, "outputs"),
        ({"inputs": INPUTS, "outputs": "prediction"}, "outputs"),
        ({"inputs": INPUTS, "outputs": [["prediction"]]}, "outputs"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_protocols_form_is_told_with_its_place(body: Any, told: str) -> None:
    with pytest.raises(RequestError) as caught:
        v2.rows_of(body, release())
    assert caught.value.status == 400
    assert told in [one["where"] for one in caught.value.problems]
    assert isinstance(v2.error_body(caught.value)["error"], str)
    json.dumps(v2.error_body(caught.value))


def test_metadata_and_replies_have_the_same_outputs() -> None:
    about = v2.metadata(release(), "mails")
    assert [(one["name"], one["datatype"]) for one in about["inputs"]] == [
        ("n", "INT64"), ("x", "FP64"), ("t", "BYTES"), ("b", "BOOL"), ("at", "BYTES"),
    ]  # fmt: skip
    answers = [Answer(ANSWERED, "ham", [0.75, 0.25]), Answer(ANSWERED, "spam", [0.5, 0.5])]
    found = v2.reply_of({"id": "mine"}, Asked("r1", release(), answers), "mails")
    assert (found["id"], found["model_version"], found["parameters"]) == ("mine", "7", {"request_id": "r1"})
    named = {one["name"]: one for one in found["outputs"]}
    assert named["prediction"]["data"] == ["ham", "spam"]
    assert named["confidence"]["data"] == [0.75, 0.5]
    assert (named["probabilities"]["shape"], named["probabilities"]["data"]) == ([2, 2], [0.75, 0.25, 0.5, 0.5])
    assert [(one["name"], one["datatype"]) for one in about["outputs"]] == [
        (one["name"], one["datatype"]) for one in found["outputs"]
    ]
    some = v2.reply_of({"id": 5, "outputs": [{"name": "confidence"}]}, Asked("r1", release(), answers), "mails")
    assert (some["id"], [one["name"] for one in some["outputs"]]) == ("r1", ["confidence"])


def test_a_number_is_answered_as_one() -> None:
    found = v2.reply_of({}, Asked("r1", release("regression"), [Answer(ANSWERED, 2.5)]), "flights")
    assert found["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [1], "data": [2.5]}]
    assert [one["name"] for one in v2.metadata(release("regression", None), "flights")["outputs"]] == ["prediction"]


def test_a_refused_row_refuses_the_request_and_a_failed_one_fails_it() -> None:
    refused = Answer(REFUSED, refusal=Refusal("clean", "when", None, "at cannot be parsed", "at"))
    failed = Answer(ERROR, refusal=Refusal("", "serving", None, "secret", "x", fault=True))
    good = Answer(ANSWERED, "ham", [0.75, 0.25])
    with pytest.raises(RequestError) as caught:
        v2.reply_of({}, Asked("r1", release(), [good, refused]), "mails")
    assert caught.value.status == 422
    assert list(caught.value.problems) == [problem("row 1", "clean, when: at cannot be parsed")]
    with pytest.raises(RequestError) as caught:
        v2.reply_of({}, Asked("r1", release(), [refused, failed]), "mails")
    assert caught.value.status == 500
