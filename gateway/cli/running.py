"""What a hub that runs tells the commands typed beside it: its address, and whom it may call.

Somebody who starts `up --port 8001` and invites a partner in another terminal must not hand out
port 8000.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from gateway.settings import Settings

NAME: Final = "running.json"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway in this data directory."""

    pid: int
    public_url: str
    allow_private_peers: bool


@contextlib.contextmanager
def told(settings: Settings) -> Iterator[None]:
    """Says so in the data directory for as long as this is open."""
    path = settings.data_dir / NAME
    mine = Running(
        pid=os.getpid(),
        public_url=settings.public_url,
        allow_private_peers=settings.allow_private_peers,
    )
    path.write_bytes(msgspec.json.encode(mine))
    try:
        yield
    finally:
        if _read(settings) == mine:
            path.unlink(missing_ok=True)


def beside(settings: Settings) -> Settings:
    """The settings of whoever runs here, where nothing else was set; else `settings`."""
    found = _read(settings)
    if found is None or not _is_alive(found.pid):
        return settings
    own = f"http://127.0.0.1:{settings.port}"
    return msgspec.structs.replace(
        settings,
        public_url=found.public_url if settings.public_url == own else settings.public_url,
        allow_private_peers=settings.allow_private_peers or found.allow_private_peers,
    )


def _read(settings: Settings) -> Running | None:
    try:
        return msgspec.json.decode((settings.data_dir / NAME).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
