"""The specification's own messages, read from beside the project, never copied."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import pytest

from ocpi import envelope
from ocpi.errors import OcpiError
from ocpi.model.party import PartyId
from ocpi.wire import codec
from ocpi.wire.shape import Origin

pytestmark = pytest.mark.shared
# version: number of examples in its folder
COUNTS = {"2.2.1": 61, "2.3.0": 63}

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
WRONG_230 = WRONG | {"cdr_example.json": "tariffs[0].tax_included"}

ORIGIN = Origin(
    owner=PartyId("BE", "BEC"),
    token_owner=PartyId("DE", "TNM"),
    role="CPO",
    time_zone="Europe/Brussels",
)
OLD_KINDS = (
    ("cdrs_example_of", "cdr"),
    ("credentials_", "credentials"),
    ("locations_example.json", "location"),
    ("sessions_simple", "session"),
    ("tariffs_complex", "tariff"),
    ("tariffs_free", "tariff"),
    ("tariffs_simple", "tariff"),
    ("tokens_example.json", "token"),
    ("tokens_example_put", "token"),
    ("version_information_endpoint_example.json", "versions"),
)
OLD_PATCHES = {
    "locations_example_a_simple_status_update.json": "evse",
    "locations_example_change_the_location_name.json": "location",
    "locations_example_delete_an_evse.json": "evse",
    "locations_example_set_tariff_update.json": "connector",
    "sessions_example_update_the_total_cost.json": "session",
    "tariffs_example_change_tariff_to_2_50.json": "tariff",
    "tokens_example_invalidate_a_token.json": "token",
}
OLD_ENVELOPES = {
    "transport_and_format_example_response_with_an_error_contains_no_data_f.json": None,
    "transport_and_format_example_tokens_get_response_with_list_of_token_ob.json": "tokens",
    "transport_and_format_example_tokens_get_response_with_one_token_object.json": "token",
    "transport_and_format_example_version_information_response_list_of_obje.json": "versions",
}
# Refused, and why; the last two are endpoints without a role, which nobody can know.
OLD_WRONG = {
    "cdrs_example_of_a_cdr.json": ("cdr", "tariffs[0].elements[0].price_components[0].price"),
    "tariffs_example_new_tariff_2_euro_per_hour.json": ("tariff", "last_updated"),
    "locations_example_add_an_evse.json": ("evse", "connectors[0].power_type"),
    "version_information_endpoint_example_2.json": ("version_details", "no such message"),
    "transport_and_format_example_version_details_response_one_object.json": (
        "version_details",
        "no such message",
    ),
}


def _load(path):
    return json.loads(path.read_text(), parse_float=Decimal)


@pytest.mark.parametrize(
    ("v", "wrong"), [("2.2.1", WRONG), ("2.3.0", WRONG_230)], ids=["2.2.1", "2.3.0"]
)
def test_every_example_is_decoded_or_refused_for_a_known_reason(shared, v, wrong):
    seen = 0
    for path in sorted((shared / "ocpi-examples" / v).glob("*.json")):
        raw = path.read_bytes()
        if path.name in wrong:
            kind = next(kind for start, kind, _ in KINDS if path.name.startswith(start))
            with pytest.raises(OcpiError) as refusal:
                codec.decode(v, kind, raw)
            assert refusal.value.code == 2001
            assert wrong[path.name] in refusal.value.message
        elif path.name in PATCHES:
            fields = codec.decode_patch(v, PATCHES[path.name], raw)
            assert fields.keys() == _load(path).keys()
        elif path.name in ENVELOPES:
            _check_envelope(v, raw, ENVELOPES[path.name])
        else:
            _check_object(v, path)
        seen += 1
    assert seen == COUNTS[v]


def test_every_oldest_example_is_decoded_or_refused_for_a_known_reason(shared):
    v, seen = "2.1.1", 0
    for path in sorted((shared / "ocpi-examples" / v).glob("*.json")):
        raw = path.read_bytes()
        if path.name in OLD_WRONG:
            kind, reason = OLD_WRONG[path.name]
            with pytest.raises(OcpiError) as refusal:
                codec.decode(v, kind, raw, origin=ORIGIN)
            assert reason in refusal.value.message
        elif path.name in OLD_PATCHES:
            fields = codec.decode_patch(v, OLD_PATCHES[path.name], raw)
            assert fields.keys() == _load(path).keys()
        elif path.name in OLD_ENVELOPES:
            _check_envelope(v, raw, OLD_ENVELOPES[path.name])
        else:
            kind = next(kind for start, kind in OLD_KINDS if path.name.startswith(start))
            _check_old(kind, path)
        seen += 1
    assert seen == 28


def _check_old(kind, path) -> None:
    """What comes back says the same, but for an empty list and a word for an unknown place."""
    value = _load(path)
    model = codec.decode("2.1.1", kind, path.read_bytes(), origin=ORIGIN)
    if kind == "session":
        place = codec.decode("2.1.1", "location", _dumps(value["location"]), origin=ORIGIN)
        back, _ = codec.encode("2.1.1", model, location=place)
    else:
        back, losses = codec.encode("2.1.1", model)
        assert {loss.field for loss in losses} <= {"roles.role"}
    again = json.loads(back, parse_float=Decimal)
    if kind in {"location", "session"}:
        where, stated = (x["location"] if kind == "session" else x for x in (again, value))
        assert where.pop("time_zone") == ORIGIN.time_zone
        assert "time_zone" not in stated
    assert _meaning(again) == _meaning(value), path.name


def test_the_oldest_cdr_is_read_with_its_numbers_in_quotes_when_asked_to(shared):
    raw = (shared / "ocpi-examples" / "2.1.1" / "cdrs_example_of_a_cdr.json").read_bytes()
    cdr = codec.decode("2.1.1", "cdr", raw, tolerant=True, origin=ORIGIN)
    assert (cdr.country_code, cdr.party_id, cdr.session_id) == ("BE", "BEC", None)
    assert cdr.tariffs[0].elements[0].price_components[0].price == 2
    assert cdr.tariffs[0].tax_included == "NO"
    assert cdr.end_date_time == datetime.fromisoformat("2015-06-29T23:37:32Z")
    assert cdr.cdr_token.contract_id == "DE8ACC12E46L89"
    assert cdr.total_cost.before_taxes == 4
    assert cdr.total_cost.after_taxes is None
    assert (cdr.cdr_location.evse_uid, cdr.cdr_location.connector_id) == ("3256", "1")


def test_the_newest_cdr_without_tax_included_is_read_when_asked_to(shared):
    raw = (shared / "ocpi-examples" / "2.3.0" / "cdr_example.json").read_bytes()
    cdr = codec.decode("2.3.0", "cdr", raw, tolerant=True)
    assert [tariff.tax_included for tariff in cdr.tariffs] == ["NO"]
    back, losses = codec.encode("2.3.0", cdr)
    assert losses == ()
    assert codec.decode("2.3.0", "cdr", back) == cdr


def _check_envelope(v: str, raw: bytes, kind: str | None) -> None:
    read = envelope.read(raw)
    assert read.status_code in {1000, 2001}
    if kind == "tokens":
        items = codec.decode_items(v, "token", read.data, origin=ORIGIN)
        assert items
        assert all(not isinstance(t, OcpiError) for _, t in items)
    elif kind is not None:
        assert codec.decode(v, kind, read.data, origin=ORIGIN)
    else:
        assert read.data is None
        assert not read.is_success


def _check_object(v: str, path) -> None:
    value = _load(path)
    if path.name == "location_regularhours_example.json":
        value, kind = {"twentyfourseven": False, **value.get("opening_times", value)}, "hours"
    else:
        kind, key = next((k, key) for start, k, key in KINDS if path.name.startswith(start))
        value = value.get(key, value) if key else value
    raw = _dumps(value)
    model = codec.decode(v, kind, raw)
    back, losses = codec.encode(v, model)
    assert losses == ()
    assert codec.decode(v, kind, back) == model
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
