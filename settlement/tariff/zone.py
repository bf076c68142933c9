"""The time zone of a country that has only one; several or none means it must be told."""

from __future__ import annotations

from typing import Final

# ISO 3166-1 alpha-3 (as OCPI locations write it) and alpha-2. Spain, Portugal, France overseas,
# Cyprus' north and every country with islands in other zones are left out on purpose.
_ZONES: Final = {
    ("AUT", "AT"): "Europe/Vienna",
    ("BEL", "BE"): "Europe/Brussels",
    ("BGR", "BG"): "Europe/Sofia",
    ("CHE", "CH"): "Europe/Zurich",
    ("CZE", "CZ"): "Europe/Prague",
    ("DEU", "DE"): "Europe/Berlin",
    ("EST", "EE"): "Europe/Tallinn",
    ("FIN", "FI"): "Europe/Helsinki",
    ("GBR", "GB"): "Europe/London",
    ("GRC", "GR"): "Europe/Athens",
    ("HRV", "HR"): "Europe/Zagreb",
    ("HUN", "HU"): "Europe/Budapest",
    ("IRL", "IE"): "Europe/Dublin",
    ("ITA", "IT"): "Europe/Rome",
    ("LTU", "LT"): "Europe/Vilnius",
    ("LUX", "LU"): "Europe/Luxembourg",
    ("LVA", "LV"): "Europe/Riga",
    ("MLT", "MT"): "Europe/Malta",
    ("NOR", "NO"): "Europe/Oslo",
    ("POL", "PL"): "Europe/Warsaw",
    ("ROU", "RO"): "Europe/Bucharest",
    ("SVK", "SK"): "Europe/Bratislava",
    ("SVN", "SI"): "Europe/Ljubljana",
    ("SWE", "SE"): "Europe/Stockholm",
}
_BY_CODE: Final = {code: zone for codes, zone in _ZONES.items() for code in codes}


def only_zone(country: str) -> str | None:
    """IANA name, or None where a country code cannot say it."""
    return _BY_CODE.get(country.upper())
