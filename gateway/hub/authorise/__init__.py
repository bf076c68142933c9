"""Authorisation: one decision for RFID, app, eMAID and contract certificate.

`verdict` decides (pure) · `record` is what the hot set keeps · `keeper` looks it up and keeps it
coherent · `standing` reads the network · `ask` asks issuers · `flow` puts them in order ·
`answer` and `render` write what the CPO receives.
"""

from gateway.hub.authorise.flow import Authoriser
from gateway.hub.authorise.keeper import Keeper, Unreadable
from gateway.hub.authorise.render import render
from gateway.hub.authorise.request import Authorisation, AuthoriseRequest, Place
from gateway.hub.authorise.verdict import Allowed, Decision, Facts, conclude, decide

__all__ = [
    "Allowed",
    "Authorisation",
    "AuthoriseRequest",
    "Authoriser",
    "Decision",
    "Facts",
    "Keeper",
    "Place",
    "Unreadable",
    "conclude",
    "decide",
    "render",
]
