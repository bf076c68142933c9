"""Redis, the memory: one line per process that carries reads, writes and invalidations in order."""
