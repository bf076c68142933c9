"""Foreign exchange at stored, dealable quotes."""

from settlement.fx.convert import Conversion, buy, find, sell
from settlement.fx.quote import Quote

__all__ = ["Conversion", "Quote", "buy", "find", "sell"]
