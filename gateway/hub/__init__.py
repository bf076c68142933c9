"""Use cases: what the hub does for a party, whichever way the request came in."""
