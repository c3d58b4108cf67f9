"""The service's OpenAPI description: the request as the release's contract has it, and every status that comes back.

Inference by the Open Inference Protocol is described by that itself: what it takes depends on the model in ways that
OpenAPI has no words for. ``GET /v2/models/NAME`` says what the model's tensors are.
"""

from __future__ import annotations

import json
from typing import Any

from steadily.serving.labels import MOST
from steadily.serving.replies import ERROR_BODY, PROBLEM, TEXT, reply_schema, row_schema
from steadily.serving.scoring import Release
from steadily.serving.settings import ServeSettings

Json = dict[str, Any]
WHATS = {
    400: "The body is no JSON.",
    401: "A bearer token is needed.",
    403: "The token is not one of those that are let in, or the request does not come from this machine.",
    404: "There is no such thing.",
    408: "The body took too long.",
    413: "The body is too long, or has too many rows.",
    415: "The content type is not application/json.",
    422: "The request breaks its schema: each place with its reason.",
    500: "The model failed.",
    503: "Too many requests wait, or the database is away: try again.",
    504: "No answer came in time.",
}
EXAMPLE = "examples"


def describe(release: Release, settings: ServeSettings) -> Json:
    """Give the description.

    Args:
        release: The release that answers.
        settings: The service's settings.
    """
    guarded: list[Json] = [{"token": []}] if settings.tokens else []
    free = guarded if settings.protect_predictions else []
    schemas = {
        "Row": row_schema(schema_of(release)),
        "Reply": reply_schema(release.classes),
        "Error": ERROR_BODY,
        "InferenceError": inference_error(),
    }
    model = "/v2/models/{model_name}"
    paths: Json = {
        "/predict": {"post": predict(release, settings, free)},
        "/labels": {"post": label(guarded)},
        "/state": {"get": plain("How the worker that answers is", guarded, {"type": "object"}, 401, 403)},
        "/metrics": {"get": metrics(guarded)},
        "/health/live": {"get": health("Whether the process works", free)},
        "/health/ready": {"get": health("Whether a release is ready to answer", free)},
        "/v2": {"get": plain("The server", free, {"type": "object", "required": ["name", "version", "extensions"]})},
        "/v2/health/live": {"get": health("Whether the server lives", free)},
        "/v2/health/ready": {"get": health("Whether the server is ready", free)},
        model: {"get": of_model(settings, "The model", free), "parameters": [named(settings)]},
        f"{model}/ready": {"get": of_model(settings, "Whether it is ready", free), "parameters": [named(settings)]},
    }
    if settings.tokens and settings.protect_predictions:
        for operation in (one for path in paths.values() for key, one in path.items() if key != "parameters"):
            operation["responses"] |= {str(status): error(status) for status in (401, 403)}
    components: Json = {"schemas": schemas}
    if settings.tokens:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Steadily", "version": f"release {release.number}", "description": told(release)},
        "paths": paths,
        "components": components,
    }


def told(release: Release) -> str:
    """Say in a line what is served."""
    classes = ", ".join(release.classes)
    return f"Release {release.number}: {release.manifest.task}" + (f" into {classes}." if classes else ".")


def schema_of(release: Release) -> Json | None:
    """Give the bundle's own schema of a row."""
    path = release.bundle.folder / "request.schema.json"
    if not path.is_file():
        return None
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    if release.reader.contract is not None and release.reader.contract.strict is True:
        found["properties"] |= {name: {} for name in release.manifest.training_only if name not in found["properties"]}
    return found


def content(schema: Json, example: Any = None) -> Json:
    """Give a body of JSON."""
    media: Json = {"schema": schema}
    return {"application/json": media | ({"example": example} if example is not None else {})}


def error(status: int, schema: str = "Error") -> Json:
    """Describe a refusal."""
    return {"description": WHATS[status], "content": content({"$ref": f"#/components/schemas/{schema}"})}


