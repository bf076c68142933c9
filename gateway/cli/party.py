"""`networkcore party …`: who takes part in the network."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from gateway.hub.context import Hub
    from gateway.hub.network import Network, Platform
    from ocpi.model.party import PartyId

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output")]
Party = Annotated[str, typer.Argument(metavar="PARTY", help="Like NL-ABC")]
POOL_SIZE = 3


def register(app: typer.Typer) -> None:
    party = typer.Typer(no_args_is_help=True, help="Who takes part in the network.")
    party.command("invite")(invite)
    party.command("register")(register_with)
    party.command("list")(list_parties)
    party.command("show")(show)
    party.command("suspend")(suspend)
    party.command("resume")(resume)
    party.command("rotate")(rotate)
    app.add_typer(party, name="party")


def invite(  # noqa: PLR0917 - typer reads the options of a command from its parameters
    role: Annotated[str, typer.Option(help="CPO, EMSP, NSP, NAP, SCSP or OTHER")],
    country: Annotated[str, typer.Option(help="Two letters, like NL")],
    party: Annotated[str, typer.Option(help="Three letters or digits, like ABC")],
    name: Annotated[str, typer.Option(help="The party's name, as on its invoices")],
    vat_id: Annotated[str | None, typer.Option("--vat-id")] = None,
    iban: Annotated[str | None, typer.Option()] = None,
    currency: Annotated[str, typer.Option(help="Three letters")] = "EUR",
    beside: Annotated[str | None, typer.Option(help="A party whose platform it shares")] = None,
    as_json: Json = False,
) -> None:
    """Make TOKEN_A for a party that will register with the hub; it is shown this once."""
    from gateway.cli import desk
    from gateway.hub.partner import NewParty
    from gateway.hub.partner import invite as make_invitation

    new = NewParty(
        party=desk.given_party(f"{country}-{party}"),
        role=role.upper(),
        name=name,
        vat_id=vat_id,
        iban=iban,
        currency=currency,
        beside=desk.given_party(beside) if beside else None,
    )

    async def work(hub: Hub) -> dict[str, str]:
        made = await make_invitation(hub, new)
        return {
            "versions_url": made.versions_url,
            "token_a": made.token_a,
            "country_code": made.country_code,
            "party_id": made.party_id,
            "role": made.role,
        }

    said = _with_hub(work)
    if as_json:
        print(json.dumps(said))
        return
    print(f"Invited {said['role']} {said['country_code']}-{said['party_id']}. Send it, safely:")
    print(f"  versions URL  {said['versions_url']}")
    print(f"  TOKEN_A       {said['token_a']}   (works once, within seven days)")


def register_with(
    versions_url: Annotated[str, typer.Option("--versions-url", help="The partner's versions")],
    token_a: Annotated[str, typer.Option("--token-a", help="The token the partner gave")],
    version: Annotated[str | None, typer.Option(help="Else the newest that both speak")] = None,
    as_json: Json = False,
) -> None:
    """Start the handshake with a partner. A gateway must be running: the partner calls it back."""
    from gateway.hub import partner

    async def work(hub: Hub) -> list[dict[str, Any]]:
        parties = await partner.register(hub, versions_url, token_a, version=version)
        network = await hub.directory.reload()
        return [fact for p in dict.fromkeys(parties) for fact in _facts(network, p)]

    said = _with_hub(work)
    _print(said, as_json=as_json)


def list_parties(as_json: Json = False) -> None:
    """Every party, its role, and how it is connected."""

    async def work(hub: Hub) -> list[dict[str, Any]]:
        network = await hub.directory.reload()
        return [fact for party in sorted(network.by_party) for fact in _facts(network, party)]

    _print(_with_hub(work), as_json=as_json)


def show(party: Party, as_json: Json = False) -> None:
    """One party: its connection, endpoints and waiting pushes."""
    from gateway.cli import desk
    from gateway.hub.partner import PartnerError

    wanted = desk.given_party(party)

    async def work(hub: Hub) -> dict[str, Any]:
        network = await hub.directory.reload()
        facts = _facts(network, wanted)
        if not facts:
            raise PartnerError(f"no party {party}: see `networkcore party list`")
        platform = network.platforms[network.by_party[wanted][0].platform_id]
        return {"party": str(wanted), "roles": facts} | await _details(hub, platform)

    said = _with_hub(work)
    if as_json:
        print(json.dumps(said))
        return
    _print(said["roles"], as_json=False)
    for name in ("versions_url", "waiting_pushes", "oldest_push", "quirks"):
        print(f"  {name.replace('_', ' '):<15} {_text(said[name])}")
    for endpoint in said["endpoints"]:
        print(f"  {endpoint['identifier']:<15} {endpoint['role']:<9} {endpoint['url']}")


def suspend(party: Party, as_json: Json = False) -> None:
    """Stop a party's platform from speaking; it keeps its tokens."""
    from gateway.hub import partner

    _change(party, partner.suspend, "is suspended", as_json=as_json)


