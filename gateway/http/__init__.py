"""HTTP in: the only room that knows requests and responses."""
