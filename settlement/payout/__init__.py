"""What the hub owes leaves as one payment per payee and currency, and is found again."""