def resume(party: Party, as_json: Json = False) -> None:
    """Let a suspended platform speak again."""
    from gateway.hub import partner

    _change(party, partner.resume, "may speak again", as_json=as_json)


def rotate(party: Party, as_json: Json = False) -> None:
    """Exchange both credentials tokens with a partner."""
    from gateway.hub import partner

    _change(party, partner.rotate, "has new tokens", as_json=as_json)


def _change(
    text: str, change: Callable[[Hub, PartyId], Awaitable[None]], done: str, *, as_json: bool
) -> None:
    from gateway.cli import desk

    party = desk.given_party(text)

    async def work(hub: Hub) -> list[dict[str, Any]]:
        await change(hub, party)
        return _facts(await hub.directory.reload(), party)

    facts = _with_hub(work)
    if as_json:
        print(json.dumps(facts))
    else:
        print(f"{party} {done}")


def _with_hub(work: Callable[[Hub], Awaitable[T]]) -> T:
    """Runs `work` on a hub of this command's own; what went wrong is said in one line."""
    from gateway.cli import run, running
    from gateway.cli.app import MISUSED, fail
    from gateway.hub.partner import InvalidPartyError, PartnerError
    from gateway.observe import log
    from gateway.settings import load_here
    from ocpi.errors import OcpiError

    log.configure()

    async def inside() -> T:
        from gateway import wiring

        async with run.with_stores(running.beside(load_here())) as settings:
            await run.require_schema(settings)
            async with wiring.open_hub(settings, pool_size=POOL_SIZE) as assembly:
                await assembly.hub.directory.reload()
                return await work(assembly.hub)

    try:
        return run.run(inside())
    except InvalidPartyError as error:
        fail(str(error), code=MISUSED)
    except (PartnerError, OcpiError) as error:
        fail(str(error))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{name} {what}" for name, what in value.items()]
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _facts(network: Network, party: PartyId) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for member in network.by_party.get(party, ()):
        platform = network.platforms[member.platform_id]
        found.append(
            {
                "country_code": party.country_code,
                "party_id": party.party_id,
                "role": member.role,
                "name": member.name,
                "state": platform.state,
                "connection": platform.connection,
                "version": platform.version,
                "last_seen": platform.last_seen.isoformat() if platform.last_seen else None,
            }
        )
    return found


async def _details(hub: Hub, platform: Platform) -> dict[str, Any]:
    from gateway.hub.announce import SQL

    waiting = {r["platform_id"]: r for r in await hub.db.fetch(SQL["waiting"])}
    mine = waiting.get(platform.platform_id)
    return {
        "versions_url": platform.versions_url,
        "endpoints": [
            {"identifier": module, "role": role, "url": url}
            for (module, role), url in sorted(platform.endpoints.items())
        ],
        "quirks": platform.quirks,
        "waiting_pushes": mine["waiting"] if mine else 0,
        "oldest_push": mine["oldest"].isoformat() if mine else None,
    }


def _print(facts: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts))
        return
    for fact in facts:
        party = f"{fact['country_code']}-{fact['party_id']}"
        print(f"{party}  {fact['role']:5} {fact['connection']:9} {fact['state']:10} {fact['name']}")
