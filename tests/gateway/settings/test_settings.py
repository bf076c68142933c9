from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.settings import Clock, SettingsError, environment_of, load


def test_load_without_anything_gives_the_promised_defaults(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert settings.data_dir == tmp_path / ".networkcore"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.public_url == "http://127.0.0.1:8000"
    assert (settings.hub_country, settings.hub_party) == ("NL", "NCO")
    assert not settings.allow_private_peers
    assert (settings.database_url, settings.redis_url) == ("", "")


def test_load_generates_secrets_once_readable_by_the_owner_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as executor:
        loaded = list(executor.map(lambda _: load({}, tmp_path), range(8)))
    assert len({s.admin_token for s in loaded}) == 1
    assert len({s.secret_key for s in loaded}) == 1
    folder = loaded[0].data_dir
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(p.name for p in folder.iterdir()) == ["admin-token", "secret-key"]
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in folder.iterdir())


def test_repr_shows_no_secret(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert settings.admin_token not in repr(settings)
    assert settings.secret_key.hex() not in repr(settings)


def test_load_takes_the_environment_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "networkcore.toml").write_text(
        'port = 9000\nhub_party = "abc"\nNETWORKCORE_ALLOW_PRIVATE_PEERS = true\n'
    )
    settings = load({"NETWORKCORE_PORT": "9001"}, tmp_path)
    assert (settings.port, settings.hub_party, settings.allow_private_peers) == (9001, "ABC", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"), ("PORT", "70000"), ("PORT", "-1"), ("HUB_COUNTRY", "NLD"),
        ("HUB_PARTY", "N C"), ("ALLOW_PRIVATE_PEERS", "maybe"), ("SECRET_KEY", "short"),
        ("PUBLIC_URL", "ftp://x"), ("CLOCK", "yesterday"), ("CLOCK", "+1e9"),
    ],
)  # fmt: skip
def test_load_refuses_and_names_what_it_does_not_understand(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=f"NETWORKCORE_{name}"):
        load({f"NETWORKCORE_{name}": value}, tmp_path)


@pytest.mark.parametrize("text", ["colour = 1", "port = [1]", "port ="])
def test_load_refuses_a_file_with_unknown_or_broken_lines(tmp_path: Path, text: str) -> None:
    (tmp_path / "networkcore.toml").write_text(text)
    with pytest.raises(SettingsError, match=r"networkcore\.toml"):
        load({}, tmp_path)


def test_environment_of_gives_children_the_same_settings(tmp_path: Path) -> None:
    settings = load(
        {"NETWORKCORE_CLOCK": "2026-03-29T01:00:00+00:00", "NETWORKCORE_HUB_CITY": "Utrecht"},
        tmp_path,
    )
    assert load(environment_of(settings), tmp_path / "elsewhere") == settings


def test_clock_fixed_offset_and_real() -> None:
    assert Clock.parse("2026-03-29T01:00:00").now() == datetime(2026, 3, 29, 1, tzinfo=UTC)
    ahead = Clock.parse("+86400").now() - datetime.now(UTC)
    assert timedelta(hours=23) < ahead <= timedelta(days=1)
    assert Clock.parse("-86400").now() < datetime.now(UTC)
    assert Clock.parse("").now().tzinfo is UTC
