"""PATCH on bytes: what is not named is not touched."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi import patch
from ocpi.errors import OcpiError

T1, T2 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
names = st.sampled_from(["a", "b", "c", "unknown"])
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=5)
values = st.none() | st.integers(-(2**60), 2**60) | texts | st.lists(st.booleans())
patches = st.dictionaries(names, values).map(lambda d: d | {"last_updated": T2})


def dumps(value) -> bytes:
    return msgspec.json.encode(value)


@given(patches, patches)
def test_patch_then_patch_is_the_patch_of_both(one, two):
    body = dumps({"a": 1, "last_updated": T1})
    stepwise = patch.merge(patch.merge(body, dumps(one)), dumps(two))
    assert json.loads(stepwise) == {"a": 1} | one | two
    assert patch.merge(stepwise, dumps(two)) == stepwise


def test_numbers_and_unknown_fields_keep_their_text():
    body = b'{"kwh": 1.100, "x": {"y":  1E+2}, "last_updated": "2026-01-01T00:00:00Z"}'
    merged = patch.merge(body, b'{"kwh": 2.50, "last_updated": "2026-01-02T00:00:00Z"}')
    assert b"2.50" in merged
    assert b'{"y":  1E+2}' in merged


def test_charging_periods_are_added_to():
    body = dumps({"charging_periods": [1], "last_updated": T1})
    added = patch.merge(body, dumps({"charging_periods": [2, 3], "last_updated": T2}))
    assert json.loads(added)["charging_periods"] == [1, 2, 3]
    same = patch.merge(added, dumps({"charging_periods": [], "last_updated": T2}))
    assert same == added
    assert patch.merge(added, dumps({"charging_periods": None, "last_updated": T2})) == added
    fresh = patch.merge(
        dumps({"last_updated": T1}), dumps({"charging_periods": [1], "last_updated": T2})
    )
    assert json.loads(fresh)["charging_periods"] == [1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (b"{}", "last_updated"),
        (b'{"last_updated": 5}', "last_updated"),
        (b'{"last_updated": "soon"}', "last_updated"),
        (b"[]", "body"),
        (b'{"charging_periods": 5, "last_updated": "2026-01-02T00:00:00Z"}', "data"),
        (b'{"a": "\\u0000", "last_updated": "2026-01-02T00:00:00Z"}', "body"),
    ],
)
def test_a_broken_patch_is_refused(change, field):
    with pytest.raises(OcpiError) as refusal:
        patch.merge(b'{"last_updated": "2026-01-01T00:00:00Z"}', change)
    assert (refusal.value.code, refusal.value.field) == (2001, field)


def test_what_is_not_json_is_http_400():
    with pytest.raises(OcpiError) as refusal:
        patch.merge(b"{}", b"{")
    assert refusal.value.http_status == 400


LOCATION = dumps(
    {
        "id": "L",
        "evses": [
            {"uid": "E1", "connectors": [{"id": "1", "last_updated": T1}], "last_updated": T1},
            {"uid": "E2", "connectors": None, "last_updated": T1},
        ],
        "last_updated": T1,
    }
)


def test_parts_are_found_without_case():
    assert json.loads(patch.take(LOCATION, "e1"))["uid"] == "E1"
    assert json.loads(patch.take(LOCATION, "e1", "1"))["id"] == "1"
    for missing in (("E9",), ("E1", "9"), ("E2", "1")):
        with pytest.raises(OcpiError) as refusal:
            patch.take(LOCATION, *missing)
        assert (refusal.value.code, refusal.value.http_status) == (2003, 404)


def test_a_part_takes_its_place_and_dates_its_parents():
    plug = dumps({"id": "1", "max_voltage": 400, "last_updated": T2})
    placed = json.loads(patch.place_connector(LOCATION, "E1", "1", plug))
    assert placed["last_updated"] == placed["evses"][0]["last_updated"] == T2
    assert placed["evses"][0]["connectors"] == [json.loads(plug)]
    assert placed["evses"][1]["last_updated"] == T1
    evse = dumps({"uid": "E3", "connectors": [], "last_updated": T1})
    more = json.loads(patch.place_evse(LOCATION, "E3", evse))
    assert [e["uid"] for e in more["evses"]] == ["E1", "E2", "E3"]
    assert more["last_updated"] == T1


def test_the_url_and_the_body_must_name_the_same_part():
    with pytest.raises(OcpiError) as refusal:
        patch.place_evse(LOCATION, "E1", dumps({"uid": "E2", "last_updated": T2}))
    assert refusal.value.field == "uid"