def errors(*statuses: int, schema: str = "Error") -> Json:
    """Describe some refusals."""
    return {str(status): error(status, schema) for status in statuses}


def operation(summary: str, security: list[Json], responses: Json, **more: Any) -> Json:
    """Describe one operation."""
    return {"summary": summary, "responses": responses, **({"security": security} if security else {}), **more}


def body(schema: Json, example: Any = None) -> Json:
    """Describe a request's body."""
    return {"required": True, "content": content(schema, example)}


def predict(release: Release, settings: ServeSettings, security: list[Json]) -> Json:
    """Describe ``POST /predict``."""
    row: Json = {"$ref": "#/components/schemas/Row"}
    rows = {"type": "array", "minItems": 1, "maxItems": settings.most_rows, "items": row}
    request = {"type": "object", "required": ["rows"], "additionalProperties": False, "properties": {"rows": rows}}
    examples = (schema_of(release) or {}).get(EXAMPLE)
    ok = {"description": "An entry for each row, in order.", "content": content({"$ref": "#/components/schemas/Reply"})}
    failed = {
        "500": {
            "description": WHATS[500],
            "content": content(
                {"anyOf": [{"$ref": "#/components/schemas/Reply"}, {"$ref": "#/components/schemas/Error"}]}
            ),
        }
    }
    return operation(
        "Answer rows",
        security,
        {"200": ok, **errors(400, 408, 413, 415, 422), **failed, **errors(503, 504)},
        requestBody=body(request, {"rows": examples[:1]} if examples else None),
    )


def label(security: list[Json]) -> Json:
    """Describe ``POST /labels``."""
    one = {
        "type": "object",
        "required": ["request_id", "label"],
        "additionalProperties": False,
        "properties": {
            "request_id": {**TEXT, "minLength": 1, "maxLength": 200},
            "position": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "default": 0},
            "label": {"anyOf": [{**TEXT, "maxLength": 200}, {"type": "number"}, {"type": "boolean"}]},
        },
    }
    request = {
        "type": "object",
        "required": ["labels"],
        "additionalProperties": False,
        "properties": {"labels": {"type": "array", "minItems": 1, "maxItems": MOST, "items": one}},
    }
    counts = {name: {"type": "integer"} for name in ("new", "changed", "unchanged", "unknown")}
    reply = {"type": "object", "required": list(counts), "properties": counts}
    return operation(
        "Tell the truth of earlier answers",
        security,
        {
            "200": {"description": "What they changed.", "content": content(reply)},
            **errors(400, 401, 403, 408, 413, 415, 422, 503),
        },
        requestBody=body(request, {"labels": [{"request_id": "0650…", "position": 0, "label": "…"}]}),
    )


def plain(summary: str, security: list[Json], schema: Json, *statuses: int) -> Json:
    """Describe an operation that gives an object."""
    found = {"description": summary, "content": content(schema)}
    return operation(summary, security, {"200": found, **errors(*statuses)})


def metrics(security: list[Json]) -> Json:
    """Describe ``GET /metrics``."""
    text = {"description": "Prometheus' text form.", "content": {"text/plain": {"schema": TEXT}}}
    return operation("Figures for Prometheus", security, {"200": text, **errors(401, 403)})


def health(summary: str, security: list[Json]) -> Json:
    """Describe a health check."""
    state = {"description": summary, "content": content({"type": "object"})}
    return operation(summary, security, {"200": state, "503": state})


def named(settings: ServeSettings) -> Json:
    """Describe the model's name in a path."""
    return {
        "name": "model_name",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": [settings.model_name]},
    }


def inference_error() -> Json:
    """Describe the Open Inference Protocol's error."""
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": TEXT, "problems": {"type": "array", "items": PROBLEM}},
    }


def of_model(settings: ServeSettings, summary: str, security: list[Json]) -> Json:
    """Describe an operation on the model."""
    found = {"description": summary, "content": content({"type": "object"})}
    return operation(summary, security, {"200": found, **errors(404, schema="InferenceError")})
