"""What the operator decided: environment first, then ``networkcore.toml``, then defaults.

The only reader of the environment, and the only writer of the two secrets a fresh installation
needs: the admin token and the key that seals outbound credentials.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

PREFIX: Final = "NETWORKCORE_"
FILE_NAME: Final = "networkcore.toml"
SECRET_KEY_BYTES: Final = 32
SECONDS_MAX: Final = 172_800
LOG_LEVELS: Final = ("debug", "info", "warning", "error")


class SettingsError(ValueError):
    """A setting that cannot be understood; the message names it and says what is expected."""


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """The one source of wall time: the real clock, one that is ahead or behind, or one that stands.

    Durations and leases never use it; they are monotonic.
    """

    offset: timedelta = timedelta()
    fixed: datetime | None = None

    def now(self) -> datetime:
        if self.fixed is not None:
            return self.fixed
        return datetime.now(UTC) + self.offset

    @classmethod
    def parse(cls, text: str) -> Clock:
        """``""`` real; ``+3600`` or ``-86400`` seconds of offset; an ISO date-time stands still."""
        try:
            if not text:
                return cls()
            if text[0] in "+-":
                return cls(offset=timedelta(seconds=int(text)))
            moment = datetime.fromisoformat(text)
        except (ValueError, OverflowError) as error:
            raise SettingsError(
                f"{PREFIX}CLOCK: {text!r} is neither +seconds, -seconds nor an ISO date-time"
            ) from error
        return cls(fixed=moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of INTERFACE, checked. Empty store addresses mean: embedded."""

    data_dir: Path
    admin_token: str
    secret_key: bytes
    database_url: str = ""
    redis_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    hub_country: str = "NL"
    hub_party: str = "NCO"
    allow_private_peers: bool = False
    accept_sample: bool = False  # VAT rows reviewed by `sample` count: never in production
    log_level: str = "info"
    clearing_every_s: int = 21_600  # documents and payouts: well inside the 48 hours
    hub_name: str = "NetworkCore"
    hub_currency: str = "EUR"
    hub_vat_id: str = ""
    hub_iban: str = ""
    hub_bic: str = ""
    hub_street: str = ""
    hub_postal_code: str = ""
    hub_city: str = ""
    clock: Clock = Clock()

    def __repr__(self) -> str:
        """Never the secrets: settings end up in logs and tracebacks."""
        return f"Settings(data_dir={str(self.data_dir)!r}, public_url={self.public_url!r})"


