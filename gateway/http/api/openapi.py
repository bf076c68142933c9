"""OpenAPI 3.1 of the plain API, read from the table of operations and the shapes themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.http.api.operation import EVENTS, Operation
from gateway.http.api.shape import Problem

PARAMETER = re.compile(r"\{(\w+)\}")
REF = "#/components/schemas/{name}"
REASONS = {
    200: "done", 201: "made", 202: "on its way", 400: "not understood", 401: "who are you",
    403: "suspended", 404: "does not exist", 409: "not now", 422: "a field is wrong",
    502: "the operator refused or did not answer", 503: "a store is away; nothing was done",
}  # fmt: skip
ALWAYS = (400, 401, 503)
ONCE = (409, 422)


def document(operations: Sequence[Operation], server: str) -> dict[str, Any]:
    """The whole document as JSON-able values."""
    shapes = {t for o in operations for t in (o.body, o.query, o.answer) if t is not None}
    _, components = msgspec.json.schema_components(
        [*sorted(shapes, key=lambda t: t.__name__), Problem], ref_template=REF
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        item = paths.setdefault(operation.path, {})
        item[operation.method.lower()] = _operation(operation, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "NetworkCore plain API",
            "version": "1",
            "description": "Charge anywhere at the operator's public tariff; nothing is added.",
        },
        "servers": [{"url": f"{server}/api/v1"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, components: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.audience],
        "parameters": _parameters(operation, components),
        "responses": _responses(operation),
    }
    if operation.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(operation.body)}},
        }
    return found


def _parameters(operation: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(operation.path)
    ]
    if operation.query is not None:
        shape = components[operation.query.__name__]
        found += [
            {"name": name, "in": "query", "required": name in shape.get("required", ()),
             "schema": schema}
            for name, schema in shape["properties"].items()
        ]  # fmt: skip
    if operation.is_once:
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        found.append(
            {"name": "Idempotency-Key", "in": "header", "required": True, "schema": schema}
        )
    return found


def _responses(operation: Operation) -> dict[str, Any]:
    done: dict[str, Any] = {
        "description": REASONS[operation.status],
        "content": _content(operation),
    }
    headers = _headers(operation)
    if headers:
        done["headers"] = headers
    found = {str(operation.status): done}
    statuses = {*ALWAYS, *operation.refusals, *(ONCE if operation.is_once else ())}
    if operation.audience == "partner":
        statuses.add(403)
    for status in sorted(statuses):
        found[str(status)] = _problem(REASONS[status])
    found["default"] = _problem("any other refusal, such as a body or URL that is too large")
    return found


def _content(operation: Operation) -> dict[str, Any]:
    if operation.is_stream:
        said = f"Each event `session` carries a {operation.answer.__name__} as JSON in `data`."
        return {EVENTS: {"schema": {"type": "string", "description": said}}}
    content: dict[str, Any] = {"application/json": {"schema": _ref(operation.answer)}}
    for kind in operation.also:
        content[kind] = {"schema": {"type": "string", "format": "binary"}}
    return content


def _headers(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if operation.is_once:
        said = "`true` when this is the answer of an earlier call with the same key."
        found["Idempotency-Replayed"] = {"description": said, "schema": {"type": "string"}}
    if operation.is_located:
        found["Location"] = {"description": "What was made.", "schema": {"type": "string"}}
    return found


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _ref(Problem)}},
    }


def _ref(shape: type) -> dict[str, str]:
    return {"$ref": REF.format(name=shape.__name__)}
