"""`settle(item, reference, now)`: one CDR into postings, documents and payables, or held."""
