"""The Open Inference Protocol, version 2, over JSON: tensors by column to rows, answers to tensors.

https://github.com/open-inference/open-inference-protocol. Binary tensors are an extension of it and refused. Its
tensors have no place for a refused row, so a request with one is refused whole, with the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from steadily.contract import Contract
from steadily.dtypes import DATETIME, FAMILY
from steadily.errors import near
from steadily.serving.requests import RequestError, places, problem
from steadily.serving.scoring import ANSWERED, Answer, Release
from steadily.serving.service import Asked

Json = dict[str, Any]
DATATYPES = {"str": "BYTES", "int64": "INT64", "float64": "FP64", "bool": "BOOL", DATETIME: "BYTES"}
WHOLE = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
FLOATING = ("FP16", "FP32", "FP64", "BF16")
KNOWN = ("BOOL", "BYTES", *FLOATING, *WHOLE)
CONVERTED = {"int64": (*WHOLE, *FLOATING), "float64": (*WHOLE, *FLOATING), "bool": ("BOOL",)}


def error_body(error: RequestError) -> Json:
    """Give the protocol's form of an error, with our own places beside it."""
    lines = list(places(error.problems))
    return {"error": "; ".join([error.what, *lines[:5]]), "problems": list(error.problems)}


def metadata(release: Release, name: str) -> Json:
    """Describe the model."""
    contract = release.bundle.contract
    inputs = [
        {"name": column.name, "datatype": DATATYPES[FAMILY.get(column.dtype, column.dtype)], "shape": [-1]}
        for column in (contract.columns if contract else ())
    ]
    return {
        "name": name,
        "versions": [str(release.number)],
        "platform": "steadily",
        "inputs": inputs,
        "outputs": [
            {"name": output, "datatype": datatype, "shape": shape} for output, datatype, shape in outputs_of(release)
        ],
    }


def outputs_of(release: Release) -> Iterator[tuple[str, str, list[int]]]:
    """Give the outputs' names, types and shapes."""
    regression = release.manifest.task == "regression"
    yield "prediction", "FP64" if regression else "BYTES", [-1]
    if release.classes:
        yield "confidence", "FP64", [-1]
        yield "probabilities", "FP64", [-1, len(release.classes)]


def rows_of(body: Any, release: Release) -> list[Json]:
    """Read a request's tensors as rows.

    Raises:
        RequestError: They are not of the protocol's form, or not of the model's columns.
    """
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not inputs:
        raise RequestError(400, "inputs has to be a list of tensors", (problem("inputs", "is none", inputs),))
    requested(body, release)
    contract = release.bundle.contract
    wrong: list[Json] = []
    columns: dict[str, list[Any]] = {}
    for place, tensor in enumerate(inputs):
        read = tensor_of(f"inputs[{place}]", tensor, contract, wrong)
        if read is not None:
            if read[0] in columns:
                wrong.append(problem(f"inputs[{place}].name", f"{read[0]} is there twice"))
            columns[read[0]] = read[1]
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        given = ", ".join(f"{name} {len(values)}" for name, values in columns.items())
        wrong.append(problem("inputs", "tensors have different lengths", given))
    if wrong:
        raise RequestError(400, "inputs can't be read", tuple(wrong))
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def tensor_of(where: str, tensor: Any, contract: Contract | None, wrong: list[Json]) -> tuple[str, list[Any]] | None:
    """Read one tensor as a column; None where it is wrong, which is noted."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        wrong.append(problem(where, "has to be an object with name, shape, datatype and data", tensor))
        return None
    name: str = tensor["name"]
    datatype, shape, data = tensor.get("datatype"), tensor.get("shape"), tensor.get("data")
    before = len(wrong)
    if datatype not in KNOWN:
        wrong.append(problem(f"{where}.datatype", "unknown datatype", datatype, ", ".join(KNOWN)))
    if not isinstance(shape, list) or not all(type(one) is int and one >= 0 for one in shape):
        wrong.append(problem(f"{where}.shape", "has to be a list of whole numbers", shape))
    elif len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
        wrong.append(problem(f"{where}.shape", "has to be [rows] or [rows, 1]", str(shape)))
    if not isinstance(data, list):
        wrong.append(problem(f"{where}.data", "has to be a list", data))
    if contract is not None and name not in contract.dtypes:
        hint = near(name, list(contract.dtypes))
        wrong.append(problem(f"{where}.name", f"{name} is no column of the model", hint=hint))
    if len(wrong) > before or not isinstance(shape, list) or not isinstance(data, list):
        return None
    values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in data]
    if len(values) != shape[0]:
        wrong.append(problem(f"{where}.data", "is not as long as its shape says", len(values), str(shape[0])))
        return None
    family = FAMILY.get(contract.dtypes[name], contract.dtypes[name]) if contract else None
    if family is not None and datatype not in CONVERTED.get(family, ("BYTES",)):
        allowed = ", ".join(CONVERTED.get(family, ("BYTES",)))
        wrong.append(problem(f"{where}.datatype", f"{name} is of another type", datatype, allowed))
        return None
    return name, values


def requested(body: Json, release: Release) -> list[str] | None:
    """Give the names of the outputs that are asked for; None asks for all.

    Raises:
        RequestError: One is not there.
    """
    outputs = body.get("outputs")
    if outputs is None:
        return None
    known = [name for name, _, _ in outputs_of(release)]
    named = [one.get("name") if isinstance(one, dict) else None for one in outputs] if isinstance(outputs, list) else []
    bad = [one for one in named if one not in known]
    if not isinstance(outputs, list) or bad:
        given = bad[0] if bad else outputs
        raise RequestError(
            400, "outputs can't be given", (problem("outputs", "unknown output", given, ", ".join(known)),)
        )
    return [str(one) for one in named]


def reply_of(body: Json, asked: Asked, name: str) -> Json:
    """Give the tensors of answers.

    Raises:
        RequestError: A row is refused (422), or the model failed on one (500).
    """
    refuse_unanswered(asked.answers)
    release, answers = asked.release, asked.answers
    regression = release.manifest.task == "regression"
    data: dict[str, list[Any]] = {
        "prediction": [one.prediction if regression else str(one.prediction) for one in answers],
        "confidence": [one.confidence for one in answers],
        "probabilities": [share for one in answers for share in one.probabilities or ()],
    }
    wanted = requested(body, release)
    outputs = [
        {"name": output, "datatype": datatype, "shape": [len(answers), *shape[1:]], "data": data[output]}
        for output, datatype, shape in outputs_of(release)
        if wanted is None or output in wanted
    ]
    given = body.get("id")
    return {
        "model_name": name,
        "model_version": str(release.number),
        "id": given if isinstance(given, str) else asked.request_id,
        "parameters": {"request_id": asked.request_id},
        "outputs": outputs,
    }


def refuse_unanswered(answers: Sequence[Answer]) -> None:
    """Refuse a request of which a row has no answer."""
    failed = [one for one in answers if one.outcome == "error"]
    if failed:
        raise RequestError(500, "the model failed on a row")
    found = [
        problem(f"row {place}", one.refusal.told(one.refusal.reason))
        for place, one in enumerate(answers)
        if one.outcome != ANSWERED and one.refusal is not None
    ]
    if found:
        raise RequestError(422, "rows are refused, which training would have dropped", tuple(found[:20]))
