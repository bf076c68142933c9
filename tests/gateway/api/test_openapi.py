"""The description is valid OpenAPI 3.1, matches what is served, and its page shows it."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.http.api.routes import OPERATIONS

METHODS = {"get", "put", "post", "delete", "patch"}
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip


async def description(hub: Any) -> Any:
    answer = await hub.call("GET", "/openapi.json", token="", root="/api")
    assert answer.status == 200
    return answer.body


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(references(v) for v in node.values()))
    if isinstance(node, list):
        return set().union(*(references(v) for v in node))
    return set()


async def test_description_when_read_then_it_is_openapi_31(hub) -> None:
    api = await description(hub)
    if importlib.util.find_spec("openapi_spec_validator"):
        importlib.import_module("openapi_spec_validator").validate(api)
    assert api["openapi"].startswith("3.1.")
    assert api["info"].keys() >= {"title", "version"}
    assert set(api) <= {"openapi", "info", "servers", "security", "paths", "components", "tags"}
    for reference in references(api):
        head, _, name = reference.rpartition("/")
        assert head == "#/components/schemas"
        assert name in api["components"]["schemas"]
    ids = []
    for path, item in api["paths"].items():
        assert path.startswith("/")
        assert set(item) <= METHODS
        for operation in item.values():
            ids.append(operation["operationId"])
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))
            pairs = [(p["name"], p["in"]) for p in operation["parameters"]]
            assert len(pairs) == len(set(pairs))
            assert all("schema" in p for p in operation["parameters"])
            assert all(re.fullmatch(r"[1-5]\d\d|default", code) for code in operation["responses"])
            assert all(r["description"] for r in operation["responses"].values())
            for scheme in operation.get("security", api["security"]):
                assert set(scheme) <= set(api["components"]["securitySchemes"])
    assert len(ids) == len(set(ids)) == len(OPERATIONS)
    assert "/sessions/{id}/events" in api["paths"]


def conforms(value: Any, schema: Any, api: Any, path: str = "") -> None:
    """As much of JSON Schema as the description uses; an unknown word fails."""
    if "$ref" in schema:
        schema = api["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    known = {"type", "anyOf", "enum", "items", "properties", "required", "format", "title", "description", "default",
             "pattern", "minLength", "maxLength", "minimum", "maximum", "prefixItems", "minItems", "maxItems"}  # fmt: skip
    assert set(schema) <= known, (path, set(schema) - known)
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            try:
                return conforms(value, one, api, path)
            except AssertionError:
                continue
        raise AssertionError((path, value, schema))
    if "enum" in schema:
        assert value in schema["enum"], (path, value)
    kinds = {"string": str, "integer": int, "number": (int, float), "object": dict, "array": list, "boolean": bool, "null": type(None)}  # fmt: skip
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), (path, value, schema)
    if schema.get("format") == "decimal":
        assert re.fullmatch(r"-?\d+(\.\d+)?", value), (path, value)
    if schema.get("format") == "date-time":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value), (path, value)
    for name in schema.get("required", ()):
        assert name in value, (path, name)
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            conforms(value[name], inner, api, f"{path}.{name}")
    if schema.get("type") == "object" and "properties" in schema:
        assert set(value) <= set(schema["properties"]), (path, set(value))
    for item in value if schema.get("type") == "array" else ():
        conforms(item, schema.get("items", {}), api, f"{path}[]")
    return None


async def test_operations_when_called_then_each_answers_in_its_documented_shape(living) -> None:
    api = await description(living)
    seen: set[tuple[str, str, int]] = set()

    def check(template: str, method: str, answer: Any) -> Any:
        documented = api["paths"][template][method.lower()]["responses"]
        said = documented.get(str(answer.status), documented["default"])
        kind = answer.headers["Content-Type"].partition(";")[0]
        schema = said["content"][kind]["schema"]
        if kind.endswith("json"):
            conforms(answer.body, schema, api, template)
        for name in said.get("headers", {}):
            assert name in answer.headers or name == "Idempotency-Replayed"
        seen.add((template, method, answer.status))
        return answer

    at = {"country_code": "DE", "party_id": "RHE", "location_id": "KOELN-DOM", "evse_uid": "KOELN-DOM-1"}  # fmt: skip
    call, admin = living.call, living.settings.admin_token
    check("/locations", "GET", await call("GET", "/locations?latitude=50.94&longitude=6.96"))
    check("/locations", "GET", await call("GET", "/locations"))
    check("/quotes", "POST", await call("POST", "/quotes", at | {"energy_kwh": "7.5"}))
    check("/quotes", "POST", await call("POST", "/quotes", {}))
    check("/sessions", "POST", await call("POST", "/sessions", at))
    check("/sessions", "POST", await call("POST", "/sessions", at, token="wrong"))
    begun = check("/sessions", "POST", await call("POST", "/sessions", at | {"contract_id": "C1"}))
    own = f"/sessions/{begun.body['id']}"
    await living.until(begun.body["id"], "ACTIVE")
    check("/sessions/{id}", "GET", await call("GET", own))
    check("/sessions/{id}/receipt", "GET", await call("GET", f"{own}/receipt"))
    check("/sessions/{id}/events", "GET", await call("GET", "/sessions/x/events"))
    check("/sessions/{id}/stop", "POST", await call("POST", f"{own}/stop"))
    await living.billed()
    stream = await call("GET", f"{own}/events")
    check("/sessions/{id}/events", "GET", stream)
    (data,) = [x for x in stream.raw.splitlines() if x.startswith(b"data: ")]
    conforms(json.loads(data[6:]), {"$ref": "#/components/schemas/Charge"}, api)
    check("/sessions/{id}/receipt", "GET", await call("GET", f"{own}/receipt"))
    pdf = {"Accept": "application/pdf"}
    check("/sessions/{id}/receipt", "GET", await call("GET", f"{own}/receipt", headers=pdf))
    check("/tokens/{uid}", "PUT", await call("PUT", "/tokens/ABC", {"contract_id": "C1"}))
    check("/tokens/{uid}", "PUT", await call("PUT", "/tokens/ABC", raw=b"["))
    new = {"role": "CPO", "country_code": "SE", "party_id": "NEW", "name": "N"}
    check("/admin/partners", "POST", await call("POST", "/admin/partners", new, token=admin))
    check("/admin/partners", "POST", await call("POST", "/admin/partners", new))
    done = {(t, m) for t, m, status in seen if status < 300}
    assert done == {(o.path, o.method) for o in OPERATIONS}


@pytest.mark.browser
async def test_docs_when_opened_in_a_browser_then_whole_and_nothing_outside_is_asked(
    hub, chromium: str
) -> None:
    from playwright.async_api import async_playwright

    wrong: list[str] = []
    own = urlsplit(hub.url).netloc
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        page = await browser.new_page()
        page.on("console", lambda m: wrong.append(m.text) if m.type in {"error", "warning"} else None)  # fmt: skip
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.on(
            "request",
            lambda r: (
                wrong.append(r.url)
                if urlsplit(r.url).netloc != own and not r.url.startswith("data:")
                else None
            ),
        )
        answer = await page.goto(f"{hub.url}/api/docs")
        assert answer is not None
        assert answer.status == 200
        await page.wait_for_selector("#operations details")
        assert await page.locator("#operations details").count() == len(OPERATIONS)
        text = await page.inner_text("main")
        for operation in OPERATIONS:
            assert operation.summary in text
        await page.locator("#operations details summary").first.click()
        assert "latitude" in await page.inner_text("#operations")
        await browser.close()
    assert wrong == []
