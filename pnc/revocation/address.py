"""Which network addresses may be called at all: public ones, by our own table.

``ipaddress.is_global`` is not used: it calls translated, tunnelled and multicast addresses global
(reliability §5.1). IANA special-purpose registries, 2024.
"""

from __future__ import annotations

import ipaddress
from typing import Final

SPECIAL_V4: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
UNICAST_V6: Final = ipaddress.IPv6Network("2000::/3")
SPECIAL_V6: Final = tuple(
    map(
        ipaddress.IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)


def is_public(text: str) -> bool:
    """Whether `text` is a literal address of the public internet; false for anything else."""
    try:
        return is_public_address(ipaddress.ip_address(text))
    except ValueError:
        return False


def is_public_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether anybody on the public internet may live there."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in SPECIAL_V4)
    return address in UNICAST_V6 and not any(address in network for network in SPECIAL_V6)
