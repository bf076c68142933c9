"""Which specification a written document says it follows (BT-24) and in which process (BT-23)."""

from __future__ import annotations

from typing import Final

import msgspec


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The two identifiers that receivers route and validate by."""

    specification: str
    process: str = ""


_CORE = "urn:cen.eu:en16931:2017"
_PEPPOL_PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"

EN16931: Final = Profile(specification=_CORE)
PEPPOL: Final = Profile(
    specification=f"{_CORE}#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    process=_PEPPOL_PROCESS,
)
XRECHNUNG: Final = Profile(
    specification=f"{_CORE}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
    process=_PEPPOL_PROCESS,
)
NLCIUS: Final = Profile(
    specification=f"{_CORE}#compliant#urn:fdc:nen.nl:nlcius:v1.0",
    process=_PEPPOL_PROCESS,
)
CIUS_RO: Final = Profile(
    specification=f"{_CORE}#compliant#urn:efactura.mfinante.ro:CIUS-RO:1.0.1",
)
