"""What goes out: answers as JSON, in one form; and the schemas of all of it, for OpenAPI.

A reply has one entry for each row, in order: a prediction, a refusal with the ledger's reason, or an error of
the model. The release and the request's id stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from steadily.serving.scoring import ANSWERED, REFUSED, Answer, Release

Json = dict[str, Any]


def reply_of(request_id: str, release: Release, answers: Sequence[Answer], notes: Sequence[str] = ()) -> Json:
    """Give the reply to a request."""
    found: Json = {
        "request_id": request_id,
        "release": release.number,
        "answers": [entry_of(answer, release.classes) for answer in answers],
    }
    return found | {"notes": list(notes)} if notes else found


def entry_of(answer: Answer, classes: Sequence[str]) -> Json:
    """Give the entry of one row."""
    if answer.outcome == ANSWERED:
        found: Json = {"prediction": answer.prediction}
        if answer.probabilities is not None:
            found["confidence"] = answer.confidence
            found["probabilities"] = dict(zip(classes, answer.probabilities, strict=True))
        found["imputed"] = [{"column": one.column, "value": one.value, "step": one.step} for one in answer.imputed]
        return found
    refusal = answer.refusal
    if refusal is None:
        return {"error": {"where": "", "reason": "there is no answer"}}
    if answer.outcome == REFUSED:
        about = {"stage": refusal.stage, "step": refusal.step, "column": refusal.column, "reason": refusal.reason}
        return {"refused": about}
    return {"error": {"where": refusal.told("").rstrip(": "), "reason": refusal.reason}}


def all_failed(answers: Sequence[Answer]) -> bool:
    """Tell a request of which no row has an answer or a refusal: an error of the model."""
    return all(answer.outcome not in (ANSWERED, REFUSED) for answer in answers)


TEXT = {"type": "string"}
PROBLEM: Json = {
    "type": "object",
    "required": ["where", "what"],
    "properties": {
        "where": {**TEXT, "description": "the place in the request, such as rows[0].distance"},
        "what": {**TEXT, "description": "what is wrong there"},
        "given": TEXT,
        "allowed": TEXT,
        "hint": TEXT,
    },
}
ERROR_BODY: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["what", "problems"],
            "properties": {"what": TEXT, "problems": {"type": "array", "items": PROBLEM}},
        }
    },
}
REFUSED_ENTRY: Json = {
    "type": "object",
    "title": "Refused",
    "description": "Training would have dropped the row: where, and the reason as the ledger has it.",
    "required": ["refused"],
    "properties": {
        "refused": {
            "type": "object",
            "required": ["stage", "step", "column", "reason"],
            "properties": {"stage": TEXT, "step": TEXT, "column": {"type": ["string", "null"]}, "reason": TEXT},
        }
    },
}
ERROR_ENTRY: Json = {
    "type": "object",
    "title": "Error",
    "description": "A step or the model failed on the row.",
    "required": ["error"],
    "properties": {
        "error": {"type": "object", "required": ["where", "reason"], "properties": {"where": TEXT, "reason": TEXT}}
    },
}
FILLED: Json = {
    "type": "object",
    "required": ["column", "value", "step"],
    "properties": {"column": TEXT, "value": TEXT, "step": TEXT},
}


def answered_entry(classes: Sequence[str]) -> Json:
    """Give the schema of an answered row."""
    share = {"type": "number", "minimum": 0, "maximum": 1.000001}
    found: Json = {
        "type": "object",
        "title": "Answered",
        "required": ["prediction", "imputed"],
        "properties": {
            "prediction": {"type": ["string", "number", "boolean"]},
            "imputed": {"type": "array", "items": FILLED, "description": "values that were missing and filled in"},
        },
    }
    if classes:
        probabilities: Json = {"type": "object", "required": list(classes)}
        probabilities["properties"] = dict.fromkeys(classes, share)
        found["properties"] |= {"confidence": share, "probabilities": probabilities}
        found["required"] += ["confidence", "probabilities"]
    return found


def reply_schema(classes: Sequence[str]) -> Json:
    """Give the schema of a reply."""
    entries = [answered_entry(classes), REFUSED_ENTRY, ERROR_ENTRY]
    return {
        "type": "object",
        "required": ["request_id", "release", "answers"],
        "properties": {
            "request_id": {**TEXT, "description": "names the answer in the log, and for labels that come later"},
            "release": {"type": "integer"},
            "answers": {"type": "array", "items": {"anyOf": entries}, "description": "one for each row, in order"},
            "notes": {"type": "array", "items": TEXT},
        },
    }


def row_schema(schema: Mapping[str, Any] | None) -> Json:
    """Give the schema of a row for OpenAPI: the bundle's own, less what only a file of its own needs."""
    return {key: value for key, value in (schema or {"type": "object"}).items() if key not in ("$schema",)}
