"""Names of accounts: words from general to particular, the currency last."""

from __future__ import annotations


def psp_clearing(currency: str) -> str:
    """Money a payment provider holds for us (asset)."""
    return f"psp_clearing:{currency}"


def receivable(party: str, currency: str) -> str:
    """What a partner who collects from its own drivers owes (asset)."""
    return f"receivable:{party}:{currency}"


def payable(party: str, currency: str) -> str:
    """What we owe a partner; payouts clear it against the bank (liability)."""
    return f"payable:{party}:{currency}"


def bank(currency: str) -> str:
    return f"bank:{currency}"


def payout_transit(currency: str) -> str:
    """Sent to the bank, not yet seen on a statement."""
    return f"payout_transit:{currency}"


def commission_revenue(currency: str) -> str:
    return f"revenue:commission:{currency}"


def share_expense(currency: str) -> str:
    return f"expense:share:{currency}"


def output_vat(country: str, currency: str) -> str:
    return f"vat:{country}:output:{currency}"


def input_vat(country: str, currency: str) -> str:
    return f"vat:{country}:input:{currency}"


def fx_liquidity(currency: str) -> str:
    return f"fx:liquidity:{currency}"


def fx_spread(currency: str) -> str:
    return f"fx:spread:{currency}"


def currency_of(account: str) -> str:
    return account.rpartition(":")[2]


def party_of(account: str) -> str | None:
    """The partner a payable or receivable belongs to."""
    kind, _, rest = account.partition(":")
    if kind not in ("payable", "receivable"):
        return None
    return rest.rpartition(":")[0]
