"""Each version says what it can, and names the rest: nothing is lost in silence."""

from __future__ import annotations

import json
import types
import typing
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ocpi.errors import OcpiError
from ocpi.model import command
from ocpi.model.cdr import Cdr
from ocpi.model.client_info import ClientInfo
from ocpi.model.credentials import Credentials
from ocpi.model.location import EVSE, Connector, Location
from ocpi.model.party import PartyId
from ocpi.model.scalar import Moment, Number
from ocpi.model.session import Session
from ocpi.model.tariff import PriceComponent, Tariff, TariffElement, TariffRestrictions
from ocpi.model.token import AuthorizationInfo, LocationReferences, Token
from ocpi.wire import catalog, codec, detect
from ocpi.wire.shape import Origin

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OWNER = PartyId("NL", "ABC")
ORIGIN = Origin(
    owner=OWNER, token_owner=OWNER, role="CPO", time_zone="Europe/Amsterdam", timeout_s=30
)
KINDS = {
    "location": Location,
    "evse": EVSE,
    "connector": Connector,
    "tariff": Tariff,
    "token": Token,
    "session": Session,
    "cdr": Cdr,
    "command.START_SESSION": command.StartSession,
    "command.STOP_SESSION": command.StopSession,
    "command.RESERVE_NOW": command.ReserveNow,
    "command.UNLOCK_CONNECTOR": command.UnlockConnector,
    "command_response": command.CommandResponse,
    "command_result": command.CommandResult,
    "authorization_info": AuthorizationInfo,
    "location_references": LocationReferences,
    "credentials": Credentials,
}
ONLY_NEWER = {
    "command.CANCEL_RESERVATION": command.CancelReservation,
    "client_info": ClientInfo,
}

words = st.text("aZ0 -é", min_size=1, max_size=8)
numbers = st.decimals(min_value=-(10**6), max_value=10**6, places=4)
moments = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1)).map(  # noqa: DTZ001 - made aware at once
    lambda moment: moment.replace(tzinfo=UTC)
)


def some(*values):
    return st.sampled_from(values)


BY_NAME = {
    "country_code": st.just("NL"),
    "party_id": st.just("ABC"),
    "currency": st.just("EUR"),
    "token": st.text("abc0", min_size=1),
    "publish": some(True, True, True, False),
    "credit": some(None, None, False, True),
    "credit_reference_id": some(None, None, None, "C"),
    "tax_included": some("YES", "NO", "N/A"),
    "vat": st.none() | st.decimals(0, 100, places=1),
    "auth_method": some("COMMAND", "WHITELIST", "AUTH_REQUEST"),
    "reservation": some(None, None, "RESERVATION"),
    "reservation_id": some("1", "42", "007", "x"),
    "result": some("ACCEPTED", "FAILED", "TIMEOUT"),
    "status": some("ACTIVE", "COMPLETED", "RESERVATION"),
    "power_type": some("DC", "AC_3_PHASE", "AC_2_PHASE"),
    "standard": some("IEC_62196_T2", "MCS", "CHADEMO"),
    "parking_type": some(None, "ON_STREET", "ALONG_MOTORWAY"),
    "facilities": st.lists(some("CAFE", "TRAM_STOP")).map(tuple),
    "parking_restrictions": st.lists(some("PLUGGED", "TAXIS")).map(tuple),
    "min_current": some(None, None, None, Decimal(6)),
    "max_current": st.none(),
}
TYPES = {
    Token: some("RFID", "OTHER", "APP_USER", "EMAID"),
    "dimension": some("ENERGY", "TIME", "MAX_POWER", "RESERVATION_TIME"),
}


def build(struct):
    """Give values of a struct with every field drawn, optional ones sometimes absent."""
    parts = {}
    for info in msgspec.structs.fields(struct):
        name = info.name
        if name == "type":
            kind = "dimension" if struct.__name__ == "CdrDimension" else Token
            parts[name] = TYPES[kind] if struct.__name__ != "Tariff" else some(None, "REGULAR")
        elif name in BY_NAME and info.type is not Token:
            parts[name] = BY_NAME[name]
        else:
            parts[name] = of(info.type)
    return st.builds(struct, **parts)


