"""Where money rests: the journal, what was settled or held, documents and payouts in PostgreSQL."""
