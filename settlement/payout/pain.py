"""Customer credit transfer initiation, pain.001.001.09 (ISO 20022), written and read back.

Written with lxml against the schema that sepaxml carries: sepaxml's own writer puts the SEPA
service level on every currency.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from lxml import etree

from settlement.errors import MoneyError
from settlement.money import Money, decimal_text
from settlement.payout.account import Account, latin
from settlement.payout.plan import Batch, Payout, Service

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
REMITTANCE_MAX: Final = 140
FILE_BYTES_MAX: Final = 256 * 1024 * 1024


class PaymentFileError(MoneyError):
    """A payment file is not what it has to be; it must not reach a bank."""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank reads of one transfer."""

    end_to_end_id: str
    currency: str
    amount: Decimal
    name: str
    iban: str
    bic: str


class PaymentFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank reads of a file."""

    message_id: str
    count: int
    control_sum: Decimal
    debtor_iban: str
    execute_on: date
    service_level: str
    payments: tuple[Payment, ...]


def write(batch: Batch, created_at: datetime) -> bytes:
    """The file of a batch: valid, and read back equal to the batch.

    Raises:
        PaymentFileError: the batch is empty, or its file would not say what the batch says.
    """
    if not batch.payouts:
        raise PaymentFileError("a payment file needs at least one payout")
    root = etree.fromstring(f'<Document xmlns="{NAMESPACE}"/>')
    start = _sub(root, "CstmrCdtTrfInitn")
    _group_header(start, batch, created_at)
    _payment_information(start, batch)
    written = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    check(written)
    _agree(batch, read(written))
    return written


def check(xml: bytes) -> None:
    """Returns when the file follows the ISO 20022 schema.

    Raises:
        PaymentFileError: with the first complaint.
    """
    schema = _schema()
    if not schema.validate(_parse(xml)):
        raise PaymentFileError(str(schema.error_log).partition("\n")[0])


def read(xml: bytes) -> PaymentFile:
    """The file as its receiver understands it.

    Raises:
        PaymentFileError: an element is missing, or the control sums are not the sums.
    """
    start = _parse(xml).find(_path("CstmrCdtTrfInitn"))
    if start is None:
        raise PaymentFileError("CstmrCdtTrfInitn is missing")
    payments = tuple(_payment(node) for node in start.iterfind(_path("PmtInf/CdtTrfTxInf")))
    found = PaymentFile(
        message_id=_text(start, "GrpHdr/MsgId"),
        count=int(_text(start, "GrpHdr/NbOfTxs")),
        control_sum=Decimal(_text(start, "GrpHdr/CtrlSum")),
        debtor_iban=_text(start, "PmtInf/DbtrAcct/Id/IBAN"),
        execute_on=date.fromisoformat(_text(start, "PmtInf/ReqdExctnDt/Dt")),
        service_level=_text(start, "PmtInf/PmtTpInf/SvcLvl/Cd"),
        payments=payments,
    )
    total = sum((payment.amount for payment in payments), Decimal(0))
    if found.count != len(payments) or found.control_sum != total:
        raise PaymentFileError("NbOfTxs or CtrlSum is not that of the payments")
    inner = (_text(start, "PmtInf/NbOfTxs"), Decimal(_text(start, "PmtInf/CtrlSum")))
    if inner != (str(found.count), found.control_sum):
        raise PaymentFileError("the control sums of group header and payment differ")
    return found


def _agree(batch: Batch, found: PaymentFile) -> None:
    wanted = tuple(
        (payout.payout_id, _amount(payout.amount_minor, batch.currency), payout.creditor.iban)
        for payout in batch.payouts
    )
    given = tuple(
        (payment.end_to_end_id, format(payment.amount, "f"), payment.iban)
        for payment in found.payments
    )
    currencies = {payment.currency for payment in found.payments}
    if wanted != given or currencies != {batch.currency}:
        raise PaymentFileError(f"{batch.batch_id}: the file does not say what the batch says")


def _group_header(start: etree._Element, batch: Batch, created_at: datetime) -> None:
    header = _sub(start, "GrpHdr")
    _sub(header, "MsgId", batch.batch_id)
    _sub(header, "CreDtTm", created_at.isoformat(timespec="seconds"))
    _sub(header, "NbOfTxs", str(len(batch.payouts)))
    _sub(header, "CtrlSum", _amount(batch.total_minor, batch.currency))
    _sub(_sub(header, "InitgPty"), "Nm", latin(batch.debtor.name))


def _payment_information(start: etree._Element, batch: Batch) -> None:
    info = _sub(start, "PmtInf")
    _sub(info, "PmtInfId", batch.batch_id)
    _sub(info, "PmtMtd", "TRF")
    _sub(info, "BtchBookg", "false")  # each transfer its own line: it is matched by its id
    _sub(info, "NbOfTxs", str(len(batch.payouts)))
    _sub(info, "CtrlSum", _amount(batch.total_minor, batch.currency))
    _type(info, batch.service)
    _sub(_sub(info, "ReqdExctnDt"), "Dt", batch.execute_on.isoformat())
    _holder(info, "Dbtr", batch.debtor, batch.service)
    account = _sub(info, "DbtrAcct")
    _sub(_sub(account, "Id"), "IBAN", batch.debtor.iban)
    _sub(account, "Ccy", batch.currency)
    _agent(info, "DbtrAgt", batch.debtor.bic)
    _sub(info, "ChrgBr", "SHAR" if batch.service is Service.LOCAL else "SLEV")
    for payout in batch.payouts:
        _transfer(info, payout, batch)


def _type(info: etree._Element, service: Service) -> None:
    """SEPA only for SEPA; NURG = non-urgent, for local and cross-border rails."""
    kind = _sub(info, "PmtTpInf")
    _sub(_sub(kind, "SvcLvl"), "Cd", "NURG" if service is Service.LOCAL else "SEPA")
    if service is Service.INSTANT:
        _sub(_sub(kind, "LclInstrm"), "Cd", "INST")


def _transfer(info: etree._Element, payout: Payout, batch: Batch) -> None:
    transfer = _sub(info, "CdtTrfTxInf")
    ids = _sub(transfer, "PmtId")
    _sub(ids, "InstrId", payout.payout_id)
    _sub(ids, "EndToEndId", payout.payout_id)
    amount = _sub(_sub(transfer, "Amt"), "InstdAmt", _amount(payout.amount_minor, batch.currency))
    amount.set("Ccy", batch.currency)
    if payout.creditor.bic:
        _agent(transfer, "CdtrAgt", payout.creditor.bic)
    _holder(transfer, "Cdtr", payout.creditor, batch.service)
    _sub(_sub(_sub(transfer, "CdtrAcct"), "Id"), "IBAN", payout.creditor.iban)
    text = f"Charging settlement {payout.payout_id}, {len(payout.references)} items"
    _sub(_sub(transfer, "RmtInf"), "Ustrd", text[:REMITTANCE_MAX])


def _holder(parent: etree._Element, tag: str, account: Account, service: Service) -> None:
    holder = _sub(parent, tag)
    _sub(holder, "Nm", latin(account.name))
    if service is Service.LOCAL and account.country:
        _sub(_sub(holder, "PstlAdr"), "Ctry", account.country)


def _agent(parent: etree._Element, tag: str, bic: str) -> None:
    institution = _sub(_sub(parent, tag), "FinInstnId")
    if bic:
        _sub(institution, "BICFI", bic)
    else:  # inside SEPA the IBAN is enough (Regulation (EU) 260/2012 art 5)
        _sub(_sub(institution, "Othr"), "Id", "NOTPROVIDED")


def _payment(node: etree._Element) -> Payment:
    amount = node.find(_path("Amt/InstdAmt"))
    if amount is None or amount.text is None:
        raise PaymentFileError("Amt/InstdAmt is missing")
    bic = node.find(_path("CdtrAgt/FinInstnId/BICFI"))
    return Payment(
        end_to_end_id=_text(node, "PmtId/EndToEndId"),
        currency=str(amount.get("Ccy")),
        amount=Decimal(amount.text),
        name=_text(node, "Cdtr/Nm"),
        iban=_text(node, "CdtrAcct/Id/IBAN"),
        bic=bic.text or "" if bic is not None else "",
    )


def _amount(minor: int, currency: str) -> str:
    return decimal_text(Money(amount_minor=minor, currency=currency))


def _sub(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    child.text = text
    return child


def _path(path: str) -> str:
    return "/".join(f"{{{NAMESPACE}}}{tag}" for tag in path.split("/"))


def _text(node: etree._Element, path: str) -> str:
    found = node.findtext(_path(path))
    if not found:
        raise PaymentFileError(f"{path} is missing")
    return found


def _parse(xml: bytes) -> etree._Element:
    if len(xml) > FILE_BYTES_MAX:
        raise PaymentFileError("the file is too large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise PaymentFileError(f"not XML: {error}") from error


@cache
def _schema() -> etree.XMLSchema:
    content = files("sepaxml").joinpath("schemas", "pain.001.001.09.xsd").read_bytes()
    return etree.XMLSchema(etree.fromstring(content))