def of(kind):
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        if args[0] is not int:
            return st.lists(of(typing.get_args(args[0])[0]), min_size=1, max_size=2).map(tuple) \
                if typing.get_origin(args[0]) is tuple else words  # fmt: skip
        return st.integers(args[1].ge, args[1].le)
    if origin in {types.UnionType, typing.Union}:
        return st.none() | of(next(a for a in args if a is not type(None)))
    if origin is tuple:
        return st.lists(of(args[0]), max_size=2).map(tuple)
    simple = {str: words, int: st.integers(0, 99), bool: st.booleans(), Number: numbers}
    if kind in simple:
        return simple[kind]
    return moments if kind is Moment else build(kind)


def changed(before, after, path=""):
    """Give the paths of the fields that differ, without positions."""
    if before == after:
        return
    if isinstance(before, msgspec.Struct) and type(before) is type(after):
        for name in before.__struct_fields__:
            inner = f"{path}.{name}" if path else name
            yield from changed(getattr(before, name), getattr(after, name), inner)
    elif isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from changed(one, other, path)
    else:
        yield path


def is_named(path, losses):
    fields = {loss.field for loss in losses}
    return any(f".{path}.".find(f".{field}.") >= 0 for field in fields)


def place_of(value):
    """Give the location a session or CDR took place at, as the hub would have stored it."""
    is_cdr = isinstance(value, Cdr)
    at = value.cdr_location if is_cdr else None
    plug = Connector(
        id=at.connector_id if is_cdr else value.connector_id,
        standard=at.connector_standard if is_cdr else "CHADEMO",
        format=at.connector_format if is_cdr else "CABLE",
        power_type=at.connector_power_type if is_cdr else "DC",
        max_voltage=400,
        max_amperage=32,
        last_updated=AT,
    )
    uid = at.evse_uid if is_cdr else value.evse_uid
    evse = EVSE(
        uid=uid,
        evse_id=at.evse_id if is_cdr else None,
        status="CHARGING",
        connectors=(replace(plug, id="another"), plug),
        last_updated=AT,
    )
    return Location(
        country_code="NL",
        party_id="ABC",
        id=at.id if is_cdr else value.location_id,
        publish=False,
        name=at.name if is_cdr else None,
        address=at.address if is_cdr else "Main 1",
        city=at.city if is_cdr else "Ede",
        postal_code=at.postal_code if is_cdr else None,
        country=at.country if is_cdr else "NLD",
        coordinates=at.coordinates if is_cdr else {"latitude": "1", "longitude": "2"},
        evses=(replace(evse, uid="another one"), evse),
        time_zone="Europe/Amsterdam",
        last_updated=AT,
    )


@pytest.mark.parametrize("kind", [*KINDS, *ONLY_NEWER])
def test_the_newest_version_says_everything(kind):
    @settings(max_examples=15)
    @given(build((KINDS | ONLY_NEWER)[kind]))
    def holds(value):
        raw, losses = codec.encode("2.3.0", value)
        assert losses == ()
        assert codec.decode("2.3.0", kind, raw) == value

    holds()


