"""PostgreSQL and Valkey as children of this process, from wheels, for machines without servers."""

from __future__ import annotations

from gateway.embedded.stores import (
    AlreadyRunningError,
    EmbeddedError,
    Stores,
    open_stores,
    start_stores,
)

__all__ = ["AlreadyRunningError", "EmbeddedError", "Stores", "open_stores", "start_stores"]
