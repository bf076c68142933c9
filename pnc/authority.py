"""A complete Plug & Charge PKI for tests and simulators (``networkcore pnc pki init``).

The tree is a table: which certificate there is, who issues it, what it looks like (ISO 15118-2
Annex F, ISO 15118-20 Annex B). Everything is returned as bytes by name; files are the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from pnc import algorithm, certificate, emaid, pem, trust
from pnc import extension as ext
from pnc.errors import RequestError
from pnc.issue import Answer, Blank, Issued, crl, issue, load_key, ocsp_response
from pnc.profile import AnchorRole
from pnc.revocation import crl as crls

Generation = Literal["iso15118-2", "iso15118-20"]

SAMPLE_EMAID: Final = "DE-8AA-C12345678"
SAMPLE_PCID: Final = "WBATESTPCID000001"
SAMPLE_EVCCID: Final = "WBAV000000000000001"
SAMPLE_SECCID: Final = "DE8AAE000000001"
_CA: Final = ext.KEY_CERT_SIGN | ext.CRL_SIGN
_SIGNS: Final = ext.DIGITAL_SIGNATURE | ext.NON_REPUDIATION
_YEAR: Final = 365


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate of the tree."""

    name: str
    issuer: str | None
    common_name: str
    component: str | None
    usage: int
    is_ca: bool
    path_length: int | None = None
    purposes: tuple[str, ...] = ()
    days: int
    key_of: str | None = None
    """The entry whose key and subject this cross-certificate carries."""


def _root(name: str, title: str, component: str) -> Entry:
    return Entry(
        name=name,
        issuer=None,
        common_name=title,
        component=component,
        usage=_CA,
        is_ca=True,
        days=40 * _YEAR,
    )


def _sub(name: str, issuer: str, title: str, component: str, path_length: int) -> Entry:
    return Entry(
        name=name,
        issuer=issuer,
        common_name=title,
        component=component,
        usage=_CA,
        is_ca=True,
        path_length=path_length,
        days=(8 if path_length else 4) * _YEAR,
    )


def _leaf(
    name: str,
    issuer: str,
    title: str,
    component: str | None,
    *,
    usage: int,
    purposes: tuple[str, ...] = (),
) -> Entry:
    return Entry(
        name=name,
        issuer=issuer,
        common_name=title,
        component=component,
        usage=usage,
        is_ca=False,
        purposes=purposes,
        days=2 * _YEAR,
    )


_AGREES: Final = ext.DIGITAL_SIGNATURE | ext.KEY_AGREEMENT
_SERVER: Final = (ext.SERVER_AUTH,)