@pytest.mark.parametrize("version", ["2.2.1", "2.1.1"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_down_and_up_again_loses_only_what_is_named(version, kind):
    spoken = 0

    @settings(max_examples=40)
    @given(build(KINDS[kind]))
    def holds(value):
        nonlocal spoken
        more = {"location": place_of(value)} if isinstance(value, Session | Cdr) else {}
        said = attempt(version, value, more)
        if isinstance(said, OcpiError):
            assert said.code == 2001
            assert said.field in REFUSED[version], said
            return
        (raw, losses), spoken = said, spoken + 1
        origin = ORIGIN
        if isinstance(value, AuthorizationInfo):
            origin = msgspec.structs.replace(ORIGIN, token=value.token)
        back = codec.decode(version, kind, raw, origin=origin)
        again, more_losses = codec.encode(version, back, **more)
        assert codec.decode(version, kind, again, origin=origin) == back, more_losses
        untaxed = any(loss.reason.startswith("prices were") for loss in losses)
        for path in changed(value, back):
            divided = path.endswith("price_components.price") and untaxed
            divided = divided or (path.endswith("price") and has_tax_inside(value))
            assert is_named(path, losses) or divided, (path, losses)

    holds()
    assert spoken


def attempt(version, value, more):
    try:
        return codec.encode(version, value, **more)
    except OcpiError as error:
        return error


def has_tax_inside(value):
    inner = value.tariffs if isinstance(value, Cdr) else (value,)
    return any(getattr(tariff, "tax_included", "") == "YES" for tariff in inner)


REFUSED = {
    "2.2.1": {"elements"},
    "2.1.1": {
        *("elements", "elements[0].restrictions", "elements[1].restrictions", "publish"),
        *("credit", "status", "reservation_id", "connector", "connectors"),
    },
}


def test_only_one_version_is_served():
    assert catalog.VERSIONS == ("2.2.1",)
    assert {route.version for route in catalog.ROUTES} == {"2.2.1"}
    assert codec.READABLE == ("2.1.1", "2.2.1", "2.3.0")


def token(**more) -> Token:
    values = {
        "country_code": "NL",
        "party_id": "TNM",
        "uid": "NLTNMC12345678",
        "type": "EMAID",
        "contract_id": "NLTNMC12345678",
        "issuer": "T",
        "valid": True,
        "whitelist": "NEVER",
        "last_updated": AT,
    }
    return Token(**(values | more))


def old_cdr(**more) -> bytes:
    place = {
        "id": "LOC1",
        "type": "ON_STREET",
        "address": "a",
        "city": "c",
        "postal_code": "1",
        "country": "NLD",
        "coordinates": {"latitude": "1", "longitude": "2"},
        "evses": [
            {
                "uid": "E",
                "status": "AVAILABLE",
                "last_updated": "2026-01-01T00:00:00Z",
                "connectors": [
                    {
                        "id": "1",
                        "standard": "CHADEMO",
                        "format": "CABLE",
                        "power_type": "DC",
                        "voltage": 400,
                        "amperage": 100,
                        "tariff_id": "T",
                        "last_updated": "2026-01-01T00:00:00Z",
                    }
                ],
            }
        ],
        "last_updated": "2026-01-01T00:00:00Z",
    }
    value = {
        "id": "1",
        "start_date_time": "2026-01-01T00:00:00Z",
        "stop_date_time": "2026-01-01T01:00:00Z",
        "auth_id": "NLTNMC12345678",
        "auth_method": "WHITELIST",
        "location": place,
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": "2026-01-01T00:00:00Z",
                "dimensions": [{"type": "FLAT", "volume": 1}, {"type": "ENERGY", "volume": 2}],
            }
        ],
        "total_cost": 4.0,
        "total_energy": 2,
        "total_time": 1,
        "last_updated": "2026-01-01T02:00:00Z",
    }
    return json.dumps(value | more).encode()


def test_an_emaid_token_is_native_in_the_newest_version_and_a_named_loss_before():
    raw, losses = codec.encode("2.3.0", token())
    assert json.loads(raw)["type"] == "EMAID"
    assert losses == ()
    raw, losses = codec.encode("2.1.1", token())
    assert json.loads(raw)["auth_id"] == "NLTNMC12345678"
    assert json.loads(raw)["type"] == "OTHER"
    assert "contract_id" not in json.loads(raw)
    assert [str(loss) for loss in losses] == ["type: EMAID became OTHER"]


