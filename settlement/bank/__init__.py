"""The edge to banks, payment providers and rate sources."""
