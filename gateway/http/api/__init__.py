"""The plain API under /api/v1: for demand partners without OCPI, and for administrators."""
