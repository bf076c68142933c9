"""The codecs and the catalogue as the hub room is handed them."""

from __future__ import annotations

from typing import Final

from gateway.hub.context import Wire
from ocpi.wire import catalog, codec

WIRE: Final = Wire(
    decode=codec.decode,
    encode=codec.encode,
    endpoints=catalog.endpoints,
    versions=catalog.VERSIONS,
    preferred=catalog.VERSIONS[-1],
)