TREE: Final = (
    _root("v2g-root", "V2G Root CA", "V2G"),
    _root("v2g-root-2", "V2G Root CA 2", "V2G"),
    _root("mo-root", "MO Root CA", "MO"),
    _root("oem-root", "OEM Root CA", "OEM"),
    _root("pe-root", "Private Operator Root CA", "CPO"),
    Entry(
        name="v2g-root-cross",
        issuer="v2g-root-2",
        common_name="V2G Root CA",
        component="V2G",
        usage=_CA,
        is_ca=True,
        days=20 * _YEAR,
        key_of="v2g-root",
    ),
    _sub("mo-sub1", "mo-root", "MO Sub1 CA", "MO", 1),
    _sub("mo-sub2", "mo-sub1", "MO Sub2 CA", "MO", 0),
    _sub("mo-v2g-sub1", "v2g-root", "MO Sub1 CA under V2G", "MO", 1),
    _sub("mo-v2g-sub2", "mo-v2g-sub1", "MO Sub2 CA under V2G", "MO", 0),
    _sub("oem-sub1", "oem-root", "OEM Sub1 CA", "OEM", 1),
    _sub("oem-sub2", "oem-sub1", "OEM Sub2 CA", "OEM", 0),
    _sub("cpo-sub1", "v2g-root", "CPO Sub1 CA", "V2G", 1),
    _sub("cpo-sub2", "cpo-sub1", "CPO Sub2 CA", "V2G", 0),
    _sub("cps-sub1", "v2g-root", "CPS Sub1 CA", "V2G", 1),
    _sub("cps-sub2", "cps-sub1", "CPS Sub2 CA", "V2G", 0),
    _leaf("contract", "mo-sub2", SAMPLE_EMAID, None, usage=_SIGNS | ext.KEY_AGREEMENT),
    _leaf("contract-v2g", "mo-v2g-sub2", SAMPLE_EMAID, "MO", usage=_SIGNS),
    _leaf("provisioning", "oem-sub2", SAMPLE_PCID, "OEM", usage=_AGREES),
    _leaf("secc", "cpo-sub2", SAMPLE_SECCID, "CPO", usage=_AGREES, purposes=_SERVER),
    _leaf("secc-private", "pe-root", SAMPLE_SECCID, "CPO", usage=_AGREES, purposes=_SERVER),
    _leaf("cps", "cps-sub2", "CPS 1", "CPS", usage=ext.DIGITAL_SIGNATURE),
    _leaf(
        "mo-ocsp",
        "mo-sub2",
        "MO OCSP",
        "MO",
        usage=ext.DIGITAL_SIGNATURE,
        purposes=(ext.OCSP_SIGNING,),
    ),
)
_VEHICLE: Final = _leaf(
    "vehicle",
    "oem-sub2",
    SAMPLE_EVCCID,
    None,
    usage=ext.DIGITAL_SIGNATURE,
    purposes=(ext.CLIENT_AUTH,),
)
TREES: Final[Mapping[Generation, tuple[Entry, ...]]] = {
    "iso15118-2": TREE,
    "iso15118-20": (*TREE, _VEHICLE),
}
ANCHORS: Final[Mapping[str, AnchorRole]] = {
    "v2g-root": "V2G",
    "v2g-root-2": "V2G",
    "mo-root": "MO",
    "oem-root": "OEM",
    "pe-root": "PE",
}
_KEY_KIND: Final[Mapping[Generation, str]] = {
    "iso15118-2": algorithm.P256,
    "iso15118-20": algorithm.P521,
}
_ORGANISATION: Final = "NetworkCore Test PKI"


class Pki(msgspec.Struct, frozen=True, kw_only=True):
    """A whole PKI of one generation, by the names of ``TREES``."""

    generation: Generation
    issued: Mapping[str, Issued]

    def chain(self, name: str) -> tuple[bytes, ...]:
        """The DER chain below the root, leaf first, as a vehicle or station presents it."""
        entries = {entry.name: entry for entry in TREES[self.generation]}
        found: list[bytes] = []
        at: str | None = name
        while at is not None and entries[at].issuer is not None:
            found.append(self.issued[at].certificate)
            at = entries[at].issuer
        return tuple(found)

    def anchors(self) -> tuple[trust.Anchor, ...]:
        """The roots as trust anchors with their roles."""
        return tuple(
            trust.anchor(certificate.parse(self.issued[name].certificate), role)
            for name, role in ANCHORS.items()
        )

    def snapshot(self, now: datetime, *, revoked: tuple[bytes, ...] = ()) -> trust.TrustSnapshot:
        """All roots and fresh CRLs of all CAs, with the given certificates revoked."""
        lists = (crls.parse(data) for data in self.crls(now, revoked=revoked).values())
        return trust.snapshot(anchors=self.anchors(), crls=lists)

    def crls(self, now: datetime, *, revoked: tuple[bytes, ...] = ()) -> dict[str, bytes]:
        """A CRL of each CA, by name, listing those of `revoked` that the CA issued."""
        listed = [certificate.parse(data) for data in revoked]
        made: dict[str, bytes] = {}
        for entry in TREES[self.generation]:
            if not entry.is_ca or entry.key_of:
                continue
            issuer = self.issued[entry.name]
            subject = certificate.parse(issuer.certificate).subject
            own = [(each.serial, now) for each in listed if each.issuer == subject]
            made[entry.name] = crl(issuer, own, now)
        return made


def make(now: datetime, generation: Generation = "iso15118-2", *, emaid_text: str = "") -> Pki:
    """A fresh PKI; its sample contract is for `emaid_text` when one is given."""
    start = now.replace(microsecond=0)
    issued: dict[str, Issued] = {}
    for entry in TREES[generation]:
        name = emaid_text if emaid_text and entry.name.startswith("contract") else entry.common_name
        key = load_key(issued[entry.key_of].key) if entry.key_of else None
        blank = _blank(entry, generation, _contract_name(name) if _is_contract(entry) else name)
        issued[entry.name] = issue(
            blank, issued[entry.issuer] if entry.issuer else None, start, key=key
        )
    return Pki(generation=generation, issued=issued)


