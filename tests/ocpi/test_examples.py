"""The specification's own 2.2.1 messages, read from beside the project, never copied."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import pytest

from ocpi import envelope
from ocpi.errors import OcpiError
from ocpi.wire import codec

pytestmark = pytest.mark.shared
V = "2.2.1"

# file name starts with: kind, key of the enclosing snippet
KINDS = (
    ("location_energymix", "energy_mix", "energy_mix"),
    ("location_hours", "hours", "opening_times"),
    ("location_put", "evse", None),
    ("location_e", "location", None),
    ("tariff", "tariff", None),
    ("token_", "token", None),
    ("session_", "session", None),
    ("cdr_", "cdr", None),
    ("credentials_", "credentials", None),
    ("hub_client_info", "client_info", None),
    ("version_details", "version_details", None),
    ("versions_info", "versions", None),
    ("type_displaytext", "display_text", None),
)
PATCHES = {
    "location_patch_example_location.json": "location",
    "location_patch_example_remove_evse.json": "evse",
    "location_patch_example_status.json": "evse",
    "location_patch_example_tariff.json": "connector",
    "session_patch_example_charging_period.json": "session",
    "session_patch_example_total_cost.json": "session",
    "token_patch_example.json": "token",
}
ENVELOPES = {
    "transport_and_format_example_response_with_an_error_contains_no_data_f.json": None,
    "transport_and_format_get_token_example.json": "token",
    "transport_and_format_get_token_list_example.json": "tokens",
    "transport_and_format_version_details_example.json": "version_details",
    "transport_and_format_version_info_example.json": "versions",
}
# The examples that break their own specification, and how we say so.
WRONG = {
    "hub_client_info_example_put_a_new_clientinfo_object.json": "not valid JSON",
    "location_put_example_add_evse.json": "connectors[0].power_type",
    "tariff_put_example.json": "last_updated",
}


def _load(path):
    return json.loads(path.read_text(), parse_float=Decimal)


def test_every_example_is_decoded_or_refused_for_a_known_reason(shared):
    seen = 0
    for path in sorted((shared / "ocpi-examples" / V).glob("*.json")):
        raw = path.read_bytes()
        if path.name in WRONG:
            kind = next(kind for start, kind, _ in KINDS if path.name.startswith(start))
            with pytest.raises(OcpiError) as refusal:
                codec.decode(V, kind, raw)
            assert refusal.value.code == 2001
            assert WRONG[path.name] in refusal.value.message
        elif path.name in PATCHES:
            fields = codec.decode_patch(V, PATCHES[path.name], raw)
            assert fields.keys() == _load(path).keys()
        elif path.name in ENVELOPES:
            _check_envelope(raw, ENVELOPES[path.name])
        else:
            _check_object(path)
        seen += 1
    assert seen == 61


def _check_envelope(raw: bytes, kind: str | None) -> None:
    read = envelope.read(raw)
    assert read.status_code in {1000, 2001}
    if kind == "tokens":
        assert all(
            not isinstance(t, OcpiError) for _, t in codec.decode_items(V, "token", read.data)
        )
    elif kind is not None:
        assert codec.decode(V, kind, read.data)
    else:
        assert read.data is None
        assert not read.is_success


def _check_object(path) -> None:
    value = _load(path)
    if path.name == "location_regularhours_example.json":
        value, kind = {"twentyfourseven": False, **value.get("opening_times", value)}, "hours"
    else:
        kind, key = next((k, key) for start, k, key in KINDS if path.name.startswith(start))
        value = value.get(key, value) if key else value
    raw = _dumps(value)
    model = codec.decode(V, kind, raw)
    back, losses = codec.encode(V, model)
    assert losses == ()
    assert codec.decode(V, kind, back) == model
    assert _meaning(json.loads(back, parse_float=Decimal)) == _meaning(value), path.name


def _dumps(value) -> bytes:
    return codec._ENCODER.encode(value)


def _meaning(value):
    """Equal numbers and equal moments are equal however they are written; `[]` is an absent list."""
    if isinstance(value, dict):
        return {k: _meaning(v) for k, v in value.items() if v != []}
    if isinstance(value, list):
        return [_meaning(v) for v in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and len(value) > 18 and value[4] == "-" and value[10] == "T":
        return datetime.fromisoformat(value if value.endswith("Z") else value + "Z")
    return value