def test_what_an_old_message_does_not_say_must_be_told():
    with pytest.raises(OcpiError, match="owner: this version does not say it") as refusal:
        codec.decode("2.1.1", "cdr", old_cdr())
    assert (refusal.value.code, refusal.value.field) == (2002, "owner")
    with pytest.raises(OcpiError, match="token_owner"):
        codec.decode("2.1.1", "cdr", old_cdr(), origin=Origin(owner=OWNER))
    place = json.loads(old_cdr())["location"]
    with pytest.raises(OcpiError, match="time_zone"):
        codec.decode("2.1.1", "location", json.dumps(place).encode(), origin=Origin(owner=OWNER))
    with pytest.raises(OcpiError, match="owner"):
        codec.decode("2.1.1", "token", codec.encode("2.1.1", token())[0])


def test_the_token_of_an_old_cdr_is_the_known_one_or_a_contract_without_a_card():
    known = token(uid="CARD", type="RFID")
    cdr = codec.decode("2.1.1", "cdr", old_cdr(), origin=Origin(owner=OWNER, token=known))
    assert (cdr.cdr_token.uid, cdr.cdr_token.type) == ("CARD", "RFID")
    assert cdr.cdr_token.party_id == "TNM"
    cdr = codec.decode("2.1.1", "cdr", old_cdr(), origin=ORIGIN)
    assert (cdr.cdr_token.uid, cdr.cdr_token.type) == ("NLTNMC12345678", "OTHER")
    assert cdr.cdr_location.evse_id == "E"


def test_flat_is_read_and_never_passed_on_as_a_measure():
    cdr = codec.decode("2.1.1", "cdr", old_cdr(), origin=ORIGIN)
    assert [d.type for d in cdr.charging_periods[0].dimensions] == ["FLAT", "ENERGY"]
    for version in ("2.2.1", "2.3.0"):
        raw, losses = codec.encode(version, cdr)
        assert b"FLAT" not in raw
        assert [loss.field for loss in losses] == ["charging_periods.dimensions"]


def test_an_old_cdr_needs_the_one_place_it_happened_at():
    place = json.loads(old_cdr())["location"]
    for evses in ([], place["evses"] * 2):
        with pytest.raises(OcpiError, match=r"location\.evses"):
            codec.decode("2.1.1", "cdr", old_cdr(location=place | {"evses": evses}), origin=ORIGIN)
    plugs = place["evses"][0]["connectors"]
    evse = place["evses"][0] | {"connectors": plugs * 2}
    with pytest.raises(OcpiError, match="connectors"):
        codec.decode("2.1.1", "cdr", old_cdr(location=place | {"evses": [evse]}), origin=ORIGIN)
    cdr = codec.decode("2.1.1", "cdr", old_cdr(), origin=ORIGIN)
    with pytest.raises(OcpiError, match="was not given"):
        codec.encode("2.1.1", cdr)
    with pytest.raises(OcpiError, match="no EVSE E with a connector 1"):
        codec.encode("2.1.1", cdr, location=replace(place_of(cdr), evses=()))


def test_a_credit_is_never_written_as_a_bill():
    cdr = codec.decode("2.1.1", "cdr", old_cdr(), origin=ORIGIN)
    for credit in ({"credit": True}, {"credit_reference_id": "1"}):
        with pytest.raises(OcpiError, match="it would be a bill"):
            codec.encode("2.1.1", replace(cdr, **credit), location=place_of(cdr))


def test_a_condition_that_cannot_be_said_refuses_the_tariff():
    part = PriceComponent(type="ENERGY", price=Decimal(1), step_size=1)
    element = TariffElement(
        price_components=(part,), restrictions=TariffRestrictions(max_current=Decimal(16))
    )
    tariff = Tariff(
        country_code="NL",
        party_id="ABC",
        id="T",
        currency="EUR",
        elements=(element,),
        tax_included="NO",
        last_updated=AT,
    )
    with pytest.raises(OcpiError, match="max_current"):
        codec.encode("2.1.1", tariff)
    booked = replace(element, restrictions=TariffRestrictions(reservation="RESERVATION"))
    with pytest.raises(OcpiError, match="only reservations"):
        codec.encode("2.1.1", replace(tariff, elements=(booked,)))
    free = replace(element, restrictions=None)
    raw, losses = codec.encode("2.1.1", replace(tariff, elements=(free, booked)))
    assert len(json.loads(raw)["elements"]) == 1
    assert [str(loss) for loss in losses] == ["elements: prices of reservations left out"]


