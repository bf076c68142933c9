"""PostgreSQL, the truth: the pool, the schema, group commit, and the queries by aggregate."""
