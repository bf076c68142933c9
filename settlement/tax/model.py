"""Contract models as data: who supplies what to whom on a route, and who writes the document."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from settlement.tax.leg import DocumentKind, PlaceRule, Supply

DISCLOSED_AGENT = "disclosed_agent"


class Role(StrEnum):
    CPO = "cpo"
    HUB = "hub"
    DEMAND = "demand"
    DRIVER = "driver"


class LegRule(msgspec.Struct, frozen=True, kw_only=True):
    supply: Supply
    supplier: Role
    customer: Role
    place_rule: PlaceRule
    issuer: Role
    document: DocumentKind
    series: str  # "{supplier}" and "{customer}" are party keys


class ContractModel(msgspec.Struct, frozen=True, kw_only=True):
    route: str
    version: int
    legs: tuple[LegRule, ...]

    def leg(self, supply: Supply) -> LegRule:
        return next(leg for leg in self.legs if leg.supply is supply)


# The CPO sells to the driver at its public tariff; the hub is its agent and invoices a commission;
# the demand partner is paid for the referral (reference §4.2, left column).
MODELS = {
    DISCLOSED_AGENT: ContractModel(
        route=DISCLOSED_AGENT,
        version=1,
        legs=(
            LegRule(
                supply=Supply.ELECTRICITY,
                supplier=Role.CPO,
                customer=Role.DRIVER,
                place_rule=PlaceRule.ART_39,
                issuer=Role.HUB,  # in the CPO's name (art. 220)
                document=DocumentKind.RECEIPT,
                series="R-{supplier}",
            ),
            LegRule(
                supply=Supply.COMMISSION,
                supplier=Role.HUB,
                customer=Role.CPO,
                place_rule=PlaceRule.ART_44,
                issuer=Role.HUB,
                document=DocumentKind.INVOICE,
                series="C-{supplier}",
            ),
            LegRule(
                supply=Supply.REFERRAL,
                supplier=Role.DEMAND,
                customer=Role.HUB,
                place_rule=PlaceRule.ART_44,
                issuer=Role.HUB,  # self-billed (art. 224)
                document=DocumentKind.SELF_BILLED,
                series="S-{supplier}",
            ),
        ),
    ),
}

EU = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