@pytest.mark.parametrize("vat", ["-100", "-1", "100.5"])
def test_a_rate_that_is_none_is_refused_and_not_divided_by(vat):
    part = PriceComponent(type="ENERGY", price=Decimal(1), vat=Decimal(vat), step_size=1)
    tariff = Tariff(
        country_code="NL",
        party_id="ABC",
        id="T",
        currency="EUR",
        elements=(TariffElement(price_components=(part,)),),
        tax_included="YES",
        last_updated=AT,
    )
    for version in ("2.1.1", "2.2.1"):
        with pytest.raises(OcpiError, match="is not a percentage"):
            codec.encode(version, tariff)


def test_a_longer_cdr_id_is_refused_and_never_cut():
    cdr = codec.decode("2.1.1", "cdr", old_cdr(), origin=ORIGIN)
    with pytest.raises(OcpiError, match="36 characters"):
        codec.encode("2.1.1", replace(cdr, id="1" * 39), location=place_of(cdr))


def test_a_long_address_is_cut_and_a_missing_postal_code_comes_back_missing():
    cdr = codec.decode("2.1.1", "cdr", old_cdr(), origin=ORIGIN)
    place = replace(place_of(cdr), publish=True, address="a" * 60, postal_code=None)
    raw, losses = codec.encode("2.1.1", place)
    assert {"field": "address"}.items() <= msgspec.structs.asdict(losses[0]).items()
    back = codec.decode("2.1.1", "location", raw, origin=ORIGIN)
    assert (len(back.address), back.postal_code) == (45, None)


def test_a_command_without_an_equivalent_is_refused():
    gone = command.CancelReservation(response_url="http://x", reservation_id="1")
    with pytest.raises(OcpiError, match="CancelReservation does not exist"):
        codec.encode("2.1.1", gone)


def test_the_version_of_a_file_is_seen_by_its_fields():
    assert detect.cdr_version(old_cdr()) == "2.1.1"
    cdr = codec.decode("2.1.1", "cdr", old_cdr(), origin=ORIGIN)
    for version in ("2.2.1", "2.3.0"):
        assert detect.cdr_version(codec.encode(version, cdr)[0]) == version
    both = json.loads(codec.encode("2.2.1", cdr)[0]) | {"stop_date_time": "x", "auth_id": "x"}
    assert detect.cdr_version(json.dumps(both).encode()) == "2.2.1"
    assert detect.cdr_version(json.dumps(both | {"total_cost": 4}).encode()) == "2.2.1"
    tariff = b'{"id":"T","country_code":"NL","party_id":"ABC"%s}'
    assert detect.tariff_version(b'{"id":"T"}', "2.3.0") == "2.1.1"
    assert detect.tariff_version(tariff % b',"tax_included":"NO"', "2.2.1") == "2.3.0"
    assert detect.tariff_version(tariff % b',"min_price":{"excl_vat":1}', "2.3.0") == "2.2.1"
    assert detect.tariff_version(tariff % b',"max_price":{"before_taxes":1}', "2.2.1") == "2.3.0"
    assert detect.tariff_version(tariff % b"", "2.3.0") == "2.3.0"
    assert detect.tariff_version(tariff % b"", "2.1.1") == "2.2.1"
    for raw in (b"", b"[]", b"{", b"\xff", b'{"total_cost":' + b"[" * 100_000):
        with pytest.raises(OcpiError):
            detect.cdr_version(raw)


@given(st.binary(max_size=200))
def test_no_bytes_make_anything_but_an_ocpi_error(raw):
    for version in codec.READABLE:
        for kind in ("token", "cdr", "location", "credentials"):
            try:
                codec.decode(version, kind, raw, tolerant=True, origin=ORIGIN)
            except OcpiError:
                continue