def load(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Settings as the operator gave them; makes the data directory and the missing secrets."""
    given = _from_file(cwd / FILE_NAME) | _from_environment(environ)
    data_dir = (cwd / given.get("data_dir", ".networkcore")).absolute()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    port = _port(given.get("port", "8000"))
    return Settings(
        data_dir=data_dir,
        admin_token=given.get("admin_token")
        or _kept(data_dir / "admin-token", lambda: secrets.token_urlsafe(32)),
        secret_key=_key(
            given.get("secret_key")
            or _kept(data_dir / "secret-key", lambda: secrets.token_hex(SECRET_KEY_BYTES))
        ),
        database_url=given.get("database_url", ""),
        redis_url=given.get("redis_url", ""),
        host=given.get("host", "127.0.0.1"),
        port=port,
        public_url=_url(given.get("public_url", f"http://127.0.0.1:{port}")),
        hub_country=_letters("HUB_COUNTRY", given.get("hub_country", "NL"), 2),
        hub_party=_letters("HUB_PARTY", given.get("hub_party", "NCO"), 3),
        allow_private_peers=_flag("ALLOW_PRIVATE_PEERS", given.get("allow_private_peers", "false")),
        clearing_every_s=_seconds("CLEARING_EVERY_S", given.get("clearing_every_s", "21600")),
        log_level=_level(given.get("log_level", "info")),
        hub_name=given.get("hub_name", "NetworkCore"),
        hub_currency=_letters("HUB_CURRENCY", given.get("hub_currency", "EUR"), 3),
        **{name: given.get(name, "") for name in _OWN_TEXTS},
        accept_sample=_flag("ACCEPT_SAMPLE", given.get("accept_sample", "false")),
        clock=Clock.parse(given.get("clock", "")),
    )


def load_here() -> Settings:
    """Settings of this process: its environment and its working directory."""
    return load(os.environ, Path.cwd())


def environment_of(settings: Settings) -> dict[str, str]:
    """This process's environment with `settings` written into it: for children that load again."""
    clock = settings.clock
    if clock.fixed is not None:
        clock_text = clock.fixed.isoformat()
    else:
        clock_text = f"{round(clock.offset.total_seconds()):+d}" if clock.offset else ""
    own = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir),
        "HOST": settings.host,
        "PORT": str(settings.port),
        "PUBLIC_URL": settings.public_url,
        "HUB_COUNTRY": settings.hub_country,
        "HUB_PARTY": settings.hub_party,
        "ADMIN_TOKEN": settings.admin_token,
        "ALLOW_PRIVATE_PEERS": "true" if settings.allow_private_peers else "false",
        "ACCEPT_SAMPLE": "true" if settings.accept_sample else "false",
        "SECRET_KEY": settings.secret_key.hex(),
        "CLOCK": clock_text,
        "CLEARING_EVERY_S": str(settings.clearing_every_s),
        "LOG_LEVEL": settings.log_level,
        "HUB_NAME": settings.hub_name,
        "HUB_CURRENCY": settings.hub_currency,
    } | {name.upper(): str(getattr(settings, name)) for name in _OWN_TEXTS}
    return dict(os.environ) | {PREFIX + name: value for name, value in own.items()}


# What the hub's own invoices say about it; they are held where the law wants more than is given.
_OWN_TEXTS: Final = (
    "hub_vat_id",
    "hub_iban",
    "hub_bic",
    "hub_street",
    "hub_postal_code",
    "hub_city",
)
_NAMES: Final = frozenset(Settings.__struct_fields__)


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: environ[PREFIX + name.upper()].strip()
        for name in _NAMES
        if environ.get(PREFIX + name.upper(), "").strip()
    }


def _from_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    values: dict[str, str] = {}
    for key, value in table.items():
        name = key.lower().removeprefix(PREFIX.lower())
        if name not in _NAMES:
            raise SettingsError(f"{path}: no setting is called {key!r}")
        if not isinstance(value, str | int | bool | datetime):
            raise SettingsError(f"{path}: {key} must be a text, a number or true/false")
        values[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return values


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`; of two processes that start together, one makes it and both use it."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600 from birth
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(make() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return path.read_text(encoding="ascii").strip()
    finally:
        Path(draft).unlink()
    return path.read_text(encoding="ascii").strip()


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != SECRET_KEY_BYTES:
        raise SettingsError(f"{PREFIX}SECRET_KEY: expected {SECRET_KEY_BYTES} bytes as hex digits")
    return key


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= 65535):
        raise SettingsError(f"{PREFIX}PORT: {text!r} is not a port number")
    return int(text)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise SettingsError(f"{PREFIX}PUBLIC_URL: {text!r} does not begin with http:// or https://")
    return text.rstrip("/")


def _letters(name: str, text: str, length: int) -> str:
    if not (len(text) == length and text.isascii() and text.isalnum()):
        raise SettingsError(f"{PREFIX}{name}: {text!r} is not {length} letters or digits")
    return text.upper()


def _flag(name: str, text: str) -> bool:
    match text.lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
    raise SettingsError(f"{PREFIX}{name}: {text!r} is neither true nor false")


def _level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise SettingsError(f"{PREFIX}LOG_LEVEL: one of {', '.join(LOG_LEVELS)} is expected")
    return text.lower()


def _seconds(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= SECONDS_MAX):
        raise SettingsError(f"{PREFIX}{name}: {text!r} is not 1 to {SECONDS_MAX} seconds")
    return int(text)
