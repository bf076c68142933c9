"""Who may come in: a signed cookie for the admin token, and a word that proves a form is ours.

The cookie is self-contained, so that any process of the gateway takes it. It ends after
`SESSION_LASTS` or when the admin token or the secret key changes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.settings import Settings

COOKIE: Final = "networkcore_console"
SESSION_LASTS: Final = timedelta(hours=12)
TOKEN_CHARS_MAX: Final = 512
FAILURES_MAX: Final = 10
FAILURES_WITHIN: Final = timedelta(minutes=1)
ADDRESSES_MAX: Final = 1024


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One login: `csrf` goes into every form of its pages."""

    name: str
    ends_at: datetime
    csrf: str


class Doorkeeper:
    """Compares in constant time; an address that guesses too often has to wait."""

    def __init__(self, settings: Settings) -> None:
        token = settings.admin_token.encode()
        self._token = token
        self._key = hmac.digest(settings.secret_key, b"console session\0" + token, "sha256")
        self._failures: OrderedDict[str, list[datetime]] = OrderedDict()

    def must_wait(self, address: str, now: datetime) -> bool:
        """Whether this address has failed too often lately."""
        recent = [at for at in self._failures.get(address, ()) if now - at < FAILURES_WITHIN]
        return len(recent) >= FAILURES_MAX

    def admit(self, given: str, address: str, now: datetime) -> str | None:
        """A cookie for whoever knows the admin token; None for everybody else."""
        if hmac.compare_digest(_bytes(given[:TOKEN_CHARS_MAX]), self._token):
            return self._cookie(secrets.token_urlsafe(12), now + SESSION_LASTS)
        recent = [at for at in self._failures.pop(address, ()) if now - at < FAILURES_WITHIN]
        self._failures[address] = [*recent, now]
        while len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)
        return None

    def read(self, cookie: str | None, now: datetime) -> Session | None:
        """The session of a cookie that we made and that has not ended."""
        name, _, rest = (cookie or "").partition(".")
        ends, _, _ = rest.partition(".")
        if not (ends.isascii() and ends.isdigit() and len(ends) <= 10):
            return None
        ends_at = datetime.fromtimestamp(int(ends), now.tzinfo)
        expected = self._cookie(name, ends_at)
        if not hmac.compare_digest(_bytes(cookie or ""), _bytes(expected)) or ends_at <= now:
            return None
        return Session(name=name, ends_at=ends_at, csrf=self._sign(f"form {expected}"))

    def proves(self, session: Session, given: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(_bytes(given), session.csrf.encode())

    def _cookie(self, name: str, ends_at: datetime) -> str:
        said = f"{name}.{int(ends_at.timestamp())}"
        return f"{said}.{self._sign(said)}"

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, _bytes(text), hashlib.sha256).hexdigest()


def _bytes(text: str) -> bytes:
    """What came in may hold bytes that are no text; they are compared all the same."""
    return text.encode("utf-8", "surrogatepass")
