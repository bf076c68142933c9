"""OCPI in: every route of the catalogue, one pipeline, one small handler each."""
