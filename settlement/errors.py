"""What can go wrong with money: an expected refusal is a value (`Held`), a broken call raises."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why an item waits; visible to people, ageing on a clock (reference §3)."""

    TARIFF_MISSING = "tariff_missing"
    TARIFF_UNUSABLE = "tariff_unusable"
    AMBIGUOUS_TARIFF = "ambiguous_tariff"
    TARIFF_DIFFERS_FROM_PUBLISHED = "tariff_differs_from_published"
    PERIOD_SPANS_PRICE_CHANGE = "period_spans_price_change"
    PRICE_MISMATCH = "price_mismatch"
    CDR_INCONSISTENT = "cdr_inconsistent"
    CDR_OUT_OF_BOUNDS = "cdr_out_of_bounds"
    CDR_TOO_OLD = "cdr_too_old"
    CDR_CONFLICT = "cdr_conflict"
    CDR_OVERLAPS = "cdr_overlaps"
    NEGATIVE_QUANTITY = "negative_quantity"
    TIME_UNKNOWN = "time_unknown"
    TIME_ZONE_MISSING = "time_zone_missing"
    HOME_CHARGING = "home_charging"
    CONNECTOR_UNKNOWN = "connector_unknown"
    CURRENCY_MISMATCH = "currency_mismatch"
    CURRENCY_UNKNOWN = "currency_unknown"
    CREDIT_WITHOUT_ORIGINAL = "credit_without_original"
    CREDIT_DIFFERS_FROM_ORIGINAL = "credit_differs_from_original"
    METER_SIGNATURE_INVALID = "meter_signature_invalid"
    METER_KEY_UNKNOWN = "meter_key_unknown"
    METER_ENERGY_DIFFERS = "meter_energy_differs"
    METER_PROOF_MISSING = "meter_proof_missing"
    VAT_ROW_MISSING = "vat_row_missing"
    VAT_ROW_UNREVIEWED = "vat_row_unreviewed"
    VAT_DIFFERS_FROM_TARIFF = "vat_differs_from_tariff"
    VAT_ID_MISSING = "vat_id_missing"
    VAT_TREATMENT_MISSING = "vat_treatment_missing"
    COMMISSION_MISSING = "commission_missing"
    COMMISSION_EXCEEDS_AMOUNT = "commission_exceeds_amount"
    FX_QUOTE_MISSING = "fx_quote_missing"
    PARTY_MISSING = "party_missing"
    PAYEE_BANK_MISSING = "payee_bank_missing"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was decided: `reason` says why, `detail` what a person should look at."""

    reason: Reason
    detail: str
    field: str = ""


class MoneyError(ValueError):
    """A rule of this package was called with values it must never see."""


class OutOfBoundsError(MoneyError):
    """A number is not finite, too long or too large to be calculated with."""


class UnbalancedError(MoneyError):
    """The legs of an entry do not sum to zero in every currency."""