def issue_contract(
    pki: Pki, emaid_text: str, now: datetime, *, days: int = 2 * _YEAR, issuer: str = "mo-sub2"
) -> tuple[Issued, tuple[bytes, ...]]:
    """A contract certificate for an eMAID with its key, and the chain a vehicle presents."""
    entry = next(each for each in TREES[pki.generation] if each.name == "contract")
    blank = msgspec.structs.replace(
        _blank(entry, pki.generation, _contract_name(emaid_text)), days=days
    )
    made = issue(blank, pki.issued[issuer], now.replace(microsecond=0))
    return made, (made.certificate, *pki.chain(issuer))


def ocsp_good(pki: Pki, name: str, now: datetime, *, hours: int = 24) -> bytes:
    """An OCSP response saying that a certificate of the tree is good, by its issuer."""
    entry = next(each for each in TREES[pki.generation] if each.name == name)
    if entry.issuer is None:
        raise RequestError(f"{name} is a root, nobody answers for it")
    issuer, start = pki.issued[entry.issuer], now.replace(microsecond=0)
    answer = Answer(this_update=start, next_update=start + timedelta(hours=hours))
    return ocsp_response(pki.issued[name].certificate, issuer.certificate, answer, issuer)


def files(pki: Pki, now: datetime) -> dict[str, bytes]:
    """The PKI as files by relative name: certificates, keys, chains, roots, CRLs, OCSP."""
    made: dict[str, bytes] = {}
    for name, issued in pki.issued.items():
        made[f"certificates/{name}.pem"] = pem.join((issued.certificate,))
        made[f"keys/{name}.pem"] = issued.key
    for entry in TREES[pki.generation]:
        if not entry.is_ca:
            made[f"chains/{entry.name}.pem"] = pem.join(pki.chain(entry.name))
            made[f"ocsp/{entry.name}.der"] = ocsp_good(pki, entry.name, now)
    made["roots.pem"] = pem.join([pki.issued[name].certificate for name in ANCHORS])
    for name, data in pki.crls(now).items():
        made[f"crls/{name}.pem"] = pem.join((data,), pem.CRL)
    return made


def init(now: datetime) -> dict[str, bytes]:
    """Everything ``networkcore pnc pki init`` writes: both generations, by relative file name."""
    made: dict[str, bytes] = {}
    for generation in TREES:
        pki = make(now, generation)
        made |= {f"{generation}/{name}": data for name, data in files(pki, now).items()}
    return made


def load(stored: Mapping[str, bytes], generation: Generation = "iso15118-2") -> Pki:
    """The PKI that `files` wrote (names relative to the generation's folder)."""
    issued: dict[str, Issued] = {}
    for entry in TREES[generation]:
        try:
            text, key = stored[f"certificates/{entry.name}.pem"], stored[f"keys/{entry.name}.pem"]
        except KeyError as error:
            raise RequestError(f"the PKI lacks the file {error}") from error
        issued[entry.name] = Issued(pem.split(text)[0], key)
    return Pki(generation=generation, issued=issued)


def _is_contract(entry: Entry) -> bool:
    return entry.name.startswith("contract")


def _contract_name(text: str) -> str:
    """The common name of a contract leaf: 14 characters and the computed check digit."""
    found = emaid.normalise(text)
    if found is None:
        raise RequestError(f"{text!r} is no contract id")
    if found.family == "din":
        found = emaid.iso_from_din(found)
    return found.key + emaid.iso_check_digit(found.key)


def _blank(entry: Entry, generation: Generation, common_name: str) -> Blank:
    subject = [("C", "DE"), ("O", _ORGANISATION), ("CN", common_name)]
    if entry.component is not None:
        subject.append(("DC", entry.component))
    return Blank(
        subject=tuple(subject),
        usage=entry.usage,
        is_ca=entry.is_ca,
        path_length=entry.path_length,
        purposes=entry.purposes,
        days=entry.days,
        key_kind=_KEY_KIND[generation],
    )
