"""Getting the driver's money: what is asked of a payment provider, and prepaid balances."""
