"""Decoding is typed, bounded and tolerant where OCPI is; encoding is its inverse."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpi import guard
from ocpi import text as texts
from ocpi.errors import OcpiError
from ocpi.model import command
from ocpi.model.cdr import Cdr, CdrDimension, CdrLocation, CdrToken, ChargingPeriod
from ocpi.model.location import EVSE, Connector, EVSEParking, GeoLocation, Location
from ocpi.model.price import Price, PriceLimit, TaxAmount, with_vat
from ocpi.model.session import Session
from ocpi.model.tariff import PriceComponent, Tariff, TariffElement, TariffRestrictions
from ocpi.model.token import Token
from ocpi.wire import codec

V = "2.2.1"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

moments = st.datetimes(timezones=st.just(UTC))
numbers = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6
)
ids = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), min_size=1, max_size=36
)
prices = st.builds(with_vat, numbers, st.none() | numbers)
tokens = st.builds(
    Token,
    country_code=st.just("NL"),
    party_id=st.just("TNM"),
    uid=ids,
    type=st.sampled_from(["RFID", "APP_USER", "SOMETHING_NEW"]),
    contract_id=ids,
    issuer=ids,
    valid=st.booleans(),
    whitelist=st.just("ALLOWED"),
    last_updated=moments,
)
cdr_tokens = st.builds(
    CdrToken,
    country_code=st.just("NL"),
    party_id=st.just("TNM"),
    uid=ids,
    type=st.just("RFID"),
    contract_id=ids,
)
periods = st.builds(
    ChargingPeriod,
    start_date_time=moments,
    dimensions=st.lists(
        st.builds(CdrDimension, type=st.sampled_from(["ENERGY", "TIME"]), volume=numbers),
        max_size=3,
    ).map(tuple),
    tariff_id=st.none() | ids,
)
elements = st.builds(
    TariffElement,
    price_components=st.lists(
        st.builds(
            PriceComponent,
            type=st.sampled_from(["ENERGY", "TIME", "FLAT"]),
            price=numbers,
            vat=st.just(Decimal(21)),
            step_size=st.integers(0, 10_000),
        ),
        min_size=1,
        max_size=2,
    ).map(tuple),
    restrictions=st.none() | st.builds(TariffRestrictions, min_kwh=numbers),
)
limits = st.none() | st.builds(PriceLimit, before_taxes=numbers, after_taxes=st.none() | numbers)
tariffs = st.builds(
    Tariff,
    country_code=st.just("NL"),
    party_id=st.just("ABC"),
    id=ids,
    currency=st.just("EUR"),
    min_price=limits,
    max_price=limits,
    elements=st.lists(elements, min_size=1, max_size=2).map(tuple),
    tax_included=st.just("NO"),
    last_updated=moments,
)
cdrs = st.builds(
    Cdr,
    country_code=st.just("NL"),
    party_id=st.just("ABC"),
    id=ids,
    start_date_time=moments,
    end_date_time=moments,
    cdr_token=cdr_tokens,
    auth_method=st.just("WHITELIST"),
    cdr_location=st.just(
        CdrLocation(
            id="L",
            address="a",
            city="c",
            country="NLD",
            coordinates=GeoLocation(latitude="1.0", longitude="2.0"),
            evse_uid="E",
            evse_id="NL*ABC*E1",
            connector_id="1",
            connector_standard="IEC_62196_T2",
            connector_format="SOCKET",
            connector_power_type="AC_3_PHASE",
        )
    ),
    currency=st.just("EUR"),
    tariffs=st.lists(tariffs, max_size=1).map(tuple),
    charging_periods=st.lists(periods, max_size=2).map(tuple),
    total_cost=prices,
    total_energy=numbers,
    total_energy_cost=st.none() | prices,
    total_time=numbers,
    last_updated=moments,
)
sessions = st.builds(
    Session,
    country_code=st.just("NL"),
    party_id=st.just("ABC"),
    id=ids,
    start_date_time=moments,
    kwh=numbers,
    cdr_token=cdr_tokens,
    auth_method=st.just("COMMAND"),
    location_id=ids,
    evse_uid=ids,
    connector_id=ids,
    currency=st.just("NOK"),
    charging_periods=st.lists(periods, max_size=2).map(tuple),
    total_cost=st.none() | prices,
    status=st.just("ACTIVE"),
    last_updated=moments,
)


def connector(**more):
    values = {
        "id": "1",
        "standard": "IEC_62196_T2_COMBO",
        "format": "CABLE",
        "power_type": "DC",
        "max_voltage": 900,
        "max_amperage": 500,
        "last_updated": AT,
    }
    return Connector(**(values | more))


def location(*evses: EVSE, **more) -> Location:
    values = {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "L1",
        "publish": True,
        "address": "Main 1",
        "city": "Ede",
        "country": "NLD",
        "coordinates": GeoLocation(latitude="52.0", longitude="5.6"),
        "evses": evses,
        "time_zone": "Europe/Amsterdam",
        "last_updated": AT,
    }
    return Location(**(values | more))


@pytest.mark.parametrize(
    ("kind", "values"),
    [("token", tokens), ("tariff", tariffs), ("cdr", cdrs), ("session", sessions)],
)
def test_decode_undoes_encode(kind, values):
    @given(values)
    def holds(value):
        raw, losses = codec.encode(V, value)
        assert losses == ()
        assert codec.decode(V, kind, raw) == value

    holds()


def raw_session(**more) -> bytes:
    value = {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "1",
        "start_date_time": "2026-01-01T00:00:00Z",
        "kwh": 1,
        "cdr_token": {
            "country_code": "NL",
            "party_id": "TNM",
            "uid": "u",
            "type": "RFID",
            "contract_id": "c",
        },
        "auth_method": "WHITELIST",
        "location_id": "L",
        "evse_uid": "E",
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return json.dumps(value | more).encode()


def attempt(kind: str, raw: bytes, **how) -> OcpiError | None:
    """Decode, and give the refusal if there is one; any other exception fails the test."""
    try:
        codec.decode(V, kind, raw, **how)
    except OcpiError as error:
        return error
    return None


def refused(raw: bytes, kind: str = "session") -> OcpiError:
    with pytest.raises(OcpiError) as refusal:
        codec.decode(V, kind, raw)
    return refusal.value


def test_numbers_keep_their_digits():
    session = codec.decode(V, "session", raw_session().replace(b'"kwh": 1', b'"kwh": 1.100'))
    assert str(session.kwh) == "1.100"


def test_numbers_in_quotes_are_refused_unless_tolerant():
    raw = raw_session(kwh="12.5")
    assert refused(raw).field == "kwh"
    assert codec.decode(V, "session", raw, tolerant=True).kwh == Decimal("12.5")
    for text in ("NaN", "Infinity", "1e1000000", "\u0661", "", "sNaN"):
        with pytest.raises(OcpiError):
            codec.decode(V, "session", raw_session(kwh=text), tolerant=True)


@pytest.mark.shared
@pytest.mark.parametrize("tolerant", [False, True])
def test_hostile_numbers_are_exact_and_bounded_or_refused(hostile, tolerant):
    accepted = 0
    for text in hostile("numbers.txt"):
        raw = raw_session().replace(b'"kwh": 1', b'"kwh": ' + text.encode())
        error = attempt("session", raw, tolerant=tolerant)
        if error is not None:
            assert error.code == 2001
            continue
        accepted += 1
        kwh = codec.decode(V, "session", raw, tolerant=tolerant).kwh
        assert kwh.is_finite()
        assert abs(kwh.adjusted()) <= texts.MAGNITUDE_MAX
        if not tolerant:
            assert kwh == Decimal(text)
    assert accepted >= 15


@pytest.mark.shared
def test_hostile_datetimes_become_utc_or_are_refused(hostile):
    good = {}
    for text in hostile("datetimes.txt"):
        raw = raw_session(start_date_time=text)
        error = attempt("session", raw)
        if error is None:
            good[text] = codec.decode(V, "session", raw).start_date_time
        else:
            assert error.field in {"start_date_time", "body"}
    assert all(moment.tzinfo is UTC for moment in good.values())
    assert good["2015-06-29T20:39:09"] == datetime(2015, 6, 29, 20, 39, 9, tzinfo=UTC)
    assert good["2016-12-29T17:45:09+02:00"].hour == 15
    assert good["2015-06-29 20:39:09Z"].hour == 20
    for bad in ("2016-12-31T23:59:60Z", "2023-02-29T00:00:00Z", "20150629T203909Z", "", "T"):
        assert bad not in good
    assert "0001-01-01T00:00:00+14:00" not in good


@pytest.mark.shared
def test_hostile_ids_never_break_out(hostile):
    for text in hostile("ids.txt"):
        for field in ("id", "country_code", "party_id", "evse_uid"):
            error = attempt("session", raw_session(**{field: text}))
            if error is not None:
                assert error.code == 2001
            else:
                assert "\x00" not in text
                assert len(text) <= 36
                if field == "country_code":
                    assert text.isascii()
                    assert len(text) == 2


@pytest.mark.shared
def test_naughty_strings_survive_unchanged(shared):
    for text in json.loads((shared / "hostile" / "blns.json").read_text()):
        raw = raw_session(meter_id=text)
        if "\x00" in text:
            assert refused(raw).code == 2001
        else:
            assert codec.decode(V, "session", raw).meter_id == (text or "")


@pytest.mark.shared
def test_json_test_suite_only_ocpi_errors_escape(shared):
    suite = json.loads((shared / "hostile" / "jsontestsuite.json").read_text())
    for name, encoded in suite.items():
        raw = base64.b64decode(encoded)
        inside = raw_session()[:-1] + b', "unknown": ' + raw + b"}"
        with pytest.raises(OcpiError):
            codec.decode(V, "session", raw)
        error = attempt("session", inside)
        if name.startswith("y_"):
            assert error is None or "NUL" in error.message, name
        if name.startswith("n_"):
            assert error is not None, name
        attempt("versions", raw)


def test_refusals_name_the_path_of_the_field():
    token = json.loads(raw_session())["cdr_token"]
    assert refused(raw_session(cdr_token=token | {"uid": 5})).field == "cdr_token.uid"
    del token["uid"]
    error = refused(raw_session(cdr_token=token))
    assert error.message == "cdr_token.uid: the field is required"
    assert (error.code, error.http_status) == (2001, 200)
    period = {"start_date_time": "x", "dimensions": []}
    assert refused(raw_session(charging_periods=[period])).field.endswith("start_date_time")
    assert refused(b"{").http_status == 400
    assert refused(b"[]").http_status == 200
    assert refused(b"\xff").http_status == 400


def test_null_is_an_absent_optional_and_never_a_required_value():
    plain = codec.decode(V, "session", raw_session())
    assert (
        codec.decode(V, "session", raw_session(charging_periods=None, end_date_time=None)) == plain
    )
    assert refused(raw_session(id=None)).message == "id: the field is required"


def test_unknown_fields_and_enum_values_do_not_refuse():
    session = codec.decode(V, "session", raw_session(status="NEW_ONE", extra={"a": [1e300]}))
    assert session.status == "NEW_ONE"


def test_fields_of_a_newer_version_never_refuse():
    raw, _ = codec.encode(V, location(EVSE(uid="E", status="X", connectors=(), last_updated=AT)))
    raw = raw.replace(b'"publish"', b'"help_phone":5,"parking_places":"x","publish"')
    assert codec.decode(V, "location", raw).help_phone is None


def test_nul_is_refused_and_an_escaped_backslash_is_not():
    assert refused(raw_session(remark="a\u0000b")).code == 2001
    assert refused(raw_session(meter_id="a\u0000b")).code == 2001
    assert codec.decode(V, "session", raw_session(meter_id="\\u0000")).meter_id == "\\u0000"


def test_size_and_depth_are_bounded():
    assert refused(b" " * (guard.OBJECT_BYTES_MAX + 1)).http_status == 413
    for levels, opener, closer in ((100_000, b"[", b"]"), (65, b'{"a":', b"}"), (900, b"[", b"]")):
        inner = opener * levels + b"1" + closer * levels
        assert refused(raw_session()[:-1] + b', "x": ' + inner + b"}").code == 2001
    deep = b"[" * 60 + b"]" * 60
    assert codec.decode(V, "session", raw_session()[:-1] + b', "x": ' + deep + b"}")


@given(st.recursive(st.text(max_size=5) | st.integers(), lambda x: st.lists(x, max_size=3)))
def test_depth_agrees_with_the_structure(value):
    def real(v):
        return 1 + max(map(real, v), default=0) if isinstance(v, list) else 0

    assert guard.depth(json.dumps(value).encode()) == real(value)


def test_brackets_in_strings_do_not_hide_depth():
    raw = b'["]",' * 100 + b'"["' + b"]" * 100
    assert guard.depth(raw) > guard.DEPTH_MAX
    assert guard.depth(b'["[[[[[[[[\\"]"]') == 1
    hidden = b'["\\n","]","\\n",' * 100 + b"1" + b"]" * 100
    assert guard.depth(hidden) > guard.DEPTH_MAX
    assert guard.depth(b'{"a":[{}]}') == 3


@pytest.mark.parametrize(
    "part", [b"[", b"[]", b'"],', b"[{", b'["\\n",', b"\\", b'"\\', b'"', b"\\u0000"]
)
def test_the_limits_are_checked_in_linear_time(part):
    body = (part * (guard.OBJECT_BYTES_MAX // len(part) + 1))[: guard.OBJECT_BYTES_MAX]
    begin = time.process_time()
    guard.depth(body)
    with contextlib.suppress(OcpiError):
        guard.check(body)
    assert time.process_time() - begin < 1.0


def test_a_list_is_decoded_element_by_element():
    bad, good = raw_session(kwh="x"), raw_session(id="2")
    items = codec.decode_items(V, "session", b"[" + bad + b"," + good + b",3]")
    assert isinstance(items[0][1], OcpiError)
    assert items[1] == (good, codec.decode(V, "session", good))
    assert items[2][1].field == "body"


def test_a_patch_needs_last_updated_and_keeps_null_apart_from_absent():
    fields = codec.decode_patch(
        V, "token", b'{"valid":false,"group_id":null,"last_updated":"2026-01-01T00:00:00"}'
    )
    assert fields == {
        "valid": False,
        "group_id": None,
        "last_updated": datetime(2026, 1, 1, tzinfo=UTC),
    }
    with pytest.raises(OcpiError, match="last_updated: the field is required"):
        codec.decode_patch(V, "token", b'{"valid":false}')
    with pytest.raises(OcpiError, match="cannot be patched"):
        codec.decode_patch(V, "command_result", b"{}")


def test_an_unknown_version_or_kind_is_refused():
    with pytest.raises(OcpiError) as refusal:
        codec.decode("9.9", "token", b"{}")
    assert refusal.value.code == 3002
    with pytest.raises(OcpiError):
        codec.decode(V, "nothing", b"{}")
    with pytest.raises(OcpiError):
        codec.encode("9.9", AT)


def test_prices_are_the_same_amounts_in_both_shapes():
    price = with_vat(Decimal("8.50"), Decimal("9.35"))
    assert price.taxes == (TaxAmount(name="VAT", amount=Decimal("0.85")),)
    assert price.after_taxes == Decimal("9.35")
    assert Price(before_taxes=Decimal(1)).after_taxes is None


def test_what_a_version_cannot_say_is_reported():
    evse = EVSE(
        uid="E",
        status="AVAILABLE",
        connectors=(connector(capabilities=("ISO_15118_2_PLUG_AND_CHARGE",)),),
        parking=(EVSEParking(parking_id="P"),),
        last_updated=AT,
    )
    raw, losses = codec.encode(V, location(evse, help_phone="112"))
    assert {loss.field for loss in losses} == {"help_phone", "parking", "capabilities"}
    assert b"ISO_15118" not in raw
    token = Token(
        country_code="NL",
        party_id="TNM",
        uid="NLTNMC12345678",
        type="EMAID",
        contract_id="NLTNMC12345678",
        issuer="T",
        valid=True,
        whitelist="NEVER",
        last_updated=AT,
    )
    raw, losses = codec.encode(V, token)
    assert codec.decode(V, "token", raw).type == "OTHER"
    assert str(losses[0]) == "type: EMAID became OTHER"
    raw, _ = codec.encode(V, token, emaid_as="APP_USER")
    assert codec.decode(V, "token", raw).type == "APP_USER"
    start = command.StartSession(response_url="http://x", token=token, location_id="L")
    assert codec.encode(V, start)[1][0].field == "token.type"


def tariff(price: str, vat: str | None, included: str) -> Tariff:
    part = PriceComponent(
        type="ENERGY", price=Decimal(price), vat=Decimal(vat) if vat else None, step_size=1
    )
    return Tariff(
        country_code="NL",
        party_id="ABC",
        id="T",
        currency="EUR",
        elements=(TariffElement(price_components=(part,)),),
        tax_included=included,
        last_updated=AT,
    )


def test_a_tariff_with_tax_included_is_converted_or_held_back():
    raw, losses = codec.encode(V, tariff("0.605", "21", "YES"))
    back = codec.decode(V, "tariff", raw)
    assert back.elements[0].price_components[0].price == Decimal("0.5")
    assert losses[0].field == "tax_included"
    assert back.tax_included == "NO"
    with pytest.raises(OcpiError, match="rate is not stated"):
        codec.encode(V, tariff("0.605", None, "YES"))
    raw, _ = codec.encode(V, tariff("0.5", None, "N/A"))
    assert codec.decode(V, "tariff", raw).tax_included == "N/A"


@given(st.binary(max_size=200))
def test_no_bytes_make_anything_but_an_ocpi_error(raw):
    for kind in ("token", "cdr", "versions", "charging_preferences_response"):
        try:
            codec.decode(V, kind, raw)
        except OcpiError:
            continue


def test_a_whole_number_may_be_written_with_a_point():
    raw, _ = codec.encode(V, connector())
    assert codec.decode(V, "connector", raw.replace(b"900", b"900.0")) == connector()
    for text in (b"900.5", b"1e999", b'"900"'):
        assert refused(raw.replace(b"900", text), "connector").field == "max_voltage"
    quoted = raw.replace(b"900", b'"900"')
    assert codec.decode(V, "connector", quoted, tolerant=True) == connector()
